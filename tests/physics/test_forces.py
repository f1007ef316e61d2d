"""The potential: the reference formula against its derivatives, and every engine against the formula."""

import numpy as np
import pytest

from glassbotan.kob_andersen import KOB_ANDERSEN, Species, box_length, interactions, pair_potential
from glassbotan.simulate.configurations import Configuration, maxwell_boltzmann
from glassbotan.simulate.engines import Dynamics
from glassbotan.simulate.running import advance

EPSILON, SIGMA, CUTOFF = KOB_ANDERSEN.epsilons, KOB_ANDERSEN.sigmas, KOB_ANDERSEN.cutoffs
PAIRS = [(Species.A, Species.A), (Species.A, Species.B), (Species.B, Species.B)]


def two_particles(r: float, first: Species, second: Species) -> Configuration:
    return Configuration(
        positions=np.array([[0.1, -0.2, 0.3], [0.1 + r, -0.2, 0.3]]),
        images=np.zeros((2, 3), dtype=np.int32),
        velocities=np.zeros((2, 3)),
        species=np.array([first, second], dtype=np.uint8),
        box_length=8.0,
    )


def verlet_step(configuration: Configuration, timestep: float) -> Configuration:
    """One velocity-Verlet step with the reference forces."""
    before = interactions(configuration.positions, configuration.species, configuration.box_length).forces
    half = configuration.velocities + 0.5 * timestep * before
    positions = configuration.positions + timestep * half
    after = interactions(positions, configuration.species, configuration.box_length).forces
    return Configuration(
        positions, configuration.images, half + 0.5 * timestep * after, configuration.species, configuration.box_length
    ).wrapped()


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_potential_is_the_force_shifted_formula(first, second):
    epsilon, sigma, cutoff = EPSILON[first, second], SIGMA[first, second], CUTOFF[first, second]

    def lennard_jones(r):
        return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)

    h = 1e-5
    slope_at_cutoff = (lennard_jones(cutoff + h) - lennard_jones(cutoff - h)) / (2 * h)
    r = np.linspace(0.8 * sigma, 0.999 * cutoff, 50)
    energy, slope, curvature = pair_potential(r, first, second)
    expected = lennard_jones(r) - lennard_jones(cutoff) - (r - cutoff) * slope_at_cutoff
    assert np.allclose(energy, expected, rtol=0, atol=1e-8)
    # Derivatives of the same function, by central differences (their own error is of order h^2).
    numeric = (pair_potential(r + h, first, second)[0] - pair_potential(r - h, first, second)[0]) / (2 * h)
    assert np.allclose(slope, numeric, rtol=1e-6, atol=1e-6)
    numeric = (pair_potential(r + h, first, second)[1] - pair_potential(r - h, first, second)[1]) / (2 * h)
    assert np.allclose(curvature, numeric, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_potential_and_force_vanish_at_the_cutoff(first, second):
    cutoff = CUTOFF[first, second]
    energy, slope, _ = pair_potential([cutoff * (1 - 1e-9), cutoff, 1.1 * cutoff], first, second)
    assert np.all(np.abs(energy) < 1e-12)
    assert np.all(np.abs(slope) < 1e-7)


def test_constant_left_out_by_some_engines_is_the_published_one():
    # V_LJ(r_c) for AA, AB and BB; engines that leave it out report energies that jump by it at the cutoff.
    constants = [
        4 * EPSILON[a, b] * ((SIGMA[a, b] / CUTOFF[a, b]) ** 12 - (SIGMA[a, b] / CUTOFF[a, b]) ** 6) for a, b in PAIRS
    ]
    assert constants == pytest.approx([-0.016317, -0.024475, -0.0081584], abs=1e-6)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_engine_agrees_with_the_formula_for_two_particles(engine, rounding, first, second):
    distances = np.concatenate([np.linspace(0.85, 2.6, 15), CUTOFF[first, second] * np.array([0.9999, 1.0001])])
    systems = [two_particles(r, first, second) for r in distances]
    starts = {s.system: s for s in advance(engine, systems, [0], Dynamics(1e-3))}
    steps = {s.system: s for s in advance(engine, systems, [1], Dynamics(1e-3))}
    for index, r in enumerate(distances):
        energy, slope, curvature = (value[0] for value in pair_potential([r], first, second))
        exact = 8.0 * rounding.position  # the box is 8 sigma long
        assert starts[index].potential_energy == pytest.approx(energy, rel=1e-10, abs=1e-12 + exact * abs(slope))
        expected = verlet_step(systems[index], 1e-3)
        tolerance = 1e-14 + 1e-3 * (rounding.force * (abs(slope) + 1) + exact * abs(curvature))
        assert np.allclose(steps[index].configuration.velocities, expected.velocities, rtol=0, atol=tolerance)


def test_engine_agrees_with_the_reference_in_a_liquid(engine, rounding, liquid_at_one):
    start, step = advance(engine, [liquid_at_one], [0, 1], Dynamics(1e-3))
    reference = interactions(liquid_at_one.positions, liquid_at_one.species, liquid_at_one.box_length)
    exact = liquid_at_one.box_length * rounding.position
    assert start.potential_energy == pytest.approx(reference.potential_energy, rel=1e-10 + exact)
    volume = liquid_at_one.box_length**3
    pressure = (2 * liquid_at_one.kinetic_energy + reference.virial) / (3 * volume)
    assert start.pressure == pytest.approx(pressure, rel=1e-9 + 10 * exact)
    expected = verlet_step(liquid_at_one, 1e-3)
    assert np.allclose(step.configuration.positions, expected.positions, rtol=0, atol=1e-11 + exact)
    kick = step.configuration.velocities - liquid_at_one.velocities
    largest = np.abs(reference.forces).max()
    atol = 1e-11 + 1e-3 * largest * rounding.force
    assert np.allclose(kick, expected.velocities - liquid_at_one.velocities, rtol=1e-9, atol=atol)


def test_forces_are_the_gradient_and_the_laplacian_its_divergence(liquid_at_one, rng):
    start = interactions(liquid_at_one.positions, liquid_at_one.species, liquid_at_one.box_length)
    h = 1e-5
    laplacian = 0.0
    for particle in rng.choice(256, 6, replace=False):
        for axis in range(3):
            moved = []
            for sign in (1, -1):
                positions = liquid_at_one.positions.copy()
                positions[particle, axis] += sign * h
                moved.append(interactions(positions, liquid_at_one.species, liquid_at_one.box_length))
            slope = (moved[0].potential_energy - moved[1].potential_energy) / (2 * h)
            assert start.forces[particle, axis] == pytest.approx(-slope, rel=1e-4, abs=1e-4)
    # The Laplacian, from the change of each force component along its own axis, for a random subset of the particles.
    subset = rng.choice(256, 40, replace=False)
    for particle in subset:
        for axis in range(3):
            positions = liquid_at_one.positions.copy()
            positions[particle, axis] += h
            plus = interactions(positions, liquid_at_one.species, liquid_at_one.box_length).forces[particle, axis]
            laplacian += (start.forces[particle, axis] - plus) / h
    assert laplacian / 40 == pytest.approx(start.laplacian / 256, rel=0.3)  # sampling error of 40 particles


def test_energies_of_particles_sum_to_the_total(liquid_at_one):
    result = interactions(liquid_at_one.positions, liquid_at_one.species, liquid_at_one.box_length)
    n = len(liquid_at_one)
    positions, species = liquid_at_one.positions, liquid_at_one.species
    total = 0.0
    for i in range(n):
        r = positions[i + 1 :] - positions[i]
        r -= liquid_at_one.box_length * np.rint(r / liquid_at_one.box_length)
        distance = np.linalg.norm(r, axis=1)
        total += pair_potential(distance, species[i], species[i + 1 :])[0].sum()
    assert result.potential_energy == pytest.approx(total, rel=1e-12)
    assert np.abs(result.forces.sum(axis=0)).max() < 1e-9


def test_box_length_of_the_paper():
    assert box_length(4096, 1.2) == pytest.approx(15.05658, abs=1e-5)


def test_configurational_temperature_of_a_liquid(engine, liquid_at_one, rng):
    # <|grad U|^2> / <nabla^2 U> = k_B T in equilibrium; twenty samples of 256 particles give it to a few per cent.
    start = Configuration(
        liquid_at_one.positions,
        liquid_at_one.images,
        maxwell_boltzmann(liquid_at_one.masses, 1.0, rng),
        liquid_at_one.species,
        liquid_at_one.box_length,
    )
    samples = list(advance(engine, [start], range(500, 10_001, 500), Dynamics(1e-3)))
    parts = [
        interactions(s.configuration.positions, s.configuration.species, s.configuration.box_length) for s in samples
    ]
    configurational = sum((part.forces**2).sum() for part in parts) / sum(part.laplacian for part in parts)
    kinetic = np.mean([2 * s.configuration.kinetic_energy / (3 * 255) for s in samples])
    assert configurational == pytest.approx(kinetic, rel=0.06)
