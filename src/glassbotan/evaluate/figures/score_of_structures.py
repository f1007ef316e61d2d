"""Pearson coefficient of S against time for ridges on different states of the structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassbotan import layout
from glassbotan.evaluate.figures.contract import (
    PREDICTED,
    Drawing,
    Figure,
    FigureFiles,
    Inputs,
    NotDrawnError,
    Place,
)
from glassbotan.evaluate.figures.pearson_curves import draw_pearson
from glassbotan.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

SYMBOL, KIND = "S", "ridge"


def inputs(study: Study, place: Place) -> Inputs:
    """The Pearson table."""
    ridges = [model for model in study.models if model.kind == KIND and SYMBOL in model.predicts]
    if len({model.needs for model in ridges}) < 2:
        raise NotDrawnError("has fewer than two ridges that predict S from different structures")
    return Inputs({"table": [layout.summary("pearson")]}, {"published": study.liquid.is_the_papers})


def draw(files: FigureFiles) -> Drawing:
    """A curve for each ridge, named by the structures that it describes."""
    table: pd.DataFrame = files.scores()
    ridges = table[(table.kind == KIND) & (table.target == SYMBOL)]
    alone = ridges.groupby("structures").model.transform("nunique") == 1
    names = ridges.structures.where(alone, ridges.model + ": " + ridges.structures)
    return draw_pearson(ridges.assign(model=names), [SYMBOL], files.settings["published"])


FIGURE = Figure(
    name="score_of_structures",
    section=PREDICTED,
    title="Which structure predicts best",
    caption="Pearson coefficient of S over A particles against time for ridge regressions whose descriptors are those "
    "of different structures: the thermal positions, the inherent structure, cage states (mean positions of "
    "particles that stay within spheres of the radius in the name), or several of them together. Dashed: the "
    "noise ceiling.",
    inputs=inputs,
    draw=draw,
)
