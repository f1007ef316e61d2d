"""The competitor of every predictor of S: the isoconfigurational ensemble itself, stopped early. Nothing is fitted.

The propensity at an earlier time t', from an ensemble of its own, is the prediction of the propensity at every t. A
predictor that needs a simulation, such as that of a cage state, is worth its cost only if it predicts better than a
short ensemble that costs as much.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from glassbotan.predictors.contract import NAME
from glassbotan.predictors.shared import Baseline, FittedBaseline, named_after
from glassbotan.structure.states import SHORT, name_of
from glassbotan.structure.static import StaticStructure


class Settings(Baseline):
    """The propensity at an earlier time as a predictor of the propensity."""

    kind: Literal["short-ensemble"] = Field(description="kind of predictor")
    name: str = Field(
        "short-ensemble", pattern=NAME, description="name in paths and tables; by default ensemble-to-<time>"
    )
    time: PositiveFloat = Field(
        description="time t' to which a short ensemble of `structure.short.replicas` replicas is run [tau]"
    )

    _named = named_after("time", "ensemble-to-")

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return ("S",)

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset({name_of(SHORT, self.time)})


class Fitted(FittedBaseline):
    """The prediction S_i(t'), which is the same for every time."""

    settings: Settings

    def values(self, structure: StaticStructure) -> NDArray[np.floating]:
        """See `FittedBaseline.values`; in units of sigma_AA."""
        (state,) = self.settings.needs
        return structure.states[state].properties["propensity"]
