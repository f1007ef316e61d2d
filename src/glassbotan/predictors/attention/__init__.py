"""A graph network with self-attention over neighbours, on the states of the structure, with descriptors as input.

The graph network of Jiang, Tian, Li & Hu, J. Chem. Phys. 159, 144504 (2023), weights messages by the geometry of the
neighbourhood. This one predicts targets of particles and pairs at all sampling times of a temperature together.
"""

from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from glassbotan.predictors.contract import NAME
from glassbotan.predictors.network_settings import NetworkSettings, NetworkSizes
from glassbotan.predictors.shared import imported_when_used


class Network(NetworkSizes):
    """The shape of the network with self-attention."""

    layers: NonNegativeInt = Field(2, description="number of layers of attention")
    width: PositiveInt = Field(32, description="number of values of each particle")
    heads: PositiveInt = Field(4, description="number of heads of each layer; a divisor of the width")
    radial: PositiveInt = Field(8, description="number of radial functions of the attention in each frame")

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width has to be a multiple of heads, but {self.width} is not one of {self.heads}")
        return self


class Settings(NetworkSettings):
    """A network in which each particle attends to its neighbours, depending on their distances and directions."""

    kind: Literal["attention"] = Field(description="kind of predictor")
    name: str = Field("attention", pattern=NAME, description="name in paths and tables")
    network: Network = Field(Network(), description="the shape of the network")


__getattr__ = imported_when_used(__name__, fit="fitting", Fitted="fitting")
