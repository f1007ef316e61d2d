"""Fitting the network with self-attention, and predicting with it."""

from typing import ClassVar

from glassbotan.learn.structural import StructuralNetwork
from glassbotan.predictors.attention import Settings
from glassbotan.predictors.attention.network import Attentive
from glassbotan.predictors.contract import Examples, FitContext
from glassbotan.predictors.network_fitting import FittedNetwork


class Fitted(FittedNetwork):
    """A trained network with self-attention."""

    settings: Settings
    network_type: ClassVar[type[StructuralNetwork]] = Attentive


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Train the network; see `FittedNetwork.trained_on`."""
    return Fitted.trained_on(train, validation, settings, context)
