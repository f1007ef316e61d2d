"""Pearson coefficients against the amount of data."""

from glassbotan import layout
from glassbotan.evaluate.figures.contract import PREDICTED, Drawing, Figure, FigureFiles, Inputs, NotDrawnError, Place
from glassbotan.evaluate.figures.score_against_setting import draw_against
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """The table of the learning curve's scores."""
    if study.learning_curve is None:
        raise NotDrawnError("has no section learning_curve, which defines the comparison")
    return Inputs({"table": [layout.summary("learning_curve")]})


def draw(files: FigureFiles) -> Drawing:
    """Pearson coefficients, in one panel against training configurations and in another against replicas."""
    labels = {"train_configurations": "training configurations", "replicas": "replicas in the training targets"}
    return draw_against(files.scores(), labels)


FIGURE = Figure(
    name="learning_curve",
    section=PREDICTED,
    title="Learning curve",
    caption="Pearson coefficients against the number of training configurations (with all replicas), and against the "
    "number of replicas in the training targets (with all configurations). All networks take the same number of "
    "optimiser steps. The pretrained networks that they start from have learnt from no more data either, unless their "
    "weights are published ones. Where a curve still rises, more data would help.",
    inputs=inputs,
    draw=draw,
    on_request=True,
)
