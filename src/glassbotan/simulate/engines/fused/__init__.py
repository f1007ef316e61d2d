"""The engine made for this liquid: a whole system in the fast memory of one core or one multiprocessor.

Small glass formers need many independent systems, not one large one. On a GPU each system has a block of threads, and its
positions stay in that block's shared memory for the whole run; on a CPU each system has a thread. Both run the same
physics, which is in `physics.hpp`: forces in 32-bit floats from positions in fixed point, velocities in 64-bit floats,
sums in a fixed order. A run repeats bit for bit on the same processor, however it is cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glassbotan.devices import DeviceError, free_gpu
from glassbotan.errors import EngineError
from glassbotan.kob_andersen import CUTOFF, EPSILON, MASS, SIGMA, Species
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import Dynamics, Progress, Sample, blown_up, require_finite
from glassbotan.simulate.engines.fused import records
from glassbotan.simulate.engines.fused.batch import Batch
from glassbotan.simulate.engines.fused.cpu import Cpu
from glassbotan.simulate.engines.fused.cuda import Cuda, count_gpus
from glassbotan.simulate.engines.fused.gpu import Gpu
from glassbotan.simulate.engines.fused.processor import Processor
from glassbotan.study.simulation import Device

VERSION = "1"
"""Raised when the physics changes."""
GROWTH_OF_LISTS = 1.25
"""Factor by which neighbour lists are enlarged beyond the length that was needed."""


class Fused:
    """The engine on a GPU or on the cores of a CPU."""

    name = "fused"
    version = VERSION

    def __init__(self, device: Device, systems_per_launch: int | None, threads: int = 1) -> None:
        gpus = 0 if device == "cpu" else count_gpus()
        if device == "gpu" and not gpus:
            raise DeviceError("CUDA finds no usable GPU, or cuda-bindings is not installed, but device gpu was asked for")
        self.processor: Processor = Gpu(Cuda(free_gpu(gpus))) if gpus else Cpu(threads)
        self.device = self.processor.name
        self.systems_per_launch = systems_per_launch or self.processor.systems_per_launch

    def launch(
        self, systems: Sequence[Configuration], dynamics: Dynamics, state: Mapping[str, NDArray] | None = None
    ) -> Launch:
        """See `Engine.launch`."""
        return Launch(self.processor, systems, dynamics, state)


class Launch:
    """Systems that advance together."""

    def __init__(
        self,
        processor: Processor,
        systems: Sequence[Configuration],
        dynamics: Dynamics,
        state: Mapping[str, NDArray] | None,
    ) -> None:
        self._systems = systems
        self._dynamics = dynamics
        self._processor = processor
        self._liquid = liquid_record(systems[0].box_length, dynamics.neighbor_buffer)
        self._motion = motion_record(dynamics)
        self._mode = records.CONSTANT_ENERGY if dynamics.thermostat is None else records.THERMOSTATTED
        if state is None:
            self._batch = Batch.of(systems, self._liquid, processor.lanes)
        else:
            split = int((systems[0].species == Species.A).sum())
            self._batch = Batch.from_state(state, split, self._liquid, processor.lanes)
        self._held = processor.hold(self._batch, self._liquid)
        try:
            self._make_lists()
            if state is None:
                self._begin()
        except BaseException:
            self._held.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._held.close()

    def run_until(self, step: int, progress: Progress) -> None:
        """See `Launch.run_until`."""
        variables = self._batch.variables
        work = self._processor.particle_steps_between_reports
        stretch = max(1, work // (self._batch.particles * self._batch.systems))
        while (left := step - variables["step"]).any():
            before = variables["step"].sum()
            self._held.advance(self._mode, self._motion, np.minimum(left, stretch))
            self._attend_to_status()
            progress(int(variables["step"].sum() - before) * self._batch.particles)

    def samples(self, systems: Sequence[int]) -> Iterator[Sample]:
        """See `Launch.samples`."""
        self._held.fetch()
        energies, virials, forces = self._held.measure()
        for system in systems:
            now = self._configuration(system, forces[system])
            pressure = (2 * now.kinetic_energy + virials[system].sum()) / (3 * now.box_length**3)
            step = int(self._batch.variables["step"][system])
            yield require_finite(Sample(system, step, now, float(energies[system].sum()), float(pressure)), Fused.name)

    def state(self) -> dict[str, NDArray]:
        """See `Launch.state`: positions and velocities, and the positions from which the neighbour lists were made."""
        self._held.fetch()
        return self._batch.state()

    def _configuration(self, index: int, forces: NDArray) -> Configuration:
        """The configuration of a system, with the velocities at the time of the positions."""
        batch, dt = self._batch, self._dynamics.timestep
        system = self._systems[index]
        half_kick = 0.5 * dt * forces[:, :3] / self._masses()[:, None]
        damping = np.exp(-0.5 * dt * batch.variables["xi"][index])
        velocities = damping * batch.velocities[index, :, :3] + half_kick
        return Configuration(
            positions=batch.unwrapped(index, system.box_length),
            images=np.zeros((batch.particles, 3), dtype=np.int32),
            velocities=batch.in_order(index, velocities),
            species=system.species,
            box_length=system.box_length,
        ).wrapped()

    def _masses(self) -> NDArray[np.float64]:
        """Mass of each row of the arrays, (padded,)."""
        is_a = np.arange(self._batch.padded) < self._batch.split
        return np.where(is_a, self._liquid.mass_a, self._liquid.mass_b)

    def _begin(self) -> None:
        """Take the velocities half a step back, from the time of the positions."""
        _, _, forces = self._held.measure()
        batch = self._batch
        if not np.isfinite(forces).all():
            system, row, _ = np.argwhere(~np.isfinite(forces))[0]
            particle = batch.order[system, row]
            raise blown_up(Fused.name, f"particle {particle} of system {system} is at the place of another one")
        masses = self._masses()[:, None]
        batch.velocities[..., :3] -= 0.5 * self._dynamics.timestep * forces[..., :3] / masses
        batch.variables["momentum"] = (masses * batch.velocities[..., :3]).sum(axis=1)
        self._held.push()

    def _make_lists(self) -> None:
        """Make the neighbour lists of the positions `listed`; if they don't fit, make room and try again."""
        batch = self._batch
        now = batch.positions.copy()
        while True:
            batch.positions[:] = batch.listed
            batch.variables["status"] = records.RUNNING
            self._held.push()
            self._held.make_lists()
            self._held.fetch()
            batch.positions[:] = now
            self._held.push()
            if batch.running():
                return
            longest = batch.variables["longest"].max(axis=0)
            batch.capacity = tuple(int(GROWTH_OF_LISTS * most) + 1 for most in longest)  # type: ignore[assignment]
            self._held.close()
            self._held = self._processor.hold(batch, self._liquid)

    def _attend_to_status(self) -> None:
        """Go on from what ended a stretch early; raise an error if a system blew up."""
        variables, batch = self._batch.variables, self._batch
        if batch.running():
            return
        for system in np.flatnonzero(variables["status"] == records.BLOWN_UP):
            particle = batch.order[system, variables["particle"][system]]
            raise blown_up(
                Fused.name,
                f"particle {particle} of system {system} moved farther than {records.FARTHEST_IN_A_STEP} sigma in step "
                f"{variables['step'][system]}",
            )
        self._held.fetch()
        self._make_lists()


def liquid_record(box_length: float, skin: float) -> records.Liquid:
    """The record of the Kob-Andersen liquid in a box, for neighbour lists with the given buffer.

    Raises
    ------
    EngineError
        if the box is smaller than twice the largest cutoff
    """
    pairs = [_pair_record(a, b, skin) for a, b in itertools.combinations_with_replacement(Species, 2)]
    longest = max(pair.cutoff for pair in pairs)
    if box_length <= 2 * longest:
        raise EngineError(f"fused: the box is {box_length:g} long, but must be longer than {2 * longest:g}, two cutoffs")
    return records.Liquid(*pairs, MASS, MASS, box_length, skin, longest + skin)


def _pair_record(a: int, b: int, skin: float) -> records.Pair:
    epsilon, sigma, cutoff = (float(table[a, b]) for table in (EPSILON, SIGMA, CUTOFF))
    s6 = (sigma / cutoff) ** 6
    energy = 4 * epsilon * (s6**2 - s6)
    slope = -24 * epsilon * (2 * s6**2 - s6) / cutoff
    return records.Pair(
        *(epsilon, sigma, cutoff, energy, slope),
        *(48 * epsilon * sigma**12, 24 * epsilon * sigma**6, slope, cutoff**2, (cutoff + skin) ** 2),
    )


def motion_record(dynamics: Dynamics) -> records.Motion:
    """The record of how the systems move."""
    record = records.Motion(timestep=dynamics.timestep, end=max(1, dynamics.end))
    if dynamics.thermostat is not None:
        record.start, record.stop, record.coupling_time = dynamics.thermostat
    return record
