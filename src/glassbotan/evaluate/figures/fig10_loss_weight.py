"""Pearson coefficients against the weight p of the particles in the loss (Fig. 10)."""

from functools import partial

from glassbotan.evaluate.figures.contract import PREDICTED, Figure
from glassbotan.evaluate.figures.score_against_setting import ablation_inputs, draw_ablation

FIGURE = Figure(
    name="fig10_loss_weight",
    section=PREDICTED,
    title="Weight p in the loss",
    caption="With p = 1, a network learns only particles and starts from random weights; with p = 0, it learns only "
    "pairs. The paper's p is defined for training.target_scaling: reduced. With the other scalings, the same p gives "
    "particles more weight.",
    inputs=lambda study, place: ablation_inputs(study, "loss_weight"),
    draw=partial(draw_ablation, label="weight of the particles in the loss $p$"),
    on_request=True,
    paper="Fig. 10",
)
