"""The structures behind a configuration: its inherent structure, and its cage state, of many systems at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import EngineError
from glassbotan.simulate.configurations import Configuration, maxwell_boltzmann
from glassbotan.simulate.engines import CageState, Progress, Restraint
from glassbotan.simulate.engines.fused import records
from glassbotan.simulate.engines.fused.batch import Batch, aligned
from glassbotan.simulate.engines.fused.processor import Processor
from glassbotan.simulate.engines.fused.systems import NAME, Systems, liquid_record

BUFFER = 0.4
"""Buffer of the neighbour lists of particles that hardly move, sigma_AA."""
MOST_STEPS = 20_000
"""Steps after which a minimisation is given up."""
FIRST_STEP, LONGEST_STEP, FIRST_MIXING = 0.005, 0.025, 0.25
"""Time step of FIRE at its start and at most, tau, and its first mixing of velocities and forces."""


class InherentState(NamedTuple):
    """A minimum of the potential energy."""

    displacement: NDArray[np.float64]
    """(N, 3) from the configuration to the minimum, followed through the faces of the box, sigma_AA"""
    potential_energy: float
    """U, epsilon_AA"""
    largest_force: float
    """length of the largest force on a particle, epsilon_AA / sigma_AA"""
    steps: int
    """steps of the minimisation"""


def cage_states(
    processor: Processor,
    systems: Sequence[Configuration],
    restraint: Restraint,
    seeds: Sequence[int],
    progress: Progress = lambda done: None,
) -> Iterator[CageState]:
    """The cage states of systems of the same composition and box, which are advanced together.

    Parameters
    ----------
    processor : processor that works on them
    systems : the configurations; their velocities play no part
    restraint : how the particles move
    seeds : seed of the random numbers of each system
    progress : called with the particle-steps done since the last call

    Raises
    ------
    EngineError
        if a system blows up, or no position would be averaged over
    """
    dt = restraint.timestep
    settling, duration = round(restraint.settling / dt), round(restraint.duration / dt)
    every = max(1, round(restraint.average_every / dt))
    end, half = settling + duration, settling + duration // 2
    counts = [half // every - settling // every, end // every - half // every]
    if min(counts) < 1:
        raise EngineError(f"{NAME}: a duration of {restraint.duration:g} has no position in each half to average over")
    moving = [
        replace(
            system,
            velocities=maxwell_boltzmann(system.masses, restraint.temperature, np.random.default_rng((seed, 1))),
        )
        for system, seed in zip(systems, seeds, strict=True)
    ]
    liquid = liquid_record(systems[0].box_length, BUFFER, systems[0].mixture)
    batch = Batch.of(moving, liquid, processor.lanes)
    batch.variables["seed"] = seeds
    batch.centers = batch.positions.copy()
    batch.averages = aligned((batch.systems, 2, *batch.positions.shape[1:]), np.float64)
    motion = records.Motion(timestep=dt, end=end, radius=restraint.radius, temperature=restraint.temperature)
    motion.rate, motion.average_every, motion.settling = restraint.rate, every, settling
    with Systems(processor, batch, liquid) as held:
        held.begin(dt)
        held.advance(records.RESTRAINED, motion, end, progress)
        held.fetch()
    for index in range(batch.systems):
        sums = np.stack([batch.in_order(index, half_) for half_ in batch.averages[index]])  # (2, N, 4)
        mean = sums.sum(axis=0) / sum(counts)
        yield CageState(
            displacement=mean[:, :3],
            variance=mean[:, 3] - (mean[:, :3] ** 2).sum(axis=1),
            halves=sums[..., :3] / np.array(counts)[:, None, None],
        )


def inherent_states(
    processor: Processor,
    systems: Sequence[Configuration],
    force_tolerance: float = 1e-3,
    progress: Progress = lambda done: None,
) -> Iterator[InherentState]:
    """The inherent structures of systems of the same composition and box, which are minimised together by FIRE.

    Parameters
    ----------
    processor : processor that works on them
    systems : the configurations; their velocities play no part
    force_tolerance : length of the largest force on a particle at the minimum, epsilon_AA / sigma_AA
    progress : called with the particle-steps done since the last call

    Raises
    ------
    EngineError
        if a minimum isn't reached
    """
    at_rest = [replace(system, velocities=np.zeros_like(system.velocities)) for system in systems]
    liquid = liquid_record(systems[0].box_length, BUFFER, systems[0].mixture)
    batch = Batch.of(at_rest, liquid, processor.lanes)
    batch.variables["fire_step"], batch.variables["fire_mixing"] = FIRST_STEP, FIRST_MIXING
    starts = [batch.unwrapped(index, liquid.box_length) for index in range(batch.systems)]
    with Systems(processor, batch, liquid) as held:
        held.begin(0.0)  # they are at rest
        motion = records.Motion(timestep=LONGEST_STEP, force_tolerance=force_tolerance)
        held.advance(records.MINIMISING, motion, MOST_STEPS, progress)
        energies, _, forces = held.measure()
    for index, start in enumerate(starts):
        largest = float(np.linalg.norm(forces[index, :, :3], axis=1).max())
        steps = int(batch.variables["step"][index])
        if batch.variables["status"][index] != records.MINIMISED or not np.isfinite(energies[index]).all():
            raise EngineError(
                f"{NAME}: the inherent structure of system {index} was not reached in {steps} steps: the largest force "
                f"is {largest:.2g}, but {force_tolerance:g} was asked for; forces of 32 bits reach about 1e-4"
            )
        moved = batch.unwrapped(index, liquid.box_length) - start
        yield InherentState(moved, float(energies[index].sum()), largest, steps)
