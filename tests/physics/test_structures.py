"""Inherent structures and cage states by the engine `fused`."""

import itertools

import numpy as np
import pytest

from glassbotan.errors import EngineError
from glassbotan.kob_andersen import box_length, interactions
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import Restraint
from glassbotan.simulate.engines.fused.structures import cage_states, inherent_states
from glassbotan.simulate.protocol import replicas


def test_inherent_structures_are_minima(processor, liquid_at_one):
    for found in inherent_states(processor, [liquid_at_one], force_tolerance=1e-3):
        at_minimum = liquid_at_one.unwrapped + found.displacement
        reference = interactions(at_minimum, liquid_at_one.species, liquid_at_one.box_length)
        assert found.potential_energy == pytest.approx(reference.potential_energy, abs=1e-4)
        assert np.linalg.norm(reference.forces, axis=1).max() == pytest.approx(found.largest_force, abs=1e-4)
        assert found.largest_force < 1.1e-3
        assert (
            reference.potential_energy
            < interactions(liquid_at_one.positions, liquid_at_one.species, liquid_at_one.box_length).potential_energy
        )


def test_a_minimum_that_is_not_reached_is_an_error(fused, liquid_at_one):
    with pytest.raises(EngineError, match=r"was not reached in \d+ steps: the largest force is .* forces of 32 bits"):
        list(inherent_states(fused.processor, [liquid_at_one], force_tolerance=1e-9))


def test_particles_at_the_same_place_have_no_structure(processor, liquid_at_one):
    positions = liquid_at_one.positions.copy()
    positions[200] = positions[17]
    doubled = Configuration.at_rest(positions, liquid_at_one.species, liquid_at_one.box_length)
    with pytest.raises(EngineError, match="is at the place of another one"):
        list(inherent_states(processor, [doubled]))


def test_particles_stay_in_their_spheres_at_the_temperature_of_the_bath(processor, liquid_at_one):
    """A sphere of 0.2: the mean position lies in it, and the fluctuation below that of an even distribution."""
    systems = replicas(liquid_at_one, 1.0, 2, seed=1, number=1)
    restraint = Restraint(radius=0.2, temperature=1.0, duration=2.0, settling=0.5, average_every=0.02)
    found = list(cage_states(processor, systems, restraint, seeds=[1, 2]))
    for cage in found:
        assert np.linalg.norm(cage.displacement, axis=1).max() < 0.2
        second_moment = cage.variance + (cage.displacement**2).sum(axis=1)
        assert (second_moment <= 0.2**2).all()
        assert (cage.variance > 0).all()
        assert cage.displacement == pytest.approx(cage.halves.mean(axis=0), abs=1e-12)
    # Other seeds move the particles in another way, but to nearly the same mean positions.
    assert not np.array_equal(found[0].displacement, found[1].displacement)
    assert np.corrcoef(found[0].displacement.ravel(), found[1].displacement.ravel())[0, 1] > 0.5


def test_free_particles_fill_their_spheres_evenly(fused, rng):
    """Without neighbours every place in the sphere is as likely: the mean of r^2 is 3/5 R^2, that of r zero."""
    grid = np.array(list(itertools.product(range(4), repeat=3))) * 4.0 - 6.0
    gas = Configuration.at_rest(grid, np.zeros(64, dtype=np.uint8), 16.0)
    restraint = Restraint(radius=0.5, temperature=0.8, duration=400.0, average_every=0.1)
    (cage,) = cage_states(fused.processor, [gas], restraint, seeds=[3])
    second_moment = cage.variance + (cage.displacement**2).sum(axis=1)
    assert second_moment.mean() == pytest.approx(0.6 * 0.5**2, rel=0.02)
    assert np.abs(cage.displacement).mean() < 0.03


def test_cage_states_are_those_of_an_independent_program(fused, published):
    reference = published.parent.parent.parent / "resimulated" / "cage_401-403.npz"
    if not reference.exists():
        pytest.skip("the reference cage states are not beside this checkout")
    content = np.load(published / "test" / "isoconfig_N4096T0.44_401_tc07.npz")
    start = Configuration.at_rest(
        content["initial_positions"], content["types"].astype(np.uint8), box_length(4096, 1.2)
    )
    (cage,) = cage_states(fused.processor, [start], Restraint(radius=0.2, temperature=0.44, duration=15.0), seeds=[1])
    expected = np.load(reference)["c401_r0.2_displacement"]
    assert np.corrcoef(cage.displacement.ravel(), expected.ravel())[0, 1] > 0.99
    # The difference is what both averages are off; that of the reference, from its halves, is 0.009 / 2.
    own = np.sqrt(((cage.halves[0] - cage.halves[1]) ** 2).sum(axis=1).mean()) / 2
    difference = np.sqrt(((cage.displacement - expected) ** 2).sum(axis=1).mean())
    assert difference < 1.3 * np.hypot(own, 0.0045)
    variance = np.load(reference)["c401_r0.2_variance"]
    assert cage.variance.mean() == pytest.approx(variance.mean(), rel=0.03)


def test_a_duration_too_short_to_average_is_refused(fused, liquid_at_one):
    with pytest.raises(EngineError, match=r"a duration of 0.01 has no position in each half"):
        list(cage_states(fused.processor, [liquid_at_one], Restraint(0.3, 1.0, 0.01), seeds=[1]))
