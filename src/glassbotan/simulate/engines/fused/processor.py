"""What the engine needs of a processor."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from glassbotan.simulate.engines.fused.batch import Batch
from glassbotan.simulate.engines.fused.records import Liquid, Motion


class Held(Protocol):
    """A batch of systems in the memory of a processor."""

    def make_lists(self) -> None:
        """Make the neighbour lists of the current positions."""
        ...

    def advance(self, mode: int, motion: Motion, steps: NDArray[np.integer]) -> None:
        """Advance each system by its number of steps, and bring only the variables of the batch up to date."""
        ...

    def measure(self) -> tuple[NDArray, NDArray, NDArray]:
        """Energies and virials (systems, padded) and forces (systems, padded, AXES), in 64-bit floats."""
        ...

    def float_forces(self) -> NDArray[np.float32]:
        """Forces (systems, padded, AXES) in 32-bit floats, as the integration uses them."""
        ...

    def push(self) -> None:
        """Take over changes of the batch's arrays."""
        ...

    def fetch(self) -> None:
        """Bring the batch's arrays up to date."""
        ...

    def close(self) -> None:
        """Give back memory and threads."""
        ...


class Processor(Protocol):
    """The cores of a CPU, or a GPU."""

    name: str
    lanes: int
    """number of particles that it works on together"""
    systems_per_launch: int
    """number of systems that keep it busy"""
    largest_system: int
    """largest number of particles that a system can have"""
    at_a_time: int
    """number of systems that advance at the same time"""
    particle_steps_between_reports: int
    """particle-steps of a system between two reports of progress: about half a second of work"""

    def hold(self, batch: Batch, liquid: Liquid) -> Held:
        """Take a batch of systems into the memory of the processor."""
        ...
