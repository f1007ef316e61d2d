"""Ridge regression of the pair-distance change E on distances and on descriptors of the surroundings of both particles.

The numbers that describe a pair are its distances r in several states of the structure and all products of two of them,
and, for the descriptors x of each particle (`glassbotan.predictors.ridges`), the sums x_i + x_j and the absolute
differences |x_i - x_j|, which do not depend on which particle is called i. Each kind of pair is fitted by itself: AA,
AB and BB, neighbours and pairs that are farther apart. Where descriptors only add noise, the validation chooses a fit
to the distances alone.
"""

import itertools
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from glassbotan.predictors.contract import NAME, Examples, FitContext
from glassbotan.predictors.ridges import FittedRidge, RidgeInput, RidgeSettings
from glassbotan.structure.pair_kinds import KINDS, NEAR, kinds_of_pairs
from glassbotan.structure.states import DESCRIBED, AnyState, Positions
from glassbotan.structure.static import StaticStructure


class Settings(RidgeSettings):
    """Ridge regression of E on distances and descriptors in several states of the structure."""

    kind: Literal["pair-ridge"] = Field(description="kind of predictor")
    name: str = Field("pair-ridge", pattern=NAME, description="name in paths and tables")
    structures: tuple[Positions, ...] = Field(
        DESCRIBED,
        min_length=1,
        description="states of the structure whose distances are used: thermal, inherent, cage-<radius>, short-<time>",
    )
    described: tuple[AnyState, ...] | None = Field(
        None,
        description="states of which the descriptors of both particles are used; by default the last of `structures`",
    )
    near: PositiveFloat = Field(
        NEAR,
        description="distance up to which two particles are neighbours, which are fitted apart from farther pairs "
        "[sigma_AA]",
    )

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return ("E",)

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset({*self.structures, *self.of_ends})

    @property
    def of_ends(self) -> tuple[str, ...]:
        """States of which the descriptors of both particles are used."""
        return self.structures[-1:] if self.described is None else self.described

    @property
    def uses_potential(self) -> bool:
        """See `PredictorSettings.uses_potential`: energies are among the descriptors of particles."""
        return super().uses_potential or bool(self.of_ends)


class DescribedPairs(RidgeInput):
    """Distances of each pair and descriptors of its particles; each kind of pair is fitted by itself."""

    settings: Settings
    classes: ClassVar[tuple[str, ...]] = tuple(f"pairs {kind}" for kind in KINDS)

    def members(self, structure: StaticStructure) -> NDArray[np.integer]:
        """See `RidgeInput.members`."""
        return kinds_of_pairs(structure, self.settings.near)

    def blocks(self, structure: StaticStructure) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """See `RidgeInput.blocks`: one kind after the other, since the numbers of all pairs together are many."""
        states = self.settings.of_ends
        of_particles = self.descriptors.compute(structure, states) if states else np.zeros((len(structure), 0))
        distances = [structure.at(state).distances for state in self.settings.structures]
        products = [a * b for a, b in itertools.combinations_with_replacement(distances, 2)]
        of_pairs = np.stack([*distances, *products], axis=1)
        kinds = self.members(structure)
        for number in range(len(KINDS)):
            rows = np.flatnonzero(kinds == number)
            i, j = structure.pairs[rows].T
            ends = [of_particles[i] + of_particles[j], np.abs(of_particles[i] - of_particles[j])]
            yield rows, np.concatenate([of_pairs[rows], *ends], axis=1)

    def choices(self, structure: StaticStructure) -> list[NDArray[np.intp]]:
        """See `RidgeInput.choices`: distances alone, or descriptors as well."""
        n = len(self.settings.structures)
        of_distances = n + n * (n + 1) // 2
        of_ends = 2 * len(self.descriptors.labels(structure, self.settings.of_ends))
        return [np.arange(count) for count in dict.fromkeys([of_distances, of_distances + of_ends])]


class Fitted(FittedRidge):
    """The fitted weights of each kind of pairs."""

    input_type: ClassVar[type[RidgeInput]] = DescribedPairs
    settings: Settings


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Fit the weights; see `FittedRidge.fitted_to`."""
    return Fitted.fitted_to(train, validation, settings, context)
