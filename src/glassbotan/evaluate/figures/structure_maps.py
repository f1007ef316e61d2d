"""Displacement to the inherent structure and local Debye-Waller factor in a slab, beside the propensity."""

from __future__ import annotations

import numpy as np

from glassbotan import layout
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
from glassbotan.kob_andersen import Species
from glassbotan.statistics import correlation
from glassbotan.structure.states import CAGE, INHERENT, MODES, parsed
from glassbotan.study.runs import nearest_relaxation
from glassbotan.study.study import Study

SYMBOL = "S"


def inputs(study: Study, place: Place) -> Inputs:
    """Targets and structure of the first test configuration, at the time nearest to tau_alpha."""
    point = study.point(place["point"])
    if not _shown(study.states):
        raise NotDrawnError("makes no inherent structures, cage states or normal modes")
    first = study.configurations.test[:1]
    files = [*layout.targets(point.label, first), *layout.structures(point.label, first, study.states)]
    index = point.time_index(nearest_relaxation(point, point.sampling_times))
    return Inputs({"targets": files}, {"time_index": index, "states": list(_shown(study.states))})


def _shown(states: tuple[str, ...]) -> tuple[str, ...]:
    """The states that are shown: the inherent structure, the cage state of the largest radius, and the modes."""
    cages = [name for name in states if parsed(name).kind == CAGE]
    widest = max(cages, key=lambda name: parsed(name).number, default=None)
    return tuple(name for name in (INHERENT, widest, MODES) if name in states)


def draw(files: FigureFiles) -> Drawing:
    """The propensity, then a map for each state."""
    (found,) = files.targets()
    index, structure = files.settings["time_index"], found.structure()
    inside, of_a = slab.particles_in_slab(structure), structure.species == Species.A
    propensity = found.means[SYMBOL][index - 1]
    maps = [("propensity", r"$S_i(t)\;[\sigma_{AA}]$", propensity)]
    for state in files.settings["states"]:
        if state == MODES:
            of_state = structure.states[MODES].properties["debye_waller"]
            maps.append(("Debye-Waller factor", r"$\langle u_i^2\rangle / T$", of_state))
        else:
            moved = np.linalg.norm(structure.displacement(state), axis=1)
            maps.append((f"displacement to {state}", r"$|u_i|\;[\sigma_{AA}]$", moved))
    columns = 2
    figure = new_figure(columns * PANEL, 0.3 + 2.8 * -(-len(maps) // columns))
    axes = figure.subplots(-(-len(maps) // columns), columns, squeeze=False, sharex=True, sharey=True).ravel()
    data = slab.particle_data(structure, inside)
    for ax, (name, label, values) in zip(axes, maps, strict=False):
        norm = slab.color_range(values[inside], centred=False)
        slab.draw_particles(ax, structure, inside, values, norm, slab.UNSIGNED)
        rho = "" if values is propensity else f" ($\\rho = {correlation(values[of_a], propensity[of_a]):.2f}$ with S)"
        slab.frame(ax, structure, name + rho)
        slab.colorbar(figure, [ax], norm, slab.UNSIGNED, label)
        data = data.assign(**{name.replace(" ", "_"): values[inside]})
    for ax in axes[: len(maps)]:
        ax.set(xlabel=r"$x\;[\sigma_{AA}]$", ylabel=r"$y\;[\sigma_{AA}]$")
        ax.label_outer()
    for ax in axes[len(maps) :]:
        ax.set_axis_off()
    slab.title(figure, found.temperature, found.configuration, f"$t = {found.at(index):g}$, ")
    return Drawing(figure, data)


FIGURE = Figure(
    name="structure_maps_{point}",
    section=MOVES,
    title="Structure behind the thermal positions",
    caption="A slab of the first test configuration: the propensity at the sampling time nearest to τ_α, and what the "
    "structure says: how far each particle is from its position in the inherent structure and in the cage "
    "state, and its Debye-Waller factor in the harmonic approximation. ρ is the Pearson coefficient with the "
    "propensity over the A particles of the whole configuration.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
)
