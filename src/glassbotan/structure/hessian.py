"""The Hessian of the potential energy as a sparse matrix of 3 x 3 blocks.

    H_ij = -[V'' n n^T + V'/r (1 - n n^T)]  for i != j,  n = r_ij / r,     H_ii = -sum_j H_ij

with the force-shifted potential V (`glassbotan.kob_andersen`). Only pairs within the cutoff have a block.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import both_ways, minimum_image, neighbor_pairs
from glassbotan.kob_andersen import KOB_ANDERSEN, Mixture, pair_potential

if TYPE_CHECKING:
    from scipy.sparse import bsr_array


def hessian(positions: NDArray, species: NDArray, box_length: float, mixture: Mixture = KOB_ANDERSEN) -> "bsr_array":
    """The Hessian (3 N, 3 N) in blocks of 3 x 3; rows and columns are x, y, z of the first particle, then the next.

    Parameters
    ----------
    positions : (N, 3), inside or outside of the periodic box, sigma_AA
    species : (N,) values of `Species`
    box_length : edge of the cubic box, at least twice the largest cutoff
    mixture : how the species interact
    """
    from scipy.sparse import bsr_array

    n = len(positions)
    pairs = neighbor_pairs(positions, box_length, mixture.largest_cutoff)
    r_ij = minimum_image(positions[pairs[:, 1]] - positions[pairs[:, 0]], box_length)
    r = np.linalg.norm(r_ij, axis=1)
    first, second = species[pairs].T
    _, slope, curvature = pair_potential(r, first, second, mixture)
    near = r < mixture.cutoffs[first, second]
    pairs, r_ij, r, slope, curvature = pairs[near], r_ij[near], r[near], slope[near], curvature[near]
    along = r_ij[:, :, None] * r_ij[:, None, :] / (r**2)[:, None, None]
    springs = (curvature - slope / r)[:, None, None] * along + (slope / r)[:, None, None] * np.eye(3)
    ordered, source = both_ways(pairs)
    blocks = np.concatenate([springs, springs])[source]
    diagonal = np.stack([np.bincount(ordered[:, 0], entry, n) for entry in blocks.reshape(-1, 9).T], axis=1)
    rows = np.concatenate([ordered[:, 0], np.arange(n)])
    columns = np.concatenate([ordered[:, 1], np.arange(n)])
    order = np.lexsort((columns, rows))
    data = np.concatenate([-blocks, diagonal.reshape(n, 3, 3)])[order]
    indptr = np.searchsorted(rows[order], np.arange(n + 1))
    return bsr_array((data, columns[order], indptr), shape=(3 * n, 3 * n))
