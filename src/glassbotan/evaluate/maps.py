"""Maps: what a slab of the liquid did, beside what the network said it would."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glassbotan.evaluate.figures import PANEL, STYLE
from glassbotan.evaluate.predictions import Prediction
from glassbotan.kob_andersen import SIGMA
from glassbotan.statistics import correlation

SLAB = 1.5
"""Thickness of the slab, sigma_AA."""


def draw_map(prediction: Prediction, description: dict[str, Any], bond_range: float) -> Figure:
    """E on the bonds and S on the particles of a slab, truth on the left, prediction on the right.

    Parameters
    ----------
    prediction : one configuration
    description : temperature, time, model and p of the network; a quantity outside its loss is not drawn
    bond_range : pairs of any species nearer than this are drawn as bonds (Fig. 4: 1.35)
    """
    mpl.rcParams.update(STYLE)
    p = description["p"]
    rows = [
        row
        for row, wanted in (
            (("E_{ij}", _bonds, "pair_distance_change", "PuOr_r", True), p < 1),
            (("S_i", _particles, "propensity", "viridis", False), p > 0),
        )
        if wanted
    ]
    figure = Figure(figsize=(2 * PANEL, 0.3 + 3.0 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2, squeeze=False, sharex=True, sharey=True)
    for (left, right), (symbol, draw, name, colors, centred) in zip(axes, rows, strict=True):
        truth, predicted = getattr(prediction, name), getattr(prediction, "predicted_" + name)
        shown = _in_slab(prediction, bond_range) if name == "pair_distance_change" else _slab(prediction)
        norm = _norm(truth[shown], centred)
        for ax, values, title in ((left, truth, "simulation"), (right, predicted, description["model"])):
            draw(ax, prediction, shown, values, norm, colors)
            ax.set(aspect="equal", xlim=_edges(prediction), ylim=_edges(prediction), title=title)
        right.set_title(f"{description['model']} ($\\rho = {correlation(truth[shown], predicted[shown]):.2f}$ here)")
        left.set_ylabel(r"$y\;[\sigma_{AA}]$")
        figure.colorbar(
            mpl.cm.ScalarMappable(norm, colors), ax=[left, right], label=f"${symbol}(t)\\;[\\sigma_{{AA}}]$",
            extend="both", shrink=0.85, pad=0.02,
        )  # fmt: skip
    for ax in axes[-1]:
        ax.set_xlabel(r"$x\;[\sigma_{AA}]$")
    figure.suptitle(
        f"$T = {description['temperature']:g}$, $t = {description['time']:g}$, configuration "
        f"{prediction.configuration}, slab $|z| < {SLAB / 2:g}$",
        fontsize=9,
    )
    return figure


def _slab(prediction: Prediction) -> NDArray[np.bool_]:
    """Which particles lie in the slab."""
    inside: NDArray[np.bool_] = np.abs(prediction.positions[:, 2]) < SLAB / 2
    return inside


def _in_slab(prediction: Prediction, bond_range: float) -> NDArray[np.bool_]:
    """Which pairs are bonds with both ends in the slab."""
    near = np.linalg.norm(prediction.separations, axis=1) < bond_range
    inside: NDArray[np.bool_] = near & _slab(prediction)[prediction.pairs].all(axis=1)
    return inside


def _norm(values: NDArray, centred: bool) -> mpl.colors.Normalize:
    """Colour range that the extreme two per cent do not stretch, around zero where the sign matters."""
    if centred:
        return mpl.colors.CenteredNorm(halfrange=float(np.quantile(np.abs(values), 0.98)))
    return mpl.colors.Normalize(*np.quantile(values, [0.02, 0.98]))


def _edges(prediction: Prediction) -> tuple[float, float]:
    return -prediction.box_length / 2, prediction.box_length / 2


def _bonds(
    ax: Axes, prediction: Prediction, shown: NDArray, values: NDArray, norm: mpl.colors.Normalize, colors: str
) -> None:
    order = np.argsort(np.abs(values[shown]))  # the strongest on top
    i, j = prediction.pairs[shown][order].T
    separations = prediction.separations[shown][order, :2]
    # Drawn from either end, so that a bond through a face of the box leaves on one side and comes in on the other.
    from_i, from_j = prediction.positions[i, :2], prediction.positions[j, :2]
    lines = np.concatenate(
        [np.stack([from_i, from_i + separations], axis=1), np.stack([from_j - separations, from_j], axis=1)]
    )
    colored = np.tile(values[shown][order], 2)
    ax.add_collection(
        LineCollection(list(lines), array=colored, cmap=colors, norm=norm, linewidths=1.6, rasterized=True)
    )
    ax.set_facecolor("0.96")


def _particles(
    ax: Axes, prediction: Prediction, shown: NDArray, values: NDArray, norm: mpl.colors.Normalize, colors: str
) -> None:
    order = np.argsort(prediction.positions[shown, 2])
    positions = prediction.positions[shown][order]
    radii = np.diag(SIGMA)[prediction.species[shown][order]] / 2
    # Circles drawn to scale: points per unit length from the panel's size.
    points = 72 * 2.35 / prediction.box_length
    ax.scatter(
        positions[:, 0], positions[:, 1], c=values[shown][order], s=(2 * radii * points * 0.9) ** 2, cmap=colors,
        norm=norm, edgecolors="white", linewidths=0.4, rasterized=True,
    )  # fmt: skip
