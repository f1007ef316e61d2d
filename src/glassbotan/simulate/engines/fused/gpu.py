"""The engine on a GPU: a block of threads for each system, whose positions lie in the block's shared memory."""

from __future__ import annotations

import ctypes
import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import EngineError
from glassbotan.simulate.engines.fused.batch import Batch
from glassbotan.simulate.engines.fused.cpu import cells_per_edge
from glassbotan.simulate.engines.fused.records import (
    AXES,
    CONSTANT_ENERGY,
    MINIMISING,
    RESTRAINED,
    THERMOSTATTED,
    Liquid,
    Motion,
)

LANES = 32
"""Particles of a warp, whose neighbour lists lie side by side."""
MOST_THREADS = 1024
SUMS = 5
"""Sums over the threads of a block that have a place in shared memory."""
ADVANCING = {
    CONSTANT_ENERGY: "glassbotan_constant_energy",
    THERMOSTATTED: "glassbotan_thermostatted",
    RESTRAINED: "glassbotan_restrained",
    MINIMISING: "glassbotan_minimise",
}


class Scratch(ctypes.Structure):
    """Device memory that blocks need beside the arrays of their systems, as in `gpu.cu`."""

    _fields_ = (("sorted", ctypes.c_void_p), ("forces", ctypes.c_void_p))


class Gpu:
    """The processor as a whole."""

    lanes = LANES
    particle_steps_between_reports = 10_000_000

    def __init__(self, cuda: Any, most_threads: int = MOST_THREADS) -> None:
        self._cuda = cuda
        self._most_threads = most_threads
        self.name = cuda.name
        self.largest_system = largest_system(cuda.shared_memory)
        self.at_a_time = self.systems_per_launch = cuda.multiprocessors
        # Whether the kernels can be compiled for this GPU has to show now, while another engine can still be taken.
        _kernels(cuda, most_threads, True, cuda.shared_memory)

    def hold(self, batch: Batch, liquid: Liquid) -> HeldByGpu:
        """Copy a batch to the GPU."""
        return HeldByGpu(self._cuda, Shape.of(batch.particles, liquid, self._cuda, self._most_threads), batch, liquid)


class Shape:
    """Threads and shared memory of a block for systems of one size."""

    def __init__(self, particles: int, cells: int, threads: int, shares_numbers: bool) -> None:
        self.cells = cells
        self.threads = threads
        self.shares_numbers = shares_numbers
        self.shared_bytes = _shared_bytes(particles, cells, threads, shares_numbers)

    @classmethod
    def of(cls, particles: int, liquid: Liquid, cuda: Any, most_threads: int = MOST_THREADS) -> Shape:
        """The shape for systems of `particles`.

        Raises
        ------
        EngineError
            if their positions don't fit into the shared memory of a block
        """
        threads = min(most_threads, LANES * math.ceil(particles / LANES))
        finest = cells_per_edge(liquid)
        for cells in dict.fromkeys((finest, finest // 2, finest // 4, 1)):
            for shares_numbers in (True, False):
                shape = cls(particles, cells, threads, shares_numbers)
                if cells and shape.shared_bytes <= cuda.shared_memory:
                    return shape
        raise EngineError(
            f"fused: {particles} particles do not fit into the {cuda.shared_memory} bytes of shared memory of a block "
            f"of {cuda.name}; at most {largest_system(cuda.shared_memory)} do; use hoomd for larger systems"
        )

    def kernels(self, cuda: Any) -> dict[str, Any]:
        """The kernels for this shape."""
        return _kernels(cuda, self.threads, self.shares_numbers, self.shared_bytes)


@cache
def _kernels(cuda: Any, threads: int, shares_numbers: bool, shared_bytes: int) -> dict[str, Any]:
    kernels: dict[str, Any] = cuda.load({"THREADS": threads, "SHARED_NUMBERS": int(shares_numbers)}, shared_bytes)
    return kernels


def _shared_bytes(particles: int, cells: int, threads: int, shares_numbers: bool) -> int:
    """Bytes of shared memory of a block: sums of the warps, status, positions, starts of cells, numbers in cells."""
    padded = LANES * math.ceil(particles / LANES)
    return SUMS * 8 * (threads // LANES) + 8 + 12 * padded + 4 * (cells**3 + 1) + 2 * padded * shares_numbers


def largest_system(shared_memory: int) -> int:
    """Largest number of particles, a multiple of 32, whose positions fit into so much shared memory."""
    # A cell of the size of the range holds more than eight particles of a dense liquid.
    return LANES * int((shared_memory - SUMS * 8 * MOST_THREADS // LANES - 12) / (12 + 4 / 8) / LANES)


class HeldByGpu:
    """A batch in the memory of a GPU; the arrays of the host are copies."""

    def __init__(self, cuda: Any, shape: Shape, batch: Batch, liquid: Liquid) -> None:
        self._cuda = cuda
        self._shape = shape
        self._kernels = shape.kernels(cuda)
        self._batch = batch
        self._liquid = liquid
        self._addresses: dict[str, int] = {}
        rows = batch.systems * batch.padded
        sizes = {name: array.nbytes for name, array in batch.arrays().items()}
        sizes |= {
            "lists": 4 * rows * sum(batch.capacity),
            "words": 2 * 2 * rows,
            "sorted": 2 * rows,
            "forces": 8 * rows * AXES,  # also of those in double precision, when they are measured
            "energies": 8 * rows,
            "virials": 8 * rows,
            "steps": 4 * batch.systems,
        }
        try:
            for name, size in sizes.items():
                self._addresses[name] = cuda.allocate(size)
        except BaseException:
            self.close()
            raise
        names = (*batch.arrays(), "lists", "words")
        self._record = batch.record(shape.cells, {name: self._addresses[name] for name in names})
        self._scratch = Scratch(self._addresses["sorted"], self._addresses["forces"])

    def close(self) -> None:
        """Give the memory back."""
        for address in self._addresses.values():
            self._cuda.free(address)
        self._addresses = {}

    def push(self) -> None:
        """Copy the batch's arrays to the GPU."""
        for name, array in self._batch.arrays().items():
            self._cuda.upload(self._addresses[name], array)

    def fetch(self) -> None:
        """Copy the batch's arrays from the GPU."""
        for name, array in self._batch.arrays().items():
            self._cuda.download(array, self._addresses[name])

    def make_lists(self) -> None:
        """Make the neighbour lists of the current positions."""
        self._launch("glassbotan_make_lists", self._liquid, self._record, self._scratch)

    def advance(self, mode: int, motion: Motion, steps: NDArray[np.integer]) -> None:
        """Advance each system by its number of steps; only the batch's variables are copied back."""
        self._cuda.upload(self._addresses["steps"], steps.astype(np.int32))
        steps_there = ctypes.c_void_p(self._addresses["steps"])
        self._launch(ADVANCING[mode], self._liquid, motion, self._record, self._scratch, steps_there)
        self._cuda.download(self._batch.variables, self._addresses["variables"])

    def measure(self) -> tuple[NDArray, NDArray, NDArray]:
        """Energies and virials (systems, padded) and forces (systems, padded, AXES) of the particles."""
        names = "energies", "virials", "forces"
        there = [ctypes.c_void_p(self._addresses[name]) for name in names]
        grid = math.ceil(self._batch.particles / self._shape.threads), self._batch.systems
        self._launch("glassbotan_measure", self._liquid, self._record, *there, grid=grid)
        shape = self._batch.systems, self._batch.padded
        results = np.zeros(shape), np.zeros(shape), np.zeros((*shape, AXES))
        for name, result in zip(names, results, strict=True):
            self._cuda.download(result, self._addresses[name])
        for result in results:
            result[:, self._batch.particles :] = 0.0  # rows beyond the particles are never written
        return results

    def float_forces(self) -> NDArray[np.float32]:
        """Forces (systems, padded, AXES) as the integration uses them."""
        forces = np.zeros((self._batch.systems, self._batch.padded, AXES), dtype=np.float32)
        address = self._cuda.allocate(forces.nbytes)
        try:
            self._cuda.upload(address, forces)
            self._launch("glassbotan_forces", self._liquid, self._record, self._scratch, ctypes.c_void_p(address))
            self._cuda.download(forces, address)
        finally:
            self._cuda.free(address)
        return forces

    def _launch(self, name: str, *arguments: Any, grid: tuple[int, int] | None = None) -> None:
        self._cuda.launch(
            self._kernels[name],
            grid or (self._batch.systems, 1),
            self._shape.threads,
            self._shape.shared_bytes,
            arguments,
        )
