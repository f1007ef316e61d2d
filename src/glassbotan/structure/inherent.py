"""The inherent structure: the minimum of the potential energy below a configuration, in 64-bit floats.

An engine takes the configuration near its minimum (`glassbotan.simulate.structures`). From there, Newton's method with
conjugate gradients (Nocedal & Wright, Numerical Optimization, Algorithm 7.1) on the sparse Hessian takes few steps to
forces as small as rounding allows, so that engines whose forces have 32 bits give the same minimum as others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import FileError
from glassbotan.kob_andersen import interactions
from glassbotan.structure.hessian import hessian
from glassbotan.structure.static import StaticStructure

MOST_STEPS = 500
"""Steps of Newton's method after which the search is given up; near a minimum it takes three or four."""
LONGEST_STEP = 0.1
"""Largest displacement of a particle in one step, sigma_AA."""


@dataclass(frozen=True)
class InherentStructure:
    """A minimum of the potential energy, and how far it is from the configuration."""

    displacement: NDArray[np.float64]
    """(N, 3), from the position of each particle to its position at the minimum, sigma_AA"""
    energies: NDArray[np.float64]
    """(N,), potential energy of each particle at the minimum, half of the sum of its pair energies, epsilon_AA"""
    largest_force: float
    """length of the largest force on a particle, epsilon_AA / sigma_AA"""
    products: int
    """products of the Hessian with a vector"""

    @property
    def potential_energy(self) -> float:
        """U, epsilon_AA."""
        return float(self.energies.sum())


def inherent_structure(
    structure: StaticStructure,
    displacement: NDArray | None = None,
    force_tolerance: float = 1e-6,
    keep_unconverged: bool = False,
) -> InherentStructure:
    """The minimum of the potential energy near a configuration; the energy falls with every step.

    Parameters
    ----------
    structure : the configuration
    displacement : (N, 3) to where the search starts, near the minimum; by default the configuration itself
    force_tolerance : length of the largest force on a particle at which the search ends, epsilon_AA / sigma_AA
    keep_unconverged : whether the best structure is returned if the search does not get there

    Raises
    ------
    FileError
        if the search ends with larger forces
    """
    box, species, mixture = structure.box_length, structure.species, structure.mixture
    moved = np.zeros_like(structure.positions) if displacement is None else displacement.copy()
    found = interactions(structure.positions + moved, species, box, mixture)
    step = products = 0
    while (largest := _largest(found.forces)) > force_tolerance and step < MOST_STEPS:
        direction, count = _newton_step(hessian(structure.positions + moved, species, box, mixture), found.forces)
        products += count
        scale = min(1.0, LONGEST_STEP / _largest(direction))
        # Sums of energies round at about 1e-13 of U: differences below that say nothing, and the force decides.
        noise = 1e-13 * abs(found.potential_energy)
        for _ in range(12):
            trial = interactions(structure.positions + moved + scale * direction, species, box, mixture)
            change = trial.potential_energy - found.potential_energy
            if change < -noise or (change <= noise and _largest(trial.forces) < largest):
                break
            scale /= 2
        else:
            break  # rounding is all that is left
        moved, found, step = moved + scale * direction, trial, step + 1
    if largest > force_tolerance and not keep_unconverged:
        raise FileError(
            f"{structure.name}: the search for the inherent structure ended after {step} steps with a largest force of "
            f"{largest:.2g}, but {force_tolerance:g} was asked for; check that the positions are of a liquid, raise "
            "structure.inherent.force_tolerance, or keep the structure with structure.inherent.keep_unconverged"
        )
    return InherentStructure(moved, found.energies, largest, products)


def _largest(vectors: NDArray) -> float:
    """Length of the longest of vectors (n, 3)."""
    return float(np.linalg.norm(vectors, axis=1).max())


def _newton_step(matrix: Any, forces: NDArray) -> tuple[NDArray[np.float64], int]:
    """Approximate solution (N, 3) of H x = F by conjugate gradients, and the number of products with H that it took.

    It ends where the curvature is negative.
    """
    wanted = forces.ravel()
    x = np.zeros_like(wanted)
    residual = wanted.copy()
    direction = residual.copy()
    norm2 = float(residual @ residual)
    accuracy = min(0.5, np.sqrt(np.sqrt(norm2))) * np.sqrt(norm2)  # of a superlinear method
    for count in range(1, 10 * len(forces) + 1):
        product = matrix @ direction
        curvature = float(direction @ product)
        if curvature <= 0.0:
            return (x if x.any() else wanted).reshape(-1, 3), count
        length = norm2 / curvature
        x += length * direction
        residual -= length * product
        before, norm2 = norm2, float(residual @ residual)
        if np.sqrt(norm2) <= accuracy:
            break
        direction = residual + norm2 / before * direction
    return x.reshape(-1, 3), count
