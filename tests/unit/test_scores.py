from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from glassbotan.evaluate.predictions import Prediction, read_predictions, write_predictions
from glassbotan.evaluate.scores import score
from glassbotan.evaluate.tables import DISTANCE, ENERGY, pearson_table, readable
from glassbotan.statistics import correlation, noise_ceiling
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


def test_score_averages_over_configurations_and_pools_beside(rng):
    truths = [rng.normal(size=500) + shift for shift in (0, 10, 20)]
    predictions = [0.5 * (truth - truth.mean()) + rng.normal(size=500) for truth in truths]  # knows no shift
    halves = [np.stack([truth, truth]) for truth in truths]
    result = score(predictions, truths, halves, Scores())
    single = [pearsonr(p, t).statistic for p, t in zip(predictions, truths, strict=True)]
    assert result.pearson == pytest.approx(np.mean(single))
    assert min(single) - 1e-9 < result.ci_low < result.pearson < result.ci_high < max(single) + 1e-9
    pooled = pearsonr(np.concatenate(predictions), np.concatenate(truths)).statistic
    assert result.pooled_pearson == pytest.approx(pooled)
    assert result.pooled_pearson < 0.2 < result.pearson
    assert result.ceiling == pytest.approx(1)
    assert result.n_configurations == 3


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
                propensity=s,
                propensity_halves=np.stack([s, s]),
                predicted_propensity=s + 0.5 * rng.normal(size=40),
                pairs=pairs,
                pair_distance_change=e,
                pair_distance_change_halves=np.stack([e, e]),
                predicted_pair_distance_change=e + 0.5 * rng.normal(size=len(pairs)),
            )
        )
    return result


def test_predictions_survive_their_file(predictions, tmp_path):
    path = tmp_path / "predictions.npz"
    write_predictions(path, predictions, {"study": "test"})
    again, provenance = read_predictions(path)
    assert provenance == {"study": "test"}
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


RUN = {"temperature": 0.64, "time": 1.65, "time_index": 3, "train_configurations": 8, "replicas": 4}


def test_networks_that_differ_in_their_seed_are_also_scored_together(predictions, rng):
    def another(prediction):
        noise = 0.5 * rng.normal(size=len(prediction.species))
        return replace(prediction, predicted_propensity=prediction.propensity + noise)

    seeds = [(list(map(another, predictions)), {**RUN, "model": "NT-GNN", "p": 1.0, "seed": seed}) for seed in range(3)]
    table = pearson_table(seeds, Scores())
    of_s = table[table.target == "S"].set_index("model")
    (together,) = of_s.index[of_s.index.str.contains("mean of 3")]
    assert pd.isna(of_s.seed[together])
    of_a = predictions[0].species == 0
    mean = [
        np.mean([seed[index].predicted_propensity for seed, _ in seeds], axis=0) for index in range(len(predictions))
    ]
    expected = [pearsonr(m[of_a], one.propensity[of_a]).statistic for m, one in zip(mean, predictions, strict=True)]
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
    expected = np.mean([pearsonr(x.potential_energy[of_a], x.propensity[of_a]).statistic for x in predictions])
    assert table[table.model == ENERGY].pearson.item() == pytest.approx(expected)
    text = readable(table, "test")
    assert "NT-GNN" in text
    assert "ceiling" in text
