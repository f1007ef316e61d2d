"""The inherent structure: a minimum of the potential energy near a configuration.

It is found by limited-memory BFGS (scipy) in the full force-shifted potential. Steepest descent, which defines the
basin of a configuration, can end in another minimum. Pairs that are within the cutoff or a little beyond it are listed,
and the list is renewed when particles have moved so far that it may lack pairs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import minimum_image, neighbor_pairs
from glassbotan.errors import FileError
from glassbotan.kob_andersen import pair_interactions
from glassbotan.structure.static import StaticStructure

SKIN = 0.4
"""Difference between the range of the listed pairs and the largest cutoff, sigma_AA."""
LARGEST_FORCE = 1e-2
"""Force component below which the search ends, epsilon_AA / sigma_AA; U/N is then accurate to 1e-6 epsilon_AA.
A search that ends early is accepted with forces up to ten times as large."""
MOST_STEPS = 5000


@dataclass(frozen=True)
class InherentStructure:
    """A minimum of the potential energy, and how far it is from the configuration."""

    displacement: NDArray[np.float64]
    """(N, 3), from the position of each particle to its position at the minimum, sigma_AA"""
    potential_energy: float
    """U, epsilon_AA"""
    largest_force: float
    """largest component of a force at the minimum, epsilon_AA / sigma_AA"""


def inherent_structure(structure: StaticStructure) -> InherentStructure:
    """The inherent structure of a configuration; displacements through the faces of the box are followed.

    Raises
    ------
    FileError
        if no minimum is found
    """
    from scipy.optimize import minimize

    start, box, species = structure.positions, structure.box_length, structure.species
    cutoff = structure.mixture.largest_cutoff
    within = min(cutoff + SKIN, box / 2)
    listed_at = start
    pairs = neighbor_pairs(start, box, within)

    def energy_and_gradient(displacement: NDArray) -> tuple[float, NDArray]:
        nonlocal listed_at, pairs
        positions = start + displacement.reshape(-1, 3)
        moved = np.sort(((positions - listed_at) ** 2).sum(axis=1))[-2:]
        if np.sqrt(moved).sum() > within - cutoff:
            listed_at, pairs = positions, neighbor_pairs(positions, box, within)
        r_ij = minimum_image(positions[pairs[:, 1]] - positions[pairs[:, 0]], box)
        energy, force = pair_interactions(r_ij, pairs, species, structure.mixture)
        return energy, -force.ravel()

    found = minimize(
        energy_and_gradient,
        np.zeros(start.size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS, "maxfun": MOST_STEPS, "maxcor": 20, "gtol": LARGEST_FORCE, "ftol": 0.0},
    )
    largest_force = float(np.abs(found.jac).max())
    if not largest_force <= 10 * LARGEST_FORCE:
        raise FileError(
            f"{structure.name}: the search for the inherent structure ended after {found.nit} steps with a force of "
            f"{largest_force:.2g}, but about {LARGEST_FORCE:g} was expected; check that the positions are of a liquid"
        )
    return InherentStructure(found.x.reshape(-1, 3), float(found.fun), largest_force)
