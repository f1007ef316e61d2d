"""Kinds of neighbouring pairs: by the species of both particles, and whether they touch."""

import numpy as np
from numpy.typing import NDArray

from glassbotan.structure.static import StaticStructure

NEAR = 1.35
"""Distance up to which the pairs of A particles are those of the first coordination shell, sigma_AA; Shiba et al., J.
Chem. Phys. 158, 084503 (2023), score E over them."""
KINDS = tuple(f"{pair} {how_far}" for pair in ("AA", "AB", "BB") for how_far in ("near", "far"))
"""Names of the kinds."""


def kinds_of_pairs(structure: StaticStructure, near: float = NEAR) -> NDArray[np.int64]:
    """Number of the kind of each pair in `KINDS`, (n_p,).

    Parameters
    ----------
    structure : the structure
    near : distance at t = 0 below which a pair is near, sigma_AA
    """
    species = structure.species[structure.pairs].astype(np.int64).sum(axis=1)
    return 2 * species + (structure.distances >= near)
