"""An isoconfigurational ensemble: `T0.64/ensemble/c0001.gsd`, every replica at every sampling time.

Frame 0 is the configuration that all replicas start from, with images zero; each later frame is one replica at one
step, in the order in which the engine gave them. Positions are wrapped and have images, so that OVITO can open the file
and displacements across the boundary are exact. Each frame has `log/replica` (counted from 1), `log/potential_energy`
(in the full force-shifted form), `log/kinetic_energy`, `log/momentum` and `log/pressure` in double precision.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np
from numpy.typing import NDArray

from glassbotan.files.gsd import append_last, from_frame, open_gsd, to_frame
from glassbotan.files.header import new_header, require_stage
from glassbotan.files.plain import atomic_write
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import Sample


@dataclass(frozen=True)
class ReplicaFrame:
    """One replica at one step, with displacements from the configuration that it started from."""

    replica: int
    """number of the replica, counted from 1"""
    step: int
    displacements: NDArray[np.float64]
    """(N, 3), r_i(t) - r_i(0), unwrapped, sigma_AA"""
    log: Mapping[str, NDArray]
    """replica, energies, momentum and pressure by name, as logged in the file"""


@dataclass(frozen=True)
class EnsembleHeader:
    """The configuration of an ensemble, and how the ensemble was sampled."""

    study: str
    temperature: float
    """temperature of the state point, epsilon_AA / k_B"""
    configuration: int
    """number of the configuration that all replicas start from"""
    times: tuple[float, ...]
    """sampling times, tau"""
    timestep: float
    """time step dt, tau"""
    replicas: int
    equilibration: Mapping[str, list[float]]
    """`time` and `potential_energy` (per particle) during the equilibration of the configuration"""


@dataclass(frozen=True)
class Ensemble:
    """An ensemble on disk; frames are read one by one."""

    header: EnsembleHeader
    initial: Configuration
    frames: Callable[[], Iterator[ReplicaFrame]]


def write_ensemble(
    path: Path,
    header: EnsembleHeader,
    initial: Configuration,
    samples: Iterable[Sample],
    provenance: Callable[[], Mapping[str, Any]],
) -> None:
    """Write samples as they are produced; `provenance` is called after the last one."""
    facts = new_header("ensemble", **vars(header), box_length=initial.box_length)
    with atomic_write(path) as beside, gsd.hoomd.open(beside, mode="w") as trajectory:
        waiting = to_frame(initial.in_the_box(), velocities=False)
        # Readers of GSD expect every key in frame 0, but nothing was measured there.
        waiting.log.update(_log(0, np.nan, np.nan, np.full(3, np.nan), np.nan))
        for sample in samples:
            trajectory.append(waiting)
            now = sample.configuration
            waiting = to_frame(now, step=sample.step, velocities=False)
            waiting.log.update(
                _log(sample.system + 1, sample.potential_energy, now.kinetic_energy, now.momentum, sample.pressure)
            )
        append_last(trajectory, waiting, facts, provenance())


def _log(
    replica: int, potential_energy: float, kinetic_energy: float, momentum: NDArray, pressure: float
) -> dict[str, NDArray]:
    return {
        "replica": np.array([replica]),
        "potential_energy": np.array([potential_energy]),
        "kinetic_energy": np.array([kinetic_energy]),
        "momentum": momentum,
        "pressure": np.array([pressure]),
    }


@contextmanager
def read_ensemble(path: Path) -> Iterator[Ensemble]:
    """Open an ensemble that `write_ensemble` wrote.

    Raises
    ------
    FileError
        if the file is missing, was cut short, or was made by another stage or program
    """
    with open_gsd(path) as (trajectory, facts):
        require_stage(path, facts, "ensemble")
        known = {name: facts[name] for name in EnsembleHeader.__dataclass_fields__}
        header = EnsembleHeader(**known | {"times": tuple(known["times"])})
        initial = from_frame(trajectory[0], facts["box_length"])
        start = initial.unwrapped

        def frames() -> Iterator[ReplicaFrame]:
            for index in range(1, len(trajectory)):
                frame = trajectory[index]
                yield ReplicaFrame(
                    replica=int(frame.log["replica"][0]),
                    step=int(frame.configuration.step),
                    displacements=from_frame(frame, initial.box_length).unwrapped - start,
                    log=frame.log,
                )

        yield Ensemble(header, initial, frames)
