"""The targets of pairs of neighbouring particles, which show which neighbours stay and which leave."""

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import lengths, minimum_image
from glassbotan.dynamics.registry import ReplicaMotion, pair_target


@pair_target("E", "pair-distance change", unit="sigma_AA")
def pair_distance_change(motion: ReplicaMotion) -> NDArray[np.float64]:
    """|r_ij(t)| - r_ij(0) of nearest images, (n_p,); its mean over the replicas is E_ij(t)."""
    i, j = motion.pairs.T
    moved = np.take(motion.displacements, j, axis=0)  # faster than displacements[j]
    moved -= np.take(motion.displacements, i, axis=0)
    moved += motion.separations
    return lengths(minimum_image(moved, motion.box_length)) - lengths(motion.separations)
