"""The propensity in a slab: two predictions, the simulation, the displacement field, and the errors (Fig. 7)."""

from typing import Any

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
from glassbotan.kob_andersen import Species
from glassbotan.statistics import correlation
from glassbotan.structure.static import StaticStructure
from glassbotan.study.runs import Run, first_seeds, nearest_relaxation
from glassbotan.study.simulation import StatePoint
from glassbotan.study.study import Study

AVERAGE_RANGE = 1.35
"""r_f, the distance within which displacements are averaged in Fig. 7d, sigma_AA."""


def inputs(study: Study, place: Place) -> Inputs:
    """Predictions of two models at one time, and the targets of the first test configuration."""
    if study.source == "glassbench":
        raise NotDrawnError("uses GlassBench, which has no displacements")
    point = study.point(place["point"])
    runs, time = two_predictions(study, point)
    return Inputs(
        {
            "predictions": [layout.predictions(run) for run in runs],
            "targets": layout.targets(point.label, study.configurations.test[:1]),
        },
        {"time_index": point.time_index(time)},
    )


def two_predictions(study: Study, point: StatePoint) -> tuple[list[Run], float]:
    """The fits of two models that learn S, and the time nearest to tau_alpha at which both are fitted.

    They are the first model that learns S, and the next one that is fitted at one of its times. The one that predicts
    fewer targets is returned first, as NT-GNN comes before BOTAN in the paper.
    """
    of_model: dict[str, list[Run]] = {}
    for run in first_seeds(study, point):
        if run.model.fits and "S" in run.model.predicts:
            of_model.setdefault(run.model.name, []).append(run)
    models = list(of_model.values())
    for second in range(1, len(models)):
        times = [{time for run in models[index] for time in run.times} for index in (0, second)]
        if common := times[0] & times[1]:
            time = nearest_relaxation(point, common)
            runs = [next(run for run in models[index] if time in run.times) for index in (0, second)]
            return sorted(runs, key=lambda run: len(run.model.predicts)), time
    raise NotDrawnError(f"has no time at {point.label} for which two models are fitted to S")


def draw(files: FigureFiles) -> Drawing:
    """Maps of S: above, both predictions and the simulation; below, the errors and the displacement field."""
    import pandas as pd

    both = files.predictions()
    if len(both) != 2:
        raise FileError(f"{len(both)} files were given as predictions=PATH, but the figure needs two; name both")
    (targets,) = files.targets()
    index = files.settings["time_index"]
    first = both[0].at(index)[0]
    require(targets.path, targets, temperature=both[0].temperature, configuration=first.configuration)
    structure, truth = first.structure, first.targets["S"].truth
    predicted = [predictions.at(index)[0].targets["S"].predicted for predictions in both]

    shown = slab.particles_in_slab(structure)
    norm = slab.color_range(truth[shown], centred=False)
    figure = new_figure(2.2 * PANEL, 5.2)
    grid = figure.add_gridspec(2, 3)
    upper = [figure.add_subplot(grid[0, column]) for column in range(3)]
    lower = [figure.add_subplot(grid[1, column]) for column in range(2)]
    data = slab.particle_data(structure, shown).assign(truth=truth[shown])
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
    slab.colorbar(figure, upper, norm, slab.UNSIGNED, r"$S_i(t)\;[\sigma_{AA}]$")
    flow = locally_averaged(structure, targets.mean_displacement[index - 1], AVERAGE_RANGE)
    data[["flow_x", "flow_y", "flow_z"]] = flow[shown]
    _draw_arrows(figure.add_subplot(grid[1, 2], projection="3d"), structure, shown, flow)
    slab.colorbar(
        figure, lower, error_norm, slab.SIGNED, r"error of $S_i\;[\sigma_{AA}]$", location="bottom", aspect=40
    )
    slab.title(figure, both[0].temperature, first.configuration, f"$t = {both[0].time(index):g}$, ")
    return Drawing(figure, pd.DataFrame(data))


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
    caption="Propensity in a slab of the first test configuration. Above: two predictions and the simulation, with the "
    "same colour scale. Below: the errors of the predictions, and the displacement field d_i, averaged over neighbours "
    "and replicas; its arrows are enlarged by the factor given above them. ρ in the titles is for the A particles of "
    "this slab. Errors that form patches, as the motion itself does, show that a prediction misses whole regions.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
    paper="Fig. 7",
)
