"""HOOMD-blue, on a GPU where there is one, many systems in one `Simulation`.

A single small liquid leaves a GPU idle, so the systems of a call are advanced together as species A0 B0 A1 B1 ...,
with the cutoffs of the liquid inside a system and none between systems. The neighbour lists skip pairs of species
without a cutoff. Every system keeps a thermostat of its own: a shared one would couple them.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import hoomd
import hoomd.md
import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import EngineError
from glassbotan.kob_andersen import CUTOFF, EPSILON, MASS, SIGMA, Species, interactions
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import (
    PARTICLE_STEPS_BETWEEN_REPORTS,
    Progress,
    Sample,
    Thermostat,
    blown_up,
    require_finite,
)
from glassbotan.study import SKIN

SYSTEMS_PER_LAUNCH = 16
"""Systems advanced together; the pair kernel's parameters outgrow a GPU's shared memory soon after."""
SYSTEMS_FOR_CELL_LIST = 4
"""Up to so many, a cell list is faster than a tree."""
CELLS_PER_EDGE = 16
"""Of the grid along which particles are put in order, so that neighbours in space are neighbours in memory."""


class Hoomd:
    """HOOMD-blue through its Python module."""

    name = "hoomd"

    def __init__(self) -> None:
        self._device = hoomd.device.auto_select()
        self.version = str(hoomd.version.version)
        self.device = str(self._device.device)

    def advance(
        self,
        systems: Sequence[Configuration],
        steps: Sequence[int],
        *,
        timestep: float,
        thermostat: Thermostat | None = None,
        progress: Progress = lambda particle_steps: None,
    ) -> Iterator[Sample]:
        """See `Engine.advance`; systems come side by side, a sampled step at a time."""
        for first in range(0, len(systems), SYSTEMS_PER_LAUNCH):
            launch = _Launch(self._device, systems[first : first + SYSTEMS_PER_LAUNCH], timestep, thermostat, steps[-1])
            for step in steps:
                launch.run_until(step, progress)
                for index, configuration in enumerate(launch.configurations()):
                    yield require_finite(_sample(first + index, step, configuration), self.name)


class _Launch:
    """Systems that share one `Simulation`."""

    def __init__(
        self,
        device: Any,
        systems: Sequence[Configuration],
        timestep: float,
        thermostat: Thermostat | None,
        end: int,
    ) -> None:
        self._systems = [system.wrapped() for system in systems]
        lengths = {system.box_length for system in systems}
        if len(lengths) > 1:
            raise EngineError(f"hoomd: systems advanced together need one box, found edges {sorted(lengths)}")
        self._orders = [_spatial_order(system) for system in self._systems]
        self._simulation = hoomd.Simulation(device=device, seed=0)  # nothing here draws random numbers
        self._simulation.create_state_from_snapshot(self._snapshot())
        # The sorter would interleave the systems; they are in spatial order already.
        self._simulation.operations.tuners.clear()
        self._simulation.operations.integrator = hoomd.md.Integrator(
            dt=timestep, forces=[self._forces()], methods=list(self._methods(thermostat, end))
        )

    def run_until(self, step: int, progress: Progress) -> None:
        """Go on to `step`, in stretches short enough to report."""
        particles = sum(map(len, self._systems))
        stretch = max(1, PARTICLE_STEPS_BETWEEN_REPORTS // particles)
        while (left := step - self._simulation.timestep) > 0:
            try:
                self._simulation.run(min(stretch, left))
            except RuntimeError as error:
                raise blown_up(Hoomd.name, error) from None
            progress(min(stretch, left) * particles)

    def configurations(self) -> Iterator[Configuration]:
        """Where each system is now, particles in the order in which they were given."""
        particles = self._simulation.state.get_snapshot().particles
        start = 0
        for system, order in zip(self._systems, self._orders, strict=True):
            place = np.argsort(order) + start  # of each particle in the launch
            yield Configuration(
                positions=particles.position[place].astype(np.float64),
                images=particles.image[place].astype(np.int32),
                velocities=particles.velocity[place].astype(np.float64),
                species=system.species,
                box_length=system.box_length,
            ).wrapped()
            start += len(system)

    def _snapshot(self) -> Any:
        length = self._systems[0].box_length
        ordered = list(zip(self._systems, self._orders, strict=True))
        snapshot = hoomd.Snapshot()
        snapshot.configuration.box = [length, length, length, 0, 0, 0]
        snapshot.particles.N = sum(map(len, self._systems))
        snapshot.particles.types = [name for names in map(_names, range(len(ordered))) for name in names]
        snapshot.particles.typeid[:] = np.concatenate(
            [system.species[order] + len(Species) * index for index, (system, order) in enumerate(ordered)]
        )
        snapshot.particles.position[:] = np.concatenate([system.positions[order] for system, order in ordered])
        snapshot.particles.image[:] = np.concatenate([system.images[order] for system, order in ordered])
        snapshot.particles.velocity[:] = np.concatenate([system.velocities[order] for system, order in ordered])
        snapshot.particles.mass[:] = MASS
        return snapshot

    def _forces(self) -> Any:
        neighbors = hoomd.md.nlist.Cell if len(self._systems) <= SYSTEMS_FOR_CELL_LIST else hoomd.md.nlist.Tree
        forces = hoomd.md.pair.ForceShiftedLJ(nlist=neighbors(buffer=SKIN, exclusions=()), default_r_cut=0.0)
        forces.params.default = {"epsilon": 0.0, "sigma": 1.0}
        for index in range(len(self._systems)):
            names = _names(index)
            for a, b in itertools.combinations_with_replacement(Species, 2):
                pair = names[a], names[b]
                forces.params[pair] = {"epsilon": float(EPSILON[a, b]), "sigma": float(SIGMA[a, b])}
                forces.r_cut[pair] = float(CUTOFF[a, b])
        return forces

    def _methods(self, thermostat: Thermostat | None, end: int) -> Iterator[Any]:
        if thermostat is None:
            yield hoomd.md.methods.ConstantVolume(filter=hoomd.filter.All())
            return
        for index, system in enumerate(self._systems):
            # Momentum is conserved, so a system has 3 N - 3 degrees of freedom. HOOMD-blue knows that of a single
            # method for everything and counts 3 N for each of several: the set temperature makes up for it.
            share = 1.0 if len(self._systems) == 1 else 1 - 1 / len(system)
            ramp = hoomd.variant.Ramp(thermostat.start * share, thermostat.stop * share, 0, end)
            yield hoomd.md.methods.ConstantVolume(
                filter=hoomd.filter.Type(_names(index)),
                thermostat=hoomd.md.methods.thermostats.MTTK(kT=ramp, tau=thermostat.time),
            )


def _names(system: int) -> list[str]:
    """Names of the species of a system: A3, B3."""
    return [f"{species.name}{system}" for species in Species]


def _spatial_order(system: Configuration) -> NDArray[np.intp]:
    """Particles cell by cell along a Morton curve through the box, shape (N,)."""
    cells = np.floor((system.positions / system.box_length + 0.5) * CELLS_PER_EDGE).astype(int)
    bits = range((CELLS_PER_EDGE - 1).bit_length())
    key = sum(((cells[:, axis] >> bit) & 1) << (3 * bit + axis) for bit in bits for axis in range(3))
    return np.argsort(key, kind="stable")


def _sample(system: int, step: int, configuration: Configuration) -> Sample:
    """A sample with energy and pressure from the formula: HOOMD-blue's energy leaves out the constant -V_LJ(r_c)."""
    energy, virial = np.nan, np.nan
    if np.isfinite(configuration.positions).all():
        static = interactions(configuration.positions, configuration.species, configuration.box_length)
        energy, virial = static.potential_energy, static.virial
    pressure = (2 * configuration.kinetic_energy + virial) / (3 * configuration.box_length**3)
    return Sample(system, step, configuration, energy, pressure)
