"""What the ridge regressions of particles and of pairs have in common.

Their input is the shell-averaged descriptors of Boattini et al., Phys. Rev. Lett. 127, 088007 (2021), and the
regression is that of `glassbotan.learn.ridge`. Configurations are read one after the other, so memory does not grow
with their number.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

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
from glassbotan.learn.ridge import PARAMETERS, RidgeFit, RidgeSums
from glassbotan.learn.scaling import TargetScaling
from glassbotan.predictors.contract import (
    Examples,
    FitContext,
    FittedPredictor,
)
from glassbotan.predictors.domain import Domain
from glassbotan.predictors.shared import Joint, require_held_out
from glassbotan.progress import progress
from glassbotan.structure.descriptors import ShellDescriptors, Shells
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


class RidgeSettings(Joint):
    """Settings of every ridge regression on shell-averaged descriptors."""

    random: ClassVar[bool] = False

    descriptors: Descriptors = Field(Descriptors(), description="descriptors of the surroundings of a particle")
    ridge_parameters: tuple[PositiveFloat, ...] = Field(
        PARAMETERS,
        min_length=1,
        description="values of the ridge parameter lambda that are tried; the one with the smallest error is taken",
    )
    target_scaling: Scale = Field("configuration", description=SCALE)


class RidgeInput(ABC):
    """What a ridge regression predicts from: numbers that describe each particle, or each pair.

    Parameters
    ----------
    settings : settings of the predictor
    domain : its domain; the descriptors depend on the size of the box
    """

    classes: ClassVar[tuple[str, ...]]
    """names of the classes of particles or pairs, each of which is fitted by itself"""

    def __init__(self, settings: Any, domain: Domain) -> None:
        self.settings = settings
        self.descriptors: ShellDescriptors = settings.descriptors.within(box_length(domain.particles, domain.density))

    @abstractmethod
    def members(self, structure: StaticStructure) -> NDArray[np.integer]:
        """The class of each particle or pair, (n,)."""

    @abstractmethod
    def blocks(self, structure: StaticStructure) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Indices of some particles or pairs, (n_b,), and the numbers that describe them, (n_b, n_d); all in turn."""

    @abstractmethod
    def choices(self, structure: StaticStructure) -> list[NDArray[np.intp]]:
        """Sets of the numbers that can have weights, as indices from 0 to n_d - 1; the validation takes one of them."""


class FittedRidge(FittedPredictor):
    """The fitted weights of each class, and the scale of each target at each time.

    Parameters
    ----------
    fit : the weights; the columns are all times of the first target, then of the next
    scalings : scale of each column
    """

    input_type: ClassVar[type[RidgeInput]]

    def __init__(
        self,
        settings: RidgeSettings,
        domain: Domain,
        fit: RidgeFit,
        scalings: Sequence[TargetScaling],
        history: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(settings, domain, history)
        self.input = self.input_type(settings, domain)
        self.fit, self.scalings = fit, scalings

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`."""
        members = self.input.members(structure)
        columns = np.zeros((len(members), len(self.scalings)))
        for rows, x in self.input.blocks(structure):
            columns[rows] = self.fit.predict(x, members[rows])
        return restored_targets(columns, members, self.scalings, self.settings.predicts)

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """See `FittedPredictor.tensors`."""
        return {**self.fit.as_arrays(), **as_arrays(self.scalings)}

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> Self:
        """See `FittedPredictor.restore`."""
        return cls(settings, domain, RidgeFit.from_arrays(tensors), from_arrays(tensors))

    @classmethod
    def fitted_to(cls, train: Examples, validation: Examples, settings: RidgeSettings, context: FitContext) -> Self:
        """Fit the weights for all classes, targets and times; see `glassbotan.predictors.contract`.

        Raises
        ------
        StudyError
            if lambda cannot be chosen, because there is one training configuration only and no validation configuration
        """
        require_held_out(settings.name, "ridge parameter", len(train), len(validation))
        domain, symbols = context.domain, settings.predicts
        described = cls.input_type(settings, domain)
        classes = described.classes
        sums, scalings = RidgeSums(len(classes)), []
        with progress(f"Fit {settings.name}", len(train) + len(validation), "configurations") as advance:
            for number, example in enumerate((*train, *validation)):
                structure = example.structure()
                members = described.members(structure)
                targets = [example.target(symbol) for symbol in symbols]
                y, scaling = scaled_columns(targets, members, len(classes), settings.target_scaling)
                for rows, x in described.blocks(structure):
                    context.deadline.check()
                    if number < len(train):
                        sums.add_training(number, x, y[rows], members[rows])
                    else:
                        sums.add_validation(x, y[rows], members[rows])
                if number < len(train):
                    scalings.append(scaling)
                advance(1)
        names = column_names(symbols, domain.time_indices)
        fit, history = sums.fit(settings.ridge_parameters, names, classes, described.choices(structure))
        return cls(settings, domain, fit, means_over_configurations(scalings), history)
