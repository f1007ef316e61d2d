"""An isoconfigurational ensemble: `T0.64/ensemble/b001/c0001.gsd`, every replica at every sampling time.

Frame 0 is the configuration that all replicas start from, with images zero; each later frame is one replica at one
step, in the order in which the engine gave them. Positions are wrapped and have images, so that OVITO can open the file
and displacements across the boundary are exact. Each frame has `log/replica` (counted from 1), `log/potential_energy`
(in the full force-shifted form), `log/kinetic_energy`, `log/momentum` and `log/pressure` in double precision.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np
from numpy.typing import NDArray

from glassbotan.files.gsd import append_last, from_frame, open_gsd, to_frame
from glassbotan.files.header import mixture_in, new_header, require_stage
from glassbotan.files.plain import atomic_folder
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
    """`time` and `potential_energy` (per particle) during the equilibration, and F_s in its two halves
    (`scattering_time`, `scattering_first`, `scattering_second`); empty if the configuration was given"""
    dynamics: str = "NVE"
    """NVE, or NVT with a Nose-Hoover thermostat"""


@dataclass(frozen=True)
class Ensemble:
    """An ensemble on disk; frames are read one by one."""

    header: EnsembleHeader
    initial: Configuration
    frames: Callable[[], Iterator[ReplicaFrame]]


def write_ensembles(
    folder: Path,
    ensembles: Sequence[tuple[EnsembleHeader, Configuration]],
    samples: Iterable[Sample],
    provenance: Callable[[], Mapping[str, Any]],
) -> None:
    """Write the ensembles of several configurations, a file each, from samples as they are produced.

    Parameters
    ----------
    folder : folder of the files; it appears when all are complete
    ensembles : header and initial configuration of each ensemble
    samples : samples of the replicas of the first configuration, then of the second, ...
    provenance : called after the last sample
    """
    owners = [index for index, (header, _) in enumerate(ensembles) for _ in range(header.replicas)]
    first = [owners.index(index) for index in range(len(ensembles))]
    with atomic_folder(folder) as beside, ExitStack() as stack:
        writers = [
            stack.enter_context(closing(_Writer(beside / f"c{header.configuration:04d}.gsd", header, initial)))
            for header, initial in ensembles
        ]
        for sample in samples:
            owner = owners[sample.system]
            writers[owner].append(sample._replace(system=sample.system - first[owner]))
        record = provenance()
        for writer in writers:
            writer.finish(record)


class _Writer:
    """Writes one ensemble; a frame waits until it is known whether it is the last."""

    def __init__(self, path: Path, header: EnsembleHeader, initial: Configuration) -> None:
        self._facts = new_header(
            "ensemble", **vars(header), box_length=initial.box_length, mixture=asdict(initial.mixture)
        )
        self._trajectory = gsd.hoomd.open(path, mode="w")
        self._waiting = to_frame(initial.in_the_box(), velocities=False)
        # Readers of GSD expect every key in frame 0, but nothing was measured there.
        self._waiting.log.update(_log(0, np.nan, np.nan, np.full(3, np.nan), np.nan))

    def append(self, sample: Sample) -> None:
        self._trajectory.append(self._waiting)
        now = sample.configuration
        self._waiting = to_frame(now, step=sample.step, velocities=False)
        self._waiting.log.update(
            _log(sample.system + 1, sample.potential_energy, now.kinetic_energy, now.momentum, sample.pressure)
        )

    def finish(self, provenance: Mapping[str, Any]) -> None:
        append_last(self._trajectory, self._waiting, self._facts, provenance)

    def close(self) -> None:
        self._trajectory.close()


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
    """Open an ensemble that `write_ensembles` wrote.

    Raises
    ------
    FileError
        if the file is missing, was cut short, or was made by another stage or program
    """
    with open_gsd(path) as (trajectory, facts):
        require_stage(path, facts, "ensemble")
        known = {name: facts[name] for name in EnsembleHeader.__dataclass_fields__ if name in facts}
        header = EnsembleHeader(**known | {"times": tuple(known["times"])})
        initial = from_frame(trajectory[0], facts["box_length"], mixture_in(facts))
        start = initial.unwrapped

        def frames() -> Iterator[ReplicaFrame]:
            for index in range(1, len(trajectory)):
                frame = trajectory[index]
                yield ReplicaFrame(
                    replica=int(frame.log["replica"][0]),
                    step=int(frame.configuration.step),
                    displacements=from_frame(frame, initial.box_length, initial.mixture).unwrapped - start,
                    log=frame.log,
                )

        yield Ensemble(header, initial, frames)
