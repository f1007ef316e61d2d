"""The GSD file of an isoconfigurational ensemble: every replica at every sampling time.

Frame 0 is the configuration that all replicas start from, its images zero; each later frame is one replica at one step,
in the order in which the engine handed them over. Positions are wrapped and carry images, so that OVITO opens the file
as it is and displacements are exact across the boundary. Per frame `log/replica` (from 1), `log/potential_energy` (the
full force-shifted form), `log/kinetic_energy`, `log/momentum` and `log/pressure` are in double precision.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np
from numpy.typing import NDArray

from glassbotan.files import written_whole
from glassbotan.simulate.configurations import Configuration, append_last, from_frame, opened, to_frame
from glassbotan.simulate.engines import Sample


@dataclass(frozen=True)
class Moment:
    """One replica at one step, seen from the configuration that it started from."""

    replica: int
    step: int
    displacements: NDArray[np.float64]
    """(N, 3), r_i(t) - r_i(0), unwrapped"""
    log: Mapping[str, NDArray]
    """what the frame says of energies, momentum and pressure"""


@dataclass(frozen=True)
class EnsembleTrajectory:
    """An ensemble on disk; moments are read one by one."""

    initial: Configuration
    provenance: dict[str, Any]
    moments: Callable[[], Iterator[Moment]]


def write_ensemble(
    path: Path,
    initial: Configuration,
    samples: Iterable[Sample],
    provenance: Callable[[], Mapping[str, Any]],
) -> None:
    """Write samples as they come; `provenance` is asked for when the last one is in."""
    with written_whole(path) as beside, gsd.hoomd.open(beside, mode="w") as trajectory:
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
        append_last(trajectory, waiting, {**provenance(), "box_length": initial.box_length})


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
def read_ensemble(path: Path) -> Iterator[EnsembleTrajectory]:
    """Open an ensemble that `write_ensemble` wrote.

    Raises
    ------
    FileError
        if it is missing, cut short or somebody else's
    """
    with opened(path) as (trajectory, provenance):
        initial = from_frame(trajectory[0], provenance["box_length"])
        start = initial.unwrapped

        def moments() -> Iterator[Moment]:
            for index in range(1, len(trajectory)):
                frame = trajectory[index]
                yield Moment(
                    replica=int(frame.log["replica"][0]),
                    step=int(frame.configuration.step),
                    displacements=from_frame(frame, initial.box_length).unwrapped - start,
                    log=frame.log,
                )

        yield EnsembleTrajectory(initial, provenance, moments)
