"""What the paper does to the liquid, step by step, on any engine.

Shiba et al., J. Chem. Phys. 158, 084503 (2023), Sec. II A: melt, quench, equilibrate with a Nose-Hoover thermostat,
then the isoconfigurational ensemble: NVE runs from one configuration with momenta drawn afresh from the
Maxwell-Boltzmann distribution.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from glassbotan.simulate.configurations import Configuration, lattice, maxwell_boltzmann, random_generator
from glassbotan.simulate.engines import Engine, Progress, Sample, Thermostat
from glassbotan.study import Integrator, Liquid


def melt(
    engine: Engine,
    liquid: Liquid,
    integrator: Integrator,
    *,
    melt_temperature: float,
    time: float,
    seed: int,
    temperature: float,
    configurations: Sequence[int],
    progress: Progress,
) -> list[Configuration]:
    """Melt one independent system for each number in `configurations`; `temperature` (the target) names its stream."""
    start = [
        lattice(liquid, melt_temperature, random_generator(seed, temperature, configuration, replica=0))
        for configuration in configurations
    ]
    return thermostatted(engine, start, integrator, melt_temperature, melt_temperature, time, progress)


def thermostatted(
    engine: Engine,
    systems: Sequence[Configuration],
    integrator: Integrator,
    start: float,
    stop: float,
    time: float,
    progress: Progress,
) -> list[Configuration]:
    """Nose-Hoover dynamics for `time`, the set temperature going linearly from `start` to `stop`.

    The quench is a ramp; melt and equilibration hold one temperature.
    """
    samples = engine.advance(
        systems,
        [integrator.steps(time)],
        timestep=integrator.timestep,
        thermostat=Thermostat(start, stop, integrator.thermostat_time),
        progress=progress,
    )
    final = {sample.system: sample.configuration for sample in samples}
    return [final[index] for index in range(len(systems))]


def replicas(
    configuration: Configuration, temperature: float, count: int, *, seed: int, number: int
) -> list[Configuration]:
    """The starts of an isoconfigurational ensemble: the same positions, momenta of their own."""
    streams = (random_generator(seed, temperature, number, replica=replica) for replica in range(1, count + 1))
    return [
        replace(configuration.in_the_box(), velocities=maxwell_boltzmann(len(configuration), temperature, stream))
        for stream in streams
    ]


def ensemble(
    engine: Engine,
    starts: Sequence[Configuration],
    integrator: Integrator,
    steps: Sequence[int],
    progress: Progress,
) -> Iterator[Sample]:
    """Run the replicas at constant energy and hand each back at the given steps."""
    return engine.advance(starts, steps, timestep=integrator.timestep, progress=progress)
