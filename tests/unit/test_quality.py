"""The measures of the quality of a run."""

from dataclasses import replace

import numpy as np
import pytest

from glassbotan.simulate.configurations import Configuration, lattice, random_generator
from glassbotan.simulate.engines import Dynamics, Thermostat, load_engine
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.quality import Energies, crystal_fraction, limit_violations, measure
from glassbotan.simulate.running import advance
from glassbotan.study.simulation import Liquid
from glassbotan.study.targets import Limits


@pytest.fixture(scope="module")
def run():
    """A liquid of 500 particles at T = 1, equilibrated, and two replicas of it."""
    engine = load_engine("auto")
    start = lattice(Liquid(particles=500), 3.0, random_generator(5, 1.0, 1, 0))
    for begin, steps in ((3.0, [2000]), (3.0, [3000]), (1.0, range(200, 8001, 200))):
        end = 3.0 if steps == [2000] else 1.0
        samples = list(advance(engine, [start], steps, Dynamics(1e-3, Thermostat(begin, end, 0.1))))
        start = samples[-1].configuration
    equilibration = [one.step * 1e-3 for one in samples], [one.potential_energy / 500 for one in samples]
    nve = list(advance(engine, replicas(start, 1.0, 2, seed=1, number=1), range(200, 2001, 200), Dynamics(1e-3)))
    energies = [
        Energies(
            one.system + 1,
            one.step * 1e-3,
            one.potential_energy,
            one.configuration.kinetic_energy,
            one.configuration.momentum,
            one.pressure,
        )
        for one in nve
    ]
    ends = [one.configuration for one in nve if one.step == 2000]
    return start, ends, energies, equilibration


def test_a_good_run_is_within_the_limits(run):
    quality = measure(*run)
    assert quality.energy_drift < 1e-4
    assert quality.momentum < 1e-8
    assert quality.temperature == pytest.approx(1.0, abs=0.1)
    assert quality.configurational_temperature == pytest.approx(1.0, abs=0.1)
    assert 8 < quality.pressure < 14  # about 11 at this density and temperature
    assert quality.crystal_fraction < 0.01
    assert limit_violations(quality, 1.0, Limits()) == []


def test_each_fault_is_named(run):
    start, ends, energies, equilibration = run
    limits = Limits()

    def fault(**changed):
        case = {"configuration": start, "ends": ends, "energies": energies, "equilibration": equilibration, **changed}
        return " ".join(limit_violations(measure(**case), 1.0, limits))

    drifting = [one._replace(potential=one.potential + 500 * 1e-2 * one.time) for one in energies]
    assert "energy_drift" in fault(energies=drifting)
    assert measure(start, ends, drifting, equilibration).energy_drift == pytest.approx(1.8e-2, rel=0.05)  # 1.8 tau
    moving = [one._replace(momentum=one.momentum + 0.1) for one in energies]
    assert "momentum" in fault(energies=moving)
    hot = [one._replace(kinetic=1.3 * one.kinetic) for one in energies]
    assert " temperature = 1." in fault(energies=hot)
    times, potential = map(np.array, equilibration)
    assert "potential_energy_trend" in fault(equilibration=(times, potential - 0.2 * times))
    noise = np.random.default_rng(0).normal(scale=0.05, size=start.positions.shape)
    shaken = replace(start, positions=start.positions + noise)
    assert "configurational_temperature" in fault(configuration=shaken, ends=[shaken])
    not_a_number = [one._replace(potential=np.nan) for one in energies]
    assert "energy_drift" in fault(energies=not_a_number)
    assert limit_violations(measure(*run), 1.3, limits)[0].startswith("temperature")


def test_a_crystal_is_seen(rng):
    edge, cells = 1.5, 6
    corners = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    sites = np.stack(np.meshgrid(*[np.arange(cells)] * 3), axis=-1).reshape(-1, 1, 3) + corners
    positions = edge * (sites.reshape(-1, 3) - cells / 2)
    n = len(positions)
    crystal = Configuration(
        positions=positions + rng.normal(scale=0.05, size=(n, 3)),
        images=np.zeros((n, 3), dtype=np.int32),
        velocities=np.zeros((n, 3)),
        species=np.zeros(n, dtype=np.uint8),
        box_length=edge * cells,
    ).wrapped()
    assert crystal_fraction(crystal) > 0.95


def test_published_glasses_are_no_crystals(published):
    content = np.load(published / "test" / "isoconfig_N4096T0.44_401_tc07.npz")
    n = len(content["types"])
    glass = Configuration(
        content["initial_positions"], np.zeros((n, 3), dtype=np.int32), np.zeros((n, 3)),
        content["types"].astype(np.uint8), (n / 1.2) ** (1 / 3),
    ).wrapped()  # fmt: skip
    assert crystal_fraction(glass) < 0.002
