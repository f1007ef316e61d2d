from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr, ttest_1samp

from glassbotan.evaluate.heterogeneity import dynamic_correlation, heterogeneity
from glassbotan.evaluate.predictions import Prediction, read_predictions, write_predictions
from glassbotan.evaluate.scores import score
from glassbotan.evaluate.tables import (
    DISTANCE,
    ENERGY,
    markdown,
    means_over_seeds,
    pearson_table,
    published_beside,
    readable,
)
from glassbotan.files import read_csv, write_csv
from glassbotan.provenance import STAGE_VERSIONS
from glassbotan.statistics import confidence_interval, correlation, noise_ceiling
from glassbotan.study import Scores

BOX = 6.0


def test_correlation_agrees_with_scipy(rng):
    x = rng.normal(size=300).astype(np.float32)
    y = 0.3 * x + rng.normal(size=300).astype(np.float32) + 5
    assert correlation(x, y) == pytest.approx(pearsonr(x, y).statistic, abs=1e-6)
    assert correlation(x, -2 * x + 1) == pytest.approx(-1)
    assert np.isnan(correlation(x, np.ones(300)))


def test_noise_ceiling_is_what_the_truth_itself_reaches(rng):
    truth = rng.normal(size=20_000)
    replicas = truth + 1.5 * rng.normal(size=(8, 20_000))
    ceiling = noise_ceiling(np.stack([replicas[::2].mean(axis=0), replicas[1::2].mean(axis=0)]))
    assert ceiling == pytest.approx(correlation(truth, replicas.mean(axis=0)), abs=0.01)
    assert noise_ceiling(rng.normal(size=(2, 2)) * [[1, 1], [-1, -1]]) >= 0


@pytest.mark.parametrize("n", [2, 3, 10])
def test_confidence_interval_covers_the_mean_as_often_as_it_says(rng, n):
    intervals = [confidence_interval(values, 0.9) for values in rng.normal(3.0, 0.7, size=(4000, n))]
    assert np.mean([low < 3.0 < high for low, high in intervals]) == pytest.approx(0.9, abs=0.02)
    assert np.isnan(confidence_interval(np.ones(1), 0.9)).all()


def r2_of(prediction, truth):
    return 1 - np.mean((prediction - truth) ** 2) / np.var(truth)


def test_score_averages_over_configurations_and_pools_beside(rng):
    truths = [rng.normal(size=500) + shift for shift in (0, 10, 20)]
    predictions = [0.5 * (truth - truth.mean()) + rng.normal(size=500) for truth in truths]  # knows no shift
    halves = [np.stack([truth, truth]) for truth in truths]
    result = score(predictions, truths, halves, Scores())
    single = [pearsonr(p, t).statistic for p, t in zip(predictions, truths, strict=True)]
    assert result.pearson == pytest.approx(np.mean(single))
    of_mean = ttest_1samp(single, 0).confidence_interval(0.95)
    assert (result.ci_low, result.ci_high) == pytest.approx((of_mean.low, of_mean.high))
    pooled = pearsonr(np.concatenate(predictions), np.concatenate(truths)).statistic
    assert result.pooled_pearson == pytest.approx(pooled)
    assert result.pooled_pearson < 0.2 < result.pearson
    assert result.ceiling == pytest.approx(1)
    assert result.n_configurations == 3
    rank = [spearmanr(p, t).statistic for p, t in zip(predictions, truths, strict=True)]
    assert result.spearman == pytest.approx(np.mean(rank))
    squares = [r2_of(p, t) for p, t in zip(predictions, truths, strict=True)]
    assert result.r_squared == pytest.approx(np.mean(squares))
    assert result.of_ceiling == pytest.approx(result.pearson / result.ceiling)
    assert np.isnan(score(predictions, truths, halves, Scores(), values=False).r_squared)


@pytest.fixture
def predictions(rng):
    result = []
    for number in (7, 8):
        positions = rng.uniform(-BOX / 2, BOX / 2, (40, 3))
        pairs = np.array([(i, j) for i in range(40) for j in range(i + 1, 40)], dtype=np.int32)[: 300 + number]
        s, e = rng.normal(size=40), rng.normal(size=len(pairs))
        result.append(
            Prediction(
                configuration=number,
                box_length=BOX,
                positions=positions,
                species=np.arange(40) % 5 // 4,
                potential_energy=s + rng.normal(size=40),
                overlap=rng.uniform(size=4),
                motion=s,
                motion_halves=np.stack([s, s]),
                predicted_motion=s + 0.5 * rng.normal(size=40),
                pairs=pairs,
                pair_distance_change=e,
                pair_distance_change_halves=np.stack([e, e]),
                predicted_pair_distance_change=e + 0.5 * rng.normal(size=len(pairs)),
            )
        )
    return result


def test_predictions_survive_their_file(predictions, tmp_path):
    path = tmp_path / "predictions.npz"
    made = {"stage": "predict", "stage_version": STAGE_VERSIONS["predict"], "study": "test"}
    write_predictions(path, predictions, made)
    again, provenance = read_predictions(path)
    assert provenance == made
    for before, after in zip(predictions, again, strict=True):
        for name, value in vars(before).items():
            assert np.array_equal(value, getattr(after, name)), name


def test_scored_pairs_are_a_a_and_near(predictions):
    prediction = predictions[0]
    scored = prediction.pairs_of_a(1.35)
    for (i, j), chosen in zip(prediction.pairs, scored, strict=True):
        r = prediction.positions[j] - prediction.positions[i]
        r -= BOX * np.rint(r / BOX)
        assert chosen == (prediction.species[i] == prediction.species[j] == 0 and np.linalg.norm(r) < 1.35)
    assert 3 < scored.sum() < len(scored) / 2


RUN = {
    "temperature": 0.64,
    "time": 1.65,
    "time_index": 3,
    "motion": "propensity",
    "rounds": 7,
    "train_configurations": 8,
    "replicas": 4,
    "trained_temperature": 0.64,
    "trained_time": 1.65,
}


def test_networks_that_differ_in_their_seed_are_also_scored_together(predictions, rng):
    def another(prediction):
        noise = 0.5 * rng.normal(size=len(prediction.species))
        return replace(prediction, predicted_motion=prediction.motion + noise)

    seeds = [(list(map(another, predictions)), {**RUN, "model": "NT-GNN", "p": 1.0, "seed": seed}) for seed in range(3)]
    table = pearson_table(seeds, Scores())
    of_s = table[table.target == "S"].set_index("model")
    (together,) = of_s.index[of_s.index.str.contains("mean of 3")]
    assert pd.isna(of_s.seed[together])
    of_a = predictions[0].species == 0
    mean = [np.mean([seed[index].predicted_motion for seed, _ in seeds], axis=0) for index in range(len(predictions))]
    expected = [pearsonr(m[of_a], one.motion[of_a]).statistic for m, one in zip(mean, predictions, strict=True)]
    assert of_s.pearson[together] == pytest.approx(np.mean(expected))
    assert of_s.pearson[together] > of_s.pearson["NT-GNN"].max()


def test_table_has_every_model_and_what_needs_no_network(predictions):
    run = {**RUN, "seed": 0}
    table = pearson_table(
        [
            (predictions, {**run, "model": "BOTAN", "p": 0.4}),
            (predictions, {**run, "model": "pairs", "p": 0.0}),
            (predictions, {**run, "model": "NT-GNN", "p": 1.0}),
        ],
        Scores(),
    )
    found = {(row.model, row.target, row.species) for row in table.itertuples()}
    assert found == {
        ("BOTAN", "S", "A"),
        ("BOTAN", "E", "A-A"),
        ("pairs", "E", "A-A"),
        ("NT-GNN", "S", "A"),
        (ENERGY, "S", "A"),
        (DISTANCE, "E", "A-A"),
    }
    assert len(table) == 6
    of_a = predictions[0].species == 0
    expected = np.mean([pearsonr(x.potential_energy[of_a], x.motion[of_a]).statistic for x in predictions])
    assert table[table.model == ENERGY].pearson.item() == pytest.approx(expected)
    text = readable(table, "test")
    assert "NT-GNN" in text
    assert "ceiling" in text


def test_readable_tables_have_means_over_seeds_and_published_values(predictions):
    other = [replace(one, predicted_motion=one.motion) for one in predictions]
    files = [(predictions, 0), (other, 1)]
    table = pearson_table([(file, {**RUN, "model": "BOTAN", "p": 0.4, "seed": seed}) for file, seed in files], Scores())
    means = means_over_seeds(table)
    (row,) = means[(means.model == "BOTAN") & (means.target == "S")].itertuples()
    seeds = table[(table.model == "BOTAN") & (table.target == "S")].pearson
    assert (row.pearson, row.seeds) == (pytest.approx(seeds.mean()), 2)
    assert row.between_seeds == pytest.approx(seeds.std())
    assert published_beside(0.64, 1.65)["BOTAN"] == 0.748
    assert published_beside(0.64, 1.8).empty
    text = markdown(table, "test", published=True)
    assert "BOTAN (published)" in text
    assert "0.75" in text
    assert "published, full data" in readable(table, "test", published=True)
    assert "ublished" not in markdown(table, "test") + readable(table, "test")  # of another liquid


def test_heterogeneity_sees_what_pearson_does_not(predictions):
    # Half as large in every configuration and with no level of its own: rho is 1 all the same.
    blind = []
    for index, one in enumerate(predictions):
        truth = one.motion + 3 * index
        predicted = 0.5 * (truth - truth[one.species == 0].mean())
        blind.append(replace(one, motion=truth, motion_halves=np.stack([truth, truth]), predicted_motion=predicted))
    found = heterogeneity(blind)
    of_a = predictions[0].species == 0
    means = [one.motion[of_a].mean() for one in blind]
    assert found.chi == pytest.approx(of_a.sum() * np.var(means, ddof=1))
    assert found.predicted_chi == pytest.approx(0, abs=1e-12)
    assert found.predicted_spread == pytest.approx(found.spread / 2)
    r, truth, predicted = dynamic_correlation(blind, bins=6)
    assert truth == pytest.approx(predicted, nan_ok=True)  # it does not see how large
    one = blind[0]
    deviation = one.motion[of_a] - one.motion[of_a].mean()
    apart = one.positions[of_a][:, None] - one.positions[of_a]
    apart = np.linalg.norm(apart - BOX * np.rint(apart / BOX), axis=-1)
    width = r[1] - r[0]
    inside = (np.abs(apart - r[0]) < width / 2) & (apart > 0)  # no particle with itself
    alone = dynamic_correlation([one], bins=6)[1]
    assert alone[0] == pytest.approx(np.outer(deviation, deviation)[inside].mean() / deviation.var(), rel=1e-3)
    lonely = heterogeneity([one])
    assert np.isnan([lonely.chi, lonely.chi_4, lonely.chi_4_between]).all()
    assert lonely.chi_4_within == pytest.approx(40 * one.overlap.var(ddof=1))


def test_heterogeneity_of_the_simulation_has_no_noise_in_it(predictions, rng):
    """Against many configurations whose replicas scatter: what is found is what was put in."""
    n, replicas = 40, 8
    of_a = predictions[0].species == 0
    many = []
    for _ in range(4000):
        level, own = 0.3 * rng.normal(), 0.5 * rng.normal(size=n)
        noise = rng.normal(size=(2, n))
        halves = level + own + noise
        overlap = 0.6 + 0.05 * rng.normal() + 0.1 * rng.normal(size=replicas)
        many.append(
            replace(predictions[0], motion=halves.mean(axis=0), motion_halves=halves, predicted_motion=level + own,
                    overlap=overlap)
        )  # fmt: skip
    found = heterogeneity(many)
    expected = of_a.sum() * (0.3**2 + 0.5**2 / of_a.sum())
    assert (found.chi, found.predicted_chi) == (pytest.approx(expected, rel=0.1), pytest.approx(expected, rel=0.1))
    assert (found.spread, found.predicted_spread) == (pytest.approx(0.5, rel=0.02), pytest.approx(0.5, rel=0.02))
    assert found.chi_4_within == pytest.approx(n * 0.1**2, rel=0.05)
    assert found.chi_4_between == pytest.approx(n * 0.05**2, rel=0.1)
    assert found.chi_4 == pytest.approx(found.chi_4_within + found.chi_4_between)


def test_networks_that_differ_in_more_than_their_seed_are_told_apart(predictions):
    runs = [{**RUN, "model": "BOTAN", "p": 0.4, "seed": 0, "rounds": rounds} for rounds in (1, 7)]
    runs.append({**RUN, "model": "BOTAN", "p": 0.4, "seed": 0, "trained_time": 8.25})
    means = means_over_seeds(pearson_table([(predictions, run) for run in runs], Scores()))
    assert set(means[means.target == "S"].model) == {
        "BOTAN, 1 rounds", "BOTAN, 7 rounds", "BOTAN, 7 rounds, of T = 0.64, t = 8.25", ENERGY,
    }  # fmt: skip
    assert set(means.seeds) == {0, 1}


def test_scores_read_again_are_told_apart_as_before(predictions, tmp_path):
    at = {**RUN, "time": 1650 * 1e-3, "trained_time": 1650 * 1e-3}  # not quite 1.65
    runs = [{**at, "model": "BOTAN", "p": p, "seed": 0} for p in (0.4, 1.0)]
    table = pearson_table([(predictions, run) for run in runs], Scores())
    write_csv(tmp_path / "pearson.csv", table, {})
    again = read_csv(tmp_path / "pearson.csv")
    assert set(again.time) == set(again.trained_time.dropna()) == {1.65}
    assert set(means_over_seeds(again).model) == set(means_over_seeds(table).model)


def test_one_test_configuration_has_no_interval(predictions):
    table = pearson_table([(predictions[:1], {**RUN, "model": "BOTAN", "p": 1.0, "seed": 0})], Scores())
    assert np.isnan(table.ci_low).all()
    assert "[" not in readable(table, "test").split("Mean over")[0]
    assert "E of A-A" not in readable(table, "test")  # nothing predicts it
