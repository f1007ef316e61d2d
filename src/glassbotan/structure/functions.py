"""Radial and angular structure functions of Behler and Parrinello, Phys. Rev. Lett. 98, 146401 (2007).

As Cubuk et al., Phys. Rev. Lett. 114, 108001 (2015), and Schoenholz et al., Nature Phys. 12, 469 (2016), use them for
softness:

    G_i(mu, s) = sum_{j of s} exp[-(r_ij - mu)^2 / L^2],
    Psi_i(xi, lambda, zeta, s, s') = sum_{j of s, k of s'} exp[-(r_ij^2 + r_jk^2 + r_ik^2) / xi^2]
                                     x (1 + lambda cos theta_jik)^zeta,

the second over pairs of neighbours within a range, each pair once.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import both_ways, minimum_image, neighbor_pairs
from glassbotan.kob_andersen import Species
from glassbotan.structure.static import StaticStructure

ANGULAR = (
    (14.638, -1, 1.0), (14.638, 1, 1.0), (14.638, -1, 2.0), (14.638, 1, 2.0), (2.554, -1, 1.0), (2.554, 1, 1.0),
    (2.554, -1, 2.0), (2.554, 1, 2.0), (1.648, 1, 1.0), (1.648, 1, 2.0), (1.204, 1, 1.0), (1.204, 1, 2.0),
    (1.204, 1, 4.0), (1.204, 1, 16.0), (0.933, 1, 1.0), (0.933, 1, 2.0), (0.933, 1, 4.0), (0.933, 1, 16.0),
    (0.695, 1, 1.0), (0.695, 1, 2.0), (0.695, 1, 4.0), (0.695, 1, 16.0),
)  # fmt: skip
"""(xi, lambda, zeta) of the angular functions, xi in sigma_AA: those of Cubuk et al., Table II."""
TRIPLES_PER_BLOCK = 500_000


@dataclass(frozen=True)
class StructureFunctions:
    """The settings of the structure functions, and their computation."""

    radii: tuple[float, ...]
    """radii mu of the radial functions, sigma_AA"""
    width: float
    """their width L, sigma_AA"""
    angular_range: float
    """range of the neighbours in the angular functions, sigma_AA"""

    def compute(self, structure: StaticStructure) -> NDArray[np.float64]:
        """The structure functions of every particle, (N, n_d).

        Raises
        ------
        FileError
            if the box is too small for their range
        """
        structure.require_room("structure functions", max(self._reach, self.angular_range))
        return np.concatenate([self._radial(structure), self._angular(structure)], axis=1)

    @property
    def _reach(self) -> float:
        """Distance beyond which neighbours are neglected in the radial functions, sigma_AA."""
        return max(self.radii) + 3 * self.width

    def _radial(self, structure: StaticStructure) -> NDArray[np.float64]:
        """G_i, (N, 2 x number of radii), with those of species A first."""
        pairs, r_ij = _ordered_neighbors(structure, self._reach)
        distances, n = np.linalg.norm(r_ij, axis=1), len(structure)
        found = []
        for species in Species:
            of_kind = structure.species[pairs[:, 1]] == species
            receiver, r = pairs[of_kind, 0], distances[of_kind]
            found += [np.bincount(receiver, np.exp(-((r - mu) ** 2) / self.width**2), n) for mu in self.radii]
        return np.stack(found, axis=1)

    def _angular(self, structure: StaticStructure) -> NDArray[np.float64]:
        """Psi_i, (N, 3 x number of functions), of the pairs AA, AB and BB of neighbours."""
        pairs, r_ij = _ordered_neighbors(structure, self.angular_range)
        n = len(structure)
        starts = np.searchsorted(pairs[:, 0], np.arange(n + 1))
        found = np.zeros((n, len(ANGULAR) * 3))
        counts = np.diff(starts)
        triples = np.cumsum(counts * (counts - 1) // 2)
        blocks = np.searchsorted(triples, np.arange(0, triples[-1], TRIPLES_PER_BLOCK) + TRIPLES_PER_BLOCK) + 1
        for first, last in itertools.pairwise([0, *np.minimum(blocks, n)]):
            found[first:last] = self._of_block(structure, pairs, r_ij, starts, first, last)
        return found

    def _of_block(
        self, structure: StaticStructure, pairs: NDArray, r_ij: NDArray, starts: NDArray, first: int, last: int
    ) -> NDArray[np.float64]:
        corners = [np.triu_indices(stop - start, 1) for start, stop in itertools.pairwise(starts[first : last + 1])]
        one = np.concatenate([a + start for (a, _), start in zip(corners, starts[first:last], strict=True)])
        other = np.concatenate([b + start for (_, b), start in zip(corners, starts[first:last], strict=True)])
        center = pairs[one, 0] - first
        kind = structure.species[pairs[one, 1]].astype(np.int64) + structure.species[pairs[other, 1]]
        row = 3 * center + kind
        squares = np.einsum("nx,nx->n", r_ij, r_ij)
        a2, b2 = squares[one], squares[other]
        dot = np.einsum("nx,nx->n", r_ij[one], r_ij[other])
        cosine, sum2 = dot / np.sqrt(a2 * b2), 2 * (a2 + b2 - dot)  # r_jk^2 = a^2 + b^2 - 2 a.b
        shape, found = (last - first, 3), []
        for xi, sign, zeta in ANGULAR:
            values = np.exp(-sum2 / xi**2) * (1 + sign * cosine) ** zeta
            found.append(np.bincount(row, values, shape[0] * 3).reshape(shape))
        return np.concatenate(found, axis=1)


def _ordered_neighbors(structure: StaticStructure, within: float) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """All neighbours of each particle: (n, 2) particle and neighbour, sorted, and r_ij (n, 3)."""
    ordered, _ = both_ways(neighbor_pairs(structure.positions, structure.box_length, within))
    i, j = ordered.T
    return ordered, minimum_image(structure.positions[j] - structure.positions[i], structure.box_length)
