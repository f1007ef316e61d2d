"""Makes the states behind the thermal structure of a configuration; see `glassbotan.structure.states`.

An engine that can minimise (`Engine.minimize`) takes the configuration near its inherent structure, and Newton's method
ends the search in 64-bit floats. An engine that can hold particles in spheres (`Engine.restrain`) gives the cage
states. A short ensemble is run by any engine. A product of the Hessian with a vector counts as a step, which takes
about as long.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import BoxTooSmallError
from glassbotan.errors import EngineError, FileError
from glassbotan.progress import progress
from glassbotan.simulate.configurations import Configuration, maxwell_boltzmann
from glassbotan.simulate.engines import Dynamics, Engine, Minimizer, Progress, Restrainer, Restraint, load_engine
from glassbotan.structure.inherent import inherent_structure
from glassbotan.structure.normal_modes import normal_modes
from glassbotan.structure.states import CAGE, INHERENT, MODES, SHORT, THERMAL, StructureState, name_of, numbers_of
from glassbotan.structure.static import StaticStructure
from glassbotan.study.simulation import Device, Integrator
from glassbotan.study.structure import Cage, ShortEnsemble, Structure

NEAR = 1e-3
"""Length of the largest force at which an engine ends its minimisation, epsilon_AA / sigma_AA."""
CAGE_SEED, SHORT_SEED, MODES_SEED = 1, 2, 3
"""Distinguish the random numbers of the states from each other, and from those of the ensemble."""


def engine_for(names: Iterable[str], integrator: Integrator, device: Device, threads: int, particles: int) -> Engine:
    """The engine of a study if it can make all of these states, or else the engine fused.

    Raises
    ------
    EngineError
        if there is no engine that can
    """
    options = device, integrator.systems_per_launch, threads, particles
    engine = load_engine(integrator.engine, *options)
    if numbers_of(CAGE, names) and not isinstance(engine, Restrainer):
        return load_engine("fused", *options)
    return engine


def make_states(
    structure: StaticStructure,
    names: Iterable[str],
    settings: Structure,
    engine: Engine,
    *,
    temperature: float,
    timestep: float,
    seed: Sequence[int],
) -> dict[str, StructureState]:
    """Make the states of a configuration.

    Parameters
    ----------
    structure : the thermal structure
    names : names of the states to make
    settings : how they are made
    engine : engine that moves the particles
    temperature : temperature of the state point, epsilon_AA / k_B
    timestep : time step of short ensembles, tau
    seed : numbers from which all random numbers of this configuration follow

    Raises
    ------
    EngineError
        if the engine cannot make a state
    FileError
        if no inherent structure is found, or the box is too small for the potential
    """
    wanted = {*names} - {THERMAL}
    clock = time.process_time if engine.device.lower().startswith("cpu") else time.perf_counter
    found: dict[str, StructureState] = {}
    system = Configuration.at_rest(
        structure.positions, structure.species, structure.box_length, structure.mixture
    ).in_the_box()
    try:
        if wanted & {INHERENT, MODES}:
            found[INHERENT] = _measured(partial(_inherent, structure, system, settings, engine), clock)
    except BoxTooSmallError as error:
        raise FileError(f"{structure.name}: no inherent structure can be made: {error}") from None
    if MODES in wanted:
        at_minimum = replace(structure, states=found).at(INHERENT)
        modes = _measured(partial(_modes, at_minimum, settings, (*seed, MODES_SEED, 1)), clock)
        both = {name: modes.made[name] + found[INHERENT].made[name] for name in ("particle_steps", "core_seconds")}
        found[MODES] = replace(modes, made={**modes.made, **both})
    if radii := numbers_of(CAGE, wanted):
        of_cages = settings.cage
        at = of_cages.temperature or temperature
        for radius in radii:
            own = (*seed, CAGE_SEED, round(1e6 * radius))
            make = partial(_cage, system, radius, at, of_cages, engine, own)
            found[name_of(CAGE, radius)] = _measured(make, clock)
    if times := numbers_of(SHORT, wanted):
        begin = clock()
        states = _short(system, times, temperature, timestep, settings.short, engine, (*seed, SHORT_SEED))
        per_step = (clock() - begin) / max(state.made["particle_steps"] for state in states.values())
        for name, state in states.items():  # one run makes them all: each would take its share of the time
            found[name] = replace(
                state, made={**state.made, "core_seconds": round(per_step * state.made["particle_steps"], 3)}
            )
    return {name: state for name, state in found.items() if name in wanted}


def _measured(make: Callable[[Progress], StructureState], clock: Callable[[], float]) -> StructureState:
    """The state, with the particle-steps and the seconds that it took: of a core, or on a GPU those that passed."""
    begin, steps = clock(), 0

    def count(done: int) -> None:
        nonlocal steps
        steps += done

    state = make(count)
    seconds = round(clock() - begin, 3)
    return replace(state, made={**state.made, "particle_steps": steps, "core_seconds": seconds})


def _inherent(
    structure: StaticStructure, system: Configuration, settings: Structure, engine: Engine, count: Progress
) -> StructureState:
    start = None
    if isinstance(engine, Minimizer):
        try:
            ((start, steps),) = engine.minimize([system], NEAR)
            count(steps * len(system))
        except EngineError:
            if not settings.inherent.keep_unconverged:
                raise
    tolerance = settings.inherent.force_tolerance
    found = inherent_structure(structure, start, tolerance, settings.inherent.keep_unconverged)
    count(found.products * len(system))
    # Forces move no centre of mass, but minimisers that ignore the masses do.
    displacement = found.displacement - system.masses @ found.displacement / system.masses.sum()
    made = {
        "potential_energy": found.potential_energy,
        "largest_force": found.largest_force,
        "converged": found.largest_force <= tolerance,
        "engine": engine.name if start is not None else "",
    }
    return StructureState(displacement, {"energy": found.energies}, made)


def _modes(inherent: StaticStructure, settings: Structure, seed: Sequence[int], count: Progress) -> StructureState:
    modes = normal_modes(inherent, settings.modes.lowest, settings.modes.probes, seed)
    count(modes.products * len(inherent))
    properties = {"debye_waller": modes.debye_waller, "participation": modes.participation}
    return StructureState(
        None, properties, {"relative_error": modes.error, "lowest_eigenvalue": float(modes.eigenvalues[0])}
    )


def _cage(
    system: Configuration,
    radius: float,
    temperature: float,
    settings: Cage,
    engine: Engine,
    seed: Sequence[int],
    count: Progress,
) -> StructureState:
    if not isinstance(engine, Restrainer):
        raise EngineError(f"{engine.name} cannot hold particles in spheres, so it makes no cage states; use fused")
    restraint = Restraint(
        radius=radius,
        temperature=temperature,
        duration=settings.duration,
        settling=settings.settling,
        rate=settings.thermostat_rate,
        timestep=settings.timestep,
        average_every=settings.average_every,
    )
    masses = system.masses
    displacements: list[NDArray] = []
    variances: list[NDArray] = []
    title = f"cage of radius {radius:g}"
    for turn in itertools.count(1):
        seeds = np.random.SeedSequence((*seed, turn)).generate_state(settings.copies, np.uint64).tolist()
        steps = restraint.steps * settings.copies * len(system)
        with progress(title, steps, "particle-steps") as advance:
            for one in engine.restrain([system] * settings.copies, restraint, seeds, advance):
                # The liquid as a whole moves a little between the walls, which says nothing about the cages.
                displacement = one.displacement - masses @ one.displacement / masses.sum()
                displacements.append(displacement)
                variances.append(one.variance + (displacement**2).sum(axis=1))
        count(steps)
        mean = np.mean(displacements, axis=0)
        apart = _half_difference(displacements)
        if settings.tolerance is None or apart <= settings.tolerance:
            break
        if turn == settings.most_rounds:
            raise EngineError(
                f"the cage state of radius {radius:g} is not converged after {len(displacements)} runs: its halves "
                f"differ by {apart:.3g}, but structure.cage.tolerance is {settings.tolerance:g}; raise "
                "structure.cage.most_rounds, duration or tolerance"
            )
    variance = np.mean(variances, axis=0) - (mean**2).sum(axis=1)
    made = {"half_difference": apart, "runs": len(displacements), "temperature": temperature}
    return StructureState(mean, {"variance": variance}, made)


def _half_difference(displacements: Sequence[NDArray]) -> float:
    """Root mean square over the particles of the difference between the averages over two halves of the runs."""
    half = len(displacements) // 2
    one, other = np.mean(displacements[:half], axis=0), np.mean(displacements[half:], axis=0)
    return float(np.sqrt(((one - other) ** 2).sum(axis=1).mean()))


def _short(
    system: Configuration,
    times: Sequence[float],
    temperature: float,
    timestep: float,
    settings: ShortEnsemble,
    engine: Engine,
    seed: Sequence[int],
) -> dict[str, StructureState]:
    """The short ensembles to all of the times, which are parts of one run."""
    n = len(system)
    generators = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(settings.replicas))
    systems = [replace(system, velocities=maxwell_boltzmann(system.masses, temperature, one)) for one in generators]
    ends = {time: round(time / timestep) for time in times}
    if min(ends.values()) < settings.frames:
        raise EngineError(
            f"a short ensemble to t = {min(times):g} has fewer steps of {timestep:g} than structure.short.frames, "
            f"{settings.frames}; use fewer frames or a longer time"
        )
    frames = {
        time: {round(end * (frame + 1) / settings.frames) for frame in range(settings.frames)}
        for time, end in ends.items()
    }
    sums = {time: np.zeros((n, 4)) for time in times}
    propensities = {time: np.zeros(n) for time in times}
    steps = sorted(set().union(*frames.values()))
    dynamics = Dynamics(timestep=timestep, end=steps[-1])
    size = engine.systems_per_launch
    with progress("short ensemble", steps[-1] * n * len(systems), "particle-steps") as advance:
        for first in range(0, len(systems), size):
            part = systems[first : first + size]
            with engine.launch(part, dynamics) as launch:
                for step in steps:
                    launch.run_until(step, advance)
                    for sample in launch.samples(range(len(part))):
                        moved = sample.configuration.unwrapped - system.positions
                        length2 = (moved**2).sum(axis=1)
                        for time in times:
                            if step in frames[time]:
                                sums[time] += np.column_stack([moved, length2]) / (settings.frames * len(systems))
                            if step == ends[time]:
                                propensities[time] += np.sqrt(length2) / len(systems)
    found = {}
    for time in times:
        mean = sums[time][:, :3]
        properties = {"variance": sums[time][:, 3] - (mean**2).sum(axis=1), "propensity": propensities[time]}
        made: Mapping[str, Any] = {
            "replicas": len(systems), "particle_steps": ends[time] * n * len(systems)
        }  # fmt: skip
        found[name_of(SHORT, time)] = StructureState(mean, properties, made)
    return found
