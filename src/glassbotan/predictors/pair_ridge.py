"""Ridge regression of the pair-distance change E on distances and on descriptors of the surroundings of both particles.

The numbers that describe a pair are its distances r in several states of the structure and all products of two of them,
and, for the descriptors x of each particle (`glassbotan.predictors.ridge`), the sums x_i + x_j and the absolute
differences |x_i - x_j|, which do not depend on which particle is called i. Each kind of pair is fitted by itself: AA,
AB and BB, neighbours and pairs that are farther apart. Where descriptors only add noise, the validation chooses a fit
to the distances alone.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from glassbotan.kob_andersen import box_length
from glassbotan.learn.columns import (
    SCALE,
    Scale,
    as_arrays,
    column_names,
    from_arrays,
    means_over_configurations,
    restored_targets,
    scaled_columns,
)
from glassbotan.learn.ridge import PARAMETERS, RidgeFit, RidgeSums, require_judges
from glassbotan.learn.scaling import TargetScaling
from glassbotan.predictors.contract import NAME, Examples, FitContext, FittedPredictor, PredictorSettings
from glassbotan.predictors.domain import Domain
from glassbotan.predictors.ridge import Descriptors
from glassbotan.progress import progress
from glassbotan.structure.descriptors import ShellDescriptors
from glassbotan.structure.states import DESCRIBED, AnyState, Positions
from glassbotan.structure.static import StaticStructure

KINDS = tuple(f"{pair} {how_far}" for pair in ("AA", "AB", "BB") for how_far in ("near", "far"))
"""Kinds of pairs, each of which is fitted by itself."""


class Settings(PredictorSettings):
    """Ridge regression of E on distances and descriptors in several states of the structure."""

    joint: ClassVar[bool] = True

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
    descriptors: Descriptors = Field(Descriptors(), description="descriptors of the surroundings of a particle")
    near: PositiveFloat = Field(
        1.35,
        description="distance up to which two particles are neighbours, which are fitted apart from farther pairs "
        "[sigma_AA]",
    )
    ridge_parameters: tuple[PositiveFloat, ...] = Field(
        PARAMETERS,
        min_length=1,
        description="values of the ridge parameter lambda that are tried; the one with the smallest error is taken",
    )
    target_scaling: Scale = Field("configuration", description=SCALE)

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


class Fitted(FittedPredictor):
    """The fitted weights of each kind of pairs, and the scale of E at each time.

    Parameters
    ----------
    descriptors : descriptors of the particles
    fit : the weights
    scalings : scale of E at each time
    """

    settings: Settings

    def __init__(
        self,
        settings: Settings,
        domain: Domain,
        descriptors: ShellDescriptors,
        fit: RidgeFit,
        scalings: Sequence[TargetScaling],
        history: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(settings, domain, history)
        self.descriptors, self.fit, self.scalings = descriptors, fit, scalings

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`."""
        kinds = kinds_of_pairs(structure, self.settings.near)
        of_particles = _of_particles(structure, self.settings, self.descriptors)
        columns = np.zeros((len(kinds), len(self.scalings)))
        for number in range(len(KINDS)):  # one kind after the other, since the numbers of all pairs are many
            rows = np.flatnonzero(kinds == number)
            x = _described(structure, rows, self.settings, of_particles)
            columns[rows] = self.fit.predict(x, kinds[rows])
        return restored_targets(columns, kinds, self.scalings, self.settings.predicts)

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """See `FittedPredictor.tensors`."""
        return {**self.fit.as_arrays(), **as_arrays(self.scalings)}

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> "Fitted":
        """See `FittedPredictor.restore`."""
        descriptors = settings.descriptors.within(box_length(domain.particles, domain.density))
        return cls(settings, domain, descriptors, RidgeFit.from_arrays(tensors), from_arrays(tensors))


def kinds_of_pairs(structure: StaticStructure, near: float) -> NDArray[np.int64]:
    """Number of the kind of each pair in `KINDS`, (n_p,)."""
    species = structure.species[structure.pairs].astype(np.int64).sum(axis=1)
    return 2 * species + (structure.distances >= near)


def _of_particles(structure: StaticStructure, settings: Settings, descriptors: ShellDescriptors) -> NDArray[np.float64]:
    """Descriptors of the particles, (N, n); n is 0 if none are used."""
    if not settings.of_ends:
        return np.zeros((len(structure), 0))
    return descriptors.compute(structure, settings.of_ends)


def _described(
    structure: StaticStructure, rows: NDArray, settings: Settings, of_particles: NDArray
) -> NDArray[np.float64]:
    """The numbers that describe the pairs in `rows`, (n, n_d)."""
    distances = [structure.at(state).distances[rows] for state in settings.structures]
    products = [a * b for a, b in itertools.combinations_with_replacement(distances, 2)]
    i, j = structure.pairs[rows].T
    ends = [of_particles[i] + of_particles[j], np.abs(of_particles[i] - of_particles[j])]
    return np.concatenate([np.stack([*distances, *products], axis=1), *ends], axis=1)


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Fit the weights for each kind of pairs at all times; see `glassbotan.predictors.contract`.

    Raises
    ------
    StudyError
        if lambda cannot be chosen, because there is one training configuration only and no validation configuration
    """
    require_judges(settings.name, len(train), len(validation))
    domain = context.domain
    descriptors = settings.descriptors.within(box_length(domain.particles, domain.density))
    sums, scalings = RidgeSums(len(KINDS)), []
    with progress(f"Fit {settings.name}", len(train) + len(validation), "configurations") as advance:
        for number, example in enumerate((*train, *validation)):
            structure = example.structure()
            kinds = kinds_of_pairs(structure, settings.near)
            y, scaling = scaled_columns([example.target("E")], kinds, len(KINDS), settings.target_scaling)
            of_particles = _of_particles(structure, settings, descriptors)
            if number < len(train):
                scalings.append(scaling)
            for kind in range(len(KINDS)):
                context.deadline.check()
                rows = np.flatnonzero(kinds == kind)
                x = _described(structure, rows, settings, of_particles)
                if number < len(train):
                    sums.add_training(number, x, y[rows], kinds[rows])
                else:
                    sums.add_validation(x, y[rows], kinds[rows])
            advance(1)
    names = column_names(settings.predicts, domain.time_indices)
    n = len(settings.structures)
    of_distances = n + n * (n + 1) // 2
    choices = [np.arange(count) for count in dict.fromkeys([of_distances, x.shape[1]])]
    fitted, history = sums.fit(settings.ridge_parameters, names, [f"pairs {kind}" for kind in KINDS], choices)
    return Fitted(settings, domain, descriptors, fitted, means_over_configurations(scalings), history)
