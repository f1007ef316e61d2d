"""The joint distribution of the pair-distance change and the initial distance (Fig. 6)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glassbotan import layout
from glassbotan.evaluate.figures.contract import (
    MOVES,
    Drawing,
    Figure,
    FigureFiles,
    Inputs,
    NotDrawnError,
    Place,
    each_temperature,
)
from glassbotan.evaluate.figures.style import panels
from glassbotan.kob_andersen import Species
from glassbotan.statistics import correlation
from glassbotan.study.runs import nearest_times
from glassbotan.study.simulation import StatePoint
from glassbotan.study.study import Study

BINS = 80
SHOWN = 4
"""Largest number of sampling times that are drawn."""


def inputs(study: Study, place: Place) -> Inputs:
    """The targets of the test configurations."""
    if study.source == "glassbench":
        raise NotDrawnError("uses GlassBench, which has no pair-distance changes")
    point = study.point(place["point"])
    return Inputs(
        {"targets": layout.targets(point.label, study.configurations.test)},
        {"time_indices": drawn_times(point), "pair_range": study.scores.pair_range},
    )


def drawn_times(point: StatePoint) -> list[int]:
    """Numbers of up to four sampling times, counted from 1: all, or those nearest to tau_alpha times 10^(-5/2 ... 1/2).

    At T = 0.44 these are the paper's, from t = 13 to 13,000.
    """
    times = point.sampling_times
    if len(times) > SHOWN:
        times = tuple(nearest_times(times, [point.relaxation_time * 10 ** (step - 2.5) for step in range(SHOWN)]))
    return [point.time_index(time) for time in times]


def draw(files: FigureFiles) -> Drawing:
    """Joint distribution for the A-A pairs of all test configurations together, a panel for each time."""
    indices = files.settings["time_indices"]
    distances, changes = [], []
    for found in files.targets():
        found.require_known(["E"])
        times = [found.at(index) for index in indices]
        structure, change = found.structure(), found.means["E"]
        of_a = (structure.species[structure.pairs] == Species.A).all(axis=1)
        distances.append(structure.distances[of_a])
        changes.append(change[[index - 1 for index in indices]][:, of_a])
    return draw_distribution(
        times,
        np.concatenate(distances),
        np.concatenate(changes, axis=1),
        found.temperature,
        files.settings["pair_range"],
    )


def draw_distribution(
    times: Sequence[float], distances: NDArray, changes: NDArray, temperature: float, near: float
) -> Drawing:
    """Joint distribution of E_ij(t) and r_ij(0), a panel for each time.

    Parameters
    ----------
    times : (n_t,)
    distances : r_ij(0), (n_p,), pairs of several configurations together
    changes : E_ij(t), (n_t, n_p)
    temperature : temperature of the state point, epsilon_AA / k_B
    near : distance below which pairs count for rho in the titles, sigma_AA
    """
    import pandas as pd

    columns = 2 if len(times) > 1 else 1
    figure, axes = panels(columns, rows=-(-len(times) // columns), sharex=True)
    data = []
    scored = distances < near
    edges = np.linspace(distances.min(), distances.max(), BINS + 1)
    for ax, time, change in zip(axes.flat, times, changes, strict=False):
        low, high = np.quantile(change, [0.0005, 0.9995])
        density, _, of_change = np.histogram2d(
            distances, change, [edges, np.linspace(low, high, BINS + 1)], density=True
        )
        density[density == 0] = np.nan
        image = ax.pcolormesh(edges, of_change, density.T, norm="log", cmap="magma_r", rasterized=True)
        ax.axhline(0, color="0.4", lw=0.6)
        ax.set_title(f"$t = {time:g}$ ($\\rho = {correlation(distances[scored], change[scored]):.2f}$)")
        figure.colorbar(image, ax=ax, label="probability density")
        r, e = np.meshgrid(_middles(edges), _middles(of_change), indexing="ij")
        known = np.isfinite(density)
        data.append(pd.DataFrame({"time": time, "r": r[known], "E": e[known], "density": density[known]}))
    for ax in axes.flat[len(times) :]:
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


FIGURE = Figure(
    name="fig06_joint_distribution_{point}",
    section=MOVES,
    title="Pair-distance change and initial distance",
    caption="Joint distribution of E_ij(t) and r_ij(0) of A-A pairs; ρ is their Pearson coefficient over pairs nearer "
    "than scores.pair_range. Where the distribution slopes downwards, pairs that start close together move apart, and "
    "pairs at the far side of the first shell come closer. At long times the distribution is broad, and the initial "
    "distance alone predicts little.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
    paper="Fig. 6",
)
