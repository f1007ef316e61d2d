"""The Kob-Andersen liquid with force-shifted Lennard-Jones forces, in plain numpy.

The model of Kob and Andersen, Phys. Rev. E 51, 4626 (1995), with the interaction of Shiba et al.,
J. Chem. Phys. 158, 084503 (2023), Sec. II:

    V(r) = V_LJ(r) - V_LJ(r_c) - (r - r_c) V_LJ'(r_c)   for r < r_c = 2.5 sigma_ab,   0 beyond,

so that energy and force both vanish continuously at r_c. Engines run the dynamics. This module is the reference that
their forces are tested against, and it computes static quantities without an engine.

Units throughout the package are reduced Lennard-Jones: lengths in sigma_AA, energies in epsilon_AA, masses in m,
times in tau = sigma_AA sqrt(m / epsilon_AA), temperatures in epsilon_AA / k_B.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassbotan.dynamics.pairs import minimum_image, neighbor_pairs


class Species(IntEnum):
    """The two species of particles; the value is the `typeid` in GSD files and the `species` in npz files."""

    A = 0
    B = 1


@dataclass(frozen=True)
class Mixture:
    """Two species of particles that interact by force-shifted Lennard-Jones forces; by default Kob and Andersen's.

    Numbers for pairs of species are in the order AA, AB, BB.
    """

    epsilon: tuple[float, float, float] = (1.0, 1.5, 0.5)
    """well depths epsilon_ab"""
    sigma: tuple[float, float, float] = (1.0, 0.8, 0.88)
    """diameters sigma_ab"""
    cutoff: tuple[float, float, float] = (2.5, 2.5, 2.5)
    """cutoff radii r_c in units of sigma_ab"""
    mass: tuple[float, float] = (1.0, 1.0)
    """masses of A and B"""

    @cached_property
    def epsilons(self) -> NDArray[np.float64]:
        """Well depths, shape (2, 2), indexed by species."""
        return _table(self.epsilon)

    @cached_property
    def sigmas(self) -> NDArray[np.float64]:
        """Diameters, shape (2, 2), indexed by species."""
        return _table(self.sigma)

    @cached_property
    def cutoffs(self) -> NDArray[np.float64]:
        """Cutoff radii in sigma_AA, shape (2, 2), indexed by species."""
        return _table(self.cutoff) * self.sigmas

    @property
    def largest_cutoff(self) -> float:
        """The largest cutoff radius, sigma_AA."""
        return float(self.cutoffs.max())

    def masses(self, species: NDArray) -> NDArray[np.float64]:
        """Mass of each particle, (N,)."""
        return np.array(self.mass)[species]


def _table(of_pairs: tuple[float, float, float]) -> NDArray[np.float64]:
    aa, ab, bb = of_pairs
    return np.array([[aa, ab], [ab, bb]])


KOB_ANDERSEN = Mixture()


def box_length(particles: int, density: float) -> float:
    """Edge L of the cubic box that holds `particles` at number density `density`: L = (N / rho)^(1/3)."""
    return float((particles / density) ** (1 / 3))


def species_of(particles: int, fraction_of_a: float) -> NDArray[np.uint8]:
    """Species of each particle, shape (N,): first N_A = round(N x fraction) particles A, then particles B."""
    return np.where(np.arange(particles) < round(particles * fraction_of_a), Species.A, Species.B).astype(np.uint8)


def _lennard_jones(r: NDArray, epsilon: NDArray, sigma: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """V_LJ and its first two derivatives."""
    s2 = (sigma / r) ** 2
    s6 = s2 * s2 * s2  # several times as fast as (sigma / r) ** 6
    energy = 4 * epsilon * (s6**2 - s6)
    slope = -24 * epsilon * (2 * s6**2 - s6) / r
    curvature = 24 * epsilon * (26 * s6**2 - 7 * s6) / r**2
    return energy, slope, curvature


def pair_potential(
    r: ArrayLike, first: ArrayLike, second: ArrayLike, mixture: Mixture = KOB_ANDERSEN
) -> tuple[NDArray, NDArray, NDArray]:
    """Force-shifted V, V' and V'' of pairs at distance `r`.

    Parameters
    ----------
    r : (n,) distances
    first, second : (n,) or scalar, species of the two particles
    mixture : how the species interact

    Returns
    -------
    V, V', V'' : (n,) each, zero at and beyond the cutoff
    """
    r, first, second = np.broadcast_arrays(np.asarray(r, dtype=float), first, second)
    epsilons, sigmas, cutoffs = mixture.epsilons, mixture.sigmas, mixture.cutoffs
    cutoff = cutoffs[first, second]
    energy, slope, curvature = _lennard_jones(r, epsilons[first, second], sigmas[first, second])
    energy_c, slope_c, _ = (at_cutoff[first, second] for at_cutoff in _lennard_jones(cutoffs, epsilons, sigmas))
    inside = r < cutoff
    return (
        np.where(inside, energy - energy_c - (r - cutoff) * slope_c, 0.0),
        np.where(inside, slope - slope_c, 0.0),
        np.where(inside, curvature, 0.0),
    )


class Interactions(NamedTuple):
    """Energies, forces, Laplacian and virial of one configuration."""

    energies: NDArray
    """(N,) energy of each particle: half the energy of each of its pairs, so that the sum is U"""
    forces: NDArray
    """(N, 3) -dU/dr_i"""
    laplacian: float
    """sum over particles of nabla_i^2 U"""
    virial: float
    """sum over pairs of -r V'(r), so that pressure = (N kT + virial / 3) / L^3"""

    @property
    def potential_energy(self) -> float:
        """U, the total energy of the force-shifted interaction."""
        return float(self.energies.sum())


def pair_interactions(
    r_ij: NDArray, pairs: NDArray, species: NDArray, mixture: Mixture = KOB_ANDERSEN
) -> tuple[float, NDArray[np.float64]]:
    """U and the forces -dU/dr_i (N, 3) from given pairs; pairs beyond the cutoff contribute nothing.

    Parameters
    ----------
    r_ij : (n_p, 3), separations r_j - r_i, minimum image
    pairs : (n_p, 2), indices i and j of the particles
    species : (N,) values of `Species`
    mixture : how the species interact
    """
    i, j = pairs.T
    r = np.sqrt(np.einsum("nx,nx->n", r_ij, r_ij))
    energy, slope, _ = pair_potential(r, species[i], species[j], mixture)
    return float(energy.sum()), _forces(i, j, (slope / r)[:, None] * r_ij, len(species))


def _forces(i: NDArray, j: NDArray, force_on_i: NDArray, n: int) -> NDArray[np.float64]:
    """The sum of the forces on each particle, (N, 3), from the force that j exerts on i in each pair."""
    return np.stack(
        [np.bincount(i, force_on_i[:, axis], n) - np.bincount(j, force_on_i[:, axis], n) for axis in range(3)],
        axis=-1,
    )


def interactions(
    positions: NDArray, species: NDArray, box_length: float, mixture: Mixture = KOB_ANDERSEN
) -> Interactions:
    """Energies, forces, Laplacian and virial of one configuration.

    Parameters
    ----------
    positions : (N, 3), inside or outside the periodic box
    species : (N,) values of `Species`
    box_length : edge of the cubic box, at least twice the largest cutoff
    mixture : how the species interact
    """
    i, j = neighbor_pairs(positions, box_length, mixture.largest_cutoff).T
    r_ij = minimum_image(positions[j] - positions[i], box_length)
    r = np.linalg.norm(r_ij, axis=-1)
    energy, slope, curvature = pair_potential(r, species[i], species[j], mixture)
    n = len(positions)
    return Interactions(
        energies=0.5 * (np.bincount(i, energy, n) + np.bincount(j, energy, n)),
        forces=_forces(i, j, (slope / r)[:, None] * r_ij, n),
        laplacian=float(2 * (curvature + 2 * slope / r).sum()),
        virial=float(-(r * slope).sum()),
    )
