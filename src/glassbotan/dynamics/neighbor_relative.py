"""Motion of a particle relative to its neighbours, with and without the local deformation removed.

With u_ij = Dr_j - Dr_i for the neighbours j of i and a_ij = r_ij(0), the local deformation (strain and rotation) is the
least-squares fit of Falk and Langer, Phys. Rev. E 57, 7192 (1998),

    eta_i = [sum_j u_ij a_ij^T] [sum_j a_ij a_ij^T]^-1,

which is [sum_j r_ij(t) a_ij^T] [sum_j a_ij a_ij^T]^-1 - 1, and (reconstructed from the description in the paper)

    R_i = | N_nn^-1 sum_j [ r_ij(t) - (1 + eta_i) a_ij ] |      neighbour-relative displacement,
    D_i =   N_nn^-1 sum_j | r_ij(t) - (1 + eta_i) a_ij |^2      non-affine displacement (D^2_min),
    C_i = | Dr_i - N_nn^-1 sum_j Dr_j |                         the limit of R_i for eta_i -> 0.

The terms of the sums are linear or quadratic in the displacements, so every sum over neighbours is computed as one
product of a sparse matrix with (N, 3) arrays, and no array over pairs is formed for a replica.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import both_ways


class RelativeMotion(NamedTuple):
    """Values of one replica; their means over the replicas are the targets."""

    neighbor_relative: NDArray[np.float64]
    """R_i, (N,)"""
    cage_relative: NDArray[np.float64]
    """C_i, (N,)"""
    nonaffine: NDArray[np.float64]
    """D_i, (N,)"""


class Neighborhood:
    """The neighbours of every particle of one configuration, prepared once for all its replicas.

    Parameters
    ----------
    pairs : (n_p, 2), i < j
    separations : (n_p, 3), r_ij(0), minimum image
    particles : N
    within : range of the neighbours, sigma_AA
    """

    def __init__(self, pairs: NDArray, separations: NDArray, particles: int, within: float) -> None:
        from scipy.sparse import csr_array

        near = np.linalg.norm(separations, axis=-1) <= within
        ordered, source = both_ways(pairs[near])
        i, j = ordered.T
        a = np.concatenate([separations[near], -separations[near]])[source]

        def sums(weights: NDArray) -> Any:
            return csr_array((weights, (i, j)), shape=(particles, particles))

        self._sum = sums(np.ones(len(i)))
        self._moments = [sums(a[:, axis]) for axis in range(3)]
        self._number = np.bincount(i, minlength=particles).astype(float)
        self._first = np.stack([np.bincount(i, a[:, axis], particles) for axis in range(3)], axis=-1)
        second = np.stack(
            [np.bincount(i, a[:, p] * a[:, q], particles) for p in range(3) for q in range(3)], axis=-1
        ).reshape(-1, 3, 3)
        # With fewer than three neighbours, the pseudo-inverse gives the part of the deformation that they determine.
        self._inverse = np.linalg.pinv(second, hermitian=True)
        self._per_neighbor = 1 / np.maximum(self._number, 1)

    def relative_motion(self, displacements: NDArray) -> RelativeMotion:
        """R_i, C_i and D_i of one replica, from its unwrapped displacements (N, 3)."""
        moved = displacements - displacements.mean(axis=0)  # for smaller squares below; the result is the same
        correlation = self._correlation(moved)
        deformation = correlation @ self._inverse
        neighbors = self._sum @ moved
        total = neighbors - self._number[:, None] * moved  # sum_j u_ij
        residual = total - (deformation @ self._first[:, :, None])[:, :, 0]
        squares = (moved**2).sum(axis=-1)
        total_squared = self._sum @ squares - 2 * (moved * neighbors).sum(axis=-1) + self._number * squares
        # At the least-squares solution sum |u - eps a|^2 = sum |u|^2 - tr(eps [sum u a^T]^T).
        nonaffine = total_squared - (deformation * correlation).sum(axis=(1, 2))
        return RelativeMotion(
            neighbor_relative=np.linalg.norm(residual, axis=-1) * self._per_neighbor,
            cage_relative=np.linalg.norm(total, axis=-1) * self._per_neighbor,
            nonaffine=np.maximum(nonaffine, 0) * self._per_neighbor,
        )

    def _correlation(self, displacements: NDArray) -> NDArray[np.float64]:
        """sum_j u_ij a_ij^T, shape (N, 3, 3): component [alpha, beta] = sum_j u_ij,alpha a_ij,beta."""
        with_neighbors = np.stack([moment @ displacements for moment in self._moments], axis=-1)
        return with_neighbors - displacements[:, :, None] * self._first[:, None, :]
