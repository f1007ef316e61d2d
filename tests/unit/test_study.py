import copy
import json
from pathlib import Path

import pytest
import yaml

from glassbotan.errors import StudyError
from glassbotan.runs import training_runs
from glassbotan.simulate.configurations import random_generator
from glassbotan.study import Integrator, Study, Training
from glassbotan.study_file import read_study, study_from

ROOT = Path(__file__).parent.parent.parent
STUDIES = [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "studies").glob("*.yaml"))]

NOT_OF_PUBLISHED: dict = {
    **dict.fromkeys(["seed", "integrator", "melt", "quench", "equilibration", "ensemble", "simulation_batch"], True),
    "limits": {"energy_drift", "momentum", "temperature", "potential_energy_trend"},
    "pretraining": set(Training.model_fields),
}
"""Settings that mean nothing to a study of published trajectories and weights."""


@pytest.fixture
def settings():
    return yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_studies_are_valid_and_complete(path):
    # Snakemake lays a study over config.yaml: nothing of the default study that counts may shine through.
    alone, laid_over = read_study(path), read_study(ROOT / "config.yaml", path)
    if alone.source == "simulation":
        assert alone == laid_over
    else:
        assert json.loads(alone.model_dump_json(exclude=NOT_OF_PUBLISHED)) == json.loads(
            laid_over.model_dump_json(exclude=NOT_OF_PUBLISHED)
        )


def test_studies_of_the_benchmarks_are_valid():
    assert read_study(ROOT / "config.yaml", ROOT / "benchmarks" / "physics.yaml").name == "physics"


def test_source_without_pairs_trains_no_network_on_them():
    published = yaml.safe_load((ROOT / "workflow" / "studies" / "published.yaml").read_text())
    with pytest.raises(StudyError, match="source glassbench has no pair-distance changes to learn from"):
        study_from({**published, "source": "glassbench"}, "published.yaml")
    alone = {"models": [{"name": "NT-GNN", "p": 1}], "learning_curve": None, "ablations": None}
    study_from({**published, "source": "glassbench", **alone}, "published.yaml")


def test_what_published_weights_were_trained_on_is_not_tested():
    published = yaml.safe_load((ROOT / "workflow" / "studies" / "published.yaml").read_text())
    with pytest.raises(StudyError, match=r"were trained on configurations \[399, 400\]; test others"):
        study_from({**published, "configurations": {"train": "1-10", "test": "399-401"}}, "published.yaml")


def test_schema_is_in_step_with_the_code():
    written = json.loads((ROOT / "workflow" / "schemas" / "study.schema.json").read_text())
    assert written == Study.model_json_schema(), "run: glassbotan schema > workflow/schemas/study.schema.json"


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
    assert (study.training.epochs, study.training.learning_rate) == (1000, 1e-4)
    assert (study.pretraining.epochs, study.pretraining.temperature, study.pretraining.time) == (2000, 0.44, 13.0)
    runs = list(training_runs(study))
    assert {run.training.batch_size for run in runs if run.model.name == "NT-GNN"} == {5}
    assert len(runs) == 7 * 29


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
    """A copy of the settings with one key set (or removed, for ...)."""
    result = copy.deepcopy(settings)
    *folders, last = path.split(".")
    section = result
    for part in folders:
        section = section[int(part) if part.isdigit() else part]
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return result


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("ablations.time", 2.0, "ablations is set for model BOTAN at T = 0.64, t = 2, where this study trains no such"),
        ("transfer.between", [[0.64, 1.65], [0.5, 1.65]], "transfer is set for model BOTAN at T = 0.5, t = 1.65"),
        ("liquid.densty", 1.2, "unknown key liquid.densty; did you mean density?"),
        ("modles", [], "unknown key modles; did you mean models?"),
        ("temperatures.0.temprature", 1, "unknown key temperatures.0.temprature; did you mean temperature?"),
        ("liquid.particles", "many", "liquid.particles: Input should be a valid integer.*found 'many'"),
        ("liquid.density", 0, "liquid.density: Input should be greater than 0, found 0"),
        ("liquid.density", -1.2, "liquid.density: Input should be greater than 0"),
        ("liquid.density", float("nan"), "liquid.density"),
        ("liquid.particles", 180, "180 particles at density 1.2 make a box 5.313 long.*more than 5.4"),
        ("configurations.train", 1.5, "expected configurations such as 1-8"),
        ("configurations.train", None, "train and test each need at least one"),
        ("temperatures.0.sampling_times", [1.65], "F_s would be known at 1 times, but the fit of tau_alpha needs 6"),
        ("targets.neighbor_range", 2.5, "neighbor_range 2.5 exceeds pair_range 2"),
        ("targets.pair_range", 5.0, "targets.pair_range 5 needs a box of at least twice that length"),
        ("temperatures.0.sampling_times", [0.1, 0.52, 0.3], "must increase, but 0.3 follows 0.52"),
        ("temperatures.0.sampling_times", [0.1, 0.52, 0.52], "must increase"),
        ("temperatures.0.sampling_times", [0.1, 1.65, 2.00005], "2.00005 is no multiple of the time step 0.001"),
        ("temperatures.0.temperature", 0.6432, "two decimals"),
        ("configurations.test", "8-12", "configuration 8 is in both train and test"),
        ("configurations.validation", [11], "configuration 11 is in both validation and test"),
        ("configurations.train", "8-1", "counts upwards"),
        ("configurations.train", "first", "expected configurations such as 1-8"),
        ("configurations.test", [], "test each need at least one"),
        ("integrator.engine", "gromacs", "integrator.engine: Input should be 'auto', 'hoomd' or 'lammps'"),
        ("models.1.times", [1.7], "model pairs is trained at t = 1.7, which is no sampling time"),
        ("models.1.name", "BOTAN", "two models have the same name"),
        ("pretraining.time", 13.0, "pretraining is set at T = 0.64, t = 13, which is no state point"),
        ("name", ..., "name is missing"),
    ],
)
def test_mistakes_get_one_sentence(settings, path, value, sentence):
    with pytest.raises(StudyError, match=sentence) as caught:
        study_from(changed(settings, path, value), source="config.yaml")
    assert str(caught.value).startswith("config.yaml: ")
    assert "\n" not in str(caught.value)


def test_unreadable_files_get_one_sentence(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [")
    with pytest.raises(StudyError, match=r"broken.yaml cannot be read as a configuration file"):
        read_study(broken)
    with pytest.raises(StudyError, match=r"missing.yaml cannot be read"):
        read_study(tmp_path / "missing.yaml")
    broken.write_text("- 1")
    with pytest.raises(StudyError, match="holds no settings"):
        read_study(broken)


def test_batches_hold_every_configuration_once(settings):
    study = study_from(settings | {"simulation_batch": 4}, "test")
    batches = [study.batch(number) for number in study.batches]
    assert tuple(number for batch in batches for number in batch) == study.configurations.all
    for number in study.configurations.all:
        assert number in study.batch(study.batch_of(number))


def test_a_study_without_a_validation_set(settings):
    for nothing in ([], "", None):
        assert not study_from(changed(settings, "configurations.validation", nothing), "test").configurations.validation


def test_sampling_steps():
    assert Integrator(timestep=1e-3).sampling_steps([0.108, 0.434, 2.17, 130000]) == [108, 434, 2170, 130_000_000]
