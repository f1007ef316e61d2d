"""Intervals contain the true value as often as they say, for the sizes that studies have."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from interval_coverage import (  # in the folder benchmarks
    CONFIGURATIONS,
    NOMINAL,
    REST,
    SEEDS,
    covered,
    of_chi_4,
    of_relaxation,
    of_score,
    scored,
)

from glassbotan.dynamics.relaxation import crossing, double_stretched, outside_the_times, relaxation
from glassbotan.evaluate.heterogeneity import chi_4
from glassbotan.evaluate.pearson import OF_CONFIGURATIONS
from glassbotan.evaluate.summary import difference, differences, estimate, what_is_left_out
from glassbotan.statistics import Estimate, Variance, jackknife, variance_interval

DRAWS = 2000


@pytest.mark.parametrize(("seeds", "configurations"), [(2, 4), (4, 4), (2, 10), (1, 4)])
def test_interval_of_a_score_covers_test_configurations_and_seeds(rng, seeds, configurations):
    lowest = 0.91 if seeds == 1 else 0.93  # one seed does not show how seeds differ, and `leaves_out` says so
    assert lowest < of_score(rng, DRAWS, seeds, configurations) < 0.97


def test_interval_with_half_samples_covers_the_choice_of_training_configurations(rng):
    draws = [scored(rng, 2, 4, halves=6, train=0.03) for _ in range(DRAWS)]
    assert 0.93 < covered([estimate(one).interval(NOMINAL) for one in draws], 0.75) < 0.975
    without = [replace(one, halves=one.halves[:0]) for one in draws]
    assert covered([estimate(one).interval(NOMINAL) for one in without], 0.75) < 0.9
    assert without[0].unknown == {"training"}
    assert not draws[0].unknown


def test_paired_difference_is_covered_and_much_narrower_than_that_of_unpaired_scores(rng):
    paired, unpaired = [], []
    for _ in range(DRAWS):
        shared = rng.normal(0, CONFIGURATIONS, 4)
        one, other = (scored(rng, 4, 4, shared=shared, mean=mean) for mean in (0.77, 0.75))
        paired.append(difference(one, other).interval(NOMINAL))
        both = [*one.variances.values(), *other.variances.values()]
        unpaired.append(Estimate.of(0.02, both).interval(NOMINAL))
    assert 0.93 < covered(paired, 0.02) < 0.975
    assert np.median(np.diff(paired)) < 0.5 * np.median(np.diff(unpaired))


def test_the_probability_of_an_order_is_that_of_being_right(rng):
    # Over all pairs of models whose difference was found with a probability of 0.8 to 0.95, so many are in that order.
    right, said = [], []
    for _ in range(4 * DRAWS):
        shared, truth = rng.normal(0, CONFIGURATIONS, 4), rng.normal(0, 0.02)
        one, other = (scored(rng, 2, 4, shared=shared, mean=0.75 + own) for own in (truth, 0.0))
        probability = difference(one, other).probability_positive()
        if 0.8 < probability < 0.95:
            said.append(probability)
            right.append(truth > 0)
    assert np.mean(right) == pytest.approx(np.mean(said), abs=0.06)


@pytest.mark.parametrize(("seeds", "train"), [(1, 8), (1, 5), (4, 8)])
def test_half_samples_have_the_variance_of_other_training_configurations(rng, seeds, train):
    """Whatever the number of seeds: with several, their variance is taken out; with one, it is included."""
    draws = [scored(rng, seeds, 4, halves=8, train=0.03, configurations_to_train=train) for _ in range(DRAWS)]
    found = np.mean([one.variances["training"].value for one in draws])
    # With one seed, what two of five configurations make of it is not scaled down, so that the seed is not either.
    expected = 0.03**2 * (1.5 if train == 5 else 1) + (SEEDS**2 + REST**2 / 4 if seeds == 1 else 0)
    assert found == pytest.approx(expected, rel=0.12)
    assert draws[0].variances["training"].degrees == pytest.approx(1 / (1 / 7 + 1 / (train - 1)))


@pytest.mark.parametrize(("configurations", "between"), [(4, 0.5), (4, 0.9), (14, 0.7), (100, 0.7)])
def test_interval_of_chi_4_covers_it(rng, configurations, between):
    assert 0.93 < of_chi_4(rng, DRAWS, configurations, between) < 0.97


def test_errors_of_the_parts_of_chi_4_are_their_scatter(rng):
    found = [
        chi_4(rng.normal(0.5, 0.1, 20)[:, None] + rng.normal(0, 0.1, (20, 12)), 1000, NOMINAL) for _ in range(DRAWS)
    ]
    for part in ("within", "between", "total"):
        values, errors = np.array([(getattr(one, part).value, getattr(one, part).error) for one in found]).T
        assert np.mean(values) == pytest.approx(20.0 if part == "total" else 10.0, rel=0.02)
        assert np.std(values) == pytest.approx(np.sqrt(np.mean(errors**2)), rel=0.1)


def test_interval_of_a_sum_of_variances_is_that_of_chi_square_for_one_of_them(rng):
    samples = rng.normal(0, 2.0, (DRAWS, 5))
    found = [variance_interval([Variance(float(one.var(ddof=1)), 4)], NOMINAL) for one in samples]
    assert 0.93 < covered(found, 4.0) < 0.97


@pytest.mark.parametrize("name", ["tau_e", "tau_alpha"])
@pytest.mark.parametrize("configurations", [4, 14])
def test_intervals_of_both_relaxation_times_cover_them(rng, configurations, name):
    # Five hundred draws know a coverage within 0.01.
    assert 0.92 < of_relaxation(rng, 500, configurations, name) < 0.98


def test_the_one_over_e_time_is_exact_for_a_sampled_curve():
    times = np.geomspace(0.1, 66.0, 24)
    curve = double_stretched(times, 0.78, 0.2, 1.4, 16.5, 0.8)
    from scipy.optimize import brentq

    exact = brentq(lambda t: double_stretched(t, 0.78, 0.2, 1.4, 16.5, 0.8) - np.exp(-1), 1, 60)
    assert crossing(times, curve) == pytest.approx(exact, rel=2e-3)
    assert np.isnan(crossing(times[:10], curve[:10]))
    assert np.isnan(crossing(times[-3:], curve[-3:]))


def test_a_time_range_that_does_not_reach_the_relaxation_time_is_said(rng):
    times = np.geomspace(0.1, 5.0, 14)
    curves = np.array([double_stretched(times, 0.78, 0.2, 1.4, 16.5 * s, 0.8) for s in (0.9, 1.0, 1.1)])
    found = relaxation(times, curves)
    assert np.isnan(found.tau_e)
    assert found.extrapolated
    assert outside_the_times(found) == "F_s does not fall to 1/e by the last time, t = 5; use later sampling times"
    late = np.geomspace(30.0, 300.0, 8)
    found = relaxation(late, np.array([double_stretched(late, 0.78, 0.2, 1.4, 16.5 * s, 0.8) for s in (0.9, 1.1)]))
    assert np.isnan(found.tau_e)
    assert outside_the_times(found) == "F_s is below 1/e at the first time, t = 30; use earlier sampling times"
    between = np.geomspace(0.1, 15.0, 14)
    slow = np.array([double_stretched(between, 0.78, 0.2, 1.4, 17.5, 0.8)] * 2)
    assert outside_the_times(relaxation(between, slow)).startswith("the fitted τ_α = 17.5 is later than the last time")


def test_jackknife_of_a_mean_is_its_standard_error(rng):
    values = rng.normal(size=11)
    mean, error = jackknife(np.mean, values)
    assert mean == pytest.approx(values.mean())
    assert error == pytest.approx(values.std(ddof=1) / np.sqrt(11))
    assert np.isnan(jackknife(np.mean, values[:1])[1])


def test_degrees_of_freedom_follow_the_larger_variance():
    assert Estimate.of(1.0, [Variance(4.0, 3), Variance(0.0, 1)]).degrees == pytest.approx(3)
    assert Estimate.of(1.0, [Variance(0.0, 3), Variance(2.0, 1)]).degrees == pytest.approx(1)
    both = Estimate.of(1.0, [Variance(1.0, 3), Variance(1.0, 3)])
    assert (both.error, both.degrees) == pytest.approx((np.sqrt(2), 6))


def test_probability_of_the_order():
    assert Estimate(0.0, 1.0, 3).probability_positive() == pytest.approx(0.5)
    assert Estimate(3.182, 1.0, 3).probability_positive() == pytest.approx(0.975, abs=1e-3)
    assert Estimate(0.2, 0.0, 3).probability_positive() == 1.0
    assert np.isnan(Estimate(0.2, np.nan, np.nan).probability_positive())


def table_of(scores, kind="botan", fitted=True):
    """A table with the scores of models by name: (seeds, configurations) each."""
    rows = []
    for model, values in scores.items():
        for (seed, configuration), value in np.ndenumerate(np.atleast_2d(values)):
            rows.append(
                dict.fromkeys(OF_CONFIGURATIONS)
                | {
                    "temperature": 0.64, "time": 1.0, "time_index": 1, "target": "S", "species": "A", "model": model,
                    "kind": kind, "fitted": fitted, "train_configurations": 8, "replicas": 12,
                    "trained_temperature": 0.64, "trained_time": 1.0, "seed": seed,
                    "configuration": configuration + 11, "pearson": value, "ceiling": 0.9,
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=OF_CONFIGURATIONS)


def test_differences_have_the_better_model_first_and_say_how_sure_the_order_is():
    configurations = np.array([0.70, 0.74, 0.78, 0.72])
    table = table_of({"a": [configurations], "b": [configurations + 0.02], "c": [configurations - 0.01]})
    found = differences(table, NOMINAL).set_index(["model", "other"])
    assert [*found.index] == [("b", "a"), ("b", "c"), ("a", "c")]
    assert found.difference.tolist() == pytest.approx([0.02, 0.03, 0.01])
    assert (found.probability > 0.999).all()
    assert (found.leaves_out == "seeds and training configurations").all()


def test_one_test_configuration_has_no_interval_of_configurations_but_says_so():
    table = table_of({"a": [[0.7], [0.72]], "b": [[0.6], [0.61]]})
    (found,) = differences(table, NOMINAL).itertuples()
    assert found.leaves_out == "test configurations and training configurations"
    assert found.ci_low < 0.105 < found.ci_high  # the seeds still give an interval
    single = differences(table_of({"a": [[0.7]], "b": [[0.6]]}), NOMINAL).iloc[0]
    assert np.isnan(single.ci_low)
    assert np.isnan(single.probability)
    assert single.leaves_out == "test configurations, seeds and training configurations"


def test_a_model_without_a_score_is_left_out_of_the_order():
    table = table_of({"a": [[0.7, 0.7]], "b": [[np.nan, 0.8]], "c": [[0.6, 0.6]]})
    assert differences(table, NOMINAL)[["model", "other"]].to_numpy().tolist() == [["a", "c"]]


def test_models_of_other_test_configurations_are_not_paired():
    table = pd.concat([table_of({"a": [[0.7, 0.72]]}), table_of({"b": [[0.6, 0.61]]}).assign(configuration=[21, 22])])
    assert differences(table, NOMINAL).empty


def test_what_intervals_leave_out_is_named_for_each_group_of_models():
    table = pd.DataFrame({"label": ["a", "b", "c"], "leaves_out": ["seeds", "", "seeds"]})
    (sentence,) = what_is_left_out(table)
    assert sentence == "The intervals of a, c leave out what another choice of seeds would change."
    assert what_is_left_out(table[table.label != "b"])[0].startswith("The intervals of all models")


def test_a_ridge_has_no_seeds_to_leave_out():
    table = table_of({"a": np.linspace(0.6, 0.7, 4)[None]}, kind="ridge")
    other = table_of({"b": np.linspace(0.5, 0.6, 4)[None]}, kind="potential-energy", fitted=False)
    (found,) = differences(pd.concat([table, other]), NOMINAL).itertuples()
    assert found.leaves_out == "training configurations"


def test_every_pair_of_models_is_compared_once():
    rng = np.random.default_rng(3)
    table = table_of({name: rng.normal(0.7, 0.05, (1, 4)) for name in "abcd"})
    found = differences(table, NOMINAL)
    assert {frozenset(pair) for pair in zip(found.model, found.other, strict=True)} == {
        frozenset(pair) for pair in itertools.combinations("abcd", 2)
    }
