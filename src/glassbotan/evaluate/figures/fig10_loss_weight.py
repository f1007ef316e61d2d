"""Pearson coefficients against the weight p of the particles in the loss (Fig. 10)."""

from functools import partial

from glassbotan.evaluate.figures.contract import PREDICTED, Figure
from glassbotan.evaluate.figures.score_against_setting import ablation_inputs, draw_ablation

FIGURE = Figure(
    name="fig10_loss_weight",
    section=PREDICTED,
    title="Weight p in the loss",
    caption="p = 1 learns particles alone and starts at random, p = 0 learns pairs alone. The paper's p is that of "
    "training.target_scaling: reduced; on other scales the same p gives particles more weight.",
    inputs=lambda study, place: ablation_inputs(study, "loss_weight"),
    draw=partial(draw_ablation, label="weight of the particles in the loss $p$"),
    on_request=True,
    paper="Fig. 10",
)
