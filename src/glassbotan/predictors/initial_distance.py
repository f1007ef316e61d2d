"""A baseline for pairs: minus their distance at t = 0. It is fitted to nothing.

Pairs that start near each other are pushed apart, and far ones come closer (Shiba et al., J. Chem. Phys. 158, 084503
(2023), Fig. 6).
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glassbotan.predictors.contract import NAME, Examples, FitContext, FittedPredictor, PredictorSettings
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
    """-r_ij(0) at every time."""

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`; sigma_AA."""
        return {"E": np.tile(-structure.distances, (len(self.domain.times), 1))}


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """See the contract: there is nothing to fit."""
    return Fitted(settings, context.domain)
