"""Ridge regression on the shell-averaged descriptors of Boattini et al., Phys. Rev. Lett. 127, 088007 (2021).

The descriptors can be those of several states of the structure: of the thermal positions, of the inherent structure,
and of cage states (Alkemade, Smallenburg & Filion, J. Chem. Phys. 158, 134512 (2023)). Each species, target and
sampling time is fitted by itself.
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glassbotan.kob_andersen import Species
from glassbotan.predictors.contract import NAME, Examples, FitContext
from glassbotan.predictors.ridges import FittedRidge, RidgeInput, RidgeSettings
from glassbotan.predictors.shared import OfParticles
from glassbotan.structure.states import DESCRIBED, AnyState
from glassbotan.structure.static import StaticStructure


class Settings(RidgeSettings, OfParticles):
    """Ridge regression of particle targets on shell-averaged descriptors of the structure."""

    kind: Literal["ridge"] = Field(description="kind of predictor")
    name: str = Field("ridge", pattern=NAME, description="name in paths and tables")
    structures: tuple[AnyState, ...] = Field(
        DESCRIBED,
        min_length=1,
        description="states of the structure that are described: thermal, inherent, cage-<radius>, short-<time> or "
        "modes; the validation chooses whether all of them or one alone has weights",
    )

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset(self.structures)

    @property
    def uses_potential(self) -> bool:
        """See `PredictorSettings.uses_potential`: energies are among its descriptors."""
        return True


class DescribedParticles(RidgeInput):
    """The descriptors of each particle, in all states; each species is fitted by itself."""

    settings: Settings
    classes: ClassVar[tuple[str, ...]] = tuple(f"particles {kind.name}" for kind in Species)

    def members(self, structure: StaticStructure) -> NDArray[np.integer]:
        """See `RidgeInput.members`."""
        return structure.species

    def blocks(self, structure: StaticStructure) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """See `RidgeInput.blocks`: all particles together."""
        yield np.arange(len(structure)), self.descriptors.compute(structure, self.settings.structures)

    def choices(self, structure: StaticStructure) -> list[NDArray[np.intp]]:
        """See `RidgeInput.choices`: the descriptors in all of the states, or in one alone."""
        structures = self.settings.structures
        of_states = np.array([label.state for label in self.descriptors.labels(structure, structures)])
        tried = dict.fromkeys([structures, *((one,) for one in structures)])
        return [np.flatnonzero(np.isin(of_states, states)) for states in tried]


class Fitted(FittedRidge):
    """The fitted weights of each species."""

    input_type: ClassVar[type[RidgeInput]] = DescribedParticles
    settings: Settings


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Fit the weights; see `FittedRidge.fitted_to`."""
    return Fitted.fitted_to(train, validation, settings, context)
