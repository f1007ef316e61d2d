"""A baseline for particles: local quantities of the normal modes of the inherent structure. Nothing is fitted.

The local Debye-Waller factor (Widmer-Cooper & Harrowell, Phys. Rev. Lett. 96, 185701 (2006); Tong & Xu, Phys. Rev. E
90, 010401 (2014)) and the participation in the soft modes (Widmer-Cooper, Perry, Harrowell & Reichman, Nature Phys. 4,
711 (2008)); `glassbotan.structure.normal_modes` computes them.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glassbotan.predictors.contract import NAME, FittedPredictor, OfParticles
from glassbotan.structure.states import MODES
from glassbotan.structure.static import StaticStructure


class Settings(OfParticles):
    """A local quantity of the normal modes as a predictor of how far a particle moves."""

    fits: ClassVar[bool] = False
    joint: ClassVar[bool] = True
    gives_values: ClassVar[bool] = False

    kind: Literal["normal-modes"] = Field(description="kind of predictor")
    name: str = Field("normal-modes", pattern=NAME, description="name in paths and tables")
    quantity: Literal["debye_waller", "participation"] = Field(
        "debye_waller",
        description="debye_waller: mean squared displacement in the harmonic approximation; participation: in the "
        "softest modes, of which there are `structure.modes.lowest`",
    )

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset({MODES})


class Fitted(FittedPredictor):
    """The quantity of each particle, for every time and every target."""

    settings: Settings

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`; in units of its own: only the order of the values has a meaning."""
        quantity = structure.states[MODES].properties[self.settings.quantity]
        return {symbol: np.tile(quantity, (len(self.domain.times), 1)) for symbol in self.settings.targets}
