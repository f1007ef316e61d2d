"""The propensity in a slab as it is simulated and as predictors of every kind predict it."""

from __future__ import annotations

from glassbotan import layout
from glassbotan.evaluate.figures import slab
from glassbotan.evaluate.figures.contract import (
    PREDICTED,
    Drawing,
    Figure,
    FigureFiles,
    Inputs,
    NotDrawnError,
    Place,
    each_temperature,
)
from glassbotan.evaluate.figures.style import PANEL, new_figure
from glassbotan.statistics import correlation
from glassbotan.study.runs import Run, estimates_of, nearest_relaxation
from glassbotan.study.study import Study

SYMBOL = "S"
COLUMNS = 3


def inputs(study: Study, place: Place) -> Inputs:
    """Predictions of the first model of each kind that is fitted to S, at the time nearest to tau_alpha."""
    point = study.point(place["point"])
    time = nearest_relaxation(point, point.sampling_times)
    of_kinds: dict[str, Run] = {}
    for run in estimates_of(study, point, SYMBOL):
        if run.model.fits and time in run.times and not run.model.has_spread:  # an average looks like its members
            of_kinds.setdefault(run.model.kind, run)
    if len(of_kinds) < 2:
        raise NotDrawnError(
            f"has fewer than two kinds of models at {point.label} that are fitted to {SYMBOL} near tau_alpha"
        )
    return Inputs(
        {"predictions": [layout.predictions(run) for run in of_kinds.values()]}, {"time_index": point.time_index(time)}
    )


def draw(files: FigureFiles) -> Drawing:
    """The simulation, then a map for each model, all with the same colours."""
    found, index = files.predictions(), files.settings["time_index"]
    first = found[0].at(index)[0]
    structure, truth = first.structure, first.targets[SYMBOL].truth
    inside = slab.particles_in_slab(structure)
    scored = first.scored(SYMBOL, 0.0)
    rows = -(-(1 + len(found)) // COLUMNS)
    figure = new_figure(COLUMNS * 0.8 * PANEL, 0.3 + 2.6 * rows)
    axes = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True)
    norm = slab.color_range(truth[inside], centred=False)
    data = slab.particle_data(structure, inside).assign(simulation=truth[inside])
    maps = [("simulation", truth)]
    for predictions in found:
        values = predictions.at(index)[0].targets[SYMBOL].predicted
        rho = correlation(truth[scored], values[scored])
        maps.append((f"{predictions.origin.model} ($\\rho = {rho:.2f}$)", values))
        data[predictions.origin.model] = values[inside]
    for number, (ax, (title, values)) in enumerate(zip(axes.flat, maps, strict=False), start=1):
        slab.draw_particles(ax, structure, inside, values, norm, slab.UNSIGNED)
        slab.frame(ax, structure, title)
        if number + COLUMNS > len(maps):  # there is no map below it
            ax.set_xlabel(r"$x\;[\sigma_{AA}]$")
            ax.tick_params(labelbottom=True)
    for ax in axes.flat[len(maps) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel(r"$y\;[\sigma_{AA}]$")
    slab.colorbar(figure, list(axes.flat), norm, slab.UNSIGNED, r"$S_i(t)\;[\sigma_{AA}]$")
    slab.title(figure, found[0].temperature, first.configuration, f"$t = {found[0].time(index):g}$, ")
    return Drawing(figure, data)


FIGURE = Figure(
    name="predictors_in_slab_{point}",
    section=PREDICTED,
    title="Predictors beside each other",
    caption="The propensity in a slab of the first test configuration at the sampling time nearest to τ_α: the "
    "simulation, and the first model of each kind that is fitted to S, all with the same colour scale. ρ is the "
    "Pearson coefficient over the A particles of the whole configuration.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
)
