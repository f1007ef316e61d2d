"""Pearson coefficients of the targets of pairs against time (Fig. 5)."""

from glassbotan import layout
from glassbotan.dynamics.registry import pair_targets
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


def inputs(study: Study, place: Place) -> Inputs:
    """The Pearson table."""
    if not any({*model.predicts} & {*pair_targets()} for model in study.models if model.fits):
        raise NotDrawnError("has no model that is fitted to pairs")
    return Inputs({"table": [layout.summary("pearson")]})


def draw(files: FigureFiles) -> Drawing:
    """Pearson coefficients of the targets of pairs, a column for each temperature."""
    return draw_pearson(files.scores(), pair_targets())


FIGURE = Figure(
    name="fig05_pair_pearson",
    section=PREDICTED,
    title="Pairs against time",
    caption="Pearson coefficient of E over A-A pairs nearer than scores.pair_range. Bars: confidence interval of the "
    "mean over the test configurations; dashed: the noise ceiling, the largest coefficient that a prediction can reach "
    "with this number of replicas; grey: baselines, which are not fitted to data.",
    inputs=inputs,
    draw=draw,
    paper="Fig. 5",
)
