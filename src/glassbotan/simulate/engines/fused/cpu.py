"""The engine on the cores of a CPU: one thread advances one system at a time."""

from __future__ import annotations

import ctypes
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.compiler import Source, compiled
from glassbotan.errors import EngineError
from glassbotan.simulate.engines.fused.batch import MOST_PARTICLES, Batch, aligned
from glassbotan.simulate.engines.fused.records import AXES, Liquid, Motion

SOURCE = Source(
    package="glassbotan.simulate.engines.fused",
    files=("lanes.hpp", "physics.hpp", "cpu.cpp"),
    name="fused",
    what="the engine",
    instead="choose the engine lammps",
)
MOST_CELLS = 64
"""Cells along an edge at most: a box that would hold more of them is nearly empty."""
CELLS_OF_RANGE = 2
"""Cells along the range of the neighbour lists: smaller cells fit the sphere better, larger ones have fewer rows."""


class Cpu:
    """The processor as a whole."""

    particle_steps_between_reports = 5_000_000
    largest_system = MOST_PARTICLES
    systems_per_launch = 32
    # Whatever the number of threads, so that a run can be continued with another one.

    def __init__(self, threads: int, library: Path | None = None) -> None:
        self._library = ctypes.CDLL(str(library or compiled(SOURCE)[0]))
        self.lanes = int(self._library.glassbotan_width())
        self.at_a_time = threads
        self.name = f"cpu ({platform.machine()}, vectors of {self.lanes})"

    def hold(self, batch: Batch, liquid: Liquid) -> HeldByCpu:
        """Prepare to work on a batch."""
        return HeldByCpu(self._library, self.at_a_time, batch, liquid)


class HeldByCpu:
    """A batch on the CPU, which works on its arrays directly."""

    def __init__(self, library: Any, threads: int, batch: Batch, liquid: Liquid) -> None:
        self._library = library
        self._batch = batch
        self._liquid = liquid
        self._lists = aligned((batch.systems, batch.padded, sum(batch.capacity)), np.uint32)
        self._words = aligned((batch.systems, 2, batch.padded), np.uint16)
        held = batch.arrays() | {"lists": self._lists, "words": self._words}
        addresses = {name: array.ctypes.data for name, array in held.items()}
        self._record = batch.record(cells_per_edge(liquid), addresses)
        self._pool = ThreadPoolExecutor(max_workers=threads)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def push(self) -> None:
        """Take over changes of the batch's arrays: they are the same."""

    def fetch(self) -> None:
        """Bring the batch's arrays up to date: they are the same."""

    def make_lists(self) -> None:
        """Make the neighbour lists of the current positions."""
        self._each_system("glassbotan_make_lists")

    def advance(self, mode: int, motion: Motion, steps: NDArray[np.integer]) -> None:
        """Advance each system by its number of steps."""
        self._each_system("glassbotan_advance", motion, arguments=lambda index: (mode, int(steps[index])))

    def measure(self) -> tuple[NDArray, NDArray, NDArray]:
        """Energies and virials (systems, padded) and forces (systems, padded, AXES) of the particles."""
        shape = self._batch.systems, self._batch.padded
        energies, virials = aligned(shape, np.float64), aligned(shape, np.float64)
        forces = aligned((*shape, AXES), np.float64)
        results = energies, virials, forces
        self._each_system(
            "glassbotan_measure",
            arguments=lambda index: tuple(ctypes.c_void_p(array[index].ctypes.data) for array in results),
        )
        return results

    def float_forces(self) -> NDArray[np.float32]:
        """Forces (systems, padded, AXES) as the integration uses them."""
        forces = aligned((self._batch.systems, self._batch.padded, AXES), np.float32)
        self._each_system("glassbotan_forces", arguments=lambda index: (ctypes.c_void_p(forces[index].ctypes.data),))
        return forces

    def _each_system(self, name: str, motion: Motion | None = None, arguments: Any = lambda index: ()) -> None:
        function = getattr(self._library, name)
        records = [self._liquid, *([] if motion is None else [motion]), self._record]

        def work(index: int) -> int:
            return int(function(*map(ctypes.byref, records), index, *arguments(index)))

        if any(self._pool.map(work, range(self._batch.systems))):
            raise EngineError("fused: there is not enough memory")


def cells_per_edge(liquid: Liquid) -> int:
    """Number of cells along each edge of the box, into which particles are sorted to make neighbour lists."""
    return max(1, min(MOST_CELLS, int(CELLS_OF_RANGE * liquid.box_length / liquid.longest_range)))
