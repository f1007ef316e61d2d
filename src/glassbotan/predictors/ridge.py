"""Ridge regression on the shell-averaged descriptors of Boattini et al., Phys. Rev. Lett. 127, 088007 (2021).

The descriptors can be those of several states of the structure: of the thermal positions, of the inherent structure,
and of cage states (Alkemade, Smallenburg & Filion, J. Chem. Phys. 158, 134512 (2023)). The regression is that of
`glassbotan.learn.ridge`, by itself for each species, target and sampling time. Configurations are read one after the
other, so memory does not grow with their number.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from glassbotan.dynamics.registry import known_particle_targets
from glassbotan.kob_andersen import Species, box_length
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
from glassbotan.progress import progress
from glassbotan.structure.descriptors import ShellDescriptors, Shells
from glassbotan.structure.states import DESCRIBED, AnyState
from glassbotan.structure.static import StaticStructure
from glassbotan.study.section import Section


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
        )


def _steps(first: float, last: float, step: float) -> tuple[float, ...]:
    return tuple((first + step * np.arange(1 + round((last - first) / step))).round(6).tolist())


class Settings(PredictorSettings):
    """Ridge regression of particle targets on shell-averaged descriptors of the structure."""

    joint: ClassVar[bool] = True

    kind: Literal["ridge"] = Field(description="kind of predictor")
    name: str = Field("ridge", pattern=NAME, description="name in paths and tables")
    targets: tuple[str, ...] = Field(("S",), min_length=1, description="targets of particles that are predicted")
    structures: tuple[AnyState, ...] = Field(
        DESCRIBED,
        min_length=1,
        description="states of the structure that are described: thermal, inherent, cage-<radius>, short-<time> or "
        "modes; the validation chooses whether all of them or one alone has weights",
    )
    descriptors: Descriptors = Field(Descriptors(), description="descriptors of the surroundings of a particle")
    ridge_parameters: tuple[PositiveFloat, ...] = Field(
        PARAMETERS,
        min_length=1,
        description="values of the ridge parameter lambda that are tried; the one with the smallest error is taken",
    )
    target_scaling: Scale = Field("configuration", description=SCALE)

    _known = field_validator("targets")(known_particle_targets)

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return self.targets

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset(self.structures)

    @property
    def uses_potential(self) -> bool:
        """See `PredictorSettings.uses_potential`: energies are among its descriptors."""
        return True


class Fitted(FittedPredictor):
    """The fitted weights of each species, and the scale of each target at each time.

    Parameters
    ----------
    descriptors : the descriptors that the weights multiply
    fit : the weights; the columns are all times of the first target, then of the next
    scalings : scale of each column
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
        described = self.descriptors.compute(structure, self.settings.structures)
        columns = self.fit.predict(described, structure.species)
        return restored_targets(columns, structure.species, self.scalings, self.settings.targets)

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


def selections(structures: Sequence[str]) -> list[tuple[str, ...]]:
    """The structures that can have weights: all of them, or one alone."""
    return list(dict.fromkeys([tuple(structures), *((one,) for one in structures)]))


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Fit the weights for both species, all targets and all times; see `glassbotan.predictors.contract`.

    Raises
    ------
    StudyError
        if lambda cannot be chosen, because there is one training configuration only and no validation configuration
    """
    require_judges(settings.name, len(train), len(validation))
    domain = context.domain
    descriptors = settings.descriptors.within(box_length(domain.particles, domain.density))
    sums, scalings = RidgeSums(len(Species)), []
    with progress(f"Fit {settings.name}", len(train) + len(validation), "configurations") as advance:
        for number, example in enumerate((*train, *validation)):
            context.deadline.check()
            structure = example.structure()
            x = descriptors.compute(structure, settings.structures)
            targets = [example.target(symbol) for symbol in settings.targets]
            y, scaling = scaled_columns(targets, structure.species, len(Species), settings.target_scaling)
            if number < len(train):
                sums.add_training(number, x, y, structure.species)
                scalings.append(scaling)
            else:
                sums.add_validation(x, y, structure.species)
            advance(1)
    names = column_names(settings.targets, domain.time_indices)
    of_states = np.array([label.state for label in descriptors.labels(structure, settings.structures)])
    choices = [np.flatnonzero(np.isin(of_states, states)) for states in selections(settings.structures)]
    classes = [f"particles {kind.name}" for kind in Species]
    fitted, history = sums.fit(settings.ridge_parameters, names, classes, choices)
    return Fitted(settings, domain, descriptors, fitted, means_over_configurations(scalings), history)
