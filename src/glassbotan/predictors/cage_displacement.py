"""A baseline for particles: how far a particle in its cage is from where it is at t = 0. Nothing is fitted.

A particle that moves within its cage is found about its mean position there: the root mean square of its distance from
its thermal position is

    d_i = (|u_i|^2 + <|r_i - <r_i>|^2>)^(1/2),

where u_i is the displacement from the thermal position to the mean position <r_i>. Its propensity is of this length at
times at which the particle has been everywhere in the cage, but has not left it. It depends on the radius of the cage
state: the later the time, the wider the cage.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from glassbotan.predictors.contract import NAME
from glassbotan.predictors.shared import Baseline, FittedBaseline, OfOneState, named_after
from glassbotan.structure.states import NUMBERED, Positions, parsed
from glassbotan.structure.static import StaticStructure


class Settings(Baseline, OfOneState):
    """The distance of a particle in its cage from its thermal position."""

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


class Fitted(FittedBaseline):
    """The prediction d_i, which is the same for every time."""

    settings: Settings

    def values(self, structure: StaticStructure) -> NDArray[np.floating]:
        """See `FittedBaseline.values`; in units of sigma_AA."""
        of_state = structure.states[self.settings.structure].descriptors
        distance: NDArray[np.floating] = np.hypot(of_state["displacement"], of_state["fluctuation"])
        return distance
