"""Pair-distance change: which neighbours stay and which leave."""

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import lengths, minimum_image


def pair_distance_changes(
    pairs: NDArray, separations: NDArray, displacements: NDArray, box_length: float
) -> NDArray[np.float64]:
    """|r_ij(t)| - r_ij(0) of one replica; its mean over the replicas is E_ij(t).

    Parameters
    ----------
    pairs : (n_p, 2), i < j
    separations : (n_p, 3), r_ij(0) = r_j(0) - r_i(0), minimum image
    displacements : (N, 3), unwrapped
    box_length : edge of the cubic box; r_ij(t) is the minimum image

    Returns
    -------
    changes : (n_p,)
    """
    i, j = pairs.T
    moved = np.take(displacements, j, axis=0)  # faster than displacements[j]
    moved -= np.take(displacements, i, axis=0)
    moved += separations
    return lengths(minimum_image(moved, box_length)) - lengths(separations)
