"""The engine made for this liquid: a whole system in the fast memory of one core or one multiprocessor.

Small glass formers need many independent systems, not one large one. On a GPU each system has a block of threads, and
its positions stay in that block's shared memory for the whole run; on a CPU each system has a thread. Both run the same
physics, which is in `physics.hpp`: forces in 32-bit floats from positions in fixed point, velocities in 64-bit floats,
sums in a fixed order. A run repeats bit for bit on the same processor, however it is cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glassbotan.devices import DeviceError
from glassbotan.kob_andersen import Species
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import CageState, Dynamics, Progress, Restraint, Sample, require_finite
from glassbotan.simulate.engines.fused import records
from glassbotan.simulate.engines.fused.batch import Batch
from glassbotan.simulate.engines.fused.cpu import Cpu
from glassbotan.simulate.engines.fused.cuda import Cuda, finds_gpu
from glassbotan.simulate.engines.fused.gpu import Gpu
from glassbotan.simulate.engines.fused.processor import Processor
from glassbotan.simulate.engines.fused.structures import cage_states, inherent_states
from glassbotan.simulate.engines.fused.systems import Systems, liquid_record
from glassbotan.study.simulation import Device

BUFFER = 0.5
"""Buffer of the neighbour lists, sigma_AA."""
VERSION = "1"
"""Raised when the physics changes."""


class Fused:
    """The engine on a GPU or on the cores of a CPU."""

    name = "fused"
    version = VERSION

    def __init__(self, device: Device, systems_per_launch: int | None, threads: int) -> None:
        found = device != "cpu" and finds_gpu()
        if device == "gpu" and not found:
            raise DeviceError(
                "CUDA finds no usable GPU, or cuda-bindings is not installed, but device gpu was asked for"
            )
        self.processor: Processor = Gpu(Cuda()) if found else Cpu(threads)
        self.device = self.processor.name
        self.largest_system = self.processor.largest_system
        self.systems_per_launch = systems_per_launch or self.processor.systems_per_launch

    def launch(
        self, systems: Sequence[Configuration], dynamics: Dynamics, state: Mapping[str, NDArray] | None = None
    ) -> Launch:
        """See `Engine.launch`."""
        return Launch(self.processor, systems, dynamics, state)

    def minimize(self, systems: Sequence[Configuration], force_tolerance: float) -> Iterator[tuple[NDArray, int]]:
        """See `Minimizer.minimize`."""
        for found in inherent_states(self.processor, systems, force_tolerance):
            yield found.displacement, found.steps

    def restrain(
        self, systems: Sequence[Configuration], restraint: Restraint, seeds: Sequence[int], progress: Progress
    ) -> Iterator[CageState]:
        """See `Restrainer.restrain`."""
        return cage_states(self.processor, systems, restraint, seeds, progress)


class Launch:
    """Systems that advance together."""

    def __init__(
        self,
        processor: Processor,
        systems: Sequence[Configuration],
        dynamics: Dynamics,
        state: Mapping[str, NDArray] | None,
    ) -> None:
        self._configurations = systems
        self._timestep = dynamics.timestep
        self._motion = _motion(dynamics)
        self._mode = records.CONSTANT_ENERGY if dynamics.thermostat is None else records.THERMOSTATTED
        liquid = liquid_record(systems[0].box_length, dynamics.neighbor_buffer or BUFFER, systems[0].mixture)
        if state is None:
            batch = Batch.of(systems, liquid, processor.lanes)
        else:
            batch = Batch.from_state(state, int((systems[0].species == Species.A).sum()), liquid, processor.lanes)
        self._systems = Systems(processor, batch, liquid)
        if state is None:
            try:
                self._systems.begin(dynamics.timestep)
            except BaseException:
                self._systems.__exit__()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._systems.__exit__(*raised)

    def run_until(self, step: int, progress: Progress) -> None:
        """See `Launch.run_until`."""
        self._systems.advance(self._mode, self._motion, step, progress)

    def samples(self, systems: Sequence[int]) -> Iterator[Sample]:
        """See `Launch.samples`."""
        energies, virials, forces = self._systems.measure()
        for system in systems:
            now = self._configuration(system, forces[system])
            pressure = (2 * now.kinetic_energy + virials[system].sum()) / (3 * now.box_length**3)
            step = int(self._systems.batch.variables["step"][system])
            yield require_finite(Sample(system, step, now, float(energies[system].sum()), float(pressure)), Fused.name)

    def state(self) -> dict[str, NDArray]:
        """See `Launch.state`: positions and velocities, and the positions from which the neighbour lists were made."""
        self._systems.fetch()
        return self._systems.batch.state()

    def _configuration(self, index: int, forces: NDArray) -> Configuration:
        """The configuration of a system, with the velocities at the time of the positions."""
        batch, system = self._systems.batch, self._configurations[index]
        half_kick = 0.5 * self._timestep * forces[:, :3] / self._systems.masses[:, None]
        damping = np.exp(-0.5 * self._timestep * batch.variables["xi"][index])
        velocities = damping * batch.velocities[index, :, :3] + half_kick
        return Configuration(
            positions=batch.unwrapped(index, system.box_length),
            images=np.zeros((batch.particles, 3), dtype=np.int32),
            velocities=batch.in_order(index, velocities),
            species=system.species,
            box_length=system.box_length,
            mixture=system.mixture,
        ).wrapped()


def _motion(dynamics: Dynamics) -> records.Motion:
    """The record of how the systems move."""
    record = records.Motion(timestep=dynamics.timestep, end=max(1, dynamics.end))
    if dynamics.thermostat is not None:
        record.start, record.stop, record.coupling_time = dynamics.thermostat
    return record
