"""A rotation-equivariant network on the states of the structure, with descriptors as further input.

Pezzicoli, Charpiat & Landes, SciPost Phys. 16, 136 (2024), applied rotation-equivariant networks to glasses. This one
predicts targets of particles and pairs at all sampling times of a temperature together.
"""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from glassbotan.predictors.contract import NAME
from glassbotan.predictors.network_settings import NetworkSettings, NetworkSizes
from glassbotan.predictors.shared import imported_when_used


class Network(NetworkSizes):
    """The shape of the equivariant network."""

    layers: NonNegativeInt = Field(2, description="number of rounds of messages after the first layer")
    scalars: PositiveInt = Field(32, description="number of scalars of each particle")
    vectors: PositiveInt = Field(8, description="number of vectors of each particle")
    tensors: PositiveInt = Field(4, description="number of symmetric traceless tensors of rank 2 of each particle")
    radial: PositiveInt = Field(8, description="number of radial functions of the messages")


class Settings(NetworkSettings):
    """A network with vectors and tensors that rotate with the configuration, and predictions that do not."""

    kind: Literal["equivariant"] = Field(description="kind of predictor")
    name: str = Field("equivariant", pattern=NAME, description="name in paths and tables")
    network: Network = Field(Network(), description="the shape of the network")


__getattr__ = imported_when_used(__name__, fit="fitting", Fitted="fitting")
