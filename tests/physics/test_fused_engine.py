"""The engine `fused`, on every processor: forces, neighbour lists, conservation, exact continuation."""

import numpy as np
import pytest

from glassbotan.errors import EngineError
from glassbotan.kob_andersen import KOB_ANDERSEN, Mixture, Species, box_length, interactions
from glassbotan.simulate.configurations import Configuration, lattice, maxwell_boltzmann, random_generator
from glassbotan.simulate.engines import Dynamics, Thermostat
from glassbotan.simulate.engines.fused import Fused, Launch
from glassbotan.simulate.engines.fused.batch import Batch
from glassbotan.simulate.engines.fused.systems import Systems, liquid_record
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.running import advance
from glassbotan.study.simulation import Liquid


def arrangement(name, rng):
    """Positions that are hard in their own way, of both species."""
    n, length = 500, box_length(500, 1.2)
    if name == "random":
        positions = rng.uniform(-length / 2, length / 2, (n, 3))
    elif name == "crystal":
        positions = lattice(Liquid(particles=n), 1.0, rng).positions
    elif name == "overlapping":
        positions = lattice(Liquid(particles=n), 1.0, rng).positions
        positions[1::2] = positions[::2] + rng.normal(scale=0.15, size=(n // 2, 3))
    else:  # straddling the faces, edges and corners of the box, and exactly on them
        positions = lattice(Liquid(particles=n), 1.0, rng).positions + length / 2
        positions[:10] = np.round(positions[:10] / length) * length
        positions[:10] += rng.normal(scale=0.4, size=(10, 3))
        positions[10] = [length / 2, -length / 2, length / 2]
    species = (np.arange(n) % 5 == 4).astype(np.uint8)
    return Configuration.at_rest(positions, species, length).wrapped()


def systems_of(processor, configurations, skin=0.3):
    liquid = liquid_record(configurations[0].box_length, skin)
    return Systems(processor, Batch.of(configurations, liquid, processor.lanes), liquid)


@pytest.mark.parametrize("name", ["random", "crystal", "overlapping", "straddling"])
def test_forces_and_energies_are_those_of_the_formula(processor, name, rng):
    configuration = arrangement(name, rng)
    with systems_of(processor, [configuration]) as systems:
        # The reference takes the positions of the grid, so that only the arithmetic differs.
        positions = systems.batch.unwrapped(0, configuration.box_length)
        reference = interactions(positions, configuration.species, configuration.box_length)
        single = systems.batch.in_order(0, systems.float_forces()[0])[:, :3].astype(float)
        energies, virials, forces = (systems.batch.in_order(0, found[0]) for found in systems.measure())
    size = np.sqrt((reference.forces**2).sum(axis=1))
    error = np.sqrt(((single - reference.forces) ** 2).sum(axis=1))
    assert np.sqrt(np.mean((error / (size + 1)) ** 2)) < 3e-6  # 1 stands for the forces that cancel in a crystal
    assert np.sqrt((error**2).mean() / (size**2).mean() + 1e-30) < 3e-6 or name == "crystal"
    scale = np.abs(reference.energies).sum()
    assert energies.sum() == pytest.approx(reference.potential_energy, abs=1e-12 * scale)
    assert np.allclose(energies, reference.energies, rtol=1e-9, atol=1e-12)
    assert virials.sum() == pytest.approx(reference.virial, abs=1e-11 * scale)
    assert np.allclose(forces[:, :3], reference.forces, rtol=1e-8, atol=1e-9 * size.max())


def hot_liquid(particles, rng):
    return lattice(Liquid(particles=particles), 3.0, rng)


@pytest.mark.parametrize("buffer", [0.05, 0.9])
def test_lists_never_miss_a_pair_of_a_hot_liquid(fused, buffer, rng):
    dynamics = Dynamics(0.002, Thermostat(3.0, 3.0, 0.1), neighbor_buffer=buffer)
    for sample in advance(fused, [hot_liquid(300, rng)], range(5000, 100_001, 5000), dynamics):
        now = sample.configuration
        assert now.box_length > 2 * KOB_ANDERSEN.largest_cutoff
        r = now.positions[:, None] - now.positions
        r -= now.box_length * np.rint(r / now.box_length)
        distance = np.sqrt((r**2).sum(axis=-1))[np.triu_indices(300, 1)]
        assert distance.min() > 0.5
        # Energies come from the lists as they are at this step; a lost pair inside the cutoff would be missing.
        reference = interactions(now.positions, now.species, now.box_length)
        assert sample.potential_energy == pytest.approx(reference.potential_energy, abs=1e-6)


def test_lists_never_miss_a_pair_on_any_processor(processor, rng):
    dynamics = Dynamics(0.002, Thermostat(3.0, 3.0, 0.1), neighbor_buffer=0.1, end=400)
    with Launch(processor, [hot_liquid(270, rng)], dynamics, None) as run:
        for step in (100, 250, 400):
            run.run_until(step, lambda done: None)
            (sample,) = run.samples([0])
            now = sample.configuration
            reference = interactions(now.positions, now.species, now.box_length)
            assert sample.potential_energy == pytest.approx(reference.potential_energy, abs=1e-6)
            assert (2 * now.kinetic_energy + reference.virial) / (3 * now.box_length**3) == pytest.approx(
                sample.pressure, rel=1e-8
            )


@pytest.mark.parametrize("thermostat", [None, Thermostat(1.0, 0.7, 0.1)], ids=["NVE", "ramp"])
def test_a_run_cut_anywhere_equals_the_unbroken_one_bit_for_bit(processor, liquid_at_one, thermostat):
    systems = replicas(liquid_at_one, 1.0, 3, seed=3, number=1)
    dynamics = Dynamics(0.004, thermostat, end=130)
    with Launch(processor, systems, dynamics, None) as unbroken:
        unbroken.run_until(130, lambda done: None)
        expected = list(unbroken.samples([0, 1, 2]))
    state = None
    for step in (1, 38, 39, 97, 130):  # between two renewals of the lists, and beside them
        with Launch(processor, systems, dynamics, state) as part:
            part.run_until(step, lambda done: None)
            found = list(part.samples([0, 1, 2]))
            state = part.state()
    for first, second in zip(expected, found, strict=True):
        assert np.array_equal(first.configuration.unwrapped, second.configuration.unwrapped)
        assert np.array_equal(first.configuration.velocities, second.configuration.velocities)
        assert first.potential_energy == second.potential_energy
        assert first.pressure == second.pressure


def test_results_do_not_depend_on_what_runs_beside(compiler, liquid_at_one):
    systems = replicas(liquid_at_one, 1.0, 5, seed=4, number=1)
    runs = {
        (threads, together): list(advance(Fused("cpu", together, threads), systems, [200], Dynamics(0.004)))
        for threads, together in ((1, 1), (3, 5), (2, 2))
    }
    alone = runs.pop((1, 1))
    for others in runs.values():
        for first, second in zip(alone, others, strict=True):
            assert np.array_equal(first.configuration.positions, second.configuration.positions)
            assert np.array_equal(first.configuration.velocities, second.configuration.velocities)


def test_processors_agree_until_rounding_errors_have_grown(processor, fused, liquid_at_one):
    dynamics = Dynamics(0.004, end=100)
    (expected,) = advance(fused, [liquid_at_one], [100], dynamics)
    with Launch(processor, [liquid_at_one], dynamics, None) as run:
        run.run_until(100, lambda done: None)
        (found,) = run.samples([0])
    assert np.abs(found.configuration.unwrapped - expected.configuration.unwrapped).max() < 1e-5


def test_the_same_momenta_lead_where_other_engines_lead_until_chaos_takes_over(engine, fused, liquid_at_one):
    """Propensity, F_s and energy of the same four replicas at t = 0.4, when rounding errors have grown to 1e-5."""
    systems, origin = replicas(liquid_at_one, 1.0, 4, seed=6, number=1), liquid_at_one.in_the_box().unwrapped
    moved, energies = {}, {}
    for name, one in (("ours", fused), ("theirs", engine)):
        samples = list(advance(one, systems, [200], Dynamics(0.002)))
        moved[name] = np.array([sample.configuration.unwrapped - origin for sample in samples])
        energies[name] = [sample.potential_energy for sample in samples]
    assert np.abs(moved["ours"] - moved["theirs"]).max() < 1e-4
    propensities = [np.linalg.norm(found, axis=-1).mean(axis=0) for found in moved.values()]
    assert propensities[0] == pytest.approx(propensities[1], abs=1e-5)
    scattering = [np.cos(2 * np.pi * found).mean() for found in moved.values()]
    assert scattering[0] == pytest.approx(scattering[1], abs=1e-6)
    assert energies["ours"] == pytest.approx(energies["theirs"], rel=1e-6)


def test_time_reversal_leads_back_to_the_start(fused, liquid_at_one):
    forward = Dynamics(0.005)
    (there,) = advance(fused, [liquid_at_one], [100], forward)
    turned = Configuration(
        there.configuration.positions,
        there.configuration.images,
        -there.configuration.velocities,
        there.configuration.species,
        there.configuration.box_length,
    )
    (back,) = advance(fused, [turned], [100], forward)
    # Rounding errors of 1e-9 have grown by chaos for 1 tau.
    assert np.abs(back.configuration.unwrapped - liquid_at_one.unwrapped).max() < 1e-5
    assert np.abs(back.configuration.velocities + liquid_at_one.velocities).max() < 1e-4


def test_energy_and_momentum_do_not_drift_over_two_thousand_tau(fused, liquid_at_one):
    steps = range(0, 400_001, 4000)
    systems = replicas(liquid_at_one, 1.0, 2, seed=5, number=1)
    energies = np.zeros((2, 101))
    for sample in advance(fused, systems, steps, Dynamics(0.005, neighbor_buffer=0.4)):
        energy = sample.potential_energy + sample.configuration.kinetic_energy
        energies[sample.system, sample.step // 4000] = energy / 256
        assert np.abs(sample.configuration.momentum).max() / 256 < 1e-7
    slopes = np.polyfit(np.array(steps) * 0.005, energies.T, 1)[0]
    assert np.abs(slopes).max() < 1e-6
    assert np.abs(energies - energies[:, :1]).max() < 2e-3  # velocity Verlet at T = 1 and dt = 0.005 fluctuates by this


def test_canonical_fluctuations_are_those_of_lammps(fused, liquid_at_one):
    """Two-sample tests of the potential and kinetic energies, from samples that are hardly correlated."""
    from scipy.stats import ks_2samp

    from glassbotan.simulate.engines import load_engine

    try:
        lammps = load_engine("lammps")
    except EngineError as error:
        pytest.skip(str(error))
    found = {}
    for engine in (fused, lammps):
        samples = advance(engine, [liquid_at_one], range(1000, 40_001, 200), Dynamics(0.004, Thermostat(1.0, 1.0, 0.1)))
        found[engine.name] = np.array([(s.potential_energy, s.configuration.kinetic_energy) for s in samples]).T
    for ours, theirs in zip(found["fused"], found["lammps"], strict=True):
        assert ks_2samp(ours, theirs).pvalue > 1e-4  # the samples are a little correlated
        assert ours.var() == pytest.approx(theirs.var(), rel=0.5)


def test_a_quench_follows_its_ramp_without_ringing(fused, rng):
    start = lattice(Liquid(particles=1000), 2.0, rng)
    (hot,) = advance(fused, [start], [2000], Dynamics(0.004, Thermostat(2.0, 2.0, 0.1)))
    ramp = Dynamics(0.004, Thermostat(2.0, 0.6, 0.1))
    samples = list(advance(fused, [hot.configuration], range(25, 5001, 25), ramp))
    kinetic = np.array([2 * s.configuration.kinetic_energy / (3 * 999) for s in samples])
    expected = 2.0 - 1.4 * np.array([s.step for s in samples]) / 5000
    # The canonical standard deviation of the temperature of 1000 particles is 2.6 per cent.
    assert np.abs(kinetic / expected - 1)[40:].max() < 0.15
    assert (kinetic / expected - 1)[40:].std() < 0.04


def test_relaxation_is_that_of_lammps(fused, compiler):
    """F_s(2 pi, t) at T = 0.64 from the same configurations, each engine with momenta of its own."""
    from glassbotan.simulate.engines import load_engine

    try:
        lammps = load_engine("lammps")
    except EngineError as error:
        pytest.skip(str(error))
    liquid = Liquid(particles=500)
    starts = [lattice(liquid, 2.0, random_generator(1, 0.64, number, 0)) for number in range(1, 9)]
    for begin, stop, duration in ((2.0, 2.0, 10), (2.0, 0.64, 10), (0.64, 0.64, 60)):
        dynamics = Dynamics(0.005, Thermostat(begin, stop, 0.1))
        starts = [s.configuration for s in advance(fused, starts, [round(duration / 0.005)], dynamics)]
    times = [1.65, 5.2, 16.5]
    steps = [round(time / 0.005) for time in times]
    curves = {}
    for engine, seed in ((fused, 1), (lammps, 2)):
        curve = curves[engine.name] = np.zeros((len(starts), len(times)))
        for number, start in enumerate(starts):
            of_a, origin = start.species == Species.A, start.in_the_box().unwrapped
            runs = replicas(start, 0.64, 2, seed=seed, number=number + 1)
            for sample in advance(engine, runs, steps, Dynamics(0.005)):
                moved = sample.configuration.unwrapped[of_a] - origin[of_a]
                curve[number, steps.index(sample.step)] += np.cos(2 * np.pi * moved).mean() / 2
    difference = curves["fused"] - curves["lammps"]
    error = difference.std(axis=0, ddof=1) / np.sqrt(len(starts))
    assert (error < 0.06).all()
    assert (np.abs(difference.mean(axis=0)) < 6 * error).all()  # Student's distribution with 7 degrees of freedom


def test_particles_at_the_same_place_are_named(processor, liquid_at_one):
    positions = liquid_at_one.positions.copy()
    positions[200] = positions[17]
    doubled = Configuration.at_rest(positions, liquid_at_one.species, liquid_at_one.box_length)
    with pytest.raises(EngineError, match=r"particle (17|200) of system 0 is at the place of another one"):
        Launch(processor, [doubled], Dynamics(1e-3), None)


def test_a_run_that_blows_up_says_where_and_when(processor, liquid_at_one):
    near = liquid_at_one.positions.copy()
    near[123] = near[7] + 0.02
    systems = [Configuration.at_rest(p, liquid_at_one.species, liquid_at_one.box_length) for p in (near, near)]
    systems[0] = liquid_at_one
    pattern = r"particle (7|123) of system 1 moved farther than 0.25 sigma in step \d+; .*smaller time step"
    with Launch(processor, systems, Dynamics(1e-3), None) as run, pytest.raises(EngineError, match=pattern):
        run.run_until(100, lambda done: None)


def test_a_time_step_that_is_too_large_is_found_within_a_hundred_steps(processor, liquid_at_one):
    with (
        Launch(processor, [liquid_at_one], Dynamics(0.05), None) as run,
        pytest.raises(EngineError, match=r"in step \d\d?; the run blew up"),
    ):
        run.run_until(1000, lambda done: None)


def test_lists_that_become_too_long_are_enlarged_without_a_trace(processor, rng):
    """Particles that begin in one corner of a large box have longer lists than the mean density says."""
    crowd = lattice(Liquid(particles=216), 1.0, rng)
    spread = Configuration(crowd.positions, crowd.images, crowd.velocities, crowd.species, 3 * crowd.box_length)
    with Launch(processor, [spread], Dynamics(1e-3), None) as run:
        run.run_until(50, lambda done: None)
        (sample,) = run.samples([0])
    now = sample.configuration
    reference = interactions(now.positions, now.species, now.box_length)
    assert sample.potential_energy == pytest.approx(reference.potential_energy, abs=1e-6)


def test_lists_that_become_too_long_on_the_way_leave_no_trace(processor, monkeypatch, rng):
    """Lists of a melting crystal outgrow the first, for which alone there is room; another run has enough."""
    crystal = hot_liquid(343, rng)
    found = []

    def run_it():
        with Launch(processor, [crystal], Dynamics(2e-3, Thermostat(3.0, 3.0, 0.1), end=400), None) as run:
            first = run._systems.batch.capacity
            run.run_until(400, lambda done: None)
            found.append(next(iter(run.samples([0]))).configuration)
            return first != run._systems.batch.capacity

    assert not run_it()
    monkeypatch.setattr("glassbotan.simulate.engines.fused.batch._expected_words", lambda *liquid: (1, 1))
    monkeypatch.setattr("glassbotan.simulate.engines.fused.systems.GROWTH_OF_LISTS", 1.0)
    assert run_it()
    assert np.array_equal(found[0].unwrapped, found[1].unwrapped)
    assert np.array_equal(found[0].velocities, found[1].velocities)


def test_a_particle_that_is_too_fast_is_found_while_lists_are_renewed(processor):
    """Two of three distant particles: one moves half the buffer, so that lists are renewed, the other too far."""
    start = Configuration.at_rest(np.array([[-12.0, 0, 0], [0, 0, 0], [12.0, 0, 0]]), np.zeros(3, dtype=np.uint8), 40.0)
    velocities = np.array([[3.0, 0, 0], [0, 0, 0], [30.0, 0, 0]])
    for order in (slice(None), slice(None, None, -1)):
        system = Configuration(start.positions[order], start.images, velocities[order], start.species, start.box_length)
        with (
            Launch(processor, [system], Dynamics(0.01, neighbor_buffer=0.05), None) as run,
            pytest.raises(EngineError, match=r"moved farther than 0\.25 sigma in step 1"),
        ):
            run.run_until(50, lambda done: None)


@pytest.mark.parametrize("particles", [2, 31, 33, 100])
def test_small_and_odd_systems_of_one_or_two_species(processor, particles, rng):
    for of_a in (particles, particles // 2, 0):
        start = lattice(Liquid(particles=particles, density=min(1.0, particles / 200)), 0.5, rng)
        species = (np.arange(particles) >= of_a).astype(np.uint8)
        system = Configuration(start.positions, start.images, start.velocities, species, start.box_length)
        with Launch(processor, [system], Dynamics(2e-3), None) as run:
            (before,) = run.samples([0])
            run.run_until(50, lambda done: None)
            (after,) = run.samples([0])
        energies = [s.potential_energy + s.configuration.kinetic_energy for s in (before, after)]
        assert energies[0] == pytest.approx(energies[1], abs=1e-3 * particles)


def test_systems_of_different_kinds_are_refused(fused, liquid_at_one):
    other = lattice(Liquid(particles=300), 1.0, random_generator(1, 1.0, 2, 0))
    with pytest.raises(
        EngineError, match=r"need the same particles, interactions and box, but one has 256.*another 300"
    ):
        list(advance(fused, [liquid_at_one, other], [10], Dynamics(1e-3)))


def test_too_many_particles_are_refused_with_the_largest_number(fused):
    positions = np.zeros((70_000, 3))
    crowd = Configuration.at_rest(positions, np.zeros(70_000, dtype=np.uint8), 40.0)
    with pytest.raises(EngineError, match="70000 particles, but at most 65535 fit"):
        list(advance(fused, [crowd], [1], Dynamics(1e-3)))


def test_momenta_of_the_start_are_kept(fused, liquid_at_one, rng):
    velocities = maxwell_boltzmann(liquid_at_one.masses, 1.0, rng) + np.array([0.3, -0.1, 0.2])
    moving = Configuration(
        liquid_at_one.positions, liquid_at_one.images, velocities, liquid_at_one.species, liquid_at_one.box_length
    )
    (sample,) = advance(fused, [moving], [5000], Dynamics(0.004))
    assert np.allclose(sample.configuration.momentum, moving.momentum, rtol=0, atol=256e-8)


OTHER = Mixture(epsilon=(1.0, 1.2, 0.7), sigma=(1.0, 1.1, 1.2), cutoff=(2.5, 2.0, 2.2), mass=(1.0, 3.0))
"""Another liquid: B is larger and heavier than A, and the cutoffs differ."""


@pytest.fixture(scope="module")
def other_liquid(fused):
    """A liquid of equal parts of A and B that are not those of Kob and Andersen."""
    liquid = Liquid(
        particles=400, density=0.8, fraction_of_a=0.5, epsilon=OTHER.epsilon, sigma=OTHER.sigma, cutoff=OTHER.cutoff,
        mass=OTHER.mass,
    )  # fmt: skip
    assert liquid.mixture == OTHER
    start = lattice(liquid, 2.0, random_generator(0, 1.5, 1, 0))
    for begin, stop in ((3.0, 3.0), (3.0, 1.5), (1.5, 1.5)):
        (sample,) = advance(fused, [start], [3000], Dynamics(0.003, Thermostat(begin, stop, 0.1)))
        start = sample.configuration
    return start


def test_another_mixture_has_the_forces_of_its_formula(processor, other_liquid):
    with Launch(processor, [other_liquid], Dynamics(0.003), None) as run:
        (sample,) = run.samples([0])
    reference = interactions(other_liquid.positions, other_liquid.species, other_liquid.box_length, OTHER)
    assert sample.potential_energy == pytest.approx(reference.potential_energy, rel=1e-6)
    assert sample.configuration.mixture == OTHER


def test_another_mixture_moves_as_in_other_engines(engine, fused, other_liquid):
    steps = [100, 200]
    ours = list(advance(fused, [other_liquid], steps, Dynamics(0.002)))
    theirs = list(advance(engine, [other_liquid], steps, Dynamics(0.002)))
    for first, second in zip(ours, theirs, strict=True):
        assert np.abs(first.configuration.unwrapped - second.configuration.unwrapped).max() < 1e-4
        assert first.potential_energy == pytest.approx(second.potential_energy, rel=1e-5)
        assert first.pressure == pytest.approx(second.pressure, rel=1e-5)


def test_another_mixture_shares_its_heat_evenly(fused, other_liquid):
    """Equipartition between light and heavy particles, with a thermostat; 200 samples of 200 particles each."""
    dynamics = Dynamics(0.003, Thermostat(1.5, 1.5, 0.1))
    samples = advance(fused, [other_liquid], range(1000, 21_001, 100), dynamics)
    squares = np.mean([(s.configuration.velocities**2).sum(axis=1) for s in samples], axis=0)
    for species in Species:
        of_species = squares[other_liquid.species == species].mean()
        assert OTHER.mass[species] * of_species / 3 == pytest.approx(1.5, rel=0.02)
