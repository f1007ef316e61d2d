"""Every engine: conservation of energy and momentum, displacements across the boundary, temperatures."""

import numpy as np
import pytest

from glassbotan.errors import EngineError
from glassbotan.simulate.configurations import Configuration, lattice, random_generator
from glassbotan.simulate.engines import Dynamics, Thermostat
from glassbotan.simulate.running import advance
from glassbotan.study.simulation import Liquid


def total_energy(sample):
    return sample.potential_energy + sample.configuration.kinetic_energy


def test_nve_conserves_energy_and_momentum(engine, rounding, liquid_at_one):
    samples = list(advance(engine, [liquid_at_one], range(0, 10_001, 1000), Dynamics(1e-3)))
    energies = np.array([total_energy(sample) for sample in samples]) / 256
    # The energy of velocity-Verlet at dt = 1e-3 oscillates by a few 1e-5 per particle and does not drift.
    assert np.abs(energies - energies[0]).max() < 2e-4
    assert abs(np.polyfit(range(11), energies, 1)[0]) < 2e-5
    # Per particle: forces of 32 bits leave about 1e-9 of it between two renewals of the neighbour lists.
    change = samples[-1].configuration.momentum - liquid_at_one.momentum
    assert np.abs(change).max() / 256 < max(1e-11, 3e-3 * rounding.force)


def test_displacements_are_exact_across_the_boundary(engine, rounding):
    # Two particles beyond the cutoff of each other move freely, by up to two box lengths, across all faces of the box.
    velocities = np.array([[3.0, -2.0, 0.7], [-1.0, 2.5, -4.0]])
    start = Configuration(
        positions=np.array([[3.9, -3.9, 3.9], [-0.2, 0.3, -0.1]]),
        images=np.array([[0, 0, 0], [2, -1, 5]], dtype=np.int32),
        velocities=velocities,
        species=np.zeros(2, dtype=np.uint8),
        box_length=40.0,
    )
    steps = [1000, 20_000]
    for sample in advance(engine, [start], steps, Dynamics(1e-3)):
        moved = sample.configuration.unwrapped - start.unwrapped
        error = np.abs(moved - velocities * sample.step * 1e-3).max()
        in_each_step = start.box_length * rounding.position  # and always in the same direction
        assert error < max(1e-9, sample.step * in_each_step)
        assert np.abs(sample.configuration.positions).max() <= 20.0


def test_samples_are_wrapped_and_in_the_given_order(engine, liquid_at_one):
    (sample,) = advance(engine, [liquid_at_one], [50], Dynamics(1e-3))
    configuration = sample.configuration
    assert configuration.positions.min() >= -configuration.box_length / 2
    assert configuration.positions.max() < configuration.box_length / 2
    assert np.abs(configuration.unwrapped - liquid_at_one.unwrapped).max() < 0.5
    assert np.array_equal(configuration.species, liquid_at_one.species)


def test_sampling_does_not_change_the_trajectory(engine, liquid_at_one):
    *_, often = advance(engine, [liquid_at_one], range(10, 201, 10), Dynamics(1e-3))
    (once,) = advance(engine, [liquid_at_one], [200], Dynamics(1e-3))
    assert np.allclose(often.configuration.unwrapped, once.configuration.unwrapped, rtol=0, atol=1e-12)


def test_independent_systems_do_not_see_each_other(engine, liquid_at_one):
    other = lattice(Liquid(particles=256), 1.0, random_generator(1, 1.0, 2, 0))
    together = {s.system: s for s in advance(engine, [liquid_at_one, other], [100], Dynamics(1e-3))}
    (alone,) = advance(engine, [liquid_at_one], [100], Dynamics(1e-3))
    assert np.allclose(together[0].configuration.unwrapped, alone.configuration.unwrapped, rtol=0, atol=1e-12)
    assert together[0].potential_energy == pytest.approx(alone.potential_energy, rel=1e-12)


def test_thermostat_gives_the_canonical_kinetic_energy(engine, liquid_at_one):
    # K has f = 3 N - 3 degrees of freedom, so its mean is f T / 2 and its variance f T^2 / 2. Samples 0.1 apart over
    # t = 40 count as about two hundred independent ones: the standard errors are 0.5 per cent for the mean and 10 per
    # cent for the variance. The tolerances are three and four times as large.
    steps = range(100, 40_001, 100)
    samples = advance(engine, [liquid_at_one], steps, Dynamics(1e-3, Thermostat(1.0, 1.0, 0.1)))
    kinetic = np.array([sample.configuration.kinetic_energy for sample in samples])[50:]
    freedom = 3 * 256 - 3
    assert kinetic.mean() == pytest.approx(freedom / 2, rel=0.015)
    assert kinetic.var() == pytest.approx(freedom / 2, rel=0.4)


def test_quench_follows_its_ramp(engine, liquid_at_one):
    # The set temperature falls from 2 to 1 over t = 10; the liquid follows it with a lag of the coupling time.
    samples = advance(engine, [liquid_at_one], range(100, 10_001, 100), Dynamics(1e-3, Thermostat(2.0, 1.0, 0.1)))
    temperatures = np.array([2 * s.configuration.kinetic_energy / (3 * 255) for s in samples])
    for start, stop in ((3000, 4000), (6000, 7000), (9000, 10_000)):
        expected = 2.0 - (start + stop) / 2 / 10_000
        assert temperatures[start // 100 : stop // 100].mean() == pytest.approx(expected, rel=0.1)


@pytest.mark.filterwarnings("error")  # nothing but the message
def test_a_run_that_blows_up_is_an_error(engine):
    overlapping = Configuration(
        positions=np.array([[0.0, 0.0, 0.0], [1e-3, 0.0, 0.0]]),
        images=np.zeros((2, 3), dtype=np.int32),
        velocities=np.zeros((2, 3)),
        species=np.zeros(2, dtype=np.uint8),
        box_length=8.0,
    )
    with pytest.raises(EngineError, match="blew up"):
        list(advance(engine, [overlapping], [10, 1000], Dynamics(1e-3)))


def test_hoomd_blues_own_words_are_passed_on():
    pytest.importorskip("hoomd")
    from glassbotan.simulate.engines.hoomd import _explained

    memory = _explained(RuntimeError("CUDA error: out of memory before\n  hoomd/GPUArray.h:123"))
    assert str(memory) == (
        "hoomd: HOOMD-blue ended the run with the error: CUDA error: out of memory before hoomd/GPUArray.h:123"
    )
    flown = _explained(RuntimeError("Particle with unique tag 3 has NaN for its position."))
    assert "unique tag 3 has NaN for its position.; the run blew up: take a smaller time step" in str(flown)
