"""Pearson coefficients against any setting of a model that a study varies."""

from collections.abc import Iterable

from glassbotan.evaluate.figures.contract import PREDICTED, Figure, Place
from glassbotan.evaluate.figures.score_against_setting import ablation_inputs, draw_ablation
from glassbotan.study.study import Study

WITH_NAMES_OF_THEIR_OWN = ("rounds", "loss_weight")
"""Ablations that are drawn by modules of their own, because the paper has these figures."""


def places(study: Study) -> Iterable[Place]:
    """Every ablation of the study that has no figure module of its own."""
    return [{"ablation": name} for name in study.ablations if name not in WITH_NAMES_OF_THEIR_OWN]


FIGURE = Figure(
    name="ablation_{ablation}",
    section=PREDICTED,
    title="Effect of a setting",
    caption="Pearson coefficients of the same model, fitted with different values of one of its settings. The table "
    "tables/ablation_<name>_differences.csv has the paired differences.",
    inputs=lambda study, place: ablation_inputs(study, place["ablation"]),
    draw=draw_ablation,
    places=places,
    on_request=True,
)
