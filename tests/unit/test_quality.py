"""The measures of the quality of a run."""

from dataclasses import replace

import numpy as np
import pytest

from glassbotan.simulate.checks import ageing, checks
from glassbotan.simulate.configurations import Configuration, lattice, random_generator
from glassbotan.simulate.engines import Dynamics, Thermostat, load_engine
from glassbotan.simulate.protocol import replicas, scattering_of_halves
from glassbotan.simulate.quality import Energies, Quality, crystal, limit_violations, measure, standard_error
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
    equilibration = {"potential_energy": [one.potential_energy / 500 for one in samples]}
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
    assert quality.largest_cluster < 0.01
    assert quality.potential_energy == pytest.approx(np.mean(run[3]["potential_energy"]), abs=0.1)
    assert limit_violations(quality, 1.0, Limits()) == []
    assert measure(*run, conserves_energy=False).energy_drift is None


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
    noise = np.random.default_rng(0).normal(scale=0.05, size=start.positions.shape)
    shaken = replace(start, positions=start.positions + noise)
    assert "configurational_temperature" in fault(configuration=shaken, ends=[shaken])
    not_a_number = [one._replace(potential=np.nan) for one in energies]
    assert "energy_drift" in fault(energies=not_a_number)
    assert limit_violations(measure(*run), 1.3, limits)[0].startswith("temperature")


def test_many_runs_are_allowed_a_larger_deviation_of_the_worst():
    """With 400 runs that are right, 3 standard errors would be exceeded by one of them as often as not."""
    limits, size = Limits(), 0.44 / np.sqrt(6 * 4096)
    rng = np.random.default_rng(5)
    found = []
    for _ in range(200):
        runs = [Quality(0.44, 0.0, temperature=0.44 + one, temperature_error=size) for one in rng.normal(0, size, 400)]
        found.append([any(limit_violations(one, 0.44, limits, count) for one in runs) for count in (1, 400)])
    alone, together = np.mean(found, axis=0)
    assert alone > 0.5
    assert together < 0.02


def test_the_error_of_a_temperature_has_the_part_that_replicas_share():
    """At constant energy, what a configuration lacks in potential energy cools all of its replicas."""
    assert standard_error(np.full(8, 0.44), 0.44, 4096) == pytest.approx(0.44 / np.sqrt(6 * 4096))
    scattered = standard_error(0.44 + 0.02 * np.array([1, -1, 1, -1]), 0.44, 10**9)
    assert scattered == pytest.approx(0.02 * np.sqrt(4 / 3) / 2, rel=1e-3)
    assert standard_error(np.ones(1), 1.0, 100) is None


def runs_that_change(rng, energy, relaxation, count=14, chance=1.0):
    """Runs whose potential energy and ln tau_alpha change from the first to the second half of the equilibration."""
    times = np.geomspace(1.0, 60.0, 15)
    found = []
    for _ in range(count):
        level, own, more = rng.normal(0, [0.01 * chance, 0.3 * chance, 0.1 * chance])
        curves = [0.78 * np.exp(-((times / (16.5 * np.exp(own + late))) ** 0.8)) for late in (0.0, relaxation + more)]
        first, second = (curve.tolist() for curve in curves)
        found.append(
            Quality(0.44, 0.0, energy_first=-5.8 + level, energy_second=-5.8 + energy + rng.normal(0, 0.01 * chance),
                    scattering_time=times.tolist(), scattering_first=first, scattering_second=second)
        )  # fmt: skip
    return found


def test_ageing_is_measured_as_what_was_put_in(rng):
    found = ageing(runs_that_change(rng, -0.02, 0.3, count=2000))
    assert found.energy.value == pytest.approx(-0.02, abs=0.001)
    assert found.relaxation.value == pytest.approx(0.3, abs=0.04)
    few = [ageing(runs_that_change(rng, 0.0, 0.0)) for _ in range(500)]
    for name in ("energy", "relaxation"):
        scatter = np.std([getattr(one, name).value for one in few])
        error = np.sqrt(np.mean([getattr(one, name).error ** 2 for one in few]))
        assert error == pytest.approx(scatter, rel=0.1), name


@pytest.mark.parametrize(
    ("energy", "relaxation", "failed"),
    [
        (0.0, 0.0, set()),
        (-0.05, 0.0, {"ageing: potential energy"}),
        (0.0, 0.6, {"ageing: ln τ_α"}),
        (-0.05, 0.6, {"ageing: potential energy", "ageing: ln τ_α"}),
    ],
)
def test_a_liquid_that_ages_fails(rng, energy, relaxation, failed):
    found = checks(runs_that_change(rng, energy, relaxation), 0.44, Limits())
    assert {one.check for one in found if one.state == "failed"} == failed
    assert all(one.error > 0 for one in found if one.check.startswith("ageing"))


def test_what_few_runs_cannot_tell_from_chance_is_not_tested(rng):
    for one in checks(runs_that_change(rng, 0.0, 0.3, count=3, chance=4.0), 0.44, Limits())[-2:]:
        assert one.state == "not tested"
        assert "so few runs do not show a deviation below" in one.remark
    for one in checks(runs_that_change(rng, 0.5, 0.9, count=1), 0.44, Limits())[-2:]:
        assert one.state == "not tested"
        assert "one run does not show" in one.remark


def test_relaxation_that_f_s_does_not_show_is_not_tested(rng):
    """F_s that has decayed, or has not begun to, at all times."""
    for level in (0.02, 0.9):
        runs = [
            one._replace(scattering_first=[level] * 15, scattering_second=(level + rng.normal(0, 0.01, 15)).tolist())
            for one in runs_that_change(rng, 0.0, 0.0)
        ]
        found = checks(runs, 0.44, Limits())[-1]
        assert found.state == "not tested"
        assert "not known where it falls" in found.remark


def test_chance_fails_as_rarely_with_few_runs_as_with_many(rng):
    """Three standard errors of three runs are exceeded by chance in one of ten times."""
    for count in (3, 14):
        failed = 0
        for _ in range(1500):
            one = checks(runs_that_change(rng, 0.0, 0.0, count=count, chance=4.0), 0.44, Limits())[-2]
            failed += one.state == "failed"
        assert failed < 15


def test_the_halves_of_a_run_are_compared_at_the_same_times(rng):
    steps = [100 * part for part in range(33)]
    walk = np.cumsum(rng.normal(0, 0.01, (3400, 50, 3)), axis=0)  # of 50 particles that diffuse
    positions = {step: walk[step] for start in steps for step in (start, start + 25)}
    found = scattering_of_halves(positions, steps, 25, 0.005)
    assert found["scattering_time"][:3] == pytest.approx([0.125, 0.5, 1.0])
    for half in ("first", "second"):
        curve = found[f"scattering_{half}"]
        expected = np.exp(-0.5 * (2 * np.pi * 0.01) ** 2 * found["scattering_time"] / 0.005)
        assert curve[:6] == pytest.approx(expected[:6], abs=0.1)
    assert len(found["scattering_time"]) == 16
    assert scattering_of_halves(positions, [0, 100], 25, 0.005) == {}


def test_a_mean_temperature_that_is_off_by_three_per_cent_fails(rng):
    runs = [Quality(0.44, 0.0, temperature=0.453 + one) for one in rng.normal(0, 0.003, 14)]
    found = {one.check: one for one in checks(runs, 0.44, Limits())}
    assert found["kinetic temperature"].state == "failed"
    assert found["kinetic temperature"].value == pytest.approx(0.03, abs=0.005)
    assert found["configurational temperature"].state == "passed"


def test_a_run_that_drifts_by_more_than_the_limit_in_all_fails():
    """The limit is on the change over the whole run, not on a rate, which a long run would make harmless."""
    drifting = [Quality(0.44, 0.0, energy_drift=drift) for drift in (0.001, 0.02)]
    (found,) = (one for one in checks(drifting, 0.44, Limits()) if one.state == "failed")
    assert found.check.startswith("drift of the total energy")
    assert found.value == 0.02


def test_a_crystal_is_seen(rng):
    edge, cells = 1.5, 6
    corners = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    sites = np.stack(np.meshgrid(*[np.arange(cells)] * 3), axis=-1).reshape(-1, 1, 3) + corners
    positions = edge * (sites.reshape(-1, 3) - cells / 2)
    n = len(positions)
    ordered = Configuration(
        positions=positions + rng.normal(scale=0.05, size=(n, 3)),
        images=np.zeros((n, 3), dtype=np.int32),
        velocities=np.zeros((n, 3)),
        species=np.zeros(n, dtype=np.uint8),
        box_length=edge * cells,
    ).wrapped()
    found = crystal(ordered)
    assert found.fraction > 0.95
    assert found.largest_cluster > 0.95
    quality = measure(ordered, [], [Energies(1, 1.0, 0.0, 1.0, np.zeros(3), 0.0)], {})
    refused = limit_violations(quality, 0.44, Limits())
    assert [one.split(" ")[0] for one in refused][:2] == ["crystal_fraction", "largest_cluster"]


def test_a_crystal_at_the_end_of_a_run_is_seen(run):
    start, ends, energies, equilibration = run
    lattice_sites = np.stack(np.meshgrid(*[np.arange(8)] * 3), axis=-1).reshape(-1, 3)[:500] * start.box_length / 8
    frozen = replace(start, positions=lattice_sites - start.box_length / 2)
    assert crystal(start).fraction < 0.01 < 0.5 < crystal(frozen).fraction
    assert measure(start, [*ends, frozen], energies, equilibration).crystal_fraction == crystal(frozen).fraction


def test_published_glasses_are_no_crystals(published):
    content = np.load(published / "test" / "isoconfig_N4096T0.44_401_tc07.npz")
    n = len(content["types"])
    glass = Configuration(
        content["initial_positions"], np.zeros((n, 3), dtype=np.int32), np.zeros((n, 3)),
        content["types"].astype(np.uint8), (n / 1.2) ** (1 / 3),
    ).wrapped()  # fmt: skip
    assert crystal(glass).fraction < 0.002
