"""Configurations of the liquid, and the lattices and random velocities that simulations start from."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import wrap
from glassbotan.kob_andersen import KOB_ANDERSEN, Mixture, species_of
from glassbotan.study.simulation import Liquid


@dataclass(frozen=True)
class Configuration:
    """One system at one moment."""

    positions: NDArray[np.float64]
    """(N, 3), wrapped into [-L/2, L/2), sigma_AA"""
    images: NDArray[np.int32]
    """(N, 3), numbers of boxes crossed: positions + L x images are the unwrapped positions"""
    velocities: NDArray[np.float64]
    """(N, 3), sigma_AA / tau"""
    species: NDArray[np.uint8]
    """(N,), values of `Species`"""
    box_length: float
    """edge L of the cubic box, sigma_AA"""
    mixture: Mixture = KOB_ANDERSEN
    """how its particles interact, and their masses"""

    @classmethod
    def at_rest(cls, positions: NDArray, species: NDArray, box_length: float, mixture: Mixture = KOB_ANDERSEN) -> Self:
        """A configuration of which only positions are known: its images and velocities are zero."""
        zero = np.zeros_like(positions)
        return cls(positions, zero.astype(np.int32), zero, species, box_length, mixture)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def unwrapped(self) -> NDArray[np.float64]:
        """Positions followed continuously through the faces of the box, (N, 3), sigma_AA."""
        return self.positions + self.box_length * self.images

    @property
    def kinetic_energy(self) -> float:
        """Kinetic energy, sum of m v^2 / 2, epsilon_AA."""
        return float(0.5 * (self.masses * (self.velocities**2).sum(axis=1)).sum())

    @property
    def momentum(self) -> NDArray[np.float64]:
        """Total momentum, sum of m v, (3,)."""
        total: NDArray[np.float64] = self.masses @ self.velocities
        return total

    @property
    def masses(self) -> NDArray[np.float64]:
        """Mass of each particle, (N,)."""
        return self.mixture.masses(self.species)

    def wrapped(self) -> Self:
        """The same configuration with every particle strictly inside the box and its images set accordingly.

        Engines let particles move slightly out of the box between rebuilds of their neighbour lists.
        """
        positions, moved = wrap(self.positions, self.box_length)
        return replace(self, positions=positions, images=self.images + moved)

    def in_the_box(self) -> Self:
        """The configuration, wrapped and with all images set to zero: displacements of an ensemble start from it."""
        return replace(self.wrapped(), images=np.zeros_like(self.images))


def cells_along_curve(positions: NDArray, box_length: float, bits: int) -> NDArray[np.int64]:
    """Number of the cell of each particle along a Morton curve through 2^bits cells along each edge of the box, (N,).

    Particles that are near each other on the curve are near each other in space, and so should be in memory.
    """
    edge = 1 << bits
    cells = np.clip(np.floor((positions / box_length + 0.5) * edge).astype(np.int64), 0, edge - 1)
    numbers = np.zeros(len(positions), dtype=np.int64)
    for bit in range(bits):
        for axis in range(3):
            numbers |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return numbers


def random_generator(root: int, temperature: float, configuration: int, replica: int) -> np.random.Generator:
    """The random numbers of one replica of one configuration, which are the same for every engine.

    Replica 0 is the melt; 1, 2, ... are the runs of the isoconfigurational ensemble. Temperatures are distinguished to
    two decimals, as in the names of the folders.
    """
    return np.random.default_rng(np.random.SeedSequence((root, round(100 * temperature), configuration, replica)))


def maxwell_boltzmann(masses: NDArray, temperature: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Maxwell-Boltzmann velocities of particles with the given masses, with the centre of mass at rest, (N, 3)."""
    velocities = np.sqrt(temperature / masses)[:, None] * rng.normal(size=(len(masses), 3))
    return velocities - masses @ velocities / masses.sum()


def lattice(liquid: Liquid, temperature: float, rng: np.random.Generator) -> Configuration:
    """The configuration that is melted: species at random on a simple cubic lattice, velocities at `temperature`."""
    n, length = liquid.particles, liquid.box_length
    sites_per_edge = next(edge for edge in range(1, n + 1) if edge**3 >= n)
    sites = np.stack(np.unravel_index(rng.permutation(sites_per_edge**3)[:n], (sites_per_edge,) * 3), axis=-1)
    species = species_of(n, liquid.fraction_of_a)
    return Configuration(
        positions=(sites + 0.5) * length / sites_per_edge - length / 2,
        images=np.zeros((n, 3), dtype=np.int32),
        velocities=maxwell_boltzmann(liquid.mixture.masses(species), temperature, rng),
        species=species,
        box_length=length,
        mixture=liquid.mixture,
    )
