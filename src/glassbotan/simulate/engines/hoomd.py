"""HOOMD-blue, on a GPU where there is one, with many systems in one `Simulation`.

A single small liquid uses only a small part of a GPU, so the systems of a launch are advanced together as species
A0 B0 A1 B1 ..., with the cutoffs of the liquid within a system and a cutoff of zero between systems. The neighbour
lists skip pairs of species whose cutoff is zero. Every system has a thermostat of its own, since a shared one would
couple the systems.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import hoomd
import hoomd.md
import numpy as np
from numpy.typing import NDArray

from glassbotan.devices import DeviceError, reserve_gpu
from glassbotan.errors import EngineError
from glassbotan.kob_andersen import Species, interactions
from glassbotan.simulate.configurations import Configuration, cells_along_curve
from glassbotan.simulate.engines import Dynamics, Progress, Sample, blown_up, require_finite
from glassbotan.study.simulation import Device

BUFFER = 0.2
"""Buffer of the neighbour lists, sigma_AA."""
SYSTEMS_PER_LAUNCH = 16
"""Systems to advance together; the parameters of many more do not fit into the shared memory of a GPU."""
SYSTEMS_FOR_CELL_LIST = 4
"""Largest number of systems for which a cell list is faster than a tree on a GPU; on a CPU a tree is always faster."""
BITS_OF_CURVE = 4
"""The Morton curve, along which particles are sorted, goes through 2^4 cells along each edge of the box."""
LONGEST_STEP = 0.02
"""Longest time step of FIRE, tau."""
MOST_STEPS, STEPS_BETWEEN_CHECKS = 20_000, 100
"""Steps after which a minimisation is given up, and from one test whether it has ended to the next."""
BLOWN_UP = re.compile(r"NaN for its position|out of bounds|no longer within", re.IGNORECASE)
"""What HOOMD-blue says of particles that flew off; its other errors have other causes, such as a lack of memory."""
PARTICLE_STEPS_BETWEEN_REPORTS = {"cpu": 1_000_000, "gpu": 200_000_000}
"""Particle-steps between two reports of progress: about half a second of work."""


class Hoomd:
    """HOOMD-blue through its Python module."""

    name = "hoomd"
    largest_system = None

    def __init__(self, device: Device, systems_per_launch: int | None, threads: int) -> None:
        found = False
        if device != "cpu" and hoomd.version.gpu_enabled:
            reserve_gpu()
            found = hoomd.device.GPU.is_available()
        if device == "gpu" and not found:
            reasons = ["built without GPU support"]
            if hoomd.version.gpu_enabled:
                reasons = hoomd.device.GPU.get_unavailable_device_reasons() or ["no driver or no device"]
            raise DeviceError(f"HOOMD-blue finds no usable GPU ({'; '.join(reasons)}), but device gpu was asked for")
        self._device = hoomd.device.GPU(gpu_id=0) if found else hoomd.device.CPU()
        self.version = str(hoomd.version.version)
        self.device = str(self._device.device)
        self.systems_per_launch = systems_per_launch or SYSTEMS_PER_LAUNCH

    def launch(
        self, systems: Sequence[Configuration], dynamics: Dynamics, state: Mapping[str, NDArray] | None = None
    ) -> _Launch:
        """See `Engine.launch`."""
        return _Launch(self._device, systems, dynamics, state)

    def minimize(self, systems: Sequence[Configuration], force_tolerance: float) -> Iterator[tuple[NDArray, int]]:
        """See `Minimizer.minimize`; by FIRE, one system after the other."""
        for system in systems:
            at_rest = replace(system, velocities=np.zeros_like(system.velocities))
            with _Launch(self._device, [at_rest], Dynamics(LONGEST_STEP), None) as launch:
                yield launch.minimize(force_tolerance)


class _Launch:
    """Systems that share one `Simulation`."""

    def __init__(
        self,
        device: Any,
        systems: Sequence[Configuration],
        dynamics: Dynamics,
        state: Mapping[str, NDArray] | None,
    ) -> None:
        lengths = {system.box_length for system in systems}
        if len(lengths) > 1:
            raise EngineError(f"hoomd: systems advanced together need the same box, but have edges {sorted(lengths)}")
        if state is not None:
            places = np.split(np.arange(len(state["positions"])), np.cumsum([len(system) for system in systems])[:-1])
            systems = [
                replace(
                    system,
                    positions=state["positions"][place],
                    images=state["images"][place],
                    velocities=state["velocities"][place],
                )
                for system, place in zip(systems, places, strict=True)
            ]
        self._systems = [system.wrapped() for system in systems]
        self._orders = [_spatial_order(system) for system in self._systems]
        self._dynamics = dynamics
        self._on_gpu = not isinstance(device, hoomd.device.CPU)
        self._simulation = hoomd.Simulation(device=device, seed=0)  # nothing here draws random numbers
        self._simulation.timestep = 0 if state is None else int(state["step"])
        self._simulation.create_state_from_snapshot(self._snapshot())
        # HOOMD-blue's sorter would mix the systems; their particles are in spatial order already.
        self._simulation.operations.tuners.clear()
        self._pairs = self._forces()
        self._thermostats = list(self._own_thermostats())
        for thermostat, dof in zip(self._thermostats, [] if state is None else state["thermostats"], strict=False):
            thermostat.translational_dof = tuple(dof)
        self._simulation.operations.integrator = hoomd.md.Integrator(
            dt=dynamics.timestep, forces=[self._pairs], methods=list(self._methods())
        )
        work = PARTICLE_STEPS_BETWEEN_REPORTS["gpu" if self._on_gpu else "cpu"]
        self._stretch = max(1, work // sum(map(len, self._systems)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        return

    def run_until(self, step: int, progress: Progress) -> None:
        """See `Launch.run_until`."""
        particles = sum(map(len, self._systems))
        while (left := step - self._simulation.timestep) > 0:
            try:
                self._simulation.run(min(self._stretch, left))
            except RuntimeError as error:
                raise _explained(error) from None
            self._require_timely_rebuilds()
            progress(min(self._stretch, left) * particles)

    def minimize(self, force_tolerance: float) -> tuple[NDArray, int]:
        """Displacement of the only system to its minimum, and number of steps; see `Minimizer.minimize`."""
        (start,) = self._configurations()
        operations = self._simulation.operations
        operations.integrator.forces.clear()
        fire = hoomd.md.minimize.FIRE(
            dt=LONGEST_STEP,
            force_tol=force_tolerance / 10,  # of the root mean square; the largest force is a few times as long
            angmom_tol=np.inf,
            energy_tol=np.inf,
            forces=[self._pairs],
            methods=[hoomd.md.methods.ConstantVolume(filter=hoomd.filter.All())],
        )
        operations.integrator = fire
        while not fire.converged:
            if self._simulation.timestep >= MOST_STEPS:
                raise EngineError(
                    f"{Hoomd.name}: the minimum was not reached in {MOST_STEPS} steps; check that the positions are of "
                    "a liquid"
                )
            self._simulation.run(STEPS_BETWEEN_CHECKS)
        (end,) = self._configurations()
        return end.unwrapped - start.unwrapped, int(self._simulation.timestep)

    def _require_timely_rebuilds(self) -> None:
        delay, shortest = self._dynamics.neighbor_check_delay, self._pairs.nlist.shortest_rebuild
        if delay > 1 and shortest <= delay:
            raise EngineError(
                f"hoomd: the neighbour list was rebuilt {shortest} steps after the previous rebuild, at the first "
                f"check that neighbor_check_delay = {delay} allows, so perhaps too late; set a smaller delay"
            )

    def samples(self, systems: Sequence[int]) -> Iterator[Sample]:
        """See `Launch.samples`."""
        now = self._configurations()
        for system in systems:
            yield require_finite(_sample(system, self._simulation.timestep, now[system]), Hoomd.name)

    def state(self) -> dict[str, NDArray]:
        """See `Launch.state`: arrays (sum of N, 3) of all systems, and the two variables of each thermostat."""
        now = self._configurations()
        return {
            "step": np.array(self._simulation.timestep),
            "positions": np.concatenate([system.positions for system in now]),
            "images": np.concatenate([system.images for system in now]),
            "velocities": np.concatenate([system.velocities for system in now]),
            "thermostats": np.array([thermostat.translational_dof for thermostat in self._thermostats]),
        }

    def _configurations(self) -> list[Configuration]:
        """The current configuration of each system, with its particles in their original order."""
        particles = self._simulation.state.get_snapshot().particles
        start, now = 0, []
        for system, order in zip(self._systems, self._orders, strict=True):
            place = np.argsort(order) + start  # index of each particle in the launch
            now.append(
                Configuration(
                    positions=particles.position[place].astype(np.float64),
                    images=particles.image[place].astype(np.int32),
                    velocities=particles.velocity[place].astype(np.float64),
                    species=system.species,
                    box_length=system.box_length,
                    mixture=system.mixture,
                ).wrapped()
            )
            start += len(system)
        return now

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
        snapshot.particles.mass[:] = np.concatenate([system.masses[order] for system, order in ordered])
        return snapshot

    def _forces(self) -> Any:
        options: dict[str, Any] = {
            "buffer": self._dynamics.neighbor_buffer or BUFFER,
            "rebuild_check_delay": self._dynamics.neighbor_check_delay,
            "exclusions": (),
        }
        if self._on_gpu and len(self._systems) <= SYSTEMS_FOR_CELL_LIST:
            # The order of neighbours, on which rounding depends, is fixed in a tree, but in a cell list only if sorted.
            nlist = hoomd.md.nlist.Cell(**options, deterministic=True)
        else:
            nlist = hoomd.md.nlist.Tree(**options)
        forces = hoomd.md.pair.ForceShiftedLJ(nlist=nlist, default_r_cut=0.0)
        forces.params.default = {"epsilon": 0.0, "sigma": 1.0}
        for index in range(len(self._systems)):
            names, mixture = _names(index), self._systems[index].mixture
            for a, b in itertools.combinations_with_replacement(Species, 2):
                pair = names[a], names[b]
                forces.params[pair] = {
                    "epsilon": float(mixture.epsilons[a, b]),
                    "sigma": float(mixture.sigmas[a, b]),
                }
                forces.r_cut[pair] = float(mixture.cutoffs[a, b])
        return forces

    def _own_thermostats(self) -> Iterator[Any]:
        """The thermostat of each system; none for NVE."""
        thermostat, end = self._dynamics.thermostat, self._dynamics.end
        if thermostat is None:
            return
        for system in self._systems:
            # Momentum is conserved, so a system has 3 N - 3 degrees of freedom. HOOMD-blue counts them so if one method
            # integrates all particles, but counts 3 N for each of several methods; a lower set temperature corrects it.
            share = 1.0 if len(self._systems) == 1 else 1 - 1 / len(system)
            ramp = hoomd.variant.Ramp(thermostat.start * share, thermostat.stop * share, 0, end)
            yield hoomd.md.methods.thermostats.MTTK(kT=ramp, tau=thermostat.time)

    def _methods(self) -> Iterator[Any]:
        if not self._thermostats:
            yield hoomd.md.methods.ConstantVolume(filter=hoomd.filter.All())
        for index, thermostat in enumerate(self._thermostats):
            yield hoomd.md.methods.ConstantVolume(filter=hoomd.filter.Type(_names(index)), thermostat=thermostat)


def _explained(error: RuntimeError) -> EngineError:
    """The error of a run that HOOMD-blue ended, with HOOMD-blue's own words."""
    words = " ".join(str(error).split())
    if BLOWN_UP.search(words):
        return blown_up(Hoomd.name, words)
    return EngineError(f"{Hoomd.name}: HOOMD-blue ended the run with the error: {words}")


def _names(system: int) -> list[str]:
    """Names of the species of a system, such as A3 and B3."""
    return [f"{species.name}{system}" for species in Species]


def _spatial_order(system: Configuration) -> NDArray[np.intp]:
    """Indices of the particles, cell by cell along a Morton curve through the box, shape (N,)."""
    return np.argsort(cells_along_curve(system.positions, system.box_length, BITS_OF_CURVE), kind="stable")


def _sample(system: int, step: int, configuration: Configuration) -> Sample:
    """A sample whose energy and pressure are computed here, since HOOMD-blue's energy lacks the constant -V_LJ(r_c)."""
    energy, virial = np.nan, np.nan
    if np.isfinite(configuration.positions).all():
        static = interactions(
            configuration.positions, configuration.species, configuration.box_length, configuration.mixture
        )
        energy, virial = static.potential_energy, static.virial
    pressure = (2 * configuration.kinetic_energy + virial) / (3 * configuration.box_length**3)
    return Sample(system, step, configuration, energy, pressure)
