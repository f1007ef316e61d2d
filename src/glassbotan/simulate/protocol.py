"""The simulation protocol of the paper, step by step, on any engine.

Shiba et al., J. Chem. Phys. 158, 084503 (2023), Sec. II A: melt, quench and equilibrate with a Nose-Hoover thermostat,
then run the isoconfigurational ensemble: NVE runs from one configuration, each with new momenta from the
Maxwell-Boltzmann distribution.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.relaxation import self_scattering
from glassbotan.kob_andersen import Species
from glassbotan.simulate.configurations import Configuration, lattice, maxwell_boltzmann, random_generator
from glassbotan.simulate.engines import Dynamics, Engine, Sample, Thermostat
from glassbotan.simulate.running import advance
from glassbotan.study.simulation import Integrator, Liquid

LOGGED = 32
"""Number of moments of a thermostatted run at which energy, temperature and pressure are logged."""
WAVE_NUMBER = 2 * np.pi
"""Wave number of the scattering functions of the two halves of a run, 1 / sigma_AA."""


def lattices(
    liquid: Liquid, melt_temperature: float, temperature: float, configurations: Sequence[int], *, seed: int
) -> list[Configuration]:
    """The lattice to melt for each number in `configurations`; random numbers depend on the target `temperature`."""
    return [
        lattice(liquid, melt_temperature, random_generator(seed, temperature, configuration, replica=0))
        for configuration in configurations
    ]


def thermostatted(
    engine: Engine,
    systems: Sequence[Configuration],
    integrator: Integrator,
    start: float,
    stop: float,
    time: float,
    **running: Any,
) -> tuple[list[Configuration], list[dict[str, NDArray]]]:
    """Run Nose-Hoover dynamics for `time` while the set temperature goes linearly from `start` to `stop`.

    The quench is such a ramp; melt and equilibration keep one temperature. `running` holds further arguments of
    `advance`, such as the checkpoints.

    Returns
    -------
    configurations, logs : the final configuration of each system; and what was measured during the run: time,
        potential energy per particle, temperature and pressure, (n,) each, and F_s(2 pi / sigma_AA, t) of species A in
        the first and the second half of the run, (n_t,) each, which differ if the liquid ages
    """
    last = integrator.steps(time)
    logged = [round(last * part / LOGGED) for part in range(LOGGED + 1)]
    soon = max(1, last // (4 * LOGGED))  # the shortest time of F_s
    steps = sorted({step for start in logged for step in (start, start + soon) if 0 < step <= last})
    thermostat = Thermostat(start, stop, integrator.thermostat_time)
    final = list(systems)
    logs: list[dict[str, list[float]]] = [
        {"time": [], "potential_energy": [], "temperature": [], "pressure": []} for _ in systems
    ]
    moved = [{0: _of_a(system)} for system in systems]
    for sample in advance(engine, systems, steps, dynamics(integrator, thermostat), **running):
        now = final[sample.system] = sample.configuration
        moved[sample.system][sample.step] = _of_a(now)
        if sample.step not in logged:
            continue
        log = logs[sample.system]
        log["time"].append(sample.step * integrator.timestep)
        log["potential_energy"].append(sample.potential_energy / len(now))
        log["temperature"].append(2 * now.kinetic_energy / (3 * len(now) - 3))
        log["pressure"].append(sample.pressure)
    found = [{name: np.array(values) for name, values in log.items()} for log in logs]
    for measured, positions in zip(found, moved, strict=True):
        measured |= scattering_of_halves(positions, logged, soon, integrator.timestep)
    return final, found


def _of_a(configuration: Configuration) -> NDArray[np.float32]:
    """Unwrapped positions of the A particles, (N_A, 3)."""
    return configuration.unwrapped[configuration.species == Species.A].astype(np.float32)


def scattering_of_halves(
    positions: Mapping[int, NDArray], starts: Sequence[int], soon: int, timestep: float
) -> dict[str, NDArray]:
    """F_s(k, t) in the first and in the second half of a run, each averaged over the initial times in that half.

    Parameters
    ----------
    positions : (N_A, 3) at each step of `starts`, and `soon` steps after it, unwrapped
    starts : evenly spaced steps from the first to the last of the run: the initial times
    soon : number of steps of the shortest time; the others are those between two initial times
    timestep : dt, tau

    Returns
    -------
    curves : `scattering_time`, `scattering_first`, `scattering_second`, (n_t,) each; empty for fewer than four spaces
        between initial times
    """
    half = (len(starts) - 1) // 2
    if half < 2 or len({*starts}) < len(starts):
        return {}
    curves: dict[str, list[float]] = {"scattering_first": [], "scattering_second": []}
    for name, own in zip(curves, (starts[: half + 1], starts[-half - 1 :]), strict=True):
        pairs = [[(start, start + soon) for start in own[:-1]]]
        pairs += [list(zip(own[:-lag], own[lag:], strict=True)) for lag in range(1, half)]
        curves[name] = [
            float(np.mean([self_scattering(positions[end] - positions[start], WAVE_NUMBER) for start, end in of_lag]))
            for of_lag in pairs
        ]
    times = [soon, *(starts[lag] - starts[0] for lag in range(1, half))]
    return {"scattering_time": np.array(times) * timestep, **{name: np.array(one) for name, one in curves.items()}}


def replicas(
    configuration: Configuration, temperature: float, count: int, *, seed: int, number: int
) -> list[Configuration]:
    """Initial configurations of an isoconfigurational ensemble: the same positions, different random momenta."""
    streams = (random_generator(seed, temperature, number, replica=replica) for replica in range(1, count + 1))
    return [
        replace(configuration.in_the_box(), velocities=maxwell_boltzmann(configuration.masses, temperature, stream))
        for stream in streams
    ]


def ensemble(
    engine: Engine,
    starts: Sequence[Configuration],
    integrator: Integrator,
    steps: Sequence[int],
    wanted: Callable[[int, int], bool],
    temperature: float | None = None,
    **running: Any,
) -> Iterator[Sample]:
    """Run the replicas and yield a sample of each at the steps for which `wanted` is true.

    They run at constant energy or, if a `temperature` is given, with a Nose-Hoover thermostat. `running` holds further
    arguments of `advance`, such as the checkpoints.
    """
    thermostat = None if temperature is None else Thermostat(temperature, temperature, integrator.thermostat_time)
    return advance(engine, starts, steps, dynamics(integrator, thermostat), wanted=wanted, **running)


def dynamics(integrator: Integrator, thermostat: Thermostat | None = None) -> Dynamics:
    """The settings of the integrator in the form that engines need."""
    return Dynamics(
        integrator.timestep,
        thermostat,
        neighbor_buffer=integrator.neighbor_buffer,
        neighbor_check_delay=integrator.neighbor_check_delay,
    )
