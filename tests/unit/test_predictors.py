"""Every kind of predictor can be fitted, predict, be written to a file and read again, and refuses wrong input."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import numpy as np
import pytest
import torch
from pydantic import Field, ValidationError
from safetensors import safe_open
from safetensors.numpy import save_file

from glassbotan.dynamics.registry import targets
from glassbotan.errors import FileError, StudyError
from glassbotan.files.fitted import FittedFile, read_fitted, read_fitted_provenance, write_fitted
from glassbotan.files.predictions import read_predictions, write_predictions
from glassbotan.files.targets import read_matching_targets, read_targets
from glassbotan.predictors import registry
from glassbotan.predictors.application import predict_configuration
from glassbotan.predictors.contract import FittedPredictor, PredictorSettings
from glassbotan.predictors.fitting import fit_predictor, read_start
from glassbotan.predictors.registry import kinds
from glassbotan.predictors.softness import extremes
from glassbotan.predictors.testing import predict_tests, require_targets
from glassbotan.provenance import STAGE_VERSIONS
from glassbotan.simulate.configurations import Configuration

SMALL = {
    "attention": {
        "network": {"layers": 1, "width": 8, "heads": 2},
        "structures": ["thermal", "cage-0.4"],
        "training": {"epochs": 2},
    },
    "botan": {"network": {"rounds": 2, "width": 8}, "training": {"epochs": 2}},
    "equivariant": {
        "network": {"layers": 1, "scalars": 8},
        "structures": ["thermal", "cage-0.4"],
        "training": {"epochs": 2},
    },
    "ridge": {"descriptors": {"averages": 1}, "structures": ["thermal"]},
    "potential-energy": {},
    "initial-distance": {},
    "cage-displacement": {"structure": "cage-0.4"},
    "distance-change": {"structure": "cage-0.4"},
    "normal-modes": {},
    "short-ensemble": {"time": 0.5},
    "softness": {"angular_range": 1.5},
    "glass-mlp": {"epochs": 5, "networks": 2, "structures": ["thermal", "cage-0.4"]},
    "pair-ridge": {"descriptors": {"averages": 0}, "structures": ["thermal", "cage-0.4"]},
}
"""Settings with which each kind is fitted quickly."""


def settings_of(kind, **more):
    return kinds()[kind].Settings(kind=kind, **{**SMALL[kind], **more})


@pytest.fixture(scope="session")
def files(targets_files, structure_files):
    """The targets and the structure file of each configuration, by their numbers."""
    return {number: (path, structure_files[number]) for number, path in targets_files.items()}


def structure_of(files, number):
    (found,) = read_matching_targets(files[number])
    return found.structure()


def fitted_to(files, settings, **more):
    """A predictor fitted to the first three configurations, validated on the fourth."""
    options = {"train": [1, 2, 3], "validation": [4], "time_indices": (1, 2) if settings.joint else (2,), **more}
    numbers = (*options["train"], *options["validation"])
    given = [files[number] for number in numbers]
    paths = [path for one in given for path in (one if isinstance(one, tuple) else (one,))]
    return fit_predictor(settings, paths, study="test", temperature=0.9, **options)


@pytest.mark.parametrize("kind", SMALL)
def test_every_kind_is_fitted_predicts_and_survives_its_file(kind, files, tmp_path):
    settings = settings_of(kind)
    predictor = fitted_to(files, settings)
    assert predictor.domain.train == (1, 2, 3)
    assert predictor.domain.seen == (1, 2, 3, 4)
    assert predictor.domain.times == ((0.5, 1.5) if settings.joint else (1.5,))
    structure = structure_of(files, 5)
    predicted = predictor.predict(structure)
    assert {*predicted} == {*settings.predicts}
    for symbol, values in predicted.items():
        count = len(structure) if targets()[symbol].of == "particle" else len(structure.pairs)
        assert values.shape == (len(predictor.domain.times), count)
        assert np.isfinite(values).all()

    path = tmp_path / "model.safetensors"
    write_fitted(path, FittedFile("test", settings.name, 7, predictor), {"made": "by a test"})
    again = read_fitted(path)
    assert (again.study, again.model, again.seed) == ("test", settings.name, 7)
    assert read_fitted_provenance(path) == {"made": "by a test"}
    assert again.predictor.settings == settings
    assert again.predictor.domain == predictor.domain
    assert {name: list(values) for name, values in predictor.history.items()} == again.predictor.history
    for symbol, values in again.predictor.predict(structure).items():
        assert np.array_equal(values, predicted[symbol])


@pytest.mark.parametrize("kind", SMALL)
def test_predictions_do_not_depend_on_the_order_or_place_of_particles(kind, files, rng):
    predictor = fitted_to(files, settings_of(kind))
    structure = structure_of(files, 5)
    order = rng.permutation(len(structure))
    place = np.argsort(order)
    pairs = np.sort(place[structure.pairs], axis=1).astype(np.int32)
    by_pair = np.lexsort((pairs[:, 1], pairs[:, 0]))
    moved = replace(
        structure,
        positions=structure.positions[order] + [1.3, -20.0, 0.4],
        species=structure.species[order],
        pairs=pairs[by_pair],
        states={
            name: replace(
                state,
                displacement=None if state.displacement is None else state.displacement[order],
                properties={key: values[order] for key, values in state.properties.items()},
            )
            for name, state in structure.states.items()
        },
    )
    first, second = predictor.predict(structure), predictor.predict(moved)
    for symbol, values in first.items():
        here = values[:, order] if targets()[symbol].of == "particle" else values[:, by_pair]
        assert np.allclose(second[symbol], here, rtol=1e-3, atol=1e-3 * values.std())


def test_test_configurations_are_predicted_beside_the_truth(targets_files, tmp_path):
    fitted = FittedFile("test", "ridge", 0, fitted_to(targets_files, settings_of("ridge")))
    at = {"temperature": 0.9, "time_indices": (1, 2), "from_indices": (1, 2)}
    tests = [targets_files[5], targets_files[6]]
    written = predict_tests(fitted, Path("model.safetensors"), tests, **at)
    write_predictions(tmp_path / "predictions.npz", written, {})
    found = read_predictions(tmp_path / "predictions.npz")
    assert (found.origin.model, found.origin.kind, found.origin.train_configurations) == ("ridge", "ridge", 3)
    truth = read_targets(targets_files[6])
    for index in (1, 2):
        one = found.at(index)[1]
        assert one.configuration == 6
        assert np.array_equal(one.targets["S"].truth, truth.means["S"][index - 1])
        assert np.array_equal(one.targets["S"].halves, truth.halves["S"][index - 1])
    # Transfer: the prediction for one time is compared with the truth at another.
    other = predict_tests(fitted, Path("m"), tests, temperature=0.9, time_indices=(2,), from_indices=(1,))
    assert np.array_equal(other.at(2)[0].targets["S"].predicted, written.at(1)[0].targets["S"].predicted)
    assert (other.origin.times, other.times) == ((0.5,), (1.5,))

    with pytest.raises(FileError, match="is configuration 2, which was used to fit m"):
        predict_tests(fitted, Path("m"), [targets_files[2]], **at)
    with pytest.raises(FileError, match=r"was made with time_indices = \[1, 2\], but \[3\] was expected"):
        predict_tests(fitted, Path("m"), tests, temperature=0.9, time_indices=(3,), from_indices=(3,))


def test_kinds_are_told_apart_and_listed():
    assert {*SMALL, "average"} == {*kinds()}  # the last needs others; see test_average.py
    baselines = {kind for kind in kinds() if not kinds()[kind].Settings.fits}
    assert baselines == {
        "potential-energy", "initial-distance", "distance-change", "normal-modes", "short-ensemble", "cage-displacement"
    }  # fmt: skip
    with pytest.raises(ValidationError, match="Input should be 'ridge'"):
        kinds()["ridge"].Settings(kind="botan")


def test_a_botan_predicts_what_has_a_weight_in_its_loss(targets_files):
    for p, target, predicts in ((0.4, "S", ("S", "E")), (0.0, "S", ("E",)), (1.0, "R", ("R",)), (0.4, "D", ("D", "E"))):
        settings = settings_of("botan", p=p, particle_target=target)
        assert settings.predicts == predicts
        structure = read_targets(targets_files[5]).structure()
        assert {*fitted_to(targets_files, settings).predict(structure)} == {*predicts}


def test_a_botan_starts_from_another_one_of_its_shape(targets_files, tmp_path):
    path = tmp_path / "model.safetensors"
    pairs = settings_of("botan", p=0.0, name="pretraining")
    write_fitted(path, FittedFile("test", "pretraining", 0, fitted_to(targets_files, pairs)), {})
    settings = settings_of("botan", training={"epochs": 1, "learning_rate": 1e-9})
    start = read_start(path, "test", settings)
    follower = fitted_to(targets_files, settings, train=[2, 5], validation=[4], starts=[start])
    assert follower.domain.seen == (1, 2, 3, 4, 5)  # including those that its start has seen
    structure = read_targets(targets_files[6]).structure()
    assert np.allclose(follower.predict(structure)["E"], start.predict(structure)["E"], atol=1e-5)
    with pytest.raises(FileError, match=r"has 2 rounds of width 8, but 3 of width 8 were asked for"):
        read_start(path, "test", settings_of("botan", network={"rounds": 3, "width": 8}))
    with pytest.raises(FileError, match="a model of kind ridge does not start from another predictor"):
        read_start(path, "test", settings_of("ridge"))
    with pytest.raises(FileError, match="was made with study = 'test', but 'other' was expected"):
        read_start(path, "other", settings)


def test_settings_of_the_prediction_change_without_a_new_fit(targets_files):
    settings = settings_of("botan")
    assert "prediction" not in settings.for_fitting()
    assert settings.for_prediction() == {"average_over_symmetries": True}
    predictor = fitted_to(targets_files, settings)
    single = predictor.with_prediction({"average_over_symmetries": False})
    structure = read_targets(targets_files[5]).structure()
    assert not np.allclose(single.predict(structure)["S"], predictor.predict(structure)["S"])
    with pytest.raises(StudyError, match=r"a model of kind botan has no setting prediction.average"):
        predictor.with_prediction({"average": True})
    with pytest.raises(
        StudyError, match=r"prediction.average_over_symmetries cannot be 'some': Input should be a valid"
    ):
        predictor.with_prediction({"average_over_symmetries": "some"})


def test_what_a_predictor_lacks_is_said(targets_files, tmp_path):
    with pytest.raises(FileError, match=r"no targets file was given for configurations \[7\]"):
        fit_predictor(settings_of("ridge"), [*targets_files.values()], study="test", temperature=0.9,
                      time_indices=(1,), train=[1, 7])  # fmt: skip
    with pytest.raises(FileError, match=r"was made with temperature = 0.9, but 0.5 was expected"):
        fit_predictor(settings_of("ridge"), [targets_files[1]], study="test", temperature=0.5, time_indices=(1,),
                      train=[1])  # fmt: skip
    with pytest.raises(FileError, match="has 2 sampling times, but number 3 was asked for"):
        fitted_to(targets_files, settings_of("botan"), time_indices=(3,))
    with pytest.raises(StudyError, match="model ridge chooses its ridge parameter on configurations that it is not"):
        fitted_to(targets_files, settings_of("ridge"), train=[1], validation=[])
    fitted = FittedFile("test", "ridge", 0, fitted_to(targets_files, settings_of("ridge")))
    with pytest.raises(StudyError, match="m predicts S, but E was asked for; name another predictor or other targets"):
        require_targets(fitted, ["E"], Path("m"))
    structure = read_targets(targets_files[1]).structure()
    with pytest.raises(FileError, match=r"has the structures thermal, but model x needs cage-0.4 and inherent as well"):
        structure.require_states({"thermal", "inherent", "cage-0.4"}, "model x")


def test_another_liquid_is_refused(targets_files):
    predictor = fitted_to(targets_files, settings_of("ridge"))
    structure = read_targets(targets_files[5]).structure()
    same = Configuration.at_rest(structure.positions, structure.species, structure.box_length)
    assert predict_configuration(predictor, same).target("S", 0.5).shape == (200,)
    stretched = Configuration.at_rest(1.1 * structure.positions, structure.species, 1.1 * structure.box_length)
    with pytest.raises(FileError, match=r"my.gsd is another liquid than the one that the predictor ridge is fitted to"):
        predict_configuration(predictor, stretched, "my.gsd")
    exchanged = Configuration.at_rest(structure.positions, 1 - structure.species, structure.box_length)
    with pytest.raises(FileError, match=r"and 20 % A, but 0.5831 and 80 % A were expected"):
        predict_configuration(predictor, exchanged)


def test_pairs_of_another_range_are_refused(targets_files, tmp_path):
    settings = settings_of("botan")
    predictor = fitted_to(targets_files, settings)
    predictor.domain = replace(predictor.domain, pair_range=1.5)
    with pytest.raises(
        FileError, match=r"has pairs up to 2, but .* is fitted to pairs up to 1.5; make the targets again"
    ):
        predict_tests(
            FittedFile("test", "BOTAN", 0, predictor), Path("m"), [targets_files[5]],
            temperature=0.9, time_indices=(2,), from_indices=(2,),
        )  # fmt: skip
    with pytest.raises(FileError, match=r"has pairs up to 2, but the predictor that BOTAN starts from is fitted to"):
        fitted_to(targets_files, settings, starts=[predictor])


def test_a_box_that_is_too_small_for_the_forces_is_refused(targets_files):
    predictor = fitted_to(targets_files, settings_of("potential-energy"))
    predictor.domain = replace(predictor.domain, density=1.2)
    side = (100 / 1.2) ** (1 / 3)
    grid = np.stack(np.meshgrid(*[np.arange(5)] * 3), axis=-1).reshape(-1, 3)[:100] * side / 5 - side / 2
    small = Configuration(
        grid, np.zeros((100, 3), np.int32), np.zeros((100, 3)), (np.arange(100) % 5 == 0).astype(np.uint8), side
    )
    with pytest.raises(FileError, match=r"the configuration cannot be predicted: "):
        predict_configuration(predictor, small)


def test_configurations_of_two_liquids_are_not_fitted_together(targets_files, make_targets_file, rng, tmp_path):
    other = make_targets_file(tmp_path / "c0003.npz", rng, 3, edge=7.2)
    with pytest.raises(FileError, match=r"c0003.npz is another liquid than the one that model ridge is fitted to"):
        fitted_to({**targets_files, 3: other}, settings_of("ridge"))


def test_what_is_asked_of_a_prediction_has_to_be_there(targets_files):
    structure = read_targets(targets_files[5]).structure()
    same = Configuration.at_rest(structure.positions, structure.species, structure.box_length)
    predicted = predict_configuration(fitted_to(targets_files, settings_of("ridge")), same)
    assert {*predicted.particle_properties} == {"S_t1", "S_t2"}
    with pytest.raises(StudyError, match=r"was fitted for the times \[0.5, 1.5\]; name one of them"):
        predicted.target("S")
    with pytest.raises(StudyError, match=r"was fitted for the times \[0.5, 1.5\], but 3 was asked for"):
        predicted.target("S", 3.0)
    with pytest.raises(StudyError, match="predicts S, but E was asked for"):
        predicted.target("E", 0.5)


def rewritten(path, **changes):
    """The file with some of its header's entries changed."""
    with safe_open(path, framework="numpy") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, change in changes.items():
        metadata[name] = json.dumps({**json.loads(metadata[name]), **change})
    save_file(tensors, path, metadata)
    return path


def test_files_that_are_no_predictor_of_ours_are_refused(targets_files, tmp_path):
    path = tmp_path / "model.safetensors"
    written = FittedFile("test", "BOTAN", 0, fitted_to(targets_files, settings_of("botan")))

    def refused(message, **changes):
        write_fitted(path, written, {})
        with pytest.raises(FileError, match=message):
            read_fitted(rewritten(path, **changes))

    version = STAGE_VERSIONS["fit"]
    refused(
        rf"made by version 99 of the stage fit, but .* version {version}; make it again", header={"stage_version": 99}
    )
    refused("was made with stage = 'targets', but 'fit' was expected", header={"stage": "targets"})
    refused(
        "of kind 'forest', which is not installed; the installed kinds are botan, attention, average, cage-dis",
        header={"kind": "forest"},
    )
    refused("cannot be used by this glassbotan's predictor of kind botan .*; fit it again", settings={"depth": 3})
    refused("its weight .* is missing or has another shape", settings={"network": {"rounds": 2, "width": 16}})
    with pytest.raises(FileError, match=r"none.safetensors does not exist; fit the predictor first"):
        read_fitted(tmp_path / "none.safetensors")
    write_fitted(path, written, {})
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(FileError, match="cannot be read as a fitted predictor"):
        read_fitted(path)
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(FileError, match="cannot be read as a fitted predictor"):
        read_fitted(path)
    save_file({"x": np.zeros(3)}, path)
    with pytest.raises(FileError, match="is not a predictor of glassbotan: it has no header"):
        read_fitted(path)


class ConstantSettings(PredictorSettings):
    kind: Literal["constant"] = Field(description="kind of predictor")
    name: str = "constant"

    @property
    def predicts(self):
        return ("S",)


class Constant(FittedPredictor):
    def predict(self, structure):
        return {"S": np.ones((len(self.domain.times), len(structure)))}


def test_another_package_adds_a_kind_by_an_entry_point(targets_files, tmp_path, monkeypatch):
    module = SimpleNamespace(
        Settings=ConstantSettings,
        Fitted=Constant,
        fit=lambda train, validation, settings, context: Constant(settings, context.domain),
        __name__="elsewhere",
    )
    monkeypatch.setattr(registry, "announced", lambda group: (module,) if group == "glassbotan.predictors" else ())
    kinds.cache_clear()
    try:
        assert "constant" in kinds()
        predictor = fitted_to(targets_files, ConstantSettings(kind="constant"))
        write_fitted(tmp_path / "m.safetensors", FittedFile("test", "constant", 0, predictor), {})
        assert isinstance(read_fitted(tmp_path / "m.safetensors").predictor, Constant)
    finally:
        kinds.cache_clear()


def test_softness_tells_apart_the_particles_that_it_learnt_from(files):
    """The extremes of two configurations are fewer than the structure functions, so that a plane separates them all."""
    predictor = fitted_to(files, settings_of("softness", fraction=0.1, penalties=[100.0]), train=[1, 2], validation=[])
    (found,) = read_matching_targets(files[1])
    of_a = found.structure().species == 0
    for truth, softness in zip(found.means["S"], predictor.predict(found.structure())["S"], strict=True):
        rows, mobile = extremes(truth[of_a], 0.1)
        assert np.array_equal(softness[of_a][rows] > 0, mobile)


def test_glass_mlp_learns_one_configuration_by_heart(files):
    settings = settings_of("glass-mlp", epochs=2000, networks=1, width=32, learning_rate=0.02, weight_decay=0)
    predictor = fitted_to(files, settings, train=[1], validation=[])
    (found,) = read_matching_targets(files[1])
    of_a = found.structure().species == 0
    for truth, predicted in zip(found.means["S"], predictor.predict(found.structure())["S"], strict=True):
        assert np.corrcoef(truth[of_a], predicted[of_a])[0, 1] > 0.95


def test_predicting_a_snapshot_makes_the_structures_that_are_needed(files):
    """With the settings of the structures that it was fitted to; positions alone are enough."""
    predictor = fitted_to(files, settings_of("ridge", structures=["inherent", "cage-0.2"]))
    structure = structure_of(files, 5)
    alone = Configuration.at_rest(structure.positions, structure.species, structure.box_length)
    predicted = predict_configuration(predictor, alone)
    made = predicted.structure.states
    assert {*made} == {"inherent", "cage-0.2"}
    assert made["cage-0.2"].made["runs"] == 2
    expected = structure.states["inherent"].displacement
    assert np.sqrt(((made["inherent"].displacement - expected) ** 2).sum(axis=1).mean()) < 1e-4
    same = predictor.predict(replace(structure, states=made))["S"]
    assert np.allclose(predicted.values["S"], same)


def test_one_botan_can_be_trained_for_all_times(files):
    settings = settings_of("botan", times="joint")
    assert settings.joint
    assert settings.fitted_at(0.5)
    assert not settings_of("botan", times=[1.5]).fitted_at(0.5)
    predictor = fitted_to(files, settings)
    assert predictor.domain.times == (0.5, 1.5)
    early, late = predictor.predict(structure_of(files, 5))["S"]
    assert late.mean() > 2 * early.mean()  # particles move farther
    start = fitted_to(files, settings_of("botan", p=0.0, name="pretraining"))
    unchanged = settings_of("botan", times="joint", training={"epochs": 1, "learning_rate": 1e-9})
    followed = fitted_to(files, unchanged, starts=[start]).predict(structure_of(files, 5))
    assert np.allclose(followed["E"], start.predict(structure_of(files, 5))["E"], atol=1e-5)  # at both times


def test_a_botan_can_see_displacements_to_other_states(files):
    settings = settings_of("botan", structures=["cage-0.4"])
    assert settings.needs == {"thermal", "cage-0.4"}
    predictor, structure = fitted_to(files, settings), structure_of(files, 5)
    turned = replace(structure.states["cage-0.4"], displacement=-structure.states["cage-0.4"].displacement)
    expected = predictor.predict(structure)
    found = predictor.predict(replace(structure, states={**structure.states, "cage-0.4": turned}))
    for symbol, values in found.items():
        assert np.abs(values - expected[symbol]).max() > 1e-4 * expected[symbol].std()
    with pytest.raises(FileError, match=r"sees the states \['cage-0.4'\], but BOTAN sees \[\]"):
        settings_of("botan").require_start(settings, "model.safetensors")
