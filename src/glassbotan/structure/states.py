"""The states of a configuration from which predictors predict: the thermal positions, and what lies behind them.

    thermal      the positions of the configuration itself
    inherent     the minimum of the potential energy below them
    cage-0.4     mean positions of particles that each stay within a sphere of radius 0.4 about their first position
    short-1.65   mean positions during a short isoconfigurational ensemble to t = 1.65, with momenta of its own
    modes        local quantities of the normal modes of the inherent structure; it has no positions of its own

All but the thermal one need the potential, and computation: minimisation, restrained or free dynamics.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from glassbotan.dynamics.pairs import lengths

THERMAL, INHERENT, MODES, CAGE, SHORT = "thermal", "inherent", "modes", "cage", "short"
DESCRIBED = (THERMAL, "cage-0.1", "cage-0.2", "cage-0.4", "cage-0.55")
"""States that predictors describe by default: narrow cages for short times, wide ones for later times.

The lower the temperature, the wider the cages that still improve predictions: at T = 0.44 up to a radius of 0.7.
"""
NUMBERED = {CAGE: "radius in sigma_AA", SHORT: "time in tau"}
"""Kinds of states whose names end in a number, and what it is."""


class StateName(NamedTuple):
    """The parts of the name of a state."""

    kind: str
    number: float
    """radius of the spheres of a cage state, time of a short ensemble; 0 for the other kinds"""


def parsed(name: str) -> StateName:
    """The parts of the name of a state.

    Raises
    ------
    ValueError
        if there is no such state
    """
    kind, _, number = name.partition("-")
    if name in (THERMAL, INHERENT, MODES):
        return StateName(name, 0.0)
    if kind in NUMBERED and re.fullmatch(r"\d+(\.\d+)?", number) and float(number) > 0:
        return StateName(kind, float(number))
    examples = ", ".join(f"{kind}-0.4 ({number})" for kind, number in NUMBERED.items())
    raise ValueError(f"the states of a structure are {THERMAL}, {INHERENT}, {MODES}, {examples}; found {name!r}")


def numbers_of(kind: str, names: Iterable[str]) -> tuple[float, ...]:
    """The numbers of the states of one kind, increasing."""
    return tuple(sorted({parsed(name).number for name in names if parsed(name).kind == kind}))


def by_kind(name: str) -> tuple[int, float]:
    """Key that sorts names of states: thermal first, then inherent, cage states by radius, and the others."""
    kind, number = parsed(name)
    return (THERMAL, INHERENT, CAGE, SHORT, MODES).index(kind), number


def name_of(kind: str, number: float) -> str:
    """Name of a cage state or of a short ensemble."""
    return f"{kind}-{number:g}"


def _as_named(name: str) -> str:
    """The name in its only spelling, with which 0.40 is 0.4."""
    kind, number = parsed(name)
    return name_of(kind, number) if number else kind


def _with_positions(name: str) -> str:
    if parsed(name).kind == MODES:
        raise ValueError(f"{MODES} has no positions; name another state")
    return name


AnyState = Annotated[str, AfterValidator(_as_named)]
"""The name of a state, as a setting."""
Positions = Annotated[AnyState, AfterValidator(_with_positions)]
"""The name of a state that has positions, as a setting."""


def uses_potential(names: Iterable[str]) -> bool:
    """Whether states need the potential, and not only the positions of the configuration."""
    return any(name != THERMAL for name in names)


def cost_of(made: Mapping[str, Mapping[str, Any]], names: Iterable[str], unit: str) -> float:
    """What some of the states of a configuration cost together; short ensembles are parts of one run.

    Parameters
    ----------
    made : how each state of the configuration was made
    names : names of the states
    unit : particle_steps or core_seconds
    """
    counted = {*names} - {THERMAL}
    counted -= {INHERENT} if MODES in counted else set()  # the modes are those of the inherent structure
    costs = {name: float(made[name][unit]) for name in counted}
    short = [cost for name, cost in costs.items() if parsed(name).kind == SHORT]
    return sum(cost for name, cost in costs.items() if parsed(name).kind != SHORT) + max(short, default=0.0)


@dataclass(frozen=True)
class StructureState:
    """One state of a configuration."""

    displacement: NDArray | None
    """(N, 3) from the thermal position of each particle to its position in this state, followed through the faces of
    the box, sigma_AA; None for modes"""
    properties: Mapping[str, NDArray]
    """quantities of each particle, (N,): `energy` of the inherent structure (epsilon_AA), `variance` of the positions
    of a cage state or of a short ensemble (sigma_AA^2), `propensity` at the end of a short ensemble (sigma_AA),
    `debye_waller` (sigma_AA^2) and `participation` of the modes"""
    made: Mapping[str, Any]
    """how it was made and how well it is known, as plain data; `particle_steps` and `core_seconds` say what it cost"""

    @property
    def descriptors(self) -> dict[str, NDArray]:
        """What the state says of each particle besides its surroundings, (N,) each: how far it is from its thermal
        position, and the size of its fluctuations (sigma_AA), or the quantities of the modes.
        """
        found = {}
        if self.displacement is not None:
            found["displacement"] = lengths(self.displacement)
        if "variance" in self.properties:
            found["fluctuation"] = np.sqrt(self.properties["variance"])
        modes = ("debye_waller", "participation")
        return found | {name: self.properties[name] for name in modes if name in self.properties}
