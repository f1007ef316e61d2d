"""A real liquid that was equilibrated for too short a time is found, although its temperatures are right."""

import numpy as np
import pytest

from glassbotan.simulate.checks import checks
from glassbotan.simulate.engines import load_engine
from glassbotan.simulate.protocol import ensemble, lattices, replicas, thermostatted
from glassbotan.simulate.quality import Energies, limit_violations, measure
from glassbotan.study.simulation import Integrator, Liquid
from glassbotan.study.targets import Limits

TEMPERATURE, COUNT = 0.5, 10
LIMITS = Limits()


def quality_of(engine, systems, duration):
    """The quality of configurations that are equilibrated for `duration`, with two replicas of each over t = 5."""
    integrator = Integrator()
    ready, logs = thermostatted(engine, systems, integrator, TEMPERATURE, TEMPERATURE, duration)
    starts = [
        one
        for number, system in enumerate(ready, start=1)
        for one in replicas(system, TEMPERATURE, 2, seed=3, number=number)
    ]
    energies = [[] for _ in ready]
    ends = [[] for _ in ready]
    for sample in ensemble(engine, starts, integrator, [200, 600, 1000], lambda system, step: True):
        now, owner = sample.configuration, sample.system // 2
        found = sample.potential_energy, now.kinetic_energy, now.momentum, sample.pressure
        energies[owner].append(Energies(sample.system % 2 + 1, sample.step * integrator.timestep, *found))
        if sample.step == 1000:
            ends[owner].append(now)
    return ready, [
        measure(*one, {name: values.tolist() for name, values in log.items()})
        for *one, log in zip(ready, ends, energies, logs, strict=True)
    ]


@pytest.fixture(scope="module")
def quenched():
    """Configurations of N = 1000 just after the quench to T = 0.5, where tau_alpha = 217."""
    engine, integrator = load_engine("auto", "cpu", threads=2), Integrator()
    systems = lattices(Liquid(particles=1000), 5.0, TEMPERATURE, range(1, COUNT + 1), seed=11)
    systems, _ = thermostatted(engine, systems, integrator, 5.0, 5.0, 3.0)
    systems, _ = thermostatted(engine, systems, integrator, 5.0, TEMPERATURE, 10.0)
    return engine, systems


def test_an_aged_liquid_is_found_although_its_temperatures_are_right(quenched):
    engine, systems = quenched
    _, found = quality_of(engine, systems, 0.7 * 217)
    failed = {one.check for one in checks(found, TEMPERATURE, LIMITS) if one.state == "failed"}
    assert failed == {"ageing: potential energy", "ageing: ln τ_α"}
    # What was checked before: the configurational temperature within 10 per cent, ...
    assert all(one.configurational_temperature == pytest.approx(TEMPERATURE, rel=0.1) for one in found)
    assert not any(limit_violations(one, TEMPERATURE, LIMITS, COUNT) for one in found)


def test_the_same_liquid_at_a_temperature_where_it_relaxes_fast_passes(quenched):
    """The check does not fail where there is nothing to find: T = 1, where tau_alpha is about 1."""
    engine, systems = quenched
    integrator = Integrator()
    hot, _ = thermostatted(engine, systems[:6], integrator, TEMPERATURE, 1.0, 5.0)
    _, logs = thermostatted(engine, hot, integrator, 1.0, 1.0, 40.0)
    halves = np.array([[log["scattering_first"][0], log["scattering_second"][0]] for log in logs])
    assert np.abs(np.diff(halves).mean()) < 3 * np.diff(halves).std(ddof=1) / np.sqrt(len(logs)) + 0.02
