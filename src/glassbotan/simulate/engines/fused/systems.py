"""Systems in the memory of a processor, and how they are advanced through what can happen on the way."""

from __future__ import annotations

import itertools
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import EngineError
from glassbotan.kob_andersen import KOB_ANDERSEN, Mixture, Species
from glassbotan.simulate.engines import Progress, blown_up
from glassbotan.simulate.engines.fused import records
from glassbotan.simulate.engines.fused.batch import Batch
from glassbotan.simulate.engines.fused.processor import Processor

NAME = "fused"
GROWTH_OF_LISTS = 1.25
"""Factor by which neighbour lists are enlarged beyond the length that was needed."""


class Systems:
    """A batch of systems on a processor, with neighbour lists that are always valid."""

    def __init__(self, processor: Processor, batch: Batch, liquid: records.Liquid) -> None:
        self.batch = batch
        self.liquid = liquid
        self._processor = processor
        self._held = processor.hold(batch, liquid)
        try:
            self._make_lists()
        except BaseException:
            self._held.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._held.close()

    def advance(self, mode: int, motion: records.Motion, until: int, progress: Progress = lambda done: None) -> None:
        """Advance all systems to step `until`; those that reach their minimum before it stay there.

        Raises
        ------
        EngineError
            if a system blows up
        """
        variables = self.batch.variables
        processor, batch = self._processor, self.batch
        turns = -(-batch.systems // processor.at_a_time)
        stretch = max(1, processor.particle_steps_between_reports // (batch.particles * turns))
        while True:
            left = np.where(variables["status"] == records.MINIMISED, 0, until - variables["step"])
            if not left.any():
                return
            before = variables["step"].sum()
            self._held.advance(mode, motion, np.minimum(left, stretch))
            self._attend_to_status()
            progress(int(variables["step"].sum() - before) * self.batch.particles)

    def begin(self, timestep: float) -> None:
        """Take the velocities half a step back, from the time of the positions.

        Raises
        ------
        EngineError
            if two particles are at the same place, where their force is not a number
        """
        _, _, forces = self._held.measure()
        batch = self.batch
        if not np.isfinite(forces).all():
            system, row, _ = np.argwhere(~np.isfinite(forces))[0]
            particle = batch.order[system, row]
            raise blown_up(NAME, f"particle {particle} of system {system} is at the place of another one")
        masses = self.masses[:, None]
        batch.velocities[..., :3] -= 0.5 * timestep * forces[..., :3] / masses
        batch.variables["momentum"] = (masses * batch.velocities[..., :3]).sum(axis=1)
        self._held.push()

    def measure(self) -> tuple[NDArray, NDArray, NDArray]:
        """Bring the batch's arrays up to date, and measure energies, virials and forces (see `Held.measure`)."""
        self._held.fetch()
        return self._held.measure()

    def float_forces(self) -> NDArray[np.float32]:
        """Forces as the integration uses them, (systems, padded, AXES)."""
        return self._held.float_forces()

    def fetch(self) -> None:
        """Bring the batch's arrays up to date."""
        self._held.fetch()

    @property
    def masses(self) -> NDArray[np.float64]:
        """Mass of each row of the arrays, (padded,)."""
        is_a = np.arange(self.batch.padded) < self.batch.split
        return np.where(is_a, self.liquid.mass_a, self.liquid.mass_b)

    def _make_lists(self) -> None:
        """Make the neighbour lists of the positions `listed`; if they don't fit, make room and try again."""
        batch = self.batch
        now = batch.positions.copy()
        status = batch.variables["status"].copy()
        while True:
            batch.positions[:] = batch.listed
            batch.variables["status"] = records.RUNNING
            self._held.push()
            self._held.make_lists()
            self._held.fetch()
            batch.positions[:] = now
            if batch.running():
                break
            longest = batch.variables["longest"].max(axis=0)
            batch.capacity = tuple(int(GROWTH_OF_LISTS * most) + 1 for most in longest)  # type: ignore[assignment]
            self._held.close()
            self._held = self._processor.hold(batch, self.liquid)
        batch.variables["status"] = np.where(status == records.LIST_TOO_LONG, records.RUNNING, status)
        self._held.push()

    def _attend_to_status(self) -> None:
        """Go on from what ended a stretch early; raise an error if a system blew up."""
        variables = self.batch.variables
        for system in np.flatnonzero(variables["status"] == records.BLOWN_UP):
            particle = self.batch.order[system, variables["particle"][system]]
            raise blown_up(
                NAME,
                f"particle {particle} of system {system} moved farther than {records.FARTHEST_IN_A_STEP} sigma in step "
                f"{variables['step'][system]}",
            )
        if (variables["status"] == records.LIST_TOO_LONG).any():
            self._held.fetch()
            self._make_lists()


def liquid_record(box_length: float, skin: float, mixture: Mixture = KOB_ANDERSEN) -> records.Liquid:
    """The record of a liquid in a box, for neighbour lists with the given buffer.

    Raises
    ------
    EngineError
        if the box is smaller than twice the largest cutoff
    """
    pairs = [_pair_record(mixture, a, b, skin) for a, b in itertools.combinations_with_replacement(Species, 2)]
    longest = max(pair.cutoff for pair in pairs)
    if box_length <= 2 * longest:
        raise EngineError(
            f"{NAME}: the box is {box_length:g} long, but must be longer than {2 * longest:g}, two cutoffs"
        )
    return records.Liquid(*pairs, *mixture.mass, box_length, skin, longest + skin)


def _pair_record(mixture: Mixture, a: int, b: int, skin: float) -> records.Pair:
    tables = mixture.epsilons, mixture.sigmas, mixture.cutoffs
    epsilon, sigma, cutoff = (float(table[a, b]) for table in tables)
    s6 = (sigma / cutoff) ** 6
    energy = 4 * epsilon * (s6**2 - s6)
    slope = -24 * epsilon * (2 * s6**2 - s6) / cutoff
    return records.Pair(
        *(epsilon, sigma, cutoff, energy, slope),
        *(48 * epsilon * sigma**12, 24 * epsilon * sigma**6, slope, cutoff**2, (cutoff + skin) ** 2),
    )
