"""A baseline for pairs: the change of their distance from the thermal to another structure. Nothing is fitted.

A pair is found at t = 0 at a distance that fluctuates about that of the two cages. If r_ij(state) is the distance in a
cage state or in the inherent structure, r_ij(state) - r_ij(0) predicts how the distance will change.
"""

from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from glassbotan.predictors.contract import NAME
from glassbotan.predictors.shared import Baseline, FittedBaseline, OfOneState, named_after
from glassbotan.structure.states import THERMAL, Positions
from glassbotan.structure.static import StaticStructure


class Settings(Baseline, OfOneState):
    """The change of a pair's distance from the thermal structure to another one."""

    kind: Literal["distance-change"] = Field(description="kind of predictor")
    name: str = Field(
        "distance-change", pattern=NAME, description="name in paths and tables; by default to-<structure>"
    )
    structure: Positions = Field(
        description="state of the structure to which distances change: inherent, cage-<radius> or short-<time>",
    )

    _named = named_after("structure", "to-")

    @model_validator(mode="after")
    def _changes(self) -> Self:
        if self.structure == THERMAL:
            raise ValueError("distances do not change from the thermal structure to itself; name another structure")
        return self

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return ("E",)


class Fitted(FittedBaseline):
    """The prediction r_ij(state) - r_ij(0), which is the same for every time."""

    settings: Settings

    def values(self, structure: StaticStructure) -> NDArray[np.floating]:
        """See `FittedBaseline.values`; in units of sigma_AA."""
        return structure.at(self.settings.structure).distances - structure.distances
