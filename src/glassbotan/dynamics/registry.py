"""The targets: everything that is measured of each particle or pair, and that a predictor can predict.

A target is a function that gives the values of one replica; their mean over the replicas of a configuration is what the
files hold. The decorators `particle_target` and `pair_target` register it with its symbol and unit. Ours are in
`glassbotan.dynamics.particle_targets` and `glassbotan.dynamics.pair_targets`; another package announces a module with
targets of its own as an entry point in the group `glassbotan.targets`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.neighbor_relative import Neighborhood, RelativeMotion
from glassbotan.plugins import announced


@dataclass(frozen=True)
class ReplicaMotion:
    """How one replica has moved by one time, and what it started from."""

    displacements: NDArray[np.float64]
    """(N, 3), r_i(t) - r_i(0), unwrapped, sigma_AA"""
    pairs: NDArray[np.int32]
    """(n_p, 2), i < j, r_ij(0) <= r_e"""
    separations: NDArray[np.float64]
    """(n_p, 3), r_ij(0) = r_j(0) - r_i(0), minimum image"""
    box_length: float
    """edge L of the cubic box"""
    neighborhood: Neighborhood | None
    """the neighbours of every particle; there for targets that are registered with `neighbors=True`"""

    @cached_property
    def relative_to_neighbors(self) -> RelativeMotion:
        """R_i, C_i and D_i, which share most of their calculation."""
        if self.neighborhood is None:
            raise TypeError("a target that looks at the neighbours has to be registered with neighbors=True")
        return self.neighborhood.relative_motion(self.displacements)


ReplicaValues = Callable[[ReplicaMotion], NDArray[np.float64]]
"""Values of one replica, (N,) or (n_p,)."""


@dataclass(frozen=True)
class Target:
    """Something that is measured of each particle, or of each pair of neighbouring particles."""

    symbol: str
    """in files, tables and figures: S, R, C, D, E"""
    title: str
    """what it is called: propensity"""
    unit: str
    """reduced Lennard-Jones: sigma_AA, sigma_AA^2"""
    of: Literal["particle", "pair"]
    of_replica: ReplicaValues = field(repr=False)
    neighbors: bool = False
    """whether it needs the neighbours within `targets.neighbor_range`"""

    @property
    def scored(self) -> str:
        """The particles or pairs over which a prediction of it is scored."""
        return "A" if self.of == "particle" else "A-A"

    @property
    def description(self) -> str:
        """What a table of its scores is about."""
        return f"{self.title} {self.symbol} of {self.scored} {'particles' if self.of == 'particle' else 'pairs'}"

    @property
    def tex_symbol(self) -> str:
        """Symbol with its index, for a figure."""
        return f"{self.symbol}_{{i}}" if self.of == "particle" else f"{self.symbol}_{{ij}}"

    @property
    def tex_unit(self) -> str:
        """Unit for a figure."""
        return self.unit.replace("sigma_AA", r"\sigma_{AA}")


_registered: dict[str, Target] = {}


def particle_target(
    symbol: str, title: str, unit: str, *, neighbors: bool = False
) -> Callable[[ReplicaValues], ReplicaValues]:
    """Register a function as a target of each particle.

    Parameters
    ----------
    symbol, title, unit : see `Target`
    neighbors : whether it needs the neighbours within `targets.neighbor_range`
    """
    return _registering(symbol, title, unit, "particle", neighbors)


def pair_target(symbol: str, title: str, unit: str) -> Callable[[ReplicaValues], ReplicaValues]:
    """Register a function as a target of each pair; arguments as those of `particle_target`."""
    return _registering(symbol, title, unit, "pair", False)


def _registering(
    symbol: str, title: str, unit: str, of: Literal["particle", "pair"], neighbors: bool
) -> Callable[[ReplicaValues], ReplicaValues]:
    def register(function: ReplicaValues) -> ReplicaValues:
        if symbol in _registered:
            raise ValueError(f"two targets have the symbol {symbol}: {_registered[symbol].title} and {title}")
        _registered[symbol] = Target(symbol, title, unit, of, function, neighbors)
        return function

    return register


@cache
def targets() -> Mapping[str, Target]:
    """Every target by its symbol, those of particles first."""
    import_module("glassbotan.dynamics.particle_targets")
    import_module("glassbotan.dynamics.pair_targets")
    announced("glassbotan.targets")
    ordered = sorted(_registered.items(), key=lambda item: item[1].of != "particle")
    return MappingProxyType(dict(ordered))


def particle_targets() -> list[str]:
    """Symbols of the targets of particles."""
    return [symbol for symbol, target in targets().items() if target.of == "particle"]


def pair_targets() -> list[str]:
    """Symbols of the targets of pairs."""
    return [symbol for symbol, target in targets().items() if target.of == "pair"]


def known_particle_targets(symbols: tuple[str, ...]) -> tuple[str, ...]:
    """These symbols, if each is a target of particles.

    Raises
    ------
    ValueError
        names those that are none, and the targets that there are
    """
    if unknown := [symbol for symbol in symbols if symbol not in particle_targets()]:
        raise ValueError(f"{', '.join(unknown)} is no target of particles; known: {', '.join(particle_targets())}")
    return symbols
