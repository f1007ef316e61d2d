"""Checkpoints of a simulation: the legs that it has behind it.

A run is cut into legs of a fixed number of steps. At the end of each, all that the engine needs to go on is taken out
of it in double precision, and the next leg starts from that alone, whether or not something interrupted. So a continued
run is the unbroken one, bit for bit, on the same machine and engine.
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
"""Legs whose files are kept for their state; those with samples are kept to the end."""


class Leg(NamedTuple):
    """One leg of a launch."""

    state: Mapping[str, NDArray]
    """what the engine needs to go on"""
    samples: Sequence[Sample]
    """what was sampled on the way, in order"""


class Checkpoints(Protocol):
    """Where legs are kept."""

    def reached(self, launch: int, legs: Mapping[int, bool]) -> int:
        """Last step of a launch from which it can go on, -1 for none; `legs`: whether the leg to a step has samples."""
        ...

    def read(self, launch: int, step: int) -> Leg:
        """The leg that ended at `step`."""
        ...

    def write(self, launch: int, step: int, leg: Leg) -> None:
        """Keep a leg."""
        ...


class NoCheckpoints:
    """Keeps nothing: for short runs."""

    def reached(self, launch: int, legs: Mapping[int, bool]) -> int:
        return -1

    def read(self, launch: int, step: int) -> Leg:
        raise KeyError(step)

    def write(self, launch: int, step: int, leg: Leg) -> None:
        return


@dataclass(frozen=True)
class SavedLegs:
    """Legs as files in a folder of unfinished work."""

    folder: Path
    systems: Sequence[Configuration]
    """all systems of the run, where they started"""
    deadline: Deadline

    def files(self, launch: int, step: int | None = None) -> list[Path]:
        """Files of a launch, or the one of the leg that ends at a step, in order; `-sampled` ones hold samples."""
        steps = "" if step is None else f"{step:012d}"
        return sorted(self.folder.glob(f"launch{launch:03d}-step{steps}*.npz"))

    def reached(self, launch: int, legs: Mapping[int, bool]) -> int:
        """See `Checkpoints.reached`; damaged files are moved aside with a message, useless ones removed."""
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
            print(f"glassbotan: {error}; it was moved to {set_aside(path)}", file=sys.stderr)
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
                ),
                potential_energy=float(columns["potential_energy"][index]),
                pressure=float(columns["pressure"][index]),
            )
            for index in range(len(columns["step"]))
        ]
        return Leg(state, samples)

    def write(self, launch: int, step: int, leg: Leg) -> None:
        """See `Checkpoints.write`; stops the run if the next leg would end too late."""
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
