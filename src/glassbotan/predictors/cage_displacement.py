"""A baseline for particles: how far a particle in its cage is from where it is at t = 0. Nothing is fitted.

A particle that moves within its cage is found about its mean position there: the root mean square of its distance from
its thermal position is

    d_i = (|u_i|^2 + <|r_i - <r_i>|^2>)^(1/2),

where u_i is the displacement from the thermal position to the mean position <r_i>. Its propensity is of this length at
times at which the particle has been everywhere in the cage, but has not left it. It depends on the radius of the cage
state: the later the time, the wider the cage.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from glassbotan.predictors.contract import NAME, FittedPredictor, PredictorSettings, named_after
from glassbotan.structure.states import NUMBERED, Positions, parsed
from glassbotan.structure.static import StaticStructure


class Settings(PredictorSettings):
    """The distance of a particle in its cage from its thermal position."""

    fits: ClassVar[bool] = False
    joint: ClassVar[bool] = True
    gives_values: ClassVar[bool] = False  # a root mean square, where the propensity is a mean

    kind: Literal["cage-displacement"] = Field(description="kind of predictor")
    name: str = Field(
        "cage-displacement", pattern=NAME, description="name in paths and tables; by default in-<structure>"
    )
    structure: Positions = Field(description="state in which particles move: cage-<radius> or short-<time>")

    _named = named_after("structure", "in-")

    @field_validator("structure")
    @classmethod
    def _moves(cls, structure: str) -> str:
        if parsed(structure).kind not in NUMBERED:
            raise ValueError(f"particles do not move in {structure}; name a cage state or a short ensemble")
        return structure

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return ("S",)

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset({self.structure})


class Fitted(FittedPredictor):
    """The prediction d_i, which is the same for every time."""

    settings: Settings

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`; in units of sigma_AA."""
        of_state = structure.states[self.settings.structure].descriptors
        distance = np.hypot(of_state["displacement"], of_state["fluctuation"])
        return {"S": np.tile(distance, (len(self.domain.times), 1))}
