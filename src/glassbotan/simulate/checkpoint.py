"""Checkpoints of a simulation.

A run is cut into legs of a fixed number of steps. At the end of each leg, everything that the engine needs to continue
is saved in double precision, and the next leg starts from this state alone, whether or not the run was interrupted. So
a continued run is the same as an uninterrupted one on the same machine and engine: bit for bit on a CPU, and on a GPU
as far as the engine repeats itself there.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from glassbotan.checkpoint_folder import set_aside
from glassbotan.errors import FileError
from glassbotan.files.npz import read_npz, write_npz
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import Sample
from glassbotan.stopping import Deadline

NEWEST_KEPT = 2
"""How many of the newest files of a launch are always kept; older ones are kept only if they hold samples."""


class Leg(NamedTuple):
    """One leg of a launch."""

    state: Mapping[str, NDArray]
    """what the engine needs to continue from the end of the leg"""
    samples: Sequence[Sample]
    """samples taken during the leg, in order"""


class Checkpoints(Protocol):
    """Storage of the legs of a run."""

    def reached(self, launch: int, legs: Mapping[int, bool]) -> int:
        """The last step from which a launch can continue, or -1 if there is none.

        `legs` has the last step of each leg, and whether the leg has samples.
        """
        ...

    def read(self, launch: int, step: int) -> Leg:
        """The leg that ended at `step`."""
        ...

    def write(self, launch: int, step: int, leg: Leg) -> None:
        """Store a leg."""
        ...


class NoCheckpoints:
    """No storage, for short runs: nothing is stored or found."""

    def reached(self, launch: int, legs: Mapping[int, bool]) -> int:
        return -1

    def read(self, launch: int, step: int) -> Leg:
        raise KeyError(step)

    def write(self, launch: int, step: int, leg: Leg) -> None:
        return


@dataclass(frozen=True)
class SavedLegs:
    """Legs stored as files in the folder of unfinished work."""

    folder: Path
    systems: Sequence[Configuration]
    """initial configurations of all systems of the run"""
    deadline: Deadline

    def files(self, launch: int, step: int | None = None) -> list[Path]:
        """Files of a launch in order, or that of the leg that ends at `step`; `-sampled` marks files with samples."""
        steps = "" if step is None else f"{step:012d}"
        return sorted(self.folder.glob(f"launch{launch:03d}-step{steps}*.npz"))

    def reached(self, launch: int, legs: Mapping[int, bool]) -> int:
        """See `Checkpoints.reached`; damaged files are moved aside with a message, files of later steps are removed."""
        readable = {step for step in legs if any(self._readable(path) for path in self.files(launch, step))}
        needed: list[int] = []
        reached = -1
        for step, has_samples in legs.items():
            if has_samples:
                needed.append(step)
            if not readable.issuperset(needed):
                break
            if step in readable:
                reached = step
        for step in legs:
            if step > reached:
                for path in self.files(launch, step):
                    path.unlink()
        return reached

    def _readable(self, path: Path) -> bool:
        try:
            _, arrays = read_npz(path)
            arrays.read(*arrays)
        except FileError as error:
            print(
                f"glassbotan: {error}; the file was moved to {set_aside(path)}, and this part of the run is repeated",
                file=sys.stderr,
            )
            return False
        return True

    def read(self, launch: int, step: int) -> Leg:
        """See `Checkpoints.read`."""
        _, stored = read_npz(self.files(launch, step)[0])
        state = dict(zip(stored, stored.read(*stored), strict=True))
        columns = {name.removeprefix("sample_"): state.pop(name) for name in stored if name.startswith("sample_")}
        samples = [
            Sample(
                system=int(columns["system"][index]),
                step=int(columns["step"][index]),
                configuration=Configuration(
                    positions=columns["positions"][index],
                    images=columns["images"][index],
                    velocities=columns["velocities"][index],
                    species=self.systems[columns["system"][index]].species,
                    box_length=self.systems[columns["system"][index]].box_length,
                    mixture=self.systems[columns["system"][index]].mixture,
                ),
                potential_energy=float(columns["potential_energy"][index]),
                pressure=float(columns["pressure"][index]),
            )
            for index in range(len(columns["step"]))
        ]
        return Leg(state, samples)

    def write(self, launch: int, step: int, leg: Leg) -> None:
        """See `Checkpoints.write`; stops the run if the next leg would end after the deadline."""
        samples = leg.samples
        columns = {
            "system": np.array([sample.system for sample in samples], dtype=np.int64),
            "step": np.array([sample.step for sample in samples], dtype=np.int64),
            "positions": np.array([sample.configuration.positions for sample in samples]),
            "images": np.array([sample.configuration.images for sample in samples]),
            "velocities": np.array([sample.configuration.velocities for sample in samples]),
            "potential_energy": np.array([sample.potential_energy for sample in samples]),
            "pressure": np.array([sample.pressure for sample in samples]),
        }
        arrays = {**leg.state, **{f"sample_{name}": column for name, column in columns.items()}}
        path = self.folder / f"launch{launch:03d}-step{step:012d}{'-sampled' if samples else ''}.npz"
        write_npz(path, {"launch": launch, "step": step}, {}, arrays)
        for older in self.files(launch)[:-NEWEST_KEPT]:
            if not older.stem.endswith("-sampled"):
                older.unlink()
        self.deadline.saved()
