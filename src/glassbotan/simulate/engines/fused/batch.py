"""The systems of a launch as arrays of numbers, in the layout that the engine's C++ works on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import EngineError
from glassbotan.kob_andersen import Species
from glassbotan.simulate.configurations import Configuration, cells_along_curve
from glassbotan.simulate.engines.fused.records import AXES, GRID, RUNNING, VARIABLES, Arrays, Liquid

MOST_PARTICLES = 65_535
"""Largest number of particles of a system: neighbours are numbers of 16 bits."""
SAVED_ARRAYS = ("positions", "listed", "images", "velocities")
SAVED_VARIABLES = ("step", "xi", "eta", "momentum")
"""What the state of a batch consists of, besides the order of its particles."""
BITS_OF_CURVE = 5
"""The Morton curve, along which particles are numbered, goes through 2^5 cells along each edge of the box."""


@dataclass
class Batch:
    """Systems of the same composition and box, whose particles are numbered first A then B, each along a Morton curve.

    Rows beyond the number of particles are zero. Velocities are those half a step before the positions.
    """

    particles: int
    split: int
    """number of particles A"""
    order: NDArray[np.intp]
    """(systems, N) index of each particle in its configuration"""
    positions: NDArray[np.int32]
    """(systems, padded, AXES), steps of the grid"""
    listed: NDArray[np.int32]
    """positions when the neighbour lists were made"""
    images: NDArray[np.int32]
    """numbers of boxes crossed by `listed`"""
    velocities: NDArray[np.float64]
    variables: NDArray
    """(systems,) of `VARIABLES`"""
    capacity: tuple[int, int]
    """words of two neighbours in each list"""
    centers: NDArray[np.int32] | None = None
    averages: NDArray[np.float64] | None = None
    """(systems, 2, padded, AXES)"""

    @classmethod
    def of(cls, systems: Sequence[Configuration], liquid: Liquid, lanes: int) -> Batch:
        """Arrays of the systems, for a processor that works on `lanes` particles together; velocities are as they are.

        Raises
        ------
        EngineError
            if the systems differ in box or composition, or are too large
        """
        first = systems[0]
        n, split = len(first), int((first.species == Species.A).sum())
        for system in systems:
            found = len(system), int((system.species == Species.A).sum()), system.box_length
            if (*found, system.mixture) != (n, split, first.box_length, first.mixture):
                raise EngineError(
                    "fused: systems advanced together need the same particles, interactions and box, but one has "
                    f"{n} particles, {split} of them A, in a box {first.box_length:g} long, another "
                    f"{found[0]}, {found[1]} and {found[2]:g}"
                )
        if n > MOST_PARTICLES:
            raise EngineError(
                f"fused: a system has {n} particles, but at most {MOST_PARTICLES} fit; use lammps or hoomd"
            )
        batch = cls.empty(len(systems), n, split, lanes, _expected_words(n, split, liquid))
        for index, system in enumerate(systems):
            inside = system.wrapped()
            order = batch.order[index] = _spatial_order(inside)
            grid = np.rint(inside.positions[order] * (GRID / inside.box_length)).astype(np.int64)
            batch.positions[index, :n, :3] = grid.astype(np.int32)  # L/2 wraps to -L/2
            crossed = (grid - batch.positions[index, :n, :3]) // GRID
            batch.images[index, :n, :3] = inside.images[order] + crossed
            batch.velocities[index, :n, :3] = inside.velocities[order]
        batch.listed[:] = batch.positions
        return batch

    @classmethod
    def empty(cls, systems: int, particles: int, split: int, lanes: int, capacity: tuple[int, int]) -> Batch:
        """Arrays of zeros."""
        padded = -(-particles // lanes) * lanes
        shape = systems, padded, AXES
        return cls(
            particles=particles,
            split=split,
            order=np.zeros((systems, particles), dtype=np.intp),
            positions=aligned(shape, np.int32),
            listed=aligned(shape, np.int32),
            images=aligned(shape, np.int32),
            velocities=aligned(shape, np.float64),
            variables=np.zeros(systems, dtype=VARIABLES),
            capacity=capacity,
        )

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray], split: int, liquid: Liquid, lanes: int) -> Batch:
        """Arrays as they were when `state` was taken, but for the neighbour lists."""
        systems, n, _ = state["positions"].shape
        batch = cls.empty(systems, n, split, lanes, _expected_words(n, split, liquid))
        batch.order[:] = state["order"]
        for name in SAVED_ARRAYS:
            getattr(batch, name)[:, :n, :3] = state[name]
        for name in SAVED_VARIABLES:
            batch.variables[name] = state[name]
        return batch

    def state(self) -> dict[str, NDArray]:
        """Everything from which the systems continue bit for bit: the lists are made again from `listed`."""
        n = self.particles
        arrays = {name: getattr(self, name)[:, :n, :3].copy() for name in SAVED_ARRAYS}
        variables = {name: self.variables[name].copy() for name in SAVED_VARIABLES}
        return {**arrays, **variables, "order": self.order.astype(np.int32)}

    @property
    def systems(self) -> int:
        return len(self.positions)

    @property
    def padded(self) -> int:
        """Number of rows of each system."""
        return self.positions.shape[1]

    def arrays(self) -> dict[str, NDArray]:
        """The arrays that a processor works on, by the names of their addresses in `records.Arrays`."""
        names = (*SAVED_ARRAYS, "centers", "averages", "variables")
        return {name: array for name in names if (array := getattr(self, name)) is not None}

    def record(self, cells: int, addresses: Mapping[str, int]) -> Arrays:
        """The record of these arrays, which are at the given addresses."""
        return Arrays(self.particles, self.padded, self.split, cells, *self.capacity, **addresses)

    def unwrapped(self, index: int, box_length: float) -> NDArray[np.float64]:
        """Positions of a system followed through the faces of the box, in the order of its configuration, (N, 3)."""
        n = self.particles
        listed = self.listed[index, :n, :3]
        moved = self.positions[index, :n, :3] - listed  # wraps around, as it must
        found = np.empty((n, 3))
        grid = listed.astype(np.int64) + moved
        found[self.order[index]] = self.images[index, :n, :3] * box_length + grid * (box_length / GRID)
        return found

    def in_order(self, index: int, values: NDArray) -> NDArray:
        """Values of each particle of a system, (padded, ...), in the order of its configuration."""
        found = np.empty((self.particles, *values.shape[1:]), values.dtype)
        found[self.order[index]] = values[: self.particles]
        return found

    def running(self) -> bool:
        """Whether all systems are running."""
        return bool((self.variables["status"] == RUNNING).all())


def aligned(shape: tuple[int, ...], dtype: type) -> NDArray:
    """An array of zeros that begins at a multiple of 64 bytes, as vectors of the processor want it."""
    bytes_ = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(bytes_ + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + bytes_].view(dtype).reshape(shape)


def _expected_words(n: int, split: int, liquid: Liquid) -> tuple[int, int]:
    """Words of two neighbours for lists of a liquid of even density, and some more; too short lists are enlarged."""
    sphere = 4 / 3 * math.pi * liquid.longest_range**3 / liquid.box_length**3
    of_a, of_b = (math.ceil((1.2 * sphere * count + 16) / 2) for count in (split, n - split))
    return of_a, of_b


def _spatial_order(system: Configuration) -> NDArray[np.intp]:
    """Indices of the particles: first A, then B, each cell by cell along a Morton curve through the box, (N,)."""
    return np.lexsort((cells_along_curve(system.positions, system.box_length, BITS_OF_CURVE), system.species))
