import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr, ttest_1samp

from glassbotan.evaluate.heterogeneity import dynamic_correlation, heterogeneity, long_wave_fluctuations
from glassbotan.evaluate.pearson import heterogeneity_table, score_tables
from glassbotan.evaluate.published import published_beside
from glassbotan.evaluate.readable import markdown, readable
from glassbotan.evaluate.scores import score
from glassbotan.evaluate.summary import differences, summary
from glassbotan.files.npz import read_npz_provenance
from glassbotan.files.plain import read_csv, write_csv
from glassbotan.files.predictions import Compared, Origin, Prediction, Predictions, read_predictions, write_predictions
from glassbotan.statistics import Estimate, correlation, noise_ceiling
from glassbotan.structure.static import StaticStructure
from glassbotan.study.evaluation import Scores

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
    intervals = [Estimate.of_mean(values).interval(0.9) for values in rng.normal(3.0, 0.7, size=(4000, n))]
    assert np.mean([low < 3.0 < high for low, high in intervals]) == pytest.approx(0.9, abs=0.02)
    assert np.isnan(Estimate.of_mean(np.ones(1)).interval(0.9)).all()


def r2_of(prediction, truth):
    return 1 - np.mean((prediction - truth) ** 2) / np.var(truth)


def test_score_averages_over_configurations_and_pools_beside(rng):
    truths = [rng.normal(size=500) + shift for shift in (0, 10, 20)]
    predictions = [0.5 * (truth - truth.mean()) + rng.normal(size=500) for truth in truths]  # without the shift
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
        targets = {
            symbol: Compared(values, np.stack([values, values]), values + 0.5 * rng.normal(size=len(values)))
            for symbol, values in (("S", s), ("E", e))
        }
        structure = StaticStructure(positions, (np.arange(40) % 5 // 4).astype(np.uint8), BOX, pairs)
        result.append(Prediction(number, structure, rng.uniform(size=4), targets))
    return result


ORIGIN = Origin(
    model="BOTAN",
    kind="botan",
    seed=0,
    settings={"p": 0.4, "network": {"rounds": 7}},
    fits=True,
    gives_values=True,
    train_configurations=8,
    replicas=4,
    temperature=0.64,
    times=(1.65,),
)


def file_of(at_time, symbols=("S", "E"), time=1.65, **origin):
    """A predictions file with one time."""
    return Predictions("test", replace(ORIGIN, **origin), 0.64, (time,), (3,), symbols, [at_time])


def with_predicted(prediction, symbol, values, **more):
    """The same prediction with other predicted values of a target."""
    compared = replace(prediction.targets[symbol], predicted=values, **more)
    return replace(prediction, targets={**prediction.targets, symbol: compared})


def test_predictions_survive_their_file(predictions, tmp_path):
    path = tmp_path / "predictions.npz"
    later = [with_predicted(one, "S", 2 * one.targets["S"].predicted) for one in predictions]
    written = Predictions("test", ORIGIN, 0.64, (0.5, 1.65), (2, 3), ("S", "E"), [predictions, later])
    write_predictions(path, written, {"wall_seconds": 7})
    again = read_predictions(path)
    assert read_npz_provenance(path) == {"wall_seconds": 7}
    assert (again.study, again.origin, again.temperature) == ("test", ORIGIN, 0.64)
    assert (again.times, again.time_indices, again.symbols) == ((0.5, 1.65), (2, 3), ("S", "E"))
    for before, after in ((predictions, again.at(2)), (later, again.at(3))):
        for one, other in zip(before, after, strict=True):
            assert one.configuration == other.configuration
            for name in ("positions", "species", "pairs"):
                assert np.array_equal(getattr(one.structure, name), getattr(other.structure, name)), name
            assert np.array_equal(one.overlap, other.overlap)
            for symbol in ("S", "E"):
                for name in ("truth", "halves", "predicted"):
                    values = (getattr(each.targets[symbol], name) for each in (one, other))
                    assert np.array_equal(*values), (symbol, name)


def test_what_was_not_published_need_not_be_in_the_file(predictions, tmp_path):
    path = tmp_path / "predictions.npz"
    unknown = [
        replace(with_predicted(one, "S", one.targets["S"].predicted, halves=None), overlap=np.empty(0))
        for one in predictions
    ]
    write_predictions(path, file_of(unknown, ("S",)), {})
    (row,) = score_tables([read_predictions(path)], Scores()).scores.itertuples()
    assert np.isnan(row.ceiling)
    (sizes,) = heterogeneity_table([read_predictions(path)], Scores()).itertuples()
    assert np.isnan(sizes.chi_4)
    assert np.isfinite(sizes.spread)


def test_scored_pairs_are_a_a_and_near(predictions):
    structure = predictions[0].structure
    scored = predictions[0].scored("E", 1.35)
    for (i, j), chosen in zip(structure.pairs, scored, strict=True):
        r = structure.positions[j] - structure.positions[i]
        r -= BOX * np.rint(r / BOX)
        assert chosen == (structure.species[i] == structure.species[j] == 0 and np.linalg.norm(r) < 1.35)
    assert 3 < scored.sum() < len(scored) / 2
    assert np.array_equal(predictions[0].scored("S", 1.35), structure.species == 0)


def test_only_one_time_can_be_scored_although_times_of_files_are_rounded(predictions):
    rounded = replace(file_of(predictions, ("S",)), times=(330 * 0.005,))
    assert rounded.times != (1.65,)
    assert len(score_tables([rounded], Scores(), times=[1.65]).scores) == 1
    assert score_tables([rounded], Scores(), times=[1.66]).scores.empty


def summarised(files, setting=None, **more):
    """The summary of the scores of predictions files."""
    return summary(*score_tables(files, Scores(), **more), 0.95, setting=setting)


def text_of(files, form=readable, **more):
    """The tables of predictions files as text or as Markdown."""
    return form(summarised(files), differences(score_tables(files, Scores()).of_configurations, 0.95), "test", **more)


def baseline(predictions):
    """A predictor that is not fitted, and whose predictions have only the order of the target's values."""
    return file_of(
        predictions, ("E",), model="initial-distance", kind="initial-distance", fits=False, gives_values=False
    )


def test_table_has_a_row_for_each_model_and_target(predictions):
    files = [
        file_of(predictions),
        file_of(predictions, ("E",), model="pairs"),
        file_of(predictions, ("S",), model="NT-GNN"),
        baseline(predictions),
    ]
    table = score_tables(files, Scores()).scores
    found = [(row.model, row.target, row.species) for row in table.itertuples()]
    assert sorted(found) == [
        ("BOTAN", "E", "A-A"),
        ("BOTAN", "S", "A"),
        ("NT-GNN", "S", "A"),
        ("initial-distance", "E", "A-A"),
        ("pairs", "E", "A-A"),
    ]
    of_baseline = table[~table.fitted].iloc[0]
    assert np.isnan(of_baseline.r_squared)
    assert pd.isna(of_baseline.train_configurations)
    _, of_pairs = text_of(files).split("pair-distance change")
    assert of_pairs.index("BOTAN") < of_pairs.index("initial-distance") < of_pairs.index("ceiling")


def test_a_predictor_of_all_times_has_a_row_at_each(predictions):
    later = [with_predicted(one, "S", -one.targets["S"].truth) for one in predictions]
    both = Predictions(
        "test", replace(ORIGIN, times=(0.5, 1.65)), 0.64, (0.5, 1.65), (2, 3), ("S",), [predictions, later]
    )
    table = score_tables([both], Scores()).scores
    assert table[["time", "time_index", "trained_time"]].to_numpy().tolist() == [[0.5, 2, 0.5], [1.65, 3, 1.65]]
    assert table.pearson[1] == pytest.approx(-1)
    assert score_tables([both], Scores(), times=[1.65]).scores.time.tolist() == [1.65]
    assert heterogeneity_table([both], Scores()).time.tolist() == [0.5, 1.65]


def test_readable_tables_have_means_over_seeds_and_published_values(predictions):
    other = [with_predicted(one, "S", one.targets["S"].truth) for one in predictions]
    files = [file_of(predictions), file_of(other, seed=1)]
    table = score_tables(files, Scores()).scores
    means = summarised(files)
    (row,) = means[(means.model == "BOTAN") & (means.target == "S")].itertuples()
    seeds = table[(table.model == "BOTAN") & (table.target == "S")].pearson
    assert (row.pearson, row.seeds) == (pytest.approx(seeds.mean()), 2)
    assert row.between_seeds == pytest.approx(seeds.std())
    assert published_beside(0.64, 1.65)["BOTAN"] == 0.748
    assert published_beside(0.64, 1.8).empty
    text = text_of(files, markdown, published=True)
    assert "BOTAN (published)" in text
    assert "0.75" in text
    assert "published, full data" in text_of(files, published=True)
    assert "ublished" not in text_of(files, markdown) + text_of(files)  # as for another liquid
    assert "leave out what another choice of training configurations would change" in text_of(files)


def test_heterogeneity_sees_what_pearson_does_not(predictions):
    # The prediction is half of the truth, with the same mean in all configurations. Its Pearson coefficient is still 1.
    blind = []
    for index, one in enumerate(predictions):
        truth = one.targets["S"].truth + 3 * index
        predicted = 0.5 * (truth - truth[one.structure.species == 0].mean())
        blind.append(with_predicted(one, "S", predicted, truth=truth, halves=np.stack([truth, truth])))
    found = heterogeneity(blind, "S")
    of_a = predictions[0].structure.species == 0
    means = [one.targets["S"].truth[of_a].mean() for one in blind]
    assert found.chi == pytest.approx(of_a.sum() * np.var(means, ddof=1))
    assert found.predicted_chi == pytest.approx(0, abs=1e-12)
    assert found.predicted_spread == pytest.approx(found.spread / 2)
    assert found.predicted_chi_q == pytest.approx(found.chi_q / 4)
    r, truth, predicted = dynamic_correlation(blind, "S", bins=6)
    assert truth == pytest.approx(predicted, nan_ok=True)  # C(r) does not depend on the amplitude
    one = blind[0]
    deviation = one.targets["S"].truth[of_a] - one.targets["S"].truth[of_a].mean()
    apart = one.structure.positions[of_a][:, None] - one.structure.positions[of_a]
    apart = np.linalg.norm(apart - BOX * np.rint(apart / BOX), axis=-1)
    width = r[1] - r[0]
    inside = (np.abs(apart - r[0]) < width / 2) & (apart > 0)  # without pairs of a particle with itself
    alone = dynamic_correlation([one], "S", bins=6)[1]
    assert alone[0] == pytest.approx(np.outer(deviation, deviation)[inside].mean() / deviation.var(), rel=1e-3)
    lonely = heterogeneity([one], "S")
    assert np.isnan([lonely.chi, lonely.chi_4, lonely.chi_4_between]).all()
    assert lonely.chi_4_within == pytest.approx(40 * one.overlap.var(ddof=1))


def test_fluctuations_over_long_waves_are_those_of_the_formula(predictions):
    expected = []
    for one in predictions:
        of_a = one.structure.species == 0
        values, positions = one.targets["S"].truth[of_a], one.structure.positions[of_a]
        waves = [n for n in itertools.product((-1, 0, 1), repeat=3) if any(n)]
        sums = [np.sum((values - values.mean()) * np.exp(2j * np.pi * (positions @ n) / BOX)) for n in waves]
        assert len(waves) == 26
        expected.append(np.mean(np.abs(sums) ** 2) / of_a.sum())
    exact = [with_predicted(one, "S", 0.5 * one.targets["S"].truth, halves=None) for one in predictions]
    truth, predicted = long_wave_fluctuations(exact, "S")
    assert truth == pytest.approx(expected)
    assert predicted == pytest.approx(truth / 4)
    table = score_tables([file_of(exact)], Scores()).scores.set_index("target")
    assert table.chi_ratio["S"] == pytest.approx(0.25)
    assert table.chi_ratio_error["S"] == pytest.approx(0, abs=1e-9)  # the same ratio in each configuration
    assert np.isnan(table.chi_ratio["E"])


def test_heterogeneity_of_the_simulation_has_no_noise_in_it(predictions, rng):
    """For many configurations with noisy replicas, the variances that were put in are found."""
    n, replicas = 40, 8
    of_a = predictions[0].structure.species == 0
    many = []
    for _ in range(4000):
        level, own = 0.3 * rng.normal(), 0.5 * rng.normal(size=n)
        noise = rng.normal(size=(2, n))
        halves = level + own + noise
        overlap = 0.6 + 0.05 * rng.normal() + 0.1 * rng.normal(size=replicas)
        one = with_predicted(predictions[0], "S", level + own, truth=halves.mean(axis=0), halves=halves)
        many.append(replace(one, overlap=overlap))
    found = heterogeneity(many, "S")
    expected = of_a.sum() * (0.3**2 + 0.5**2 / of_a.sum())
    assert (found.chi, found.predicted_chi) == (pytest.approx(expected, rel=0.1), pytest.approx(expected, rel=0.1))
    assert (found.spread, found.predicted_spread) == (pytest.approx(0.5, rel=0.02), pytest.approx(0.5, rel=0.02))
    assert found.chi_4_within == pytest.approx(n * 0.1**2, rel=0.05)
    assert found.chi_4_between == pytest.approx(n * 0.05**2, rel=0.1)
    assert found.chi_4 == pytest.approx(found.chi_4_within + found.chi_4_between)


def test_spatial_correlation_is_one_ratio_of_averages(predictions, rng):
    """A configuration whose halves happen to be uncorrelated, or anticorrelated, does not dominate the average."""
    of_a = predictions[0].structure.species == 0
    common = rng.normal(size=40)
    bad = np.stack([common, -1e-3 * common])
    halves = [np.stack([one.targets["S"].truth] * 2) for one in predictions]
    good, mixed = (
        [with_predicted(one, "S", common, halves=half) for one, half in zip(predictions, both, strict=True)]
        for both in ((halves[0], halves[0]), (halves[0], bad))
    )
    assert np.nanmax(np.abs(dynamic_correlation(mixed, "S", bins=6)[1])) < 5
    assert np.isnan(dynamic_correlation([mixed[1]], "S", bins=6)[1]).all()
    assert np.isfinite(dynamic_correlation(good, "S", bins=6)[1]).any()
    assert of_a.sum() == 32


def with_rounds(rounds):
    return {"settings": {"p": 0.4, "network": {"rounds": rounds}}}


def test_models_that_differ_in_more_than_their_seed_are_told_apart(predictions):
    files = [file_of(predictions, **with_rounds(rounds)) for rounds in (1, 7)]
    files.append(file_of(predictions, times=(8.25,)))
    means = summarised([*files, baseline(predictions)], "network.rounds", values=[1, 7, 7, 7])
    assert set(means.label) == {
        "BOTAN, rounds = 1", "BOTAN, rounds = 7", "BOTAN, rounds = 7, of T = 0.64, t = 8.25", "initial-distance",
    }  # fmt: skip
    assert set(means.seeds) == {1}


def test_fits_whose_starts_alone_differ_are_not_averaged(predictions):
    """A fitted network does not hold the settings of the network that it started from."""
    files, setting = [file_of(predictions, ("S",))] * 2, "pretraining.training.epochs"
    assert score_tables(files, Scores(), values=[50, 100]).scores.value.tolist() == [50, 100]
    assert set(summarised(files, setting, values=[50, 100]).label) == {
        "BOTAN, epochs = 50",
        "BOTAN, epochs = 100",
    }


def test_scores_read_again_are_told_apart_as_before(predictions, tmp_path):
    time = 1650 * 1e-3  # differs from 1.65 by rounding
    files = [file_of(predictions, time=time, times=(time,), settings={"p": p}) for p in (0.4, 1.0)]
    tables = score_tables(files, Scores(), values=[0.4, 1.0])
    read = []
    for name, table in tables._asdict().items():
        write_csv(tmp_path / f"{name}.csv", table, {})
        read.append(read_csv(tmp_path / f"{name}.csv"))
        assert set(read[-1].time) == set(read[-1].trained_time.dropna()) == {1.65}
    assert set(summary(*read, 0.95, setting="p").label) == set(summary(*tables, 0.95, setting="p").label)


def test_one_test_configuration_has_no_interval(predictions):
    files = [file_of(predictions[:1], ("S",))]
    assert np.isnan(summarised(files).ci_low).all()
    text = text_of(files)
    assert "[" not in text.split("Mean over")[0]
    assert "E of A-A" not in text  # no model predicts it
    assert "leave out what another choice of test configurations, seeds and training configurations" in text
