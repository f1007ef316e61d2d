"""A baseline for particles: local quantities of the normal modes of the inherent structure. Nothing is fitted.

The local Debye-Waller factor (Widmer-Cooper & Harrowell, Phys. Rev. Lett. 96, 185701 (2006); Tong & Xu, Phys. Rev. E
90, 010401 (2014)) and the participation in the soft modes (Widmer-Cooper, Perry, Harrowell & Reichman, Nature Phys. 4,
711 (2008)); `glassbotan.structure.normal_modes` computes them.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glassbotan.predictors.contract import NAME
from glassbotan.predictors.shared import Baseline, FittedBaseline, OfParticles
from glassbotan.structure.states import MODES
from glassbotan.structure.static import StaticStructure


class Settings(Baseline, OfParticles):
    """A local quantity of the normal modes as a predictor of how far a particle moves."""

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


class Fitted(FittedBaseline):
    """The quantity of each particle, for every time and every target."""

    settings: Settings

    def values(self, structure: StaticStructure) -> NDArray[np.floating]:
        """See `FittedBaseline.values`; in units of the quantity."""
        return structure.states[MODES].properties[self.settings.quantity]
