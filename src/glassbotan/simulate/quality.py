"""Quality of a simulation: temperature, conservation of energy and momentum, equilibration, crystallisation.

What one run can tell is compared with limits here; what only many runs together can tell, such as whether the liquid
ages, in `glassbotan.simulate.checks`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.kob_andersen import interactions
from glassbotan.simulate.configurations import Configuration
from glassbotan.study.targets import Limits

SHELL = 1.5
"""Range of the neighbours in the bond-order parameter, sigma_AA: the first shell of A around A."""
ALIKE = 0.7
"""Smallest normalised q_6(i).q_6(j) of two neighbours with similar surroundings (Filion, Hermes, Ni and Dijkstra, J.
Chem. Phys. 133, 244115 (2010))."""
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
    """fraction of particles with crystal-like surroundings, the largest in these configurations"""
    largest_cluster: float | None = None
    """fraction of particles in the largest cluster of crystal-like particles, the largest in these configurations"""
    configurational_temperature_error: float | None = None
    """standard error of the configurational temperature; see `standard_error`"""
    energy_drift: float | None = None
    """largest change of a replica's total energy over its run, from a straight line through it, epsilon_AA per
    particle; None if the runs have a thermostat"""
    momentum: float | None = None
    """largest total momentum of a replica, per particle"""
    temperature: float | None = None
    """kinetic temperature of the ensemble, mean over replicas and times"""
    temperature_error: float | None = None
    """standard error of the kinetic temperature; see `standard_error`"""
    pressure: float | None = None
    """pressure, mean over replicas and times, epsilon_AA / sigma_AA^3"""
    potential_energy: float | None = None
    """potential energy of the ensemble, mean over replicas and times, epsilon_AA per particle"""
    energy_first: float | None = None
    """potential energy in the first half of the equilibration, epsilon_AA per particle"""
    energy_second: float | None = None
    """potential energy in its second half"""
    scattering_time: Sequence[float] = ()
    """times of F_s in the two halves of the equilibration, tau"""
    scattering_first: Sequence[float] = ()
    """F_s(2 pi / sigma_AA, t) of species A in the first half of the equilibration"""
    scattering_second: Sequence[float] = ()
    """the same in its second half"""

    @property
    def numbers(self) -> dict[str, float | None]:
        """All quantities that are one number."""
        return {name: value for name, value in self._asdict().items() if not isinstance(value, Sequence)}


def measure(
    configuration: Configuration,
    ends: Iterable[Configuration],
    energies: Sequence[Energies],
    equilibration: Mapping[str, Sequence[float]],
    conserves_energy: bool = True,
) -> Quality:
    """The quality of a simulation.

    Parameters
    ----------
    configuration : initial configuration of the ensemble
    ends : final configurations of its replicas
    energies : energies of every replica at every sampled time
    equilibration : what was measured during the equilibration (`glassbotan.files.ensembles.EnsembleHeader`); empty if
        the configuration was not equilibrated here
    conserves_energy : whether the replicas have no thermostat
    """
    n = len(configuration)
    freedom = 3 * n - 3
    replicas = sorted({one.replica for one in energies})
    # Some replicas are sampled at more times than others, so each is averaged by itself.
    temperatures, pressures, potentials = (
        np.array([np.mean([value(one) for one in energies if one.replica == replica]) for replica in replicas])
        for value in (lambda one: 2 * one.kinetic / freedom, lambda one: one.pressure, lambda one: one.potential)
    )
    temperature = float(temperatures.mean())
    halves: dict[str, Any] = {}
    if "potential_energy" in equilibration:
        potential = np.asarray(equilibration["potential_energy"])
        first, second = potential[: len(potential) // 2], potential[-(len(potential) // 2) :]
        halves = {"energy_first": float(first.mean()), "energy_second": float(second.mean())}
    curves = ("scattering_time", "scattering_first", "scattering_second")
    halves |= {name: equilibration[name] for name in curves if name in equilibration}
    return of_structure(configuration, ends)._replace(
        energy_drift=max(_drift(energies, replica) for replica in replicas) / n if conserves_energy else None,
        momentum=max(float(np.linalg.norm(one.momentum)) for one in energies) / n,
        temperature=temperature,
        temperature_error=standard_error(temperatures, temperature, n),
        pressure=float(pressures.mean()),
        potential_energy=float(potentials.mean()) / n,
        **halves,
    )


def of_structure(configuration: Configuration, ends: Iterable[Configuration] = ()) -> Quality:
    """The quality as far as it follows from positions: of the configuration and, if given, the ends of its replicas."""
    everything = [configuration, *ends]
    statics = [interactions(one.positions, one.species, one.box_length, one.mixture) for one in everything]
    gradients = np.array([(static.forces**2).sum() for static in statics])
    laplacians = np.array([static.laplacian for static in statics])
    temperature = float(gradients.mean() / laplacians.mean())
    crystals = [crystal(one) for one in everything]
    return Quality(
        configurational_temperature=temperature,
        crystal_fraction=max(one.fraction for one in crystals),
        largest_cluster=max(one.largest_cluster for one in crystals),
        configurational_temperature_error=standard_error(gradients / laplacians, temperature, len(configuration)),
    )


def standard_error(values: NDArray, temperature: float, particles: int) -> float | None:
    """Standard error of a temperature that is averaged over replicas of one configuration.

    It has two parts. One is the standard error of the mean over the replicas. The other is what all replicas have in
    common: at constant energy, a configuration whose potential energy is low by chance cools while it relaxes, and one
    with a high energy warms up. With the heat capacities c of the potential energy and 3/2 of the momenta, this has the
    standard deviation T c^(1/2) / [(c + 3/2) N^(1/2)], which is at most T / (6 N)^(1/2) (for c = 3/2) and near that for
    any liquid. In runs with a thermostat there is no such part, so that the error is an upper bound.

    Parameters
    ----------
    values : (n,), temperature of each replica
    temperature : T
    particles : N

    Returns
    -------
    float or None
        None if there are fewer than two replicas
    """
    if len(values) < 2:
        return None
    return float(np.sqrt(np.var(values, ddof=1) / len(values) + temperature**2 / (6 * particles)))


def _drift(energies: Sequence[Energies], replica: int) -> float:
    own = [one for one in energies if one.replica == replica]
    if len(own) < 2:
        return 0.0
    times = [one.time for one in own]
    slope = np.polyfit(times, [one.potential + one.kinetic for one in own], 1)[0]
    return abs(float(slope) * float(np.ptp(times)))


class Crystal(NamedTuple):
    """How much of a configuration is crystal-like."""

    fraction: float
    """fraction of particles with a bond order similar to that of many of their neighbours"""
    largest_cluster: float
    """fraction of particles in the largest cluster of such particles"""


def crystal(configuration: Configuration) -> Crystal:
    """Crystal-like particles and their largest cluster.

    ten Wolde, Ruiz-Montero and Frenkel, J. Chem. Phys. 104, 9932 (1996), with l = 6, computed by freud.
    """
    import freud

    order = freud.order.SolidLiquid(l=6, q_threshold=ALIKE, solid_threshold=ALIKE_NEIGHBORS)
    box = freud.box.Box.cube(configuration.box_length)
    order.compute((box, configuration.positions), neighbors={"r_max": SHELL})
    alike = np.asarray(order.num_connections) >= ALIKE_NEIGHBORS
    # Particles that are not crystal-like are clusters of one.
    largest = float(order.largest_cluster_size) / len(configuration) if alike.any() else 0.0
    return Crystal(float(alike.mean()), largest)


def limit_violations(quality: Quality, temperature: float, limits: Limits, runs: int = 1) -> list[str]:
    """A message for each quantity of one run that exceeds its limit; empty if the run is within all limits.

    Parameters
    ----------
    quality : quality of the simulation
    temperature : target temperature of the simulation
    limits : limits of the study
    runs : number of runs that are judged together. Temperatures of more runs are allowed to deviate more, so that
        chance alone makes one of them exceed the limit as rarely as if there were only one (Bonferroni).
    """
    from scipy.stats import norm

    most = float(norm.isf(norm.sf(limits.standard_errors) / runs))
    found = []
    for name in ("energy_drift", "momentum", "crystal_fraction", "largest_cluster"):
        value, limit = getattr(quality, name), getattr(limits, name)
        if value is not None and not value <= limit:
            found.append(f"{name} = {value:.3g} exceeds limits.{name} = {limit:g}")
    for name in ("temperature", "configurational_temperature"):
        value, error = getattr(quality, name), getattr(quality, f"{name}_error")
        if value is None or error is None:
            continue
        away = abs(value - temperature)
        if not away <= most * error:
            of_runs = "" if runs == 1 else f" allows {most:.1f} for the worst of {runs} runs"
            found.append(
                f"{name} = {value:.4g}, which is {away / error:.1f} standard errors ({error:.2g}) from the target "
                f"{temperature:g}; limits.standard_errors = {limits.standard_errors:g}{of_runs}"
            )
    return found
