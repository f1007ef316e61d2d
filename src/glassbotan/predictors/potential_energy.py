"""A baseline for particles: the potential energy of each at t = 0. Nothing is fitted."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glassbotan.predictors.contract import NAME, FittedPredictor, OfParticles
from glassbotan.structure.static import StaticStructure


class Settings(OfParticles):
    """The potential energy of a particle as a predictor of how far it moves."""

    fits: ClassVar[bool] = False
    joint: ClassVar[bool] = True
    gives_values: ClassVar[bool] = False

    kind: Literal["potential-energy"] = Field(description="kind of predictor")
    name: str = Field("potential-energy", pattern=NAME, description="name in paths and tables")

    @property
    def uses_potential(self) -> bool:
        """See `PredictorSettings.uses_potential`."""
        return True


class Fitted(FittedPredictor):
    """The prediction U_i(0), half of the sum of the particle's pair energies, for every time and every target."""

    settings: Settings

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`; in units of epsilon_AA: only the order of the values has a meaning."""
        return {symbol: np.tile(structure.energies, (len(self.domain.times), 1)) for symbol in self.settings.targets}
