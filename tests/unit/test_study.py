import copy
import json
import re
from pathlib import Path

import pytest
import yaml

from glassbotan import layout
from glassbotan.errors import StudyError
from glassbotan.evaluate.figures.fig06_joint_distribution import drawn_times
from glassbotan.evaluate.figures.registry import drawn_in, figure_named
from glassbotan.predictors.botan import Settings as Botan
from glassbotan.simulate.configurations import random_generator
from glassbotan.study.reading import read_study, resolved, study_from, variants_of
from glassbotan.study.runs import (
    ablation_runs,
    every_run,
    half_sample_runs,
    learning_curve_runs,
    runs_of,
    starts_of,
    value_in_words,
)
from glassbotan.study.schema import study_schema
from glassbotan.study.simulation import Integrator, StatePoint
from glassbotan.study.study import Study
from glassbotan.study.summary import summary

ROOT = Path(__file__).parent.parent.parent
STUDIES = [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "studies").glob("*.yaml"))]


@pytest.mark.parametrize("path", [*STUDIES, ROOT / "benchmarks" / "physics.yaml"], ids=lambda path: path.stem)
def test_studies_are_valid_and_name_what_differs_alone(path):
    """Without any one of its settings (except names), each of them is another study, or is invalid."""
    study = read_study(path)
    written = yaml.safe_load(path.read_text())
    for keys in (keys for keys in leaves(written) if keys[-1] != "name"):
        without = copy.deepcopy(written)
        section = without
        for key in keys[:-1]:
            section = section[key]
        del section[keys[-1]]
        try:
            assert study_from(without, "test") != study, f"{'.'.join(map(str, keys))} is the default"
        except StudyError:
            continue


def leaves(content, where=()):
    """The keys that lead to each setting of a study."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield from leaves(value, (*where, key))
        elif isinstance(content, dict):
            yield (*where, key)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_resolved_study_is_the_study(path, tmp_path):
    study = read_study(path)
    (tmp_path / "study.yaml").write_text(resolved(study))
    assert read_study(tmp_path / "study.yaml") == study
    said = summary(study)
    assert study.name in said
    assert all(model.name in said for model in study.models)


def test_a_model_takes_from_another_what_it_does_not_name(settings):
    study = study_from(settings, "test")
    models = {model.name: model for model in study.models}
    pairs, botan = models["pairs"], models["BOTAN"]
    assert (pairs.p, pairs.times, pairs.training.epochs) == (0, (1.65,), 20)
    assert (pairs.training.learning_rate, pairs.pretraining) == (botan.training.learning_rate, botan.pretraining)
    with pytest.raises(
        StudyError, match="a model has like: 'BOTAM', but no model before it has that name; the models before it are B"
    ):
        study_from(changed(settings, "models.1.like", "BOTAM"), "test")


def test_source_without_pairs_fits_no_model_to_them():
    published = yaml.safe_load((ROOT / "workflow" / "studies" / "published.yaml").read_text())
    with pytest.raises(StudyError, match=r"source glassbench has only the propensity S, but model BOTAN predicts S, E"):
        study_from({**published, "source": "glassbench"}, "published.yaml")
    alone = {"models": [{"kind": "botan", "name": "NT-GNN", "p": 1}], "learning_curve": None, "ablations": {}}
    study_from({**published, "source": "glassbench", **alone}, "published.yaml")


def test_what_published_weights_were_trained_on_is_not_tested():
    published = yaml.safe_load((ROOT / "workflow" / "studies" / "published.yaml").read_text())
    with pytest.raises(StudyError, match=r"were trained on configurations \[399, 400\]; remove them"):
        study_from({**published, "configurations": {"train": "1-10", "test": "399-401"}}, "published.yaml")


def test_schema_is_in_step_with_the_code():
    written = json.loads((ROOT / "workflow" / "schemas" / "study.schema.json").read_text())
    assert written == study_schema(), "run: glassbotan schema > workflow/schemas/study.schema.json"


def test_every_setting_has_a_description():
    schema = Study.model_json_schema()
    sections = schema["$defs"].values()
    undescribed = [
        f"{section['title']}.{name}"
        for section in sections
        for name, setting in section["properties"].items()
        if "description" not in setting
    ]
    assert not undescribed


def test_paper_study_is_the_papers():
    study = read_study(ROOT / "workflow" / "studies" / "paper.yaml")
    assert study.liquid.box_length == pytest.approx(15.05658, abs=1e-5)
    assert [point.temperature for point in study.temperatures] == [0.44, 0.50, 0.64]
    assert [len(point.sampling_times) for point in study.temperatures] == [10, 10, 9]
    assert study.temperatures[0].sampling_times[6] == study.temperatures[0].relaxation_time == 4120
    assert (len(study.configurations.train), len(study.configurations.test)) == (400, 100)
    assert study.ensemble.replicas == 32
    runs = list(runs_of(study))
    everything = [run.model for run in runs if isinstance(run.model, Botan)]
    networks = [model for model in everything if model.name != "BOTAN-scratch"]
    (scratch,) = (model for model in everything if model.name == "BOTAN-scratch")
    assert (scratch.training.epochs, scratch.pretraining, scratch.times) == (3000, None, (130,))  # Fig. 10
    assert [study.ablations[name].times for name in ("rounds", "loss_weight")] == [(130, 4120), (130,)]
    assert len(networks) == 7 * 29
    assert {(model.training.epochs, model.training.learning_rate) for model in networks} == {(1000, 1e-4)}
    assert {model.training.batch_size for model in networks if model.name == "NT-GNN"} == {5}
    assert not any(model.prediction.average_over_symmetries for model in networks)
    (start,) = networks[0].starts
    assert (start.settings.training.epochs, start.temperature, start.time) == (2000, 0.44, 13.0)
    assert [run.folder for run in runs if run.model.name == "ridge"] == [
        f"T{temperature}/all/ridge/seed0" for temperature in ("0.44", "0.50", "0.64")
    ]


def test_figures_of_the_paper_study_are_at_the_papers_times():
    study = read_study(ROOT / "workflow" / "studies" / "paper.yaml")
    point = study.temperatures[0]
    assert [point.sampling_times[index - 1] for index in drawn_times(point)] == [13, 130, 1300, 13000]  # Fig. 6
    for name, models in (("fig04_pair_maps", ["pairs"]), ("fig07_propensity_maps", ["NT-GNN", "BOTAN"])):
        _, inputs = figure_named(study, f"{name}_{point.label}")
        assert [point.sampling_times[index - 1] for index in inputs.settings["time_indices"]] == [130, 4120]
        assert inputs.files["predictions"] == [
            f"T0.44/{time}/{model}/seed0/predictions.npz" for model in models for time in ("t04", "t07")
        ]


def test_seeds_are_distinct_over_a_paper_size_study():
    study = read_study(ROOT / "workflow" / "studies" / "paper.yaml")
    firsts = {
        int(random_generator(study.seed, point.temperature, number, replica).bit_generator.random_raw())
        for point in study.temperatures
        for number in study.configurations.all
        for replica in range(study.ensemble.replicas + 1)
    }
    assert len(firsts) == 3 * 500 * 33


def changed(settings, path, value):
    """A copy of the settings with one key set, or removed if the value is `...`."""
    result = copy.deepcopy(settings)
    *folders, last = path.split(".")
    section = result
    for part in folders:
        section = section[int(part)] if part.isdigit() else section.setdefault(part, {})
    key = int(last) if last.isdigit() else last
    if value is ...:
        del section[key]
    else:
        section[key] = value
    return result


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("ablations.rounds.time", 2.0, "ablations.rounds is set for model BOTAN at T = 0.64, t = 2, where this study"),
        ("ablations.rounds.setting", "network.depth", "network.depth cannot be set .*has no setting network.depth"),
        (
            "ablations.loss_weight.values",
            [0, 2],
            "ablations.loss_weight: p = 2 cannot be set .*less than or equal to 1",
        ),
        ("ablations.learning-rate", {}, "ablations.learning-rate"),
        ("ensemble.relaxation_replicas", 13, "ensemble.relaxation_replicas is 13, but ensemble.replicas is 12; reduce"),
        ("models.3.descriptors", {"smallest_radius": 3}, "radii of shells have to increase, but they are 3, 2, 5"),
        ("models.3.descriptors", {"bond_order_radii": []}, "models.3.*bond_order_radii.*at least 1 item"),
        ("models", ..., "models is missing"),
        ("transfer.between", [[0.64, 1.65], [0.5, 1.65]], "transfer is set for model BOTAN at T = 0.5, t = 1.65"),
        ("liquid.densty", 1.2, "unknown key liquid.densty; did you mean density?"),
        ("modles", [], "unknown key modles; did you mean models?"),
        ("temperatures.0.temprature", 1, "unknown key temperatures.0.temprature; did you mean temperature?"),
        ("liquid.particles", "many", "liquid.particles: Input should be a valid integer.*found 'many'"),
        ("liquid.density", 0, "liquid.density: Input should be greater than 0, found 0"),
        ("liquid.density", -1.2, "liquid.density: Input should be greater than 0"),
        ("liquid.density", float("nan"), "liquid.density"),
        ("liquid.particles", 180, "180 particles at density 1.2 make a box 5.313 long.*more than 5.4"),
        (
            "models.3.kind",
            "rigde",
            "models.3.kind: there is no kind 'rigde' of predictor; did you mean ridge?.*kinds: botan, attention",
        ),
        (
            "models.3.kind",
            ...,
            "models.3.kind is missing: .* one of botan, attention, average, cage-displacement, .*, softness",
        ),
        ("models.3.descriptors", {"averges": 1}, "unknown key models.3.descriptors.averges; did you mean averages?"),
        ("ablations.rounds.valeus", [1], "unknown key ablations.rounds.valeus; did you mean values?"),
        ("models.1.like", ["BOTAN"], r"a model has like: \['BOTAN'\], but no model before it has that name"),
        ("models.0.particle_target", "X", "X is not a target of particles; known: S, R, C, D"),
        (
            "models.0.pretraining.name",
            "ridge",
            "a model cannot be called ridge: that is the name of",
        ),
        (
            "models.1.pretraining",
            {"time": 0.52},
            "start from different models that are all called pretraining",
        ),
        ("configurations.train", 1.5, "expected configurations such as 1-8"),
        ("configurations.train", None, "train and test each need at least one"),
        ("temperatures.0.sampling_times", [1.65], "F_s would be known at 1 times, but the fit of tau_alpha needs 6"),
        ("targets.neighbor_range", 2.5, "neighbor_range 2.5 exceeds pair_range 2"),
        ("targets.pair_range", 5.0, "targets.pair_range 5 needs a box of at least twice that length"),
        ("temperatures.0.sampling_times", [0.1, 0.52, 0.3], "must increase, but 0.3 follows 0.52"),
        ("temperatures.0.sampling_times", [0.1, 0.52, 0.52], "must increase"),
        ("temperatures.0.sampling_times", [0.1, 1.65, 2.00005], "2.00005 is not a multiple of the time step 0.005"),
        ("temperatures.0.temperature", 0.6432, "two decimals"),
        ("configurations.test", "8-12", "configuration 8 is in both train and test"),
        ("configurations.validation", [11], "configuration 11 is in both validation and test"),
        ("configurations.train", "8-1", "counts upwards"),
        ("configurations.train", "first", "expected configurations such as 1-8"),
        ("configurations.test", [], "test each need at least one"),
        ("integrator.engine", "gromacs", "integrator.engine: Input should be 'auto', 'fused', 'hoomd' or 'lammps'"),
        ("models.1.times", [1.7], "model pairs is fitted at t = 1.7, which is not a sampling time"),
        ("models.1.name", "BOTAN", "two models are called BOTAN; give one of them another name"),
        ("models.0.pretraining.time", 13.0, "pretraining of model BOTAN is set at T = 0.64, t = 13, which is not a"),
        ("name", ..., "name is missing"),
    ],
)
def test_mistakes_get_one_message(settings, path, value, message):
    with pytest.raises(StudyError, match=message) as caught:
        study_from(changed(settings, path, value), source="config.yaml")
    assert str(caught.value).startswith("config.yaml: ")
    assert "\n" not in str(caught.value)


def test_unreadable_files_get_one_message(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [")
    with pytest.raises(StudyError, match=r"broken.yaml cannot be read as a study"):
        read_study(broken)
    with pytest.raises(StudyError, match=r"missing.yaml cannot be read"):
        read_study(tmp_path / "missing.yaml")
    broken.write_text("- 1")
    with pytest.raises(StudyError, match="holds no settings"):
        read_study(broken)


def test_batches_hold_every_configuration_once(settings):
    study = study_from(settings | {"simulation_batch": 4}, "test")
    batches = study.simulation_batches
    together = [batches.members(number) for number in batches.numbers]
    assert tuple(number for batch in together for number in batch) == study.configurations.all
    for number in study.configurations.all:
        assert number in batches.members(batches.of(number))
    with pytest.raises(StudyError, match="no configuration 4711"):
        batches.of(4711)


def test_starting_points_are_listed_in_order():
    point = StatePoint(
        temperature=0.44, relaxation_time=1, sampling_times=[1], starts=["a_{8-10}.npz#1-2", "b.gsd#7", "c.xyz"]
    )
    assert point.starting_points() == [
        *(("a_8.npz", 1), ("a_8.npz", 2), ("a_9.npz", 1), ("a_9.npz", 2), ("a_10.npz", 1), ("a_10.npz", 2)),
        *(("b.gsd", 7), ("c.xyz", None)),
    ]


def test_a_study_without_a_validation_set(settings):
    for nothing in ([], "", None):
        assert not study_from(changed(settings, "configurations.validation", nothing), "test").configurations.validation


def test_sampling_steps():
    assert Integrator(timestep=1e-3).sampling_steps([0.108, 0.434, 2.17, 130000]) == [108, 434, 2170, 130_000_000]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "network",
            {"rounds": 7},
            r"network has moved: it is a setting of each model of kind botan",
        ),
        ("training", {"epochs": 7}, r"training has moved: .* models\[\].training"),
        ("pretraining", {"time": 7}, r"pretraining has moved: .* models\[\].pretraining"),
        ("predict", {}, r"predict has moved: .* models\[\].prediction"),
        (
            "models.0.motion",
            "nonaffine",
            r"motion has moved: it is models\[\].particle_target now: S, R, C or D",
        ),
        ("models.0.training.target_units", "reduced", "has moved: .*target_scaling now"),
        ("models.0", {"name": "BOTAN", "p": 0.4}, "kind is missing: .*models of version 0.1 are of kind botan"),
        ("scores.resamples", 1000, "scores.resamples has moved: it is no longer needed"),
        (
            "ablations",
            {"model": "BOTAN", "temperature": 0.64, "time": 1.65, "rounds": [1], "p": [0]},
            "ablations.model has moved: each ablation has a name and varies one setting now",
        ),
    ],
)
def test_studies_of_an_older_version_are_told_where_settings_are_now(settings, path, value, message):
    with pytest.raises(StudyError, match=message) as caught:
        study_from(changed(settings, path, value), source="config.yaml")
    assert "\n" not in str(caught.value)


def test_every_fit_starts_from_one_that_has_seen_no_more(settings):
    study = study_from(settings, "test")
    runs = every_run(study)
    assert "T0.64/all/BOTAN+n002/seed0" in runs
    assert "T0.64/all/ridge/seed0" in runs
    for run in runs.values():
        for start in starts_of(study, run):
            assert start.folder in runs
            assert {*start.train} <= {*run.train}
            assert start.replicas == run.replicas
            if run.model.kind == "average":
                assert start.model in study.models
                continue
            assert start.model.network == run.model.network
            assert start.model.predicts == ("E",)
    assert starts_of(study, runs["T0.64/t03/NT-GNN/seed0"]) == []  # it learns no pairs


def test_ablations_vary_one_setting_and_the_learning_curve_the_data(settings):
    study = study_from(settings, "test")
    rounds = ablation_runs(study, "rounds")
    assert [run.model.network.rounds for run in rounds] == [1, 3, 5, 7]
    assert [run.variant for run in rounds] == ["+rounds1", "+rounds3", "+rounds5", ""]
    assert [start.variant for run in rounds for start in starts_of(study, run)] == [
        "+rounds1",
        "+rounds3",
        "+rounds5",
        "",
    ]
    weights = ablation_runs(study, "loss_weight")
    assert [run.model.p for run in weights] == [0, 0.2, 0.4, 0.7, 1]
    assert {start.variant for run in weights for start in starts_of(study, run)} == {""}  # all have the same start
    runs = learning_curve_runs(study)
    names = settings["learning_curve"]["model"]
    assert [*dict.fromkeys(run.model.name for run in runs)] == names  # one model after the other
    for name in names:
        variants = [run.variant for run in runs if run.model.name == name and run.seed == 0]
        assert variants == ["", "+n001", "+n002", "+n004", "+r02", "+r04"]
    curve = {run.variant: run for run in runs if run.model.name == "BOTAN"}
    # The number of optimiser steps does not depend on the number of configurations.
    assert curve["+n002"].model.training.epochs == 4 * curve[""].model.training.epochs
    assert curve["+r02"].targets == "targets-r02"


def test_ablations_of_the_pretraining_are_told_apart_by_its_setting(settings):
    ablation = {**settings["ablations"]["rounds"], "setting": "pretraining.training.epochs", "values": [50]}
    study = study_from(changed(settings, "ablations", {"start": ablation}), "test")
    compared = layout.compared(study, "ablation_start")
    assert compared.values == (50, study.models[0].pretraining.training.epochs)
    assert [path.split("/")[2] for path in compared.predictions] == ["BOTAN+epochs50", "BOTAN"]


def test_two_fits_in_one_folder_are_refused(settings):
    place = {"model": "BOTAN", "temperature": 0.64, "time": 1.65}
    rates = {
        section: {**place, "setting": f"{section}.learning_rate", "values": [0.001]}
        for section in ("training", "pretraining.training")
    }
    study = study_from(changed(settings, "ablations", {"own": rates["training"]}), "test")
    assert "T0.64/all/BOTAN+learning-rate0.001/seed0" in every_run(study)
    both = study_from(changed(settings, "ablations", dict(zip("ab", rates.values(), strict=True))), "test")
    with pytest.raises(StudyError, match=r"two different fits that would both be written to .*learning-rate0.001"):
        every_run(both)


def test_fewer_replicas_are_fewer_than_targets_are_averaged_over(settings):
    study = study_from(changed(settings, "targets", {"most_replicas": 4}), "test")
    assert {run.variant for run in learning_curve_runs(study) if run.replicas} == {"+r02"}


def test_the_transfer_of_a_joint_predictor_has_one_time_in_each_file(settings):
    transfer = {"model": "ridge", "between": [[0.64, 0.52], [0.64, 16.5]]}
    study = study_from(changed(settings, "transfer", transfer), "test")
    names = [path.rpartition("/")[2] for path in layout.compared(study, "transfer").predictions]
    assert names == [f"t0{one}-on-T0.64-t0{other}.npz" for one in (2, 4) for other in (2, 4)]


def test_temperatures_are_listed_once(settings):
    twice = changed(settings, "temperatures", settings["temperatures"] * 2)
    with pytest.raises(StudyError, match=r"T0\.64 is listed twice in temperatures; remove one"):
        study_from(twice, "test")


def test_a_section_without_a_comparison_is_not_mistaken_for_an_ablation(settings):
    without = changed(settings, "transfer", None)
    study = study_from(changed(without, "ablations", {"transfer": settings["ablations"]["rounds"]}), "test")
    with pytest.raises(StudyError, match="has no section transfer"):
        layout.compared(study, "transfer")


def test_figures_of_displacements_are_left_out_where_none_are_published():
    content = {
        "name": "g",
        "source": "glassbench",
        "temperatures": [
            {"temperature": 0.44, "relaxation_time": 4120, "sampling_times": [13.0], "files": ["{configuration}.npz"]}
        ],
        "configurations": {"train": "1-4", "test": "5-6"},
        "models": [{"kind": "botan", "name": "NT-GNN", "p": 1}, {"kind": "ridge"}],
    }
    drawn = drawn_in(study_from(content, "test"))
    assert "fig08_propensity_pearson" in drawn
    assert not [name for name in drawn if name.startswith("fig07")]


def test_published_studies_can_learn_from_configurations_of_other_studies():
    path = ROOT / "workflow" / "studies" / "published-plus.yaml"
    study, written = read_study(path), yaml.safe_load(path.read_text())
    (point,) = study.temperatures
    assert point.further_targets(10) is None
    assert point.further_targets(501) == "results/pilot/T0.44/targets/c0001.npz"
    assert point.further_targets(532) == "results/pilot/T0.44/targets/c0032.npz"
    further = "temperatures.0.further.0"
    for key, value, message in (
        (
            f"{further}.configurations",
            "401-403",
            r"`further` names configurations \[401, 402, 403\], which are",
        ),
        (f"{further}.targets", "c0001.npz", "further.0.targets: it does not contain {number}"),
        (f"{further}.targets", "{folder}/{number}", "it may contain no other braces than {number}, but has 'folder'"),
    ):
        with pytest.raises(StudyError, match=message):
            study_from(changed(written, key, value), "test")
    twice = changed(written, "temperatures.0.further", 2 * written["temperatures"][0]["further"])
    with pytest.raises(StudyError, match="`further` names configurations 501, 502"):
        study_from(twice, "test")


def test_a_study_that_simulates_takes_over_no_targets(settings):
    with pytest.raises(StudyError, match="`further` adds to published configurations, but this study simulates"):
        study_from(
            changed(settings, "temperatures.0.further", [{"configurations": "1", "targets": "{number}"}]), "test"
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "gpu"}, "variants.other sets device, which a variant cannot have of its own"),
        ({"name": "x", "half_samples": {}}, "variants.other sets half_samples, name, which a variant cannot have"),
        ({"integrator": {"engine": "lammps"}}, "variants.other sets integrator.engine, which a variant cannot have"),
        ({"liquid": {"particle": 4096}}, "test: variants.other: unknown key liquid.particle; did you mean particles?"),
        ({"ensemble": {"dynamics": "NPT"}}, "test: variants.other: ensemble.dynamics: Input should be 'NVE' or 'NVT'"),
    ],
)
def test_a_variant_that_cannot_be_gets_a_message(settings, changes, message):
    with pytest.raises(StudyError, match=re.escape(message)):
        study_from({**settings, "variants": {"other": changes}}, "test")


def test_a_variant_is_the_study_with_other_settings(settings):
    study = study_from({**settings, "variants": {"N4096": {"liquid": {"particles": 4096}}}}, "test")
    (variant,) = variants_of(study).values()
    assert (variant.name, variant.liquid.particles) == ("quickstart-N4096", 4096)
    assert variant.models == study.models
    assert not any([variant.variants, variant.ablations, variant.half_samples, variant.learning_curve])
    assert study_from(yaml.safe_load(resolved(study)), "test") == study


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"half_samples": {"models": ["equivariant-mean"]}}, "half_samples.models names equivariant-mean, but"),
        ({"half_samples": {"models": ["potential-energy"]}}, "half_samples.models names potential-energy, but"),
        ({"half_samples": {"number": 100}}, "8 training configurations have only 70 different halves"),
        (
            {"half_samples": {}, "configurations": {"train": "1-3", "test": "11-14"}, "learning_curve": None},
            "half_samples has halves of 1 of 3 training configurations, which are too few",
        ),
        (
            {
                "ablations": {
                    "p_summary": {
                        "model": "BOTAN", "temperature": 0.64, "time": 1.65, "setting": "p", "values": [0.1]
                    }
                }
            },
            "ablations.p_summary: the name ends in _summary, as other tables do",
        ),
    ],
)  # fmt: skip
def test_comparisons_that_cannot_be_made_get_a_message(settings, changes, message):
    with pytest.raises(StudyError, match=re.escape(message)):
        study_from({**settings, **changes}, "test")


def test_half_samples_are_the_same_for_all_models_and_have_seeds_of_their_own(settings):
    study = study_from({**settings, "half_samples": {"models": ["ridge", "equivariant"]}}, "test")
    found = half_sample_runs(study)
    assert [number for number, _ in found] == [1, 2, 3, 4, 5, 6] * 2
    of_models = {name: [run for _, run in found if run.model.name == name] for name in ("ridge", "equivariant")}
    assert [run.train for run in of_models["ridge"]] == [run.train for run in of_models["equivariant"]]
    assert all(len({*run.train}) == 4 and {*run.train} < {*range(1, 9)} for _, run in found)
    assert len({run.train for _, run in found}) == 6
    assert [run.seed for run in of_models["equivariant"]] == [1, 2, 3, 4, 5, 6]
    assert all(run.model.training.epochs == 40 for run in of_models["equivariant"])  # half the data, twice the epochs
    assert {run.folder for _, run in found} <= every_run(study).keys()


def test_an_ablation_can_vary_lists_and_what_is_not_set(settings):
    ablations = {
        "structures": {
            "model": "ridge", "temperature": 0.64, "time": [0.52, 1.65], "setting": "structures",
            "values": [["thermal"], ["thermal", "cage-0.4"]],
        },
    }  # fmt: skip
    study = study_from({**settings, "ablations": ablations}, "test")
    own, *others = sorted(ablation_runs(study, "structures"), key=lambda run: -len(run.model.structures))
    assert own.variant == ""
    assert {run.variant for run in others} == {"+structures-thermal", "+structures-thermal-cage-0.4"}
    compared = layout.compared(study, "ablation_structures")
    assert compared.times == (0.52, 1.65)
    assert "thermal + cage-0.4" in compared.values
    assert value_in_words(None) == "null"
