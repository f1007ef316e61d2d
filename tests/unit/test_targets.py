"""Each target against values computed by hand and against a plain O(N^2) calculation."""

import numpy as np
import pytest

from glassbotan.dynamics.neighbor_relative import Neighborhood
from glassbotan.dynamics.pairs import both_ways, lengths, minimum_image, neighbor_pairs, wrap
from glassbotan.dynamics.registry import ReplicaMotion, particle_target, targets
from glassbotan.dynamics.relaxation import double_stretched, overlap, relaxation, self_scattering
from glassbotan.dynamics.targets import dynamical_targets
from glassbotan.study.targets import Targets

BOX = 6.0


@pytest.fixture
def system(rng):
    """150 particles with a minimum distance from each other, and their displacements in six replicas."""
    positions = []
    while len(positions) < 150:
        trial = rng.uniform(-BOX / 2, BOX / 2, 3)
        if all(np.linalg.norm(minimum_image(trial - other, BOX)) > 0.7 for other in positions):
            positions.append(trial)
    displacements = rng.normal(scale=0.3, size=(6, 150, 3))
    displacements[:, :5] += [9.0, 0.0, -4.0]  # some move far, across the boundary
    return np.array(positions), np.arange(150) % 5 // 4, displacements


def compute(positions, species, displacements, settings=None):
    return dynamical_targets(
        positions,
        species,
        BOX,
        ((replica, 10, moved) for replica, moved in enumerate(displacements, start=1)),
        sampling_steps=[10],
        timestep=0.1,
        replicas=len(displacements),
        **(settings or Targets()).model_dump(),
    )


def motion_of(displacements, pairs=None, separations=None):
    """The motion of one replica, in a box of edge 6."""
    none = np.empty((0, 2), dtype=int), np.empty((0, 3))
    return ReplicaMotion(displacements, *((pairs, separations) if pairs is not None else none), BOX, None)


def test_propensity_by_hand():
    # Two replicas of two particles: the mean of |(3,4,0)| = 5 and |(0,0,9)| = 9 is 7, that of 1 and 1 is 1.
    first = np.array([[3.0, 4.0, 0.0], [1.0, 0.0, 0.0]])
    second = np.array([[0.0, 0.0, 9.0], [0.0, -1.0, 0.0]])
    propensity = targets()["S"].of_replica
    mean = (propensity(motion_of(first)) + propensity(motion_of(second))) / 2
    assert mean.tolist() == [7.0, 1.0]
    assert overlap(first, 1.5) == 0.5


def test_pair_distance_change_by_hand_across_the_boundary():
    positions = np.array([[-2.9, 0.0, 0.0], [2.9, 0.0, 0.0], [2.9, 1.0, 0.0]])  # 0.2 apart through the face
    pairs = neighbor_pairs(positions, BOX, 2.0)
    assert pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    separations = minimum_image(positions[pairs[:, 1]] - positions[pairs[:, 0]], BOX)
    assert separations[0].tolist() == pytest.approx([-0.2, 0, 0])
    moved = np.array([[0.3, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    change = targets()["E"].of_replica
    changes = change(motion_of(moved, pairs, separations))
    assert changes == pytest.approx([0.3, np.hypot(0.5, 1.0) - np.hypot(0.2, 1.0), 0.0])
    # A shift by whole box lengths makes no difference: the distance is that of the nearest images.
    assert change(motion_of(moved + [BOX, 0, -2 * BOX], pairs, separations)) == pytest.approx(changes)


def test_self_scattering_by_hand():
    # cos(k/2) = 0 and -1 along x for k = 2 pi; the other two axes contribute 1.
    moved = np.array([[0.25, 0.0, 0.0], [0.5, 0.0, 0.0]])
    assert self_scattering(moved, 2 * np.pi) == pytest.approx((0 + 1 + 1 - 1 + 1 + 1) / 6)


def test_pairs_are_those_of_the_plain_double_loop(system):
    positions, _, _ = system
    expected = [
        [i, j]
        for i in range(150)
        for j in range(i + 1, 150)
        if np.linalg.norm(minimum_image(positions[j] - positions[i], BOX)) <= 2.0
    ]
    assert neighbor_pairs(positions, BOX, 2.0).tolist() == expected
    assert neighbor_pairs(positions + [100, -70, 3], BOX, 2.0).tolist() == expected
    ordered, source = both_ways(np.array(expected))
    assert np.array_equal(ordered, np.array(expected + [[j, i] for i, j in expected])[source])
    assert ordered.tolist() == sorted(expected + [[j, i] for i, j in expected])


def test_pairs_beyond_half_the_box_are_refused(system):
    with pytest.raises(ValueError, match=r"pairs within 3.1 need a box of at least 6.2"):
        neighbor_pairs(system[0], BOX, 3.1)


def test_wrapping_keeps_every_particle_strictly_inside():
    edge = np.array([[3.0, -3.0, np.nextafter(3.0, 0)], [3.0000001, -3.0000001, 9.0], [-1e-17, 0, 15.0]])
    inside, images = wrap(edge, BOX)
    assert (inside >= -3).all()
    assert (inside < 3).all()
    assert np.allclose(inside + BOX * images, edge, rtol=0, atol=1e-14)


def test_all_targets_against_a_plain_calculation(system):
    positions, species, displacements = system
    found = compute(positions, species, displacements)
    n = len(positions)
    propensity = np.mean([[np.linalg.norm(d) for d in moved] for moved in displacements], axis=0)
    assert np.allclose(found.means["S"][0], propensity, rtol=1e-6)

    r, c, d2 = np.zeros((6, n)), np.zeros((6, n)), np.zeros((6, n))
    for replica, moved in enumerate(displacements):
        for i in range(n):
            a = minimum_image(positions - positions[i], BOX)
            distance = np.linalg.norm(a, axis=1)
            near = (distance <= 1.6) & (np.arange(n) != i)
            a = a[near]
            b = a + moved[near] - moved[i]  # r_ij(t), unwrapped
            gradient = (b.T @ a) @ np.linalg.pinv(a.T @ a)
            residual = b - a @ gradient.T
            r[replica, i] = np.linalg.norm(residual.mean(axis=0))
            c[replica, i] = np.linalg.norm(moved[i] - moved[near].mean(axis=0))
            d2[replica, i] = (residual**2).sum(axis=1).mean()
    # Files hold float32. D is a difference of large sums if particles move far, which leaves an error of about 1e-7.
    assert np.allclose(found.means["R"][0], r.mean(axis=0), rtol=1e-6, atol=1e-6)
    assert np.allclose(found.means["C"][0], c.mean(axis=0), rtol=1e-6, atol=1e-6)
    assert np.allclose(found.means["D"][0], d2.mean(axis=0), rtol=1e-5, atol=1e-6)

    i, j = found.pairs.T
    start = np.linalg.norm(minimum_image(positions[j] - positions[i], BOX), axis=1)
    after = np.mean(
        [
            np.linalg.norm(minimum_image((positions + moved)[j] - (positions + moved)[i], BOX), axis=1)
            for moved in displacements
        ],
        axis=0,
    )
    assert np.allclose(found.means["E"][0], after - start, rtol=1e-5, atol=1e-6)
    assert found.scattering[0] == pytest.approx(np.cos(2 * np.pi * displacements[:, species == 0]).mean())


def test_halves_average_to_the_whole(system):
    found = compute(*system)
    for symbol in targets():
        assert np.allclose(found.halves[symbol].mean(axis=1), found.means[symbol], rtol=1e-6, atol=1e-6), symbol
    odd = compute(system[0], system[1], system[2][::2])
    assert np.allclose(found.halves["S"][0, 1], odd.means["S"][0], rtol=1e-6)


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("motion", "strain"),
    [
        (np.zeros((3, 3)), "translation"),
        (rotation(0.2) - np.eye(3), "rotation"),
        (np.array([[0.02, 0.05, 0], [0, -0.03, 0.01], [0.04, 0, 0.01]]), "strain"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_uniform_motion_has_no_neighbor_relative_part(rng, motion, strain):
    # A cluster in the middle of a large box, so that the boundary has no effect, moves uniformly.
    positions = rng.uniform(-2, 2, (80, 3))
    moved = positions @ motion.T + [0.5, -1.0, 2.0]
    pairs = neighbor_pairs(positions, 40.0, 2.0)
    neighborhood = Neighborhood(pairs, positions[pairs[:, 1]] - positions[pairs[:, 0]], 80, 1.6)
    result = neighborhood.relative_motion(moved)
    assert lengths(moved).min() > 0.5
    assert np.abs(result.neighbor_relative).max() < 1e-12
    assert np.abs(result.nonaffine).max() < 1e-12
    if strain == "translation":
        assert np.abs(result.cage_relative).max() < 1e-12
    else:
        assert result.cage_relative.max() > 1e-3  # C contains the strain


def test_isolated_particles_do_not_move_relative_to_anything():
    positions = np.array([[0.0, 0, 0], [1.0, 0, 0], [10.0, 0, 0]])
    pairs = neighbor_pairs(positions, 40.0, 2.0)
    neighborhood = Neighborhood(pairs, positions[pairs[:, 1]] - positions[pairs[:, 0]], 3, 1.6)
    result = neighborhood.relative_motion(np.array([[0.0, 0.1, 0], [0, 0, 0], [5, 5, 5]]))
    assert result.cage_relative[2] == result.nonaffine[2] == 0
    assert np.isfinite(result).all()


def test_missing_and_repeated_replicas_are_refused(system):
    positions, species, displacements = system
    moments = [(replica, 10, moved) for replica, moved in enumerate(displacements, start=1)]
    arguments = ([10], 0.1, 6)
    settings = Targets().model_dump()
    with pytest.raises(ValueError, match="replica 6 is missing at step 10"):
        dynamical_targets(positions, species, BOX, moments[:-1], *arguments, **settings)
    with pytest.raises(ValueError, match=r"replica 1 .* comes twice"):
        dynamical_targets(positions, species, BOX, [*moments, moments[0]], *arguments, **settings)


def test_relaxation_fit_recovers_its_own_curve(rng):
    t = np.geomspace(0.05, 100, 30)
    shape = {"f": 0.8, "tau_s": 0.15, "beta_s": 1.6, "tau_alpha": 16.5, "beta": 0.75}
    curves = double_stretched(t, **shape) + 0.02 * rng.normal(size=(20, 1)) * np.exp(-t / 50)
    fitted = relaxation(t, curves + 0.003 * rng.normal(size=(20, 30)))
    assert fitted.tau_alpha == pytest.approx(16.5, rel=0.1)
    assert fitted.f == pytest.approx(0.8, abs=0.05)
    assert abs(fitted.tau_alpha - 16.5) < 5 * fitted.tau_alpha_error < 5
    assert not fitted.extrapolated
    with pytest.raises(ValueError, match="needs more than 5 times"):
        relaxation(t[:5], curves[:, :5])


@pytest.mark.parametrize("symbol", ["overlap", "S_halves", "pairs", "2", ""])
def test_symbols_cannot_be_names_of_other_arrays(symbol):
    with pytest.raises(ValueError, match="cannot be the symbol of something"):
        particle_target(symbol, "something", "1")(lambda motion: motion.displacements)


def test_two_targets_cannot_share_a_symbol():
    with pytest.raises(ValueError, match="two targets have the symbol S: propensity and another"):
        particle_target("S", "another", "sigma_AA")(lambda motion: motion.displacements[:, 0])


def test_a_target_that_looks_at_neighbours_says_so(rng):
    motion = motion_of(rng.normal(size=(3, 3)))
    with pytest.raises(TypeError, match="registered with neighbors=True"):
        targets()["R"].of_replica(motion)
