"""The average of several predictors, and the uncertainty that it gives."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from glassbotan.errors import FileError, StudyError
from glassbotan.evaluate.pearson import score_tables
from glassbotan.files.fitted import FittedFile, read_fitted, write_fitted
from glassbotan.files.predictions import read_predictions, write_predictions
from glassbotan.files.targets import read_targets
from glassbotan.predictors.application import predict_configuration
from glassbotan.predictors.fitting import fit_predictor, read_start
from glassbotan.predictors.registry import kinds
from glassbotan.predictors.testing import predict_tests
from glassbotan.simulate.configurations import Configuration
from glassbotan.study.evaluation import Scores
from glassbotan.study.reading import study_from
from glassbotan.study.runs import every_run, every_start, learning_curve_runs, starts_of

MLP = {"kind": "glass-mlp", "structures": ["thermal"], "epochs": 20, "networks": 1, "seeds": [0, 1, 2]}
RIDGE = {"kind": "ridge", "structures": ["thermal"], "descriptors": {"averages": 0}}


def average(*members, **more):
    return kinds()["average"].Settings(
        kind="average", of=tuple(one["kind"] for one in members), members=members, **more
    )


@pytest.fixture
def fitted(targets_files):
    """Three networks, and their average."""

    def fit(settings, **more):
        return fit_predictor(settings, [targets_files[number] for number in (1, 2, 3)], study="test", temperature=0.9,
                             time_indices=(1, 2), train=[1, 2, 3], **more)  # fmt: skip

    members = [fit(kinds()["glass-mlp"].Settings(**MLP), seed=seed) for seed in MLP["seeds"]]
    return members, fit(average(MLP), starts=members)


def test_an_average_is_the_mean_of_its_members_and_knows_how_much_they_differ(fitted, targets_files, tmp_path):
    members, predictor = fitted
    structure = read_targets(targets_files[5]).structure()
    each = np.stack([member.predict(structure)["S"] for member in members])
    estimate = predictor.estimate(structure)["S"]
    assert np.allclose(estimate.values, each.mean(axis=0))
    assert np.allclose(estimate.spread, each.std(axis=0, ddof=1))
    assert estimate.spread.min() > 0
    assert np.array_equal(predictor.predict(structure)["S"], estimate.values)
    assert members[0].estimate(structure)["S"].spread is None

    path = tmp_path / "model.safetensors"
    write_fitted(path, FittedFile("test", "average", 0, predictor), {})
    again = read_fitted(path).predictor
    assert again.settings == predictor.settings
    for found, expected in zip(again.estimate(structure)["S"], estimate, strict=True):
        assert np.array_equal(found, expected)


def test_the_spread_is_in_predictions_tables_and_tables_of_particles(fitted, targets_files, tmp_path):
    _, predictor = fitted
    at = {"temperature": 0.9, "time_indices": (1, 2), "from_indices": (1, 2)}
    files = [targets_files[5], targets_files[6]]
    written = predict_tests(FittedFile("test", "average", 0, predictor), Path("m"), files, **at)
    write_predictions(tmp_path / "predictions.npz", written, {})
    found = read_predictions(tmp_path / "predictions.npz")
    compared = found.at(2)[1].targets["S"]
    structure = read_targets(targets_files[6]).structure()
    assert np.allclose(compared.spread, predictor.estimate(structure)["S"].spread[1], rtol=1e-5)
    row = score_tables([found], Scores()).scores.iloc[1]
    of_a = [one.structure.species == 0 for one in found.at(2)]
    spreads, errors = zip(
        *((one.targets["S"].spread[mask], (one.targets["S"].predicted - one.targets["S"].truth)[mask])
          for one, mask in zip(found.at(2), of_a, strict=True)),
        strict=True,
    )  # fmt: skip
    assert row.spread == pytest.approx(np.sqrt(np.mean(np.concatenate(spreads) ** 2)), rel=1e-5)
    assert row.error == pytest.approx(np.sqrt(np.mean(np.concatenate(errors) ** 2)), rel=1e-5)
    by_rank = [pd.Series(a).corr(pd.Series(np.abs(b)), method="spearman") for a, b in zip(spreads, errors, strict=True)]
    assert row.error_by_spread == pytest.approx(np.mean(by_rank), rel=1e-5)

    own = Configuration.at_rest(structure.positions, structure.species, structure.box_length)
    predicted = predict_configuration(predictor, own)
    assert {*predicted.particle_properties} == {"S_t1", "S_t2", "S_spread_t1", "S_spread_t2"}
    predicted.write_tables(tmp_path / "own.csv", {})
    table = pd.read_csv(tmp_path / "own.csv")
    assert np.allclose(table.S_spread_t2, predictor.estimate(structure)["S"].spread[1], rtol=1e-4)


def test_members_can_be_of_several_kinds_if_they_are_fitted_for_the_same_times(targets_files):
    both = average(MLP, RIDGE)
    assert both.joint
    assert both.predicts == ("S",)
    assert [(start.settings.name, start.seeds) for start in both.starts] == [("GlassMLP", (0, 1, 2)), ("ridge", (0,))]
    with pytest.raises(ValidationError, match="there is no target that all of glass-mlp, pair-ridge predict"):
        average(MLP, {"kind": "pair-ridge"})
    with pytest.raises(
        ValidationError, match="fitted for the same times, but there are: GlassMLP all times, BOTAN each"
    ):
        average(MLP, {"kind": "botan"})
    with pytest.raises(ValidationError, match="the predictions of softness have no units"):
        average(MLP, {"kind": "softness"})
    with pytest.raises(ValidationError, match="only one seed itself"):
        average(MLP, seeds=[0, 1])


def test_a_study_fits_the_members_first(settings):
    study = study_from(
        {**settings, "models": [*settings["models"], {"kind": "average", "name": "both", "of": ["ridge", "GlassMLP"]}]},
        "t",
    )
    (run,) = [run for run in every_run(study).values() if run.model.name == "both"]
    assert [start.folder for start in starts_of(study, run)] == ["T0.64/all/ridge/seed0", "T0.64/all/GlassMLP/seed0"]
    assert not [start for start in every_start(study) if start.model.name in ("ridge", "GlassMLP")]
    # On the learning curve, the members are fitted to as few configurations.
    curve = {"model": "average", "temperature": 0.64, "time": 1.65, "configurations": [2], "replicas": [4]}
    models = [{**MLP, "name": "few"}, {"kind": "average", "of": "few"}]
    without = dict.fromkeys(("transfer", "half_samples")) | {"ablations": {}}
    fewer = study_from({**settings, "models": models, "learning_curve": curve, **without}, "t")
    for run in learning_curve_runs(fewer):
        starts = starts_of(fewer, run)
        assert [start.seed for start in starts] == [0, 1, 2]
        assert {(start.train, start.replicas, start.variant) for start in starts} == {
            (run.train, run.replicas, run.variant)
        }
        assert all(every_run(fewer)[start.folder] == start for start in starts)
    with pytest.raises(StudyError, match=r"a model has of: 'forest', but no model before it has that name; .*ridge"):
        study_from({**settings, "models": [RIDGE, {"kind": "average", "of": "forest"}]}, "t")
    with pytest.raises(StudyError, match=r"models.0.of: Tuple should have at least 1 item"):
        study_from({**settings, "models": [{"kind": "average", "of": []}]}, "t")


def test_a_predictor_that_is_no_member_is_refused(fitted, tmp_path):
    members, _ = fitted
    path = tmp_path / "model.safetensors"
    write_fitted(path, FittedFile("test", "GlassMLP", 0, members[0]), {})
    assert read_start(path, "test", average(MLP)).settings.name == "GlassMLP"
    with pytest.raises(FileError, match="holds the model GlassMLP, but average is the average of"):
        read_start(path, "test", average(RIDGE))
