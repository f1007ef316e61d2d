"""The losses of every network of the study."""

from glassbotan import layout
from glassbotan.evaluate.figures.contract import PREDICTED, Figure, Inputs, NotDrawnError, Place
from glassbotan.evaluate.figures.loss_curves import draw_losses
from glassbotan.study.runs import every_start, fits_of, runs_of
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """Every fitted network, including those from which others start."""
    runs = [run for run in fits_of([*every_start(study), *runs_of(study)]) if run.model.has_epochs]
    if not runs:
        raise NotDrawnError("trains no network")
    return Inputs({"fitted": [layout.fitted(run) for run in runs]})


FIGURE = Figure(
    name="losses",
    section=PREDICTED,
    title="Losses of every network",
    caption="Loss against the epoch. Solid: training set; dashed: validation set, if there is one, with a dot at the "
    "epoch of its smallest loss, which was kept. A dashed line that rises again shows that the network has begun to "
    "overfit the training set.",
    inputs=inputs,
    draw=draw_losses,
)
