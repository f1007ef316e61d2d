"""Fitting the equivariant network, and predicting with it."""

from typing import ClassVar

from glassbotan.learn.structural import StructuralNetwork
from glassbotan.predictors.contract import Examples, FitContext
from glassbotan.predictors.equivariant import Settings
from glassbotan.predictors.equivariant.network import Equivariant
from glassbotan.predictors.network_fitting import FittedNetwork


class Fitted(FittedNetwork):
    """A trained equivariant network."""

    settings: Settings
    network_type: ClassVar[type[StructuralNetwork]] = Equivariant


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Train the network; see `FittedNetwork.trained_on`."""
    return Fitted.trained_on(train, validation, settings, context)
