"""Propensity: how far a particle goes from where it is."""

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import lengths


def displacement_lengths(displacements: NDArray) -> NDArray[np.float64]:
    """|r_i(t) - r_i(0)| of one replica, shape (N,); its mean over the replicas is the propensity S_i(t).

    Parameters
    ----------
    displacements : (N, 3), unwrapped
    """
    return lengths(displacements)


def overlap(displacements: NDArray, distance: float) -> float:
    """Q(t) = N^-1 sum_i Theta(a - |r_i(t) - r_i(0)|) of one replica, with a = `distance`."""
    return float((displacement_lengths(displacements) < distance).mean())
