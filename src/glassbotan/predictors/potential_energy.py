"""A baseline for particles: the potential energy of each at t = 0. Nothing is fitted."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glassbotan.predictors.contract import NAME
from glassbotan.predictors.shared import Baseline, FittedBaseline, OfParticles
from glassbotan.structure.static import StaticStructure


class Settings(Baseline, OfParticles):
    """The potential energy of a particle as a predictor of how far it moves."""

    kind: Literal["potential-energy"] = Field(description="kind of predictor")
    name: str = Field("potential-energy", pattern=NAME, description="name in paths and tables")

    @property
    def uses_potential(self) -> bool:
        """See `PredictorSettings.uses_potential`."""
        return True


class Fitted(FittedBaseline):
    """The prediction U_i(0), half of the sum of the particle's pair energies, for every time and every target."""

    def values(self, structure: StaticStructure) -> NDArray[np.floating]:
        """See `FittedBaseline.values`; in units of epsilon_AA."""
        return structure.energies
