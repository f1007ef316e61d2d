"""The static structure of one configuration: all that a predictor may see."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import minimum_image, neighbor_pairs
from glassbotan.errors import FileError
from glassbotan.kob_andersen import Species

State = Literal["thermal"]
"""Which positions a predictor looks at: thermal are those of the configuration itself."""
CLOSEST = 0.5
"""No two particles of a liquid come so near, sigma_AA: A and B at T = 5 stay 0.65 apart."""


@dataclass(frozen=True)
class StaticStructure:
    """Positions, species and neighbouring pairs of one configuration in a cubic periodic box."""

    positions: NDArray[np.float64]
    """(N, 3), at t = 0, sigma_AA"""
    species: NDArray[np.uint8]
    """(N,), values of `Species`"""
    box_length: float
    """edge L of the box, sigma_AA"""
    pairs: NDArray[np.int32]
    """(n_p, 2), i < j, r_ij <= r_e"""
    name: str = "the configuration"
    """what messages call it"""

    @classmethod
    def of_positions(
        cls, positions: NDArray, species: NDArray, box_length: float, pair_range: float, name: str = "the configuration"
    ) -> "StaticStructure":
        """The structure of a configuration that could be a liquid.

        Raises
        ------
        FileError
            if two particles lie in the same place, one has no neighbour, or the box is too small for the pairs
        """
        pairs = liquid_pairs(positions, box_length, pair_range, name)
        return cls(positions, species, box_length, pairs, name)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def density(self) -> float:
        """Number density N / L^3, sigma_AA^-3."""
        return len(self) / self.box_length**3

    @property
    def fraction_of_a(self) -> float:
        """Fraction of particles of species A."""
        return float((self.species == Species.A).mean())

    @cached_property
    def separations(self) -> NDArray[np.float64]:
        """r_ij(0) = r_j - r_i of each pair, minimum image, (n_p, 3)."""
        i, j = self.pairs.T
        return minimum_image(self.positions[j] - self.positions[i], self.box_length)

    @cached_property
    def distances(self) -> NDArray[np.float64]:
        """|r_ij(0)| of each pair, (n_p,)."""
        distances: NDArray[np.float64] = np.linalg.norm(self.separations, axis=1)
        return distances

    def pairs_of_a(self, within: float) -> NDArray[np.bool_]:
        """Which pairs are A-A and start nearer than `within`, (n_p,)."""
        both_a = (self.species[self.pairs] == Species.A).all(axis=1)
        near: NDArray[np.bool_] = both_a & (self.distances < within)
        return near

    def require_states(self, needed: Collection[str], by: str) -> None:
        """Refuse to serve a predictor that needs positions which this structure lacks.

        Raises
        ------
        FileError
            names the configuration, the predictor and what is missing
        """
        if missing := sorted({*needed} - {"thermal"}):
            raise FileError(
                f"{self.name} holds the thermal structure alone, but {by} needs the {' and the '.join(missing)} "
                "structure as well; make it, or choose another predictor"
            )


def liquid_pairs(positions: NDArray, box_length: float, within: float, name: str) -> NDArray[np.int32]:
    """The pairs (n_p, 2) of a configuration that could be a liquid.

    Raises
    ------
    FileError
        if two particles lie in the same place, one has no neighbour, or the box is too small for the range
    """
    try:
        pairs = neighbor_pairs(positions, box_length, within)
    except ValueError as error:
        raise FileError(f"{name}: {error}") from None
    apart = np.linalg.norm(minimum_image(positions[pairs[:, 1]] - positions[pairs[:, 0]], box_length), axis=1)
    if len(apart) and apart.min() < CLOSEST:
        i, j = pairs[apart.argmin()]
        raise FileError(
            f"{name}: particles {i} and {j} are {apart.min():.3g} apart, but no two of a liquid come nearer than "
            f"{CLOSEST:g}; positions are damaged, or the box of edge {box_length:.5g} is not theirs"
        )
    alone = np.setdiff1d(np.arange(len(positions)), pairs)
    if len(alone):
        raise FileError(
            f"{name}: particle {alone[0]} has no neighbour within {within:g}, so nothing could be predicted of it; "
            f"positions are damaged, or the box of edge {box_length:.5g} is not theirs"
        )
    return pairs
