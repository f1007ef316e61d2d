"""The loss of the networks that learn only pairs, and from which other networks start (Fig. 3)."""

from glassbotan import layout
from glassbotan.evaluate.figures.contract import PREDICTED, Figure, Inputs, NotDrawnError, Place
from glassbotan.evaluate.figures.loss_curves import draw_losses
from glassbotan.study.runs import every_start
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """The fitted networks from which other fits start."""
    runs = [run for run in every_start(study) if run.model.has_epochs]
    if not runs:
        raise NotDrawnError("pretrains no network (no model starts from one, or all start from published weights)")
    return Inputs({"fitted": [layout.fitted(run) for run in runs]})


FIGURE = Figure(
    name="fig03_pretraining_loss",
    section=PREDICTED,
    title="Pretraining",
    caption="Loss of the network that learns only pairs, against the epoch. Solid: training set; dashed: validation "
    "set, if there is one; dot: the epoch that was kept.",
    inputs=inputs,
    draw=draw_losses,
    paper="Fig. 3",
)
