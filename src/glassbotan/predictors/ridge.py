"""Ridge regression on the shell-averaged descriptors of Boattini et al., Phys. Rev. Lett. 127, 088007 (2021).

For each species, target and sampling time the weights w minimise

    n^-1 sum_i (y_i - w.x_i - c)^2 + lambda |w|^2

with a constant c over the particles of the training configurations, where the descriptors x are scaled to mean 0 and
standard deviation 1. The weights follow from sums over the particles, so configurations are read one after the other
and memory does not grow with their number. The ridge parameter lambda is the one with the smallest error on the
validation configurations or, if there are none, in a cross-validation on the training configurations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from glassbotan.dynamics.registry import known_particle_targets
from glassbotan.errors import StudyError
from glassbotan.kob_andersen import Species, box_length
from glassbotan.learn.least_squares import Sums, solve, validation_errors
from glassbotan.learn.scaling import TargetScaling
from glassbotan.predictors.contract import NAME, Example, Examples, FitContext, FittedPredictor, PredictorSettings
from glassbotan.predictors.domain import Domain
from glassbotan.progress import progress
from glassbotan.structure.descriptors import ShellDescriptors, Shells
from glassbotan.structure.static import StaticStructure
from glassbotan.study.section import Section

FOLDS = 5
"""Number of parts of the training set in the cross-validation that is done if there is no validation set."""


class Descriptors(Section):
    """Which descriptors of the surroundings of a particle are used."""

    smallest_radius: PositiveFloat = Field(
        0.8, description="smallest radius of the shells of the radial densities [sigma_AA]"
    )
    fine_range: PositiveFloat = Field(2.0, description="radius up to which there are narrow shells [sigma_AA]")
    fine_step: PositiveFloat = Field(
        0.05, description="distance between narrow shells, whose standard deviation is 0.8 of it [sigma_AA]"
    )
    coarse_range: PositiveFloat = Field(
        5.0,
        description="radius up to which there are wide shells; those that reach beyond half of the box are left out "
        "[sigma_AA]",
    )
    coarse_step: PositiveFloat = Field(
        0.1, description="distance between wide shells, whose standard deviation is 0.8 of it [sigma_AA]"
    )
    bond_order_radii: tuple[PositiveFloat, ...] = Field(
        tuple(np.linspace(1.0, 2.4, 12).round(4).tolist()),
        min_length=1,
        description="radii of the shells of the bond-order parameters [sigma_AA]",
    )
    bond_order_width: PositiveFloat = Field(
        0.1, description="standard deviation of the shells of the bond-order parameters [sigma_AA]"
    )
    bond_order_degrees: PositiveInt = Field(8, description="largest degree l of the bond-order parameters, from l = 1")
    averaging_range: PositiveFloat = Field(
        2.0, description="range r_c of the averages over the neighbourhood [sigma_AA]"
    )
    averages: NonNegativeInt = Field(
        2,
        description="how many times descriptors are averaged over the neighbourhood; each order of averages is used",
    )
    inherent_displacement: bool = Field(
        True,
        description="use the distance of each particle from its position in the inherent structure, and its square",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        first, middle, last = self.smallest_radius, self.fine_range, self.coarse_range
        if not first <= middle <= last:
            raise ValueError(f"radii of shells have to increase, but they are {first:g}, {middle:g}, {last:g}")
        return self

    def within(self, box_length: float) -> ShellDescriptors:
        """The descriptors for a box with this edge, without wide shells that reach beyond half of it."""
        fine = Shells(_steps(self.smallest_radius, self.fine_range, self.fine_step), 0.8 * self.fine_step)
        coarse = Shells(
            tuple(
                radius
                for radius in _steps(self.fine_range, self.coarse_range, self.coarse_step)
                if Shells((radius,), 0.8 * self.coarse_step).reach <= box_length / 2
            ),
            0.8 * self.coarse_step,
        )
        return ShellDescriptors(
            radial=(fine, coarse) if coarse.radii else (fine,),
            bond_order=Shells(self.bond_order_radii, self.bond_order_width),
            degrees=self.bond_order_degrees,
            averaging_range=self.averaging_range,
            averages=self.averages,
            inherent_displacement=self.inherent_displacement,
        )


def _steps(first: float, last: float, step: float) -> tuple[float, ...]:
    return tuple((first + step * np.arange(1 + round((last - first) / step))).round(6).tolist())


class Settings(PredictorSettings):
    """Ridge regression of particle targets on shell-averaged descriptors of the structure."""

    joint: ClassVar[bool] = True

    kind: Literal["ridge"] = Field(description="kind of predictor")
    name: str = Field("ridge", pattern=NAME, description="name in paths and tables")
    targets: tuple[str, ...] = Field(("S",), min_length=1, description="targets of particles that are predicted")
    descriptors: Descriptors = Field(Descriptors(), description="descriptors of the surroundings of a particle")
    ridge_parameters: tuple[PositiveFloat, ...] = Field(
        tuple(float(f"{value:.3g}") for value in np.geomspace(1e-4, 1e2, 25)),
        min_length=1,
        description="values of the ridge parameter lambda that are tried; the one with the smallest error is taken",
    )
    target_scaling: Literal["training set", "configuration"] = Field(
        "configuration",
        description="training set: targets are fitted as they are; configuration: they are fitted as deviations from "
        "the mean of each configuration in units of its standard deviation (each species by itself), so that the "
        "predictor does not learn how much a configuration moves as a whole",
    )

    _known = field_validator("targets")(known_particle_targets)

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return self.targets


class Fitted(FittedPredictor):
    """The fitted weights of each species, and the scale of each target at each time.

    Parameters
    ----------
    descriptors : the descriptors that the weights multiply
    weights : (2, n_d, n_y), for each species; the columns are all times of the first target, then of the next
    constants : (2, n_y)
    scalings : scale of each of the n_y columns
    """

    settings: Settings

    def __init__(
        self,
        settings: Settings,
        domain: Domain,
        descriptors: ShellDescriptors,
        weights: NDArray[np.float64],
        constants: NDArray[np.float64],
        scalings: Sequence[TargetScaling],
        history: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(settings, domain, history)
        self.descriptors, self.weights, self.constants, self.scalings = descriptors, weights, constants, scalings

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`."""
        described = self.descriptors.compute(structure)
        scaled = np.zeros((len(structure), len(self.scalings)))
        for species in Species:
            of_kind = structure.species == species
            scaled[of_kind] = described[of_kind] @ self.weights[species] + self.constants[species]
        values = [scaling.restore(scaled[:, column], structure.species) for column, scaling in enumerate(self.scalings)]
        n_t = len(self.domain.times)
        return {
            symbol: np.stack(values[first * n_t : (first + 1) * n_t])
            for first, symbol in enumerate(self.settings.targets)
        }

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """See `FittedPredictor.tensors`."""
        return {
            "weights": self.weights,
            "constants": self.constants,
            "target_means": np.array([scaling.mean for scaling in self.scalings]),
            "target_scales": np.array([scaling.scale for scaling in self.scalings]),
        }

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> "Fitted":
        """See `FittedPredictor.restore`."""
        pairs = zip(tensors["target_means"].tolist(), tensors["target_scales"].tolist(), strict=True)
        return cls(
            settings,
            domain,
            settings.descriptors.within(_box_length(domain)),
            tensors["weights"],
            tensors["constants"],
            [TargetScaling(tuple(mean), tuple(scale)) for mean, scale in pairs],
        )


@dataclass(frozen=True)
class _Measured:
    """The data of one configuration that the fit needs."""

    sums: Sequence[Sums]
    """sums over the particles of each species"""
    scalings: Sequence[TargetScaling]
    """scale of each target at each time, n_y of them"""


class _Reader:
    """Computes the sums over each configuration.

    The mean descriptors of the first configuration are subtracted from all descriptors, which reduces rounding errors
    in the sums.

    Parameters
    ----------
    settings : settings of the predictor
    descriptors : descriptors for the box of the configurations
    """

    def __init__(self, settings: Settings, descriptors: ShellDescriptors) -> None:
        self.settings, self.descriptors = settings, descriptors
        self.center: NDArray[np.float64] | None = None

    def read(self, example: Example) -> _Measured:
        """The sums over the particles of one configuration, and the scales of its targets."""
        structure = example.structure()
        x = self.descriptors.compute(structure)
        self.center = x.mean(axis=0) if self.center is None else self.center
        values = [row for symbol in self.settings.targets for row in example.target(symbol).astype(np.float64)]
        scalings = [self._scaling(row, structure.species) for row in values]
        y = np.stack(
            [scaling.measure(row, structure.species) for scaling, row in zip(scalings, values, strict=True)], axis=1
        )
        of_kind = [structure.species == kind for kind in Species]
        return _Measured([Sums.over((x - self.center)[rows], y[rows]) for rows in of_kind], scalings)

    def _scaling(self, values: NDArray, species: NDArray) -> TargetScaling:
        if self.settings.target_scaling == "training set":
            return TargetScaling.reduced(len(Species))
        return TargetScaling.of_values(values, species, len(Species))


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Fit the weights for both species, all targets and all times; see `glassbotan.predictors.contract`.

    Raises
    ------
    StudyError
        if lambda cannot be chosen, because there is one training configuration only and no validation configuration
    """
    if not validation and len(train) < 2:
        raise StudyError(
            f"model {settings.name} chooses its ridge parameter on configurations that it is not fitted to; set at "
            "least one validation configuration, or at least two training configurations"
        )
    domain = context.domain
    reader = _Reader(settings, settings.descriptors.within(_box_length(domain)))
    folds: dict[int, list[Sums]] = {}  # for each part of the training set, the sums of each species
    judged: dict[int, list[Sums]] = {}
    scalings = []
    with progress(f"Fit {settings.name}", len(train) + len(validation), "configurations") as advance:
        for number, example in enumerate((*train, *validation)):
            context.deadline.check()
            one = reader.read(example)
            if number < len(train):
                _add(folds, number % FOLDS, one.sums)
                scalings.append(one.scalings)
            else:
                _add(judged, 0, one.sums)
            advance(1)
    assert reader.center is not None

    weights, constants = [], []
    history: dict[str, list[float]] = {"ridge_parameter": list(settings.ridge_parameters)}
    for kind in Species:
        parts = [sums[kind] for sums in folds.values()]
        errors = validation_errors(parts, [sums[kind] for sums in judged.values()], settings.ridge_parameters)
        solutions = solve(reduce(add, parts), settings.ridge_parameters)
        best = [(*solutions[index], column) for column, index in enumerate(errors.argmin(axis=0))]
        weights.append(np.stack([of_x[:, column] for of_x, _, column in best], axis=1))
        constants.append(np.array([constant[column] for _, constant, column in best]) - reader.center @ weights[-1])
        names = [f"{symbol}_{kind.name}_t{index:02d}" for symbol in settings.targets for index in domain.time_indices]
        history |= {name: errors[:, column].tolist() for column, name in enumerate(names)}
    means = [TargetScaling.mean_of(of_column) for of_column in zip(*scalings, strict=True)]
    return Fitted(settings, domain, reader.descriptors, np.stack(weights), np.stack(constants), means, history)


def _add(into: dict[int, list[Sums]], key: int, sums: Sequence[Sums]) -> None:
    into[key] = [have + more for have, more in zip(into[key], sums, strict=True)] if key in into else list(sums)


def _box_length(domain: Domain) -> float:
    """Edge of the box of the configurations that a predictor is fitted to, sigma_AA."""
    return box_length(domain.particles, domain.density)
