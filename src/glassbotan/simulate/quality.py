"""Is the liquid right? What a run says about itself, beside what it was meant to be."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.kob_andersen import interactions
from glassbotan.simulate.configurations import Configuration
from glassbotan.study.targets import Limits

SHELL = 1.5
"""Neighbours of the bond-order parameter, sigma_AA: the first shell of A around A."""
ALIKE = 0.7
"""Least q_6(i).q_6(j) of two neighbours whose surroundings are alike."""
ALIKE_NEIGHBORS = 8
"""So many alike neighbours make a particle crystal-like; glasses at T = 0.44 have below 0.1 per cent of those."""


class Energies(NamedTuple):
    """One replica at one step."""

    replica: int
    time: float
    """tau"""
    potential: float
    kinetic: float
    momentum: NDArray
    """(3,)"""
    pressure: float


class Quality(NamedTuple):
    """What one configuration and its ensemble say about the simulation; what is not known is nothing."""

    configurational_temperature: float
    """|grad U|^2 / nabla^2 U, mean over the configuration and the ends of its replicas"""
    crystal_fraction: float
    """fraction of particles with crystal-like surroundings"""
    energy_drift: float | None = None
    """of the worst replica's total energy, from a straight line through it, epsilon_AA per particle and tau"""
    momentum: float | None = None
    """largest total momentum, per particle"""
    temperature: float | None = None
    """kinetic temperature of the ensemble, mean over replicas and times"""
    pressure: float | None = None
    """mean over replicas and times, epsilon_AA / sigma_AA^3"""
    potential_energy_trend: float | None = None
    """change of the potential energy over the second half of the equilibration, from a straight line through it,
    epsilon_AA per particle"""
    potential_energy_fluctuation: float | None = None
    """its standard deviation about that line"""


def measure(
    configuration: Configuration,
    ends: Iterable[Configuration],
    energies: Sequence[Energies],
    equilibration: tuple[Sequence[float], Sequence[float]],
) -> Quality:
    """Judge a run.

    Parameters
    ----------
    configuration : where the ensemble starts
    ends : where its replicas end
    energies : of every replica at every time that was sampled
    equilibration : times, and potential energies per particle at them
    """
    n = len(configuration)
    trend, fluctuation = _trend(*map(np.asarray, equilibration))
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
    """What positions alone say, those of the configuration and perhaps of the ends of its replicas."""
    statics = [interactions(one.positions, one.species, one.box_length) for one in (configuration, *ends)]
    gradient = np.mean([(static.forces**2).sum() for static in statics])
    return Quality(
        configurational_temperature=float(gradient / np.mean([static.laplacian for static in statics])),
        crystal_fraction=crystal_fraction(configuration),
    )


def _drift(energies: Sequence[Energies], replica: int) -> float:
    own = [one for one in energies if one.replica == replica]
    if len(own) < 2:
        return 0.0
    slope = np.polyfit([one.time for one in own], [one.potential + one.kinetic for one in own], 1)[0]
    return abs(float(slope))


def _trend(times: NDArray, potential_energies: NDArray) -> tuple[float, float]:
    late = times >= times[-1] / 2
    line = np.polyfit(times[late], potential_energies[late], 1)
    rest = potential_energies[late] - np.polyval(line, times[late])
    return float(line[0] * np.ptp(times[late])), float(rest.std(ddof=2))


def crystal_fraction(configuration: Configuration) -> float:
    """Fraction of particles whose bond order is that of most of their neighbours.

    ten Wolde, Ruiz-Montero and Frenkel, J. Chem. Phys. 104, 9932 (1996), with l = 6, by freud.
    """
    import freud

    order = freud.order.SolidLiquid(l=6, q_threshold=ALIKE, solid_threshold=ALIKE_NEIGHBORS)
    box = freud.box.Box.cube(configuration.box_length)
    order.compute((box, configuration.positions), neighbors={"r_max": SHELL})
    return float((np.asarray(order.num_connections) >= ALIKE_NEIGHBORS).mean())


def limit_violations(quality: Quality, temperature: float, limits: Limits) -> list[str]:
    """What exceeds the limits, a sentence for each quantity; none if the run is as it should be.

    Parameters
    ----------
    temperature : that the run was meant to have
    limits : of the study
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
        f"{name} = {getattr(quality, name):.3g}, {found:.2g} beside the limit {limit:g}"
        for name, (found, limit) in off.items()
        if found is not None and not found <= limit
    ]
