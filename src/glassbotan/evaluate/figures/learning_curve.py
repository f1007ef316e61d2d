"""Pearson coefficients against the amount of data."""

from glassbotan import layout
from glassbotan.evaluate.figures.contract import PREDICTED, Drawing, Figure, FigureFiles, Inputs, NotDrawnError, Place
from glassbotan.evaluate.figures.score_against_setting import draw_against
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """The table of the learning curve's scores."""
    if study.learning_curve is None:
        raise NotDrawnError("has no section learning_curve, which would say what to draw")
    return Inputs({"table": [layout.scores("learning_curve")]})


def draw(files: FigureFiles) -> Drawing:
    """A panel for configurations, one for replicas."""
    labels = {"train_configurations": "training configurations", "replicas": "replicas in the training targets"}
    return draw_against(files.scores(), labels)


FIGURE = Figure(
    name="learning_curve",
    section=PREDICTED,
    title="What more data would buy",
    caption="Against the number of training configurations, with all replicas, and of replicas in the training "
    "targets, with all configurations; networks take as many steps of the optimiser. A pretrained network has"
    " seen no more either, unless its weights are published ones. Where a curve still rises, more data would "
    "help.",
    inputs=inputs,
    draw=draw,
    on_request=True,
)
