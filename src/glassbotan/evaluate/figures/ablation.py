"""Pearson coefficients against any setting of a model that a study varies."""

from collections.abc import Iterable

from glassbotan.evaluate.figures.contract import PREDICTED, Figure, Place
from glassbotan.evaluate.figures.score_against_setting import ablation_inputs, draw_ablation
from glassbotan.study.study import Study

WITH_NAMES_OF_THEIR_OWN = ("rounds", "loss_weight")
"""Ablations that are figures of the paper."""


def places(study: Study) -> Iterable[Place]:
    """Every ablation of the study but those."""
    return [{"ablation": name} for name in study.ablations if name not in WITH_NAMES_OF_THEIR_OWN]


FIGURE = Figure(
    name="ablation_{ablation}",
    section=PREDICTED,
    title="What a setting is worth",
    caption="The same model, fitted with other values of one of its settings.",
    inputs=lambda study, place: ablation_inputs(study, place["ablation"]),
    draw=draw_ablation,
    places=places,
    on_request=True,
)
