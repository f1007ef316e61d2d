"""Maps: what a slab of the liquid did, beside what the network said it would."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glassbotan.errors import FileError
from glassbotan.evaluate.figures import PANEL, STYLE, Drawing, panels
from glassbotan.evaluate.predictions import Prediction
from glassbotan.kob_andersen import SIGMA, Species
from glassbotan.statistics import correlation
from glassbotan.study import SYMBOLS

SLAB = 1.5
"""Thickness of the slab, sigma_AA."""
AVERAGE_RANGE = 1.35
"""r_f, within which displacements are averaged in Fig. 7d, sigma_AA."""
PAIRS, MOTION = "pair_distance_change", "motion"
BONDS, MOTIONS = "PuOr_r", "viridis"
"""Colours of what has a sign, and of what has none."""


def draw_map(
    predictions: Sequence[tuple[Prediction, Mapping[str, Any]]], quantities: Sequence[str], bond_range: float
) -> Drawing:
    """Simulation on the left, prediction on the right: a row for each prediction and quantity.

    Parameters
    ----------
    predictions : of one configuration each, with what describes the network
    quantities : "pair_distance_change" (E on the bonds, Fig. 4), "motion" (S on the particles)
    bond_range : pairs of any species nearer than this are drawn as bonds (Fig. 4: 1.35)
    """
    rows = [
        (prediction, made, quantity)
        for prediction, made in predictions
        for quantity in quantities
        if (made["p"] < 1 if quantity == PAIRS else made["p"] > 0)
    ]
    if not rows:
        raise FileError(f"the networks have not learnt {' or '.join(quantities)}; name others, or draw something else")
    mpl.rcParams.update(STYLE)
    figure = Figure(figsize=(2 * PANEL, 0.3 + 3.0 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2, squeeze=False, sharex=True, sharey=True)
    data = []
    for (left, right), (prediction, description, quantity) in zip(axes, rows, strict=True):
        truth, predicted = getattr(prediction, quantity), getattr(prediction, "predicted_" + quantity)
        of_pairs = quantity == PAIRS
        shown = _in_slab(prediction, bond_range) if of_pairs else _slab(prediction)
        norm = _norm(truth[shown], centred=of_pairs)
        scored = shown & (prediction.pairs_of_a(bond_range) if of_pairs else prediction.species == Species.A)
        species = "A-A" if of_pairs else "A"
        rho = f"$\\rho = {correlation(truth[scored], predicted[scored]):.2f}$ of {species} here"
        time = f"$t = {description['time']:g}$"
        for ax, values, title in (
            (left, truth, f"simulation, {time}"),
            (right, predicted, f"{description['model']}, {time} ({rho})"),
        ):
            (_bonds if of_pairs else _particles)(ax, prediction, shown, values, norm, BONDS if of_pairs else MOTIONS)
            _frame(ax, prediction, title)
        left.set_ylabel(r"$y\;[\sigma_{AA}]$")
        symbol = "E_{ij}" if of_pairs else f"{SYMBOLS[description['motion']]}_i"
        unit = "\\sigma_{AA}^2" if symbol == "D_i" else "\\sigma_{AA}"
        _colorbar(figure, [left, right], norm, BONDS if of_pairs else MOTIONS, f"${symbol}(t)\\;[{unit}]$")
        data.append(_pair_data(prediction, shown) if of_pairs else _particle_data(prediction, shown))
        data[-1] = data[-1].assign(time=description["time"], truth=truth[shown], predicted=predicted[shown])
    for ax in axes[-1]:
        ax.set_xlabel(r"$x\;[\sigma_{AA}]$")
    _title(figure, *predictions[0])
    return Drawing(figure, pd.concat(data, ignore_index=True))


def draw_propensity_maps(
    networks: Sequence[tuple[Prediction, Mapping[str, Any]]], mean_displacement: NDArray
) -> Drawing:
    """S of the first test configuration in a slab: each network, the simulation, where it flows, the errors (Fig. 7).

    Parameters
    ----------
    networks : two predictions of the same configuration, with what describes their networks
    mean_displacement : (N, 3), mean over the replicas of each particle's displacement
    """
    prediction, description = networks[0]
    shown = _slab(prediction)
    truth = prediction.motion
    norm = _norm(truth[shown], centred=False)
    mpl.rcParams.update(STYLE)
    figure = Figure(figsize=(2.2 * PANEL, 5.2), layout="constrained")
    grid = figure.add_gridspec(2, 3)
    upper = [figure.add_subplot(grid[0, column]) for column in range(3)]
    lower = [figure.add_subplot(grid[1, column]) for column in range(2)]
    data = _particle_data(prediction, shown).assign(truth=truth[shown])
    errors = [one.predicted_motion - truth for one, _ in networks]
    error_norm = _norm(np.concatenate([error[shown] for error in errors]), centred=True)
    for ax, below, (one, made), error in zip(upper, lower, networks, errors, strict=False):
        scored = shown & (prediction.species == Species.A)
        rho = correlation(truth[scored], one.predicted_motion[scored])
        _particles(ax, prediction, shown, one.predicted_motion, norm, MOTIONS)
        _frame(ax, prediction, f"{made['model']} ($\\rho = {rho:.2f}$ of A here)")
        _particles(below, prediction, shown, error, error_norm, BONDS)
        _frame(below, prediction, f"{made['model']} $-$ simulation")
        below.set_xlabel(r"$x\;[\sigma_{AA}]$")
        data[f"predicted by {made['model']}"] = one.predicted_motion[shown]
    _particles(upper[2], prediction, shown, truth, norm, MOTIONS)
    _frame(upper[2], prediction, "simulation")
    for ax in (upper[0], lower[0]):
        ax.set_ylabel(r"$y\;[\sigma_{AA}]$")
    _colorbar(figure, upper, norm, MOTIONS, r"$S_i(t)\;[\sigma_{AA}]$")
    flow = locally_averaged(prediction, mean_displacement, AVERAGE_RANGE)
    data[["flow_x", "flow_y", "flow_z"]] = flow[shown]
    space = figure.add_subplot(grid[1, 2], projection="3d")
    _arrows(space, prediction, shown, flow)
    _colorbar(figure, lower, error_norm, BONDS, r"error of $S_i\;[\sigma_{AA}]$", location="bottom", aspect=40)
    _title(figure, prediction, description, f"$t = {description['time']:g}$, ")
    return Drawing(figure, data)


def locally_averaged(prediction: Prediction, displacements: NDArray, within: float) -> NDArray[np.float64]:
    """d_i = sum_j Dr_j Theta(r_f - r_ij) / sum_j Theta(r_f - r_ij), the particle itself among the j; (N, 3).

    Reconstructed from the description of Fig. 7d of the paper; here of displacements averaged over the replicas.
    """
    near = np.linalg.norm(prediction.separations, axis=1) < within
    i, j = prediction.pairs[near].T
    total, number = displacements.astype(np.float64), np.ones(len(displacements))
    for one, other in ((i, j), (j, i)):
        np.add.at(total, one, displacements[other])
        np.add.at(number, one, 1)
    return total / number[:, None]


def draw_joint_distribution(
    times: Sequence[float], distances: NDArray, changes: NDArray, temperature: float, near: float
) -> Drawing:
    """Joint distribution of E_ij(t) and r_ij(0), a panel for each time (Fig. 6).

    Parameters
    ----------
    times : (n_t,)
    distances : r_ij(0), (n_p,), pairs of several configurations together
    changes : E_ij(t), (n_t, n_p)
    temperature : of the state point
    near : rho in the titles is of the pairs up to this distance
    """
    columns = 2 if len(times) > 1 else 1
    figure, axes = panels(columns, rows=-(-len(times) // columns), sharex=True)
    data = []
    scored = distances < near
    edges = np.linspace(distances.min(), distances.max(), 81)
    for ax, time, change in zip(axes.flat, times, changes, strict=False):
        low, high = np.quantile(change, [0.0005, 0.9995])
        density, _, of_change = np.histogram2d(distances, change, [edges, np.linspace(low, high, 81)], density=True)
        density[density == 0] = np.nan
        image = ax.pcolormesh(edges, of_change, density.T, norm="log", cmap="magma_r", rasterized=True)
        ax.axhline(0, color="0.4", lw=0.6)
        ax.set_title(f"$t = {time:g}$ ($\\rho = {correlation(distances[scored], change[scored]):.2f}$)")
        figure.colorbar(image, ax=ax, label="probability density")
        r, e = np.meshgrid(_middles(edges), _middles(of_change), indexing="ij")
        known = np.isfinite(density)
        data.append(pd.DataFrame({"time": time, "r": r[known], "E": e[known], "density": density[known]}))
    for ax in list(axes.flat)[len(times) :]:
        ax.remove()
    for ax in axes[:, 0]:
        ax.set_ylabel(r"$E_{ij}(t)\;[\sigma_{AA}]$")
    for ax in axes[-1]:
        ax.set_xlabel(r"$r_{ij}(0)\;[\sigma_{AA}]$")
    figure.suptitle(f"$T = {temperature:g}$, A-A pairs", fontsize=9)
    return Drawing(figure, pd.concat(data, ignore_index=True))


def _middles(edges: NDArray) -> NDArray:
    middles: NDArray = (edges[1:] + edges[:-1]) / 2
    return middles


def _frame(ax: Axes, prediction: Prediction, title: str) -> None:
    half = prediction.box_length / 2
    ax.set(aspect="equal", xlim=(-half, half), ylim=(-half, half))
    ax.set_title(title, fontsize=8)


def _colorbar(
    figure: Figure, axes: Sequence[Axes], norm: mpl.colors.Normalize, colors: str, label: str, **where: Any
) -> None:
    mappable = mpl.cm.ScalarMappable(norm, colors)
    figure.colorbar(mappable, ax=axes, label=label, extend="both", shrink=0.85, pad=0.02, **where)


def _title(figure: Figure, prediction: Prediction, description: Mapping[str, Any], time: str = "") -> None:
    where = f"configuration {prediction.configuration}, slab $|z| < {SLAB / 2:g}$"
    figure.suptitle(f"$T = {description['temperature']:g}$, {time}{where}", fontsize=9)


def _particle_data(prediction: Prediction, shown: NDArray) -> pd.DataFrame:
    data = pd.DataFrame(prediction.positions[shown], columns=["x", "y", "z"])
    return data.assign(particle=np.flatnonzero(shown), species=prediction.species[shown])


def _pair_data(prediction: Prediction, shown: NDArray) -> pd.DataFrame:
    i, j = prediction.pairs[shown].T
    start = pd.DataFrame(prediction.positions[i], columns=["x", "y", "z"])
    ends = pd.DataFrame(prediction.separations[shown], columns=["to_x", "to_y", "to_z"])
    return pd.concat([start, ends], axis=1).assign(i=i, j=j)


def _arrows(ax: Any, prediction: Prediction, shown: NDArray, flow: NDArray) -> None:
    """A field in the slab as arrows in space, the longest a seventh of the box."""
    lengths = np.linalg.norm(flow[shown], axis=1)
    scale = prediction.box_length / 7 / np.quantile(lengths, 0.99)
    colors = mpl.colormaps[MOTIONS](mpl.colors.Normalize(0, np.quantile(lengths, 0.98))(lengths))
    ax.quiver(*prediction.positions[shown].T, *(scale * flow[shown]).T, colors=colors, linewidth=0.9,
              arrow_length_ratio=0.35, rasterized=True)  # fmt: skip
    half = prediction.box_length / 2
    ax.set(xlim=(-half, half), ylim=(-half, half), zlim=(-half / 2, half / 2), zticks=[])
    ax.set_box_aspect((1, 1, 0.5), zoom=1.15)
    ax.view_init(elev=55, azim=-80)
    ax.tick_params(labelsize=6, pad=-3)
    ax.set_title(f"$\\mathbf{{d}}_i$, {scale:.2g} times as long", fontsize=8)


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
