"""The propensity in a slab: two predictions, the simulation, the displacement field, and the errors (Fig. 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glassbotan import layout
from glassbotan.errors import FileError
from glassbotan.evaluate.figures import slab
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
from glassbotan.evaluate.figures.style import PANEL, new_figure
from glassbotan.files.header import require
from glassbotan.files.predictions import Predictions
from glassbotan.kob_andersen import Species
from glassbotan.statistics import correlation
from glassbotan.structure.static import StaticStructure
from glassbotan.study.runs import Run, first_seeds, mapped_times
from glassbotan.study.simulation import StatePoint
from glassbotan.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

AVERAGE_RANGE = 1.35
"""r_f, the distance within which displacements are averaged in Fig. 7d, sigma_AA."""


def inputs(study: Study, place: Place) -> Inputs:
    """Predictions of two models, and the targets of the first test configuration."""
    if study.source == "glassbench":
        raise NotDrawnError("uses GlassBench, which has no displacements")
    point = study.point(place["point"])
    runs, times = two_models(study, point)
    return Inputs(
        {
            "predictions": list(dict.fromkeys(map(layout.predictions, runs))),
            "targets": layout.targets(point.label, study.configurations.test[:1]),
        },
        {"time_indices": [point.time_index(time) for time in times]},
    )


def two_models(study: Study, point: StatePoint) -> tuple[list[Run], list[float]]:
    """The fits of two models that learn S, and the times of the maps at which both are fitted.

    They are the first model that learns S, and the next one that is fitted at one of its times. The fits of the one
    that predicts fewer targets come first, as NT-GNN comes before BOTAN in the paper.
    """
    of_model: dict[str, list[Run]] = {}
    for run in first_seeds(study, point):
        if run.model.fits and "S" in run.model.predicts:
            of_model.setdefault(run.model.name, []).append(run)
    models = list(of_model.values())
    for second in models[1:]:
        both = [models[0], second]
        if common := set.intersection(*({time for run in runs for time in run.times} for runs in both)):
            times = mapped_times(point, common)
            both.sort(key=lambda runs: len(runs[0].model.predicts))
            return [run for runs in both for run in runs if {*run.times} & {*times}], times
    raise NotDrawnError(f"has no time at {point.label} for which two models are fitted to S")


def draw(files: FigureFiles) -> Drawing:
    """A block of maps for each time."""
    import pandas as pd

    predictions = files.predictions()
    names = list(dict.fromkeys(one.origin.model for one in predictions))
    if len(names) != 2:
        raise FileError(
            f"the files given as predictions=PATH are of {len(names)} models, but the figure compares two; name both"
        )
    (targets,) = files.targets()
    indices = files.settings["time_indices"]
    figure = new_figure(2.2 * PANEL, 5.2 * len(indices))
    blocks = figure.subfigures(len(indices), 1, squeeze=False)[:, 0]
    drawn = []
    for block, index in zip(blocks, indices, strict=True):
        both = [one for name in names for one in predictions if one.origin.model == name and index in one.time_indices]
        if len(both) != 2:
            raise FileError(f"sampling time {index} is predicted in {len(both)} files, but the figure compares two")
        first = both[0].at(index)[0]
        require(targets.path, targets, temperature=both[0].temperature, configuration=first.configuration)
        drawn.append(_draw_block(block, both, index, targets.mean_displacement[index - 1]))
    return Drawing(figure, pd.concat(drawn, ignore_index=True))


def _draw_block(block: Any, both: Sequence[Predictions], index: int, displacements: NDArray) -> pd.DataFrame:
    """Maps of S at one time: above, both predictions and the simulation; below, errors and displacement field."""
    first = both[0].at(index)[0]
    structure, truth = first.structure, first.targets["S"].truth
    predicted = [predictions.at(index)[0].targets["S"].predicted for predictions in both]
    shown = slab.particles_in_slab(structure)
    norm = slab.color_range(truth[shown], centred=False)
    grid = block.add_gridspec(2, 3)
    upper = [block.add_subplot(grid[0, column]) for column in range(3)]
    lower = [block.add_subplot(grid[1, column]) for column in range(2)]
    data = slab.particle_data(structure, shown).assign(time=both[0].time(index), truth=truth[shown])
    errors = [values - truth for values in predicted]
    error_norm = slab.color_range(np.concatenate([error[shown] for error in errors]), centred=True)
    scored = shown & (structure.species == Species.A)
    for ax, below, predictions, values, error in zip(upper, lower, both, predicted, errors, strict=False):
        model = predictions.origin.model
        rho = correlation(truth[scored], values[scored])
        slab.draw_particles(ax, structure, shown, values, norm, slab.UNSIGNED)
        slab.frame(ax, structure, f"{model} ($\\rho = {rho:.2f}$ for A)")
        slab.draw_particles(below, structure, shown, error, error_norm, slab.SIGNED)
        slab.frame(below, structure, f"{model} $-$ simulation")
        below.set_xlabel(r"$x\;[\sigma_{AA}]$")
        data[f"predicted by {model}"] = values[shown]
    slab.draw_particles(upper[2], structure, shown, truth, norm, slab.UNSIGNED)
    slab.frame(upper[2], structure, "simulation")
    for ax in (upper[0], lower[0]):
        ax.set_ylabel(r"$y\;[\sigma_{AA}]$")
    slab.colorbar(block, upper, norm, slab.UNSIGNED, r"$S_i(t)\;[\sigma_{AA}]$")
    flow = locally_averaged(structure, displacements, AVERAGE_RANGE)
    data[["flow_x", "flow_y", "flow_z"]] = flow[shown]
    _draw_arrows(block.add_subplot(grid[1, 2], projection="3d"), structure, shown, flow)
    slab.colorbar(block, lower, error_norm, slab.SIGNED, r"error of $S_i\;[\sigma_{AA}]$", location="bottom", aspect=40)
    slab.title(block, both[0].temperature, first.configuration, f"$t = {both[0].time(index):g}$, ")
    return data


def locally_averaged(structure: StaticStructure, displacements: NDArray, within: float) -> NDArray[np.float64]:
    """Displacements averaged over each particle and its neighbours nearer than `within` = r_f, (N, 3).

    d_i = sum_j Dr_j Theta(r_f - r_ij) / sum_j Theta(r_f - r_ij), where j runs over all particles including i. The
    formula is reconstructed from the description of Fig. 7d of the paper. Here `displacements` are means over the
    replicas.
    """
    i, j = structure.pairs[structure.distances < within].T
    total, number = displacements.astype(np.float64), np.ones(len(displacements))
    for one, other in ((i, j), (j, i)):
        np.add.at(total, one, displacements[other])
        np.add.at(number, one, 1)
    return total / number[:, None]


def _draw_arrows(ax: Any, structure: StaticStructure, shown: NDArray, flow: NDArray) -> None:
    """Draw a vector field in the slab as arrows in space; 99 per cent of them are shorter than a seventh of the box."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    lengths = np.linalg.norm(flow[shown], axis=1)
    scale = structure.box_length / 7 / np.quantile(lengths, 0.99)
    colors = colormaps[slab.UNSIGNED](Normalize(0, np.quantile(lengths, 0.98))(lengths))
    ax.quiver(*structure.positions[shown].T, *(scale * flow[shown]).T, colors=colors, linewidth=0.9,
              arrow_length_ratio=0.35, rasterized=True)  # fmt: skip
    half = structure.box_length / 2
    ax.set(xlim=(-half, half), ylim=(-half, half), zlim=(-half / 2, half / 2), zticks=[])
    ax.set_box_aspect((1, 1, 0.5), zoom=1.15)
    ax.view_init(elev=55, azim=-80)
    ax.tick_params(labelsize=6, pad=-3)
    ax.set_title(f"$\\mathbf{{d}}_i$, enlarged {scale:.2g} times", fontsize=8)


FIGURE = Figure(
    name="fig07_propensity_maps_{point}",
    section=MOVES,
    title="Maps of S",
    caption="Propensity in a slab of the first test configuration, at the sampling time nearest to τ_α/32 and at the "
    "one nearest to τ_α, if both models are fitted at both. Above: two predictions and the simulation, with the "
    "same colour scale. Below: the errors of the predictions, and the displacement field d_i, averaged over neighbours "
    "and replicas; its arrows are enlarged by the factor given above them. ρ in the titles is for the A particles of "
    "this slab. Errors that form patches, as the motion itself does, show that a prediction misses whole regions.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
    paper="Fig. 7",
)
