"""The targets: the quantities that are measured for each particle or pair and that predictors can predict.

A target is a function that gives the values of one replica; the files hold their mean over the replicas of a
configuration. The decorators `particle_target` and `pair_target` register it with its symbol and unit. The targets of
this package are in `glassbotan.dynamics.particle_targets` and `glassbotan.dynamics.pair_targets`; another package can
add targets in a module that it announces as an entry point in the group `glassbotan.targets`.
"""

import re
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
    """Displacements in one replica at one time, and the pairs of the configuration that it started from."""

    displacements: NDArray[np.float64]
    """(N, 3), r_i(t) - r_i(0), unwrapped, sigma_AA"""
    pairs: NDArray[np.int32]
    """(n_p, 2), i < j, r_ij(0) <= r_e"""
    separations: NDArray[np.float64]
    """(n_p, 3), r_ij(0) = r_j(0) - r_i(0), minimum image"""
    box_length: float
    """edge L of the cubic box, sigma_AA"""
    neighborhood: Neighborhood | None
    """the neighbours of every particle; None if no target is registered with `neighbors=True`"""

    @cached_property
    def relative_to_neighbors(self) -> RelativeMotion:
        """R_i, C_i and D_i, computed together since they share most of the calculation."""
        if self.neighborhood is None:
            raise TypeError("a target that uses the neighbours has to be registered with neighbors=True")
        return self.neighborhood.relative_motion(self.displacements)


ReplicaValues = Callable[[ReplicaMotion], NDArray[np.float64]]
"""A function that gives the values of one replica, (N,) or (n_p,)."""


@dataclass(frozen=True)
class Target:
    """A quantity that is measured for each particle, or for each pair of neighbouring particles."""

    symbol: str
    """symbol in files, tables and figures, such as S"""
    title: str
    """name, such as propensity"""
    unit: str
    """unit in reduced Lennard-Jones units, such as sigma_AA"""
    of: Literal["particle", "pair"]
    of_replica: ReplicaValues = field(repr=False)
    neighbors: bool = False
    """whether it uses the neighbours within the setting `targets.neighbor_range`"""

    @property
    def scored(self) -> str:
        """Species of the particles or pairs over which a prediction of it is scored: A or A-A."""
        return "A" if self.of == "particle" else "A-A"

    @property
    def description(self) -> str:
        """Name, symbol and scored particles or pairs, for the title of a table of scores."""
        return f"{self.title} {self.symbol} of {self.scored} {'particles' if self.of == 'particle' else 'pairs'}"

    @property
    def tex_symbol(self) -> str:
        """Symbol with its indices in TeX, for figures."""
        return f"{self.symbol}_{{i}}" if self.of == "particle" else f"{self.symbol}_{{ij}}"

    @property
    def tex_unit(self) -> str:
        """Unit in TeX, for figures."""
        return self.unit.replace("sigma_AA", r"\sigma_{AA}")


SYMBOL = re.compile("[A-Z][A-Za-z0-9]*")
"""Pattern of symbols. It has no underscore and begins with a capital letter, as no other array in the files does."""

_registered: dict[str, Target] = {}


def particle_target(
    symbol: str, title: str, unit: str, *, neighbors: bool = False
) -> Callable[[ReplicaValues], ReplicaValues]:
    """Register a function as a target of each particle.

    Parameters
    ----------
    symbol, title, unit : see `Target`
    neighbors : whether it uses the neighbours within the setting `targets.neighbor_range`
    """
    return _registering(symbol, title, unit, "particle", neighbors)


def pair_target(symbol: str, title: str, unit: str) -> Callable[[ReplicaValues], ReplicaValues]:
    """Register a function as a target of each pair; for `symbol`, `title` and `unit` see `Target`."""
    return _registering(symbol, title, unit, "pair", False)


def _registering(
    symbol: str, title: str, unit: str, of: Literal["particle", "pair"], neighbors: bool
) -> Callable[[ReplicaValues], ReplicaValues]:
    def register(function: ReplicaValues) -> ReplicaValues:
        if symbol in _registered:
            raise ValueError(f"two targets have the symbol {symbol}: {_registered[symbol].title} and {title}")
        if not SYMBOL.fullmatch(symbol):
            raise ValueError(
                f"{symbol!r} cannot be the symbol of {title}, because symbols are parts of the names of arrays; use a "
                "capital letter that further letters and digits may follow"
            )
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
    """The symbols, after checking that each is that of a target of particles.

    Raises
    ------
    ValueError
        if a symbol is not; the message lists the known targets
    """
    if unknown := [symbol for symbol in symbols if symbol not in particle_targets()]:
        raise ValueError(f"{', '.join(unknown)} is not a target of particles; known: {', '.join(particle_targets())}")
    return symbols
