"""HOOMD-blue: the systems of one simulation are independent, and their dynamics is that of LAMMPS."""

import numpy as np
import pytest

from glassbotan.errors import EngineError
from glassbotan.simulate.configurations import lattice, random_generator
from glassbotan.simulate.engines import Dynamics, Thermostat, load_engine
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.running import advance
from glassbotan.study.simulation import Liquid

FREEDOM = 3 * 256 - 3


@pytest.fixture(scope="module")
def hoomd():
    try:
        return load_engine("hoomd")
    except EngineError as error:
        pytest.skip(str(error))


def test_batched_systems_move_as_they_do_alone(hoomd, liquid_at_one):
    systems = replicas(liquid_at_one, 1.0, 6, seed=1, number=1)
    together = {sample.system: sample for sample in advance(hoomd, systems, [500], Dynamics(1e-3))}
    for index, system in enumerate(systems):
        (alone,) = advance(hoomd, [system], [500], Dynamics(1e-3))
        moved = together[index].configuration.unwrapped - alone.configuration.unwrapped
        assert np.abs(moved).max() < 1e-12  # rounding errors have grown little after 0.5 tau


def test_more_systems_than_one_launch_come_back_in_their_places(hoomd, liquid_at_one):
    systems = replicas(liquid_at_one, 1.0, 18, seed=1, number=1)
    samples = {(sample.system, sample.step): sample for sample in advance(hoomd, systems, [1, 2], Dynamics(1e-3))}
    assert len(samples) == 36
    for index, system in enumerate(systems):
        moved = samples[index, 1].configuration.unwrapped - system.unwrapped
        assert np.allclose(moved, 1e-3 * system.velocities, atol=1e-3)


def test_engines_run_the_same_liquid(hoomd, liquid_at_one):
    try:
        lammps = load_engine("lammps")
    except EngineError as error:
        pytest.skip(str(error))
    (ours,) = advance(hoomd, [liquid_at_one], [200], Dynamics(1e-3))
    (theirs,) = advance(lammps, [liquid_at_one], [200], Dynamics(1e-3))
    assert np.abs(ours.configuration.unwrapped - theirs.configuration.unwrapped).max() < 1e-6
    assert ours.potential_energy == pytest.approx(theirs.potential_energy, rel=1e-8)


def test_each_thermostat_serves_its_own_system(hoomd, liquid_at_one):
    # One system starts far too hot. It has to cool down, and the temperature of the others must not change.
    hot = lattice(Liquid(particles=256), 4.0, random_generator(1, 1.0, 2, 0))
    systems = [hot, *replicas(liquid_at_one, 1.0, 4, seed=2, number=1)]
    samples = advance(hoomd, systems, range(100, 20_001, 100), Dynamics(1e-3, Thermostat(1.0, 1.0, 0.1)))
    kinetic = np.zeros((5, 200))
    for sample in samples:
        kinetic[sample.system, sample.step // 100 - 1] = sample.configuration.kinetic_energy
    # 18 tau give about a hundred independent values. The standard errors are 0.5 per cent for the mean and 15 per cent
    # for the variance.
    equilibrium = kinetic[:, 20:]
    assert equilibrium.mean(axis=1) == pytest.approx([FREEDOM / 2] * 5, rel=0.02)
    assert equilibrium[1:].var(axis=1) == pytest.approx([FREEDOM / 2] * 4, rel=0.6)
    correlations = np.corrcoef(equilibrium)[np.triu_indices(5, 1)]
    assert np.abs(correlations).max() < 0.4
    assert hot.kinetic_energy > 3.5 * FREEDOM / 2
    assert kinetic[1:, :10].mean(axis=1) == pytest.approx([FREEDOM / 2] * 4, rel=0.06)


def test_the_thermostat_of_our_engine_is_hoomds(hoomd, liquid_at_one):
    """The same extended system step by step: with a coupling time that matters, both go the same way up a ramp."""
    try:
        fused = load_engine("fused", "cpu")
    except EngineError as error:
        pytest.skip(str(error))
    dynamics = Dynamics(0.002, Thermostat(1.0, 1.5, 0.1))
    for ours, theirs in zip(
        advance(fused, [liquid_at_one], [50, 150], dynamics),
        advance(hoomd, [liquid_at_one], [50, 150], dynamics),
        strict=True,
    ):
        assert np.abs(ours.configuration.unwrapped - theirs.configuration.unwrapped).max() < 1e-5
        assert ours.configuration.kinetic_energy == pytest.approx(theirs.configuration.kinetic_energy, rel=1e-5)
