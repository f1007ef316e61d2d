"""The installed kinds of predictors, and the type of the entries of a study's `models:`."""

from collections.abc import Mapping
from functools import cache, reduce
from importlib import import_module
from operator import or_
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Annotated, get_args

from pydantic import Field

from glassbotan.plugins import announced
from glassbotan.predictors.contract import PredictorSettings

OURS = (
    "botan",
    "attention",
    "average",
    "cage_displacement",
    "distance_change",
    "equivariant",
    "glass_mlp",
    "initial_distance",
    "normal_modes",
    "pair_ridge",
    "potential_energy",
    "ridge",
    "short_ensemble",
    "softness",
)
"""Names of the modules of this package that define a kind of predictor.

If several kinds have a section of the same name, such as `network`, the options of the command line are those of the
first of these kinds; for the others the section is given in JSON.
"""
GROUP = "glassbotan.predictors"
"""Group of entry points with which other packages declare their kinds of predictors."""


@cache
def kinds() -> Mapping[str, ModuleType]:
    """The module of each kind of predictor, by the name of the kind."""
    modules = [import_module(f"glassbotan.predictors.{name}") for name in OURS]
    found: dict[str, ModuleType] = {}
    for module in (*modules, *announced(GROUP)):
        (kind,) = get_args(module.Settings.model_fields["kind"].annotation)
        if kind in found:
            raise TypeError(f"{found[kind].__name__} and {module.__name__} both define kind {kind}; rename one of them")
        found[kind] = module
    return MappingProxyType(found)


if TYPE_CHECKING:
    AnyPredictor = PredictorSettings
else:
    AnyPredictor = Annotated[reduce(or_, (module.Settings for module in kinds().values())), Field(discriminator="kind")]
    """The settings of a predictor of any kind; the value of `kind` selects the type."""
