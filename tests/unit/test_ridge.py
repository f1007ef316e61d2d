"""The ridge and its descriptors against plain calculations."""

import numpy as np
import pytest
from scipy.special import sph_harm_y

from glassbotan.dynamics.pairs import minimum_image
from glassbotan.errors import FileError, StudyError
from glassbotan.files.targets import read_targets
from glassbotan.kob_andersen import interactions
from glassbotan.learn.least_squares import Sums, solve, validation_errors
from glassbotan.learn.ridge import RidgeSums
from glassbotan.predictors.fitting import fit_predictor
from glassbotan.predictors.ridge import Settings
from glassbotan.predictors.ridges import Descriptors
from glassbotan.statistics import correlation
from glassbotan.structure.static import StaticStructure


@pytest.fixture
def structure(targets_files):
    return read_targets(targets_files[1]).structure()


def test_descriptors_are_those_of_the_formulas(structure):
    """For one particle, term by term. The tolerance allows for single precision and for shells cut at four widths."""
    settings = Descriptors(coarse_range=3.0, averages=1)
    shells = settings.within(structure.box_length)
    found = shells.compute(structure)
    i = 77
    r = minimum_image(structure.positions - structure.positions[i], structure.box_length)
    distance, others = np.linalg.norm(r, axis=1), np.arange(len(structure)) != i
    expected = [interactions(structure.positions, structure.species, structure.box_length).energies[i]]
    for radial in shells.radial:
        for species in (0, 1):
            of_kind = distance[others & (structure.species == species)]
            expected += [np.exp(-((of_kind - radius) ** 2) / (2 * radial.width**2)).sum() for radius in radial.radii]
    polar, azimuth = np.arccos(r[others, 2] / distance[others]), np.arctan2(r[others, 1], r[others, 0])
    for radius in shells.bond_order.radii:
        w = np.exp(-((distance[others] - radius) ** 2) / (2 * shells.bond_order.width**2))
        for degree in range(1, 9):
            orders = [(w * sph_harm_y(degree, m, polar, azimuth)).sum() / w.sum() for m in range(-degree, degree + 1)]
            expected.append(np.sqrt(4 * np.pi / (2 * degree + 1) * (np.abs(orders) ** 2).sum()))
    count = len(expected)
    assert found.shape == (len(structure), 2 * count)
    assert found[i, :count] == pytest.approx(expected, abs=3e-3)
    near = distance <= settings.averaging_range
    weights = np.exp(-distance[near] / settings.averaging_range)
    average = (weights[:, None] * found[near, :count]).sum(axis=0) / weights.sum()
    assert found[i, count:] == pytest.approx(average, rel=1e-5, abs=1e-5)


def test_descriptors_do_not_change_when_the_liquid_is_turned(structure):
    """It is turned by a signed permutation of the axes, which leaves the box as it is."""
    shells = Descriptors(averages=1).within(structure.box_length)
    turned = StaticStructure.of_positions(
        structure.positions[:, [2, 0, 1]] * [1, -1, 1], structure.species, structure.box_length, 2.0
    )
    assert np.allclose(shells.compute(turned), shells.compute(structure), atol=2e-4)


def test_shells_go_no_farther_than_half_of_the_box(structure):
    shells = Descriptors().within(structure.box_length)
    assert 2.5 < shells.reach <= structure.box_length / 2
    small = StaticStructure(structure.positions, structure.species, 5.0, structure.pairs)
    with pytest.raises(FileError, match=r"needs a box of at least .* but it is 5 long"):
        shells.compute(small)


def test_the_ridge_is_that_of_the_normal_equations(rng):
    x, noise = rng.normal(size=(300, 6)) * [1, 2, 3, 0.1, 1, 0] + 5, rng.normal(size=(300, 2))
    y = x @ rng.normal(size=(6, 2)) + 3 + 0.1 * noise
    spread = np.where(x.std(axis=0) > 1e-9, x.std(axis=0), 1)
    scaled, centred = (x - x.mean(axis=0)) / spread, y - y.mean(axis=0)
    for parameter, (weights, constant) in zip((1e-3, 1.0), solve(Sums.over(x, y), (1e-3, 1.0)), strict=True):
        expected = np.linalg.solve(scaled.T @ scaled / 300 + parameter * np.eye(6), scaled.T @ centred / 300)
        assert x @ weights + constant == pytest.approx(scaled @ expected + y.mean(axis=0), abs=1e-8)
        assert Sums.over(x, y).error(weights, constant) == pytest.approx(
            ((x @ weights + constant - y) ** 2).mean(axis=0)
        )
    # The sums over parts add up to the sums over all data, and the error on each part is that of the fit to the others.
    parts = [Sums.over(x[first::3], y[first::3]) for first in range(3)]
    whole = parts[0] + parts[1] + parts[2]
    assert solve(whole, [1.0])[0][0] == pytest.approx(solve(Sums.over(x, y), [1.0])[0][0])
    by_hand = []
    for first in range(3):
        others = np.arange(300) % 3 != first
        weights, constant = solve(Sums.over(x[others], y[others]), [0.1])[0]
        by_hand.append(((x[~others] @ weights + constant - y[~others]) ** 2).mean(axis=0))
    assert validation_errors(parts, [], [0.1])[0] == pytest.approx(np.mean(by_hand, axis=0))


@pytest.mark.parametrize("validation", [[4], []])
@pytest.mark.parametrize("scaling", ["configuration", "training set"])
def test_the_ridge_learns_what_depends_on_the_structure(targets_files, validation, scaling):
    settings = Settings(kind="ridge", target_scaling=scaling, structures=["thermal"], descriptors={"averages": 0})
    fitted = fit_predictor(settings, [*targets_files.values()], study="test", temperature=0.9, time_indices=(1, 2),
                           train=[1, 2, 3], validation=validation)  # fmt: skip
    truth = read_targets(targets_files[6])
    structure = truth.structure()
    predicted = fitted.predict(structure)["S"]
    for species in (0, 1):
        of_kind = structure.species == species
        for time in (0, 1):
            assert correlation(predicted[time][of_kind], truth.means["S"][time][of_kind]) > 0.5
            # The mean for each species at each time is that of the target, in the target's unit.
            assert predicted[time][of_kind].mean() == pytest.approx(truth.means["S"][time][of_kind].mean(), rel=0.1)
    assert len(fitted.history["ridge_parameter"]) == len(settings.ridge_parameters)
    chosen = np.argmin(fitted.history["S_t01, particles A"])
    assert 0 < chosen < len(settings.ridge_parameters) - 1  # not at an end of the range


def test_fewer_particles_than_descriptors_are_said(targets_files, capsys):
    """One training configuration has 160 particles of A and 40 of B, and each has 342 descriptors."""
    settings = Settings(kind="ridge", structures=["thermal"], descriptors={"averages": 1})
    fit_predictor(settings, [*targets_files.values()], study="test", temperature=0.9, time_indices=(1,),
                  train=[1], validation=[4])  # fmt: skip
    assert "there are 40 particles B for 342 descriptors; with fewer examples" in capsys.readouterr().err


def test_a_class_without_training_data_is_predicted_by_a_constant(rng, capsys):
    """Class 1 has no training data at all, class 2 has one configuration and nothing to choose lambda by."""
    x, y = rng.normal(size=(90, 3)), rng.normal(size=(90, 1)) + 2
    sums = RidgeSums(3)
    sums.add_training(0, x[:40], y[:40], np.zeros(40, dtype=int))
    sums.add_training(1, x[40:], y[40:], np.repeat([0, 2], 25))
    fit, history = sums.fit((1e-3, 1.0), ["S_t01"], ["particles A", "particles B", "pairs"])
    said = capsys.readouterr().err
    assert "there are no particles B to fit to" in said
    assert "there are pairs in one configuration only: their prediction is a constant" in said
    assert fit.predict(x[:3], np.array([1, 1, 1])).tolist() == [[0.0]] * 3
    assert fit.predict(x[:3], np.array([2, 2, 2])) == pytest.approx(np.full((3, 1), y[65:].mean()))
    assert {*history} == {"ridge_parameter", "S_t01, particles A"}


def test_targets_that_are_not_numbers_are_refused(rng):
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    sums = RidgeSums(1)
    for number in range(2):
        sums.add_training(number, x, np.where(np.arange(20)[:, None] == 7, np.nan, y), np.zeros(20, dtype=int))
    with pytest.raises(StudyError, match="the fit of S_t01 to particles A has errors that are not finite"):
        sums.fit((1.0,), ["S_t01"], ["particles A"])
