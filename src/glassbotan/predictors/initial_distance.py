"""A baseline for pairs: minus their distance at t = 0. Nothing is fitted.

On average, pairs that are close at t = 0 move apart and distant ones come closer (Shiba et al., J. Chem. Phys. 158,
084503 (2023), Fig. 6).
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glassbotan.predictors.contract import NAME, FittedPredictor, PredictorSettings
from glassbotan.structure.static import StaticStructure


class Settings(PredictorSettings):
    """Minus the distance of a pair as a predictor of how much that distance changes."""

    fits: ClassVar[bool] = False
    joint: ClassVar[bool] = True
    gives_values: ClassVar[bool] = False

    kind: Literal["initial-distance"] = Field(description="kind of predictor")
    name: str = Field("initial-distance", pattern=NAME, description="name in paths and tables")

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return ("E",)


class Fitted(FittedPredictor):
    """The prediction -r_ij(0), which is the same for every time."""

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`; in units of sigma_AA."""
        return {"E": np.tile(-structure.distances, (len(self.domain.times), 1))}
