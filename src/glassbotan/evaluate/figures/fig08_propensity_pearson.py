"""Pearson coefficients of the targets of particles against time (Fig. 8)."""

from glassbotan import layout
from glassbotan.dynamics.registry import particle_targets
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
    if not any({*model.predicts} & {*particle_targets()} for model in study.models if model.fits):
        raise NotDrawnError("has no model that is fitted to a target of particles")
    return Inputs({"table": [layout.summary("pearson")]}, {"published": study.liquid.is_the_papers})


def draw(files: FigureFiles) -> Drawing:
    """Pearson coefficients of the targets of particles, a row for each target, a column for each temperature."""
    return draw_pearson(files.scores(), particle_targets(), files.settings["published"])


FIGURE = Figure(
    name="fig08_propensity_pearson",
    section=PREDICTED,
    title="Particles against time",
    caption="Pearson coefficient of S (and of R, C or D, where models predict them) over A particles. Bars: "
    "confidence interval of the mean over the test configurations; dashed: the noise ceiling, the largest coefficient "
    "that a prediction can reach with this number of replicas; grey: baselines, which are not fitted to data. Open "
    "marks are published values of networks trained on 400 configurations of N = 4096.",
    inputs=inputs,
    draw=draw,
    paper="Fig. 8",
)
