"""The static structure of one configuration: all the data from which a predictor may predict."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import minimum_image, neighbor_pairs
from glassbotan.errors import FileError
from glassbotan.kob_andersen import KOB_ANDERSEN, Mixture, Species, interactions
from glassbotan.structure.states import THERMAL, StructureState

CLOSEST = 0.5
"""Two particles of a liquid are never closer than this, sigma_AA: at T = 5, A and B stay 0.65 apart."""


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
    """name of the configuration in messages"""
    mixture: Mixture = KOB_ANDERSEN
    """how its particles interact"""
    states: Mapping[str, StructureState] = field(default_factory=dict)
    """what lies behind the configuration, by the names of `glassbotan.structure.states`"""
    temperature: float | None = None
    """temperature of the state point, epsilon_AA / k_B; None if it is not known"""

    @classmethod
    def of_positions(
        cls,
        positions: NDArray,
        species: NDArray,
        box_length: float,
        pair_range: float,
        name: str = "the configuration",
        mixture: Mixture = KOB_ANDERSEN,
    ) -> "StaticStructure":
        """The structure of a configuration, after checking that it can be a liquid.

        Raises
        ------
        FileError
            if two particles are closer than `CLOSEST`, one has no neighbour, or the box is too small for the pairs
        """
        pairs = liquid_pairs(positions, box_length, pair_range, name)
        return cls(positions, species, box_length, pairs, name, mixture)

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

    @property
    def energies(self) -> NDArray[np.float64]:
        """Potential energy of each particle, half of the sum of its pair energies, (N,), epsilon_AA."""
        return interactions(self.positions, self.species, self.box_length, self.mixture).energies

    def displacement(self, state: str) -> NDArray[np.float64]:
        """From the thermal position of each particle to its position in a state, (N, 3), sigma_AA."""
        if state == THERMAL:
            return np.zeros_like(self.positions)
        found = self.states[state].displacement
        if found is None:
            raise ValueError(f"{state} has no positions")
        return found

    def at(self, state: str) -> "StaticStructure":
        """The same particles and pairs at their positions in a state, which may be outside of the box."""
        if state == THERMAL:
            return self
        name = f"{self.name} ({state})"
        return replace(self, positions=self.positions + self.displacement(state), name=name, states={})

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
        """Whether each pair is an A-A pair with r_ij(0) < `within`, (n_p,)."""
        both_a = (self.species[self.pairs] == Species.A).all(axis=1)
        near: NDArray[np.bool_] = both_a & (self.distances < within)
        return near

    def scored(self, of: Literal["particle", "pair"], pair_range: float) -> NDArray[np.bool_]:
        """Whether each particle or pair is scored: A particles, (N,), or A-A pairs nearer than `pair_range`, (n_p,)."""
        if of == "pair":
            return self.pairs_of_a(pair_range)
        of_a: NDArray[np.bool_] = self.species == Species.A
        return of_a

    def require_room(self, what: str, reach: float) -> None:
        """Raise an error if half the box is smaller than a distance over which particles are counted.

        Parameters
        ----------
        what : what is computed, for the message
        reach : the distance, sigma_AA

        Raises
        ------
        FileError
            with both
        """
        if reach > self.box_length / 2:
            raise FileError(
                f"{self.name}: the {what} reach as far as {reach:.4g}, which needs a box of at least {2 * reach:.4g} "
                f"(minimum image), but it is {self.box_length:.4g} long"
            )

    def require_states(self, needed: Collection[str], by: str) -> None:
        """Raise an error, naming the predictor `by`, if it needs positions that this structure lacks.

        Raises
        ------
        FileError
            if positions are missing
        """
        if missing := sorted({*needed} - {THERMAL, *self.states}):
            raise FileError(
                f"{self.name} has the structures {', '.join([THERMAL, *self.states])}, but {by} needs "
                f"{' and '.join(missing)} as well; give the structure file that has them (the stage `structure` "
                "makes it)"
            )


def liquid_pairs(positions: NDArray, box_length: float, within: float, name: str) -> NDArray[np.int32]:
    """The pairs (n_p, 2) of a configuration, after checking that it can be a liquid.

    Raises
    ------
    FileError
        if two particles are closer than `CLOSEST`, one has no neighbour, or the box is too small for the range
    """
    try:
        pairs = neighbor_pairs(positions, box_length, within)
    except ValueError as error:
        raise FileError(f"{name}: {error}") from None
    apart = np.linalg.norm(minimum_image(positions[pairs[:, 1]] - positions[pairs[:, 0]], box_length), axis=1)
    if len(apart) and apart.min() < CLOSEST:
        i, j = pairs[apart.argmin()]
        raise FileError(
            f"{name}: particles {i} and {j} are {apart.min():.3g} apart, but in a liquid all are farther apart "
            f"than {CLOSEST:g}; check the positions, and the edge of the box, {box_length:.5g}"
        )
    alone = np.setdiff1d(np.arange(len(positions)), pairs)
    if len(alone):
        raise FileError(
            f"{name}: particle {alone[0]} has no neighbour within {within:g}, so nothing can be predicted for it; "
            f"check the positions, and the edge of the box, {box_length:.5g}"
        )
    return pairs
