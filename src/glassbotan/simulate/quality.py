"""Quality of a simulation: temperature, conservation of energy and momentum, equilibration, crystallisation."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.kob_andersen import interactions
from glassbotan.simulate.configurations import Configuration
from glassbotan.study.targets import Limits

SHELL = 1.5
"""Range of the neighbours in the bond-order parameter, sigma_AA: the first shell of A around A."""
ALIKE = 0.7
"""Smallest normalised q_6(i).q_6(j) of two neighbours with similar surroundings."""
ALIKE_NEIGHBORS = 8
"""Smallest number of such neighbours of a crystal-like particle; at T = 0.44 below 0.1 per cent are crystal-like."""


class Energies(NamedTuple):
    """Energies, momentum and pressure of one replica at one step."""

    replica: int
    time: float
    """time since the start of the replica, tau"""
    potential: float
    kinetic: float
    momentum: NDArray
    """total momentum, (3,)"""
    pressure: float


class Quality(NamedTuple):
    """Quality of the simulation of one configuration and its ensemble; quantities that are not known are None."""

    configurational_temperature: float
    """<|grad U|^2> / <nabla^2 U>, both averaged over the configuration and the final configurations of its replicas"""
    crystal_fraction: float
    """fraction of particles with crystal-like surroundings"""
    energy_drift: float | None = None
    """largest change of a replica's total energy over its run, from a straight line through it, epsilon_AA per
    particle"""
    momentum: float | None = None
    """largest total momentum of a replica, per particle"""
    temperature: float | None = None
    """kinetic temperature of the ensemble, mean over replicas and times"""
    pressure: float | None = None
    """pressure, mean over replicas and times, epsilon_AA / sigma_AA^3"""
    potential_energy_trend: float | None = None
    """change of the potential energy over the second half of the equilibration, from a straight line through it,
    epsilon_AA per particle"""
    potential_energy_fluctuation: float | None = None
    """standard deviation of the potential energy about that line, epsilon_AA per particle"""


def measure(
    configuration: Configuration,
    ends: Iterable[Configuration],
    energies: Sequence[Energies],
    equilibration: tuple[Sequence[float], Sequence[float]] | None,
) -> Quality:
    """The quality of a simulation.

    Parameters
    ----------
    configuration : initial configuration of the ensemble
    ends : final configurations of its replicas
    energies : energies of every replica at every sampled time
    equilibration : times during the equilibration, and the potential energies per particle at these times; None if the
        configuration was not equilibrated here
    """
    n = len(configuration)
    trend, fluctuation = _trend(*map(np.asarray, equilibration)) if equilibration else (None, None)
    freedom = 3 * n - 3
    return of_structure(configuration, ends)._replace(
        energy_drift=max(_drift(energies, replica) for replica in {one.replica for one in energies}) / n,
        momentum=max(float(np.linalg.norm(one.momentum)) for one in energies) / n,
        temperature=float(np.mean([2 * one.kinetic / freedom for one in energies])),
        pressure=float(np.mean([one.pressure for one in energies])),
        potential_energy_trend=trend,
        potential_energy_fluctuation=fluctuation,
    )


def of_structure(configuration: Configuration, ends: Iterable[Configuration] = ()) -> Quality:
    """The quality as far as it follows from positions: of the configuration and, if given, the ends of its replicas."""
    statics = [interactions(one.positions, one.species, one.box_length, one.mixture) for one in (configuration, *ends)]
    gradient = np.mean([(static.forces**2).sum() for static in statics])
    return Quality(
        configurational_temperature=float(gradient / np.mean([static.laplacian for static in statics])),
        crystal_fraction=crystal_fraction(configuration),
    )


def _drift(energies: Sequence[Energies], replica: int) -> float:
    own = [one for one in energies if one.replica == replica]
    if len(own) < 2:
        return 0.0
    times = [one.time for one in own]
    slope = np.polyfit(times, [one.potential + one.kinetic for one in own], 1)[0]
    return abs(float(slope) * float(np.ptp(times)))


def _trend(times: NDArray, potential_energies: NDArray) -> tuple[float, float]:
    late = times >= times[-1] / 2
    line = np.polyfit(times[late], potential_energies[late], 1)
    rest = potential_energies[late] - np.polyval(line, times[late])
    return float(line[0] * np.ptp(times[late])), float(rest.std(ddof=2))


def crystal_fraction(configuration: Configuration) -> float:
    """Fraction of crystal-like particles: those with a bond order similar to that of many of their neighbours.

    ten Wolde, Ruiz-Montero and Frenkel, J. Chem. Phys. 104, 9932 (1996), with l = 6, computed by freud.
    """
    import freud

    order = freud.order.SolidLiquid(l=6, q_threshold=ALIKE, solid_threshold=ALIKE_NEIGHBORS)
    box = freud.box.Box.cube(configuration.box_length)
    order.compute((box, configuration.positions), neighbors={"r_max": SHELL})
    return float((np.asarray(order.num_connections) >= ALIKE_NEIGHBORS).mean())


def limit_violations(quality: Quality, temperature: float, limits: Limits) -> list[str]:
    """A message for each quantity that exceeds its limit; an empty list if the simulation is within all limits.

    Parameters
    ----------
    quality : quality of the simulation
    temperature : target temperature of the simulation
    limits : limits of the study
    """

    def relative(value: float | None, scale: float | None = temperature, centre: float = 1.0) -> float | None:
        return abs(value / scale - centre) if value is not None and scale else None

    trend = relative(quality.potential_energy_trend, quality.potential_energy_fluctuation, centre=0.0)
    off = {
        "energy_drift": (quality.energy_drift, limits.energy_drift),
        "momentum": (quality.momentum, limits.momentum),
        "temperature": (relative(quality.temperature), limits.temperature),
        "configurational_temperature": (
            relative(quality.configurational_temperature),
            limits.configurational_temperature,
        ),
        "potential_energy_trend": (trend, limits.potential_energy_trend),
        "crystal_fraction": (quality.crystal_fraction, limits.crystal_fraction),
    }
    return [
        f"{name} = {getattr(quality, name):.3g}: the value to compare, {found:.2g}, exceeds limits.{name} = {limit:g}"
        for name, (found, limit) in off.items()
        if found is not None and not found <= limit
    ]
