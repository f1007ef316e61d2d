"""A baseline for pairs: minus their distance at t = 0. Nothing is fitted.

On average, pairs that are close at t = 0 move apart and distant ones come closer (Shiba et al., J. Chem. Phys. 158,
084503 (2023), Fig. 6).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glassbotan.predictors.contract import NAME
from glassbotan.predictors.shared import Baseline, FittedBaseline
from glassbotan.structure.static import StaticStructure


class Settings(Baseline):
    """Minus the distance of a pair as a predictor of how much that distance changes."""

    kind: Literal["initial-distance"] = Field(description="kind of predictor")
    name: str = Field("initial-distance", pattern=NAME, description="name in paths and tables")

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return ("E",)


class Fitted(FittedBaseline):
    """The prediction -r_ij(0), which is the same for every time."""

    def values(self, structure: StaticStructure) -> NDArray[np.floating]:
        """See `FittedBaseline.values`; in units of sigma_AA."""
        return -structure.distances
