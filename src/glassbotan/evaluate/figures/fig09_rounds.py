"""Pearson coefficients against the number of rounds of message passing (Fig. 9)."""

from functools import partial

from glassbotan.evaluate.figures.contract import PREDICTED, Figure
from glassbotan.evaluate.figures.score_against_setting import ablation_inputs, draw_ablation

FIGURE = Figure(
    name="fig09_rounds",
    section=PREDICTED,
    title="Rounds of message passing",
    caption="Each network was trained with its own number of rounds; the pretrained network that it starts from, if "
    "there is one, has the same number.",
    inputs=lambda study, place: ablation_inputs(study, "rounds"),
    draw=partial(draw_ablation, label="rounds of message passing $n$"),
    on_request=True,
    paper="Fig. 9",
)
