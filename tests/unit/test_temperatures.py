"""One network for several temperatures."""

from dataclasses import replace

import numpy as np
import pytest

from glassbotan import layout
from glassbotan.errors import FileError, StudyError
from glassbotan.files.fitted import FittedFile, read_fitted, write_fitted
from glassbotan.files.targets import read_targets
from glassbotan.predictors.application import predict_configuration
from glassbotan.predictors.fitting import fit_predictor
from glassbotan.predictors.registry import kinds
from glassbotan.predictors.testing import predict_tests
from glassbotan.simulate.configurations import Configuration
from glassbotan.study.reading import study_from
from glassbotan.study.runs import every_run, fits_of, runs_of, transfer_runs
from tests.unit.conftest import write_configuration

SMALL = {
    "kind": "equivariant",
    "structures": ["thermal"],
    "network": {"layers": 1, "scalars": 8, "vectors": 2, "tensors": 2},
    "training": {"epochs": 3},
}
COLD, MIDDLE, HOT = 0.6, 0.75, 0.9
STUDY = {
    "name": "two",
    "liquid": {"particles": 256},
    "temperatures": [
        {"temperature": HOT, "relaxation_time": 2.0, "sampling_times": [0.1, 1.0]},
        {"temperature": COLD, "relaxation_time": 9.0, "sampling_times": [0.2, 3.0]},
        {"temperature": MIDDLE, "relaxation_time": 4.0, "sampling_times": [0.15, 2.0]},
    ],
    "configurations": {"train": "1-2", "test": "3"},
    "models": [
        {**SMALL, "temperatures": [HOT, COLD], "seeds": [0, 1]},
        {"name": "mean", "kind": "average", "of": ["equivariant"]},
    ],
    "transfer": {"model": "equivariant", "between": [[HOT, 1.0], [COLD, 3.0], [MIDDLE, 2.0]]},
}


def study(**changes):
    return study_from({**STUDY, **changes}, source="a test")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Targets files of three configurations at each temperature; cold particles move less."""
    folder, rng = tmp_path_factory.mktemp("temperatures"), np.random.default_rng(3)
    found = {}
    for temperature in (COLD, HOT, MIDDLE):
        for number in (1, 2, 3):
            path = folder / f"T{temperature}-c{number}.npz"
            found[temperature, number] = write_configuration(
                path, rng, number, temperature=temperature, typical=0.02 * temperature
            )
    return found


def fitted_to(files, numbers=(1, 2), **more):
    settings = kinds()["equivariant"].Settings(**SMALL, temperatures=(HOT, COLD), **more)
    paths = [files[temperature, number] for temperature in (HOT, COLD) for number in numbers]
    return fit_predictor(
        settings, paths, study="test", temperature=HOT, time_indices=(1, 2), train=numbers, device="cpu"
    )


def test_one_network_predicts_at_every_temperature(files, tmp_path):
    predictor = fitted_to(files)
    path = tmp_path / "model.safetensors"
    write_fitted(path, FittedFile("test", "equivariant", 0, predictor), {})
    again = read_fitted(path)
    means = {}
    for temperature in (COLD, MIDDLE, HOT):
        found = read_targets(files[temperature, 3])
        structure = found.structure()
        values = predictor.predict(structure)["S"]
        assert np.array_equal(again.predictor.predict(structure)["S"], values)
        tested = predict_tests(again, path, [files[temperature, 3]], temperature=temperature, time_indices=(1, 2))
        assert np.allclose(tested.at(2)[0].targets["S"].predicted, values[1])
        assert tested.origin.temperature == (temperature if temperature != MIDDLE else None)
        assert tested.origin.times == tested.times
        of_a = structure.species == 0
        means[temperature] = values[0][of_a].mean()
        assert means[temperature] == pytest.approx(found.means["S"][0][of_a].mean(), rel=0.15)
    assert means[COLD] < means[MIDDLE] < means[HOT]
    structure = read_targets(files[HOT, 3]).structure()
    scaled = [predictor.predict(replace(structure, temperature=one))["S"][0] for one in (COLD, HOT)]
    assert np.corrcoef(*scaled)[0, 1] < 0.9999  # the temperature is more than a scale


def test_a_temperature_that_was_not_trained_for_is_an_error(files):
    predictor = fitted_to(files)
    structure = read_targets(files[HOT, 3]).structure()
    mine = Configuration.at_rest(structure.positions, structure.species, structure.box_length)
    assert predict_configuration(predictor, mine, temperature=MIDDLE).temperature == MIDDLE
    assert predict_configuration(predictor, mine, temperature=HOT).times == (0.5, 1.5)  # those of the files
    domain = replace(predictor.domain, times_together=((0.5, 1.5), (2.0, 6.0)))
    assert domain.times_at(HOT) == (0.5, 1.5)
    assert domain.times_at(COLD) == (2.0, 6.0)
    assert domain.times_at(MIDDLE) == pytest.approx((1.0, 3.0))  # halfway, on a logarithmic scale
    with pytest.raises(StudyError, match=r"was fitted at T = 0\.6, 0\.9; name the temperature of mine"):
        predict_configuration(predictor, mine, "mine")
    with pytest.raises(FileError, match=r"fitted at T = 0\.6, 0\.9, but T = 0\.44 .*a temperature between these"):
        predict_configuration(predictor, mine, temperature=0.44)
    with pytest.raises(FileError, match="has no temperature, which equivariant needs"):
        predictor.predict(replace(structure, temperature=None))
    own = fit_predictor(
        kinds()["equivariant"].Settings(**SMALL), [files[HOT, 1]], study="test", temperature=HOT, time_indices=(1,),
        train=[1], device="cpu",
    )  # fmt: skip
    with pytest.raises(FileError, match=r"fitted at T = 0\.9, but T = 0\.6 was asked for; name a predictor of that"):
        predict_configuration(own, mine, temperature=COLD)


def test_configurations_of_every_temperature_are_needed(files):
    settings = kinds()["equivariant"].Settings(**SMALL, temperatures=(HOT, COLD))
    with pytest.raises(FileError, match=r"no targets file was given for configurations \[1\] at T = 0\.6"):
        fit_predictor(
            settings, [files[HOT, 1]], study="test", temperature=HOT, time_indices=(1,), train=[1], device="cpu"
        )


def test_a_study_fits_the_network_once_and_tests_it_everywhere():
    two = study()
    runs = [run for run in runs_of(two) if run.model.name == "equivariant"]
    assert [(run.point.temperature, run.seed) for run in runs] == [
        (temperature, seed) for temperature in (HOT, COLD, MIDDLE) for seed in (0, 1)
    ]
    assert {layout.fitted(run) for run in runs} == {
        f"T0.90/all/equivariant/seed{seed}/model.safetensors" for seed in (0, 1)
    }
    assert len(fits_of(runs_of(two))) == 3  # two seeds and their average
    learnt = layout.learnt_from(two, runs[0])
    assert learnt == [f"T{label}/targets/c{number:04d}.npz" for label in ("0.90", "0.60") for number in (1, 2)]
    mean = every_run(two)["T0.75/all/mean/seed0"]
    assert layout.fitted(mean) == "T0.90/all/mean/seed0/model.safetensors"
    assert layout.starts(two, mean) == sorted({layout.fitted(run) for run in runs})
    scored = {layout.transferred(*transfer) for transfer in transfer_runs(two)}
    assert "T0.90/all/equivariant/seed0/t02-on-T0.60-t02.npz" in scored
    assert len([*transfer_runs(two)]) == 2 * 3  # seeds and places, whichever of these the fit is named by
    curve = {"model": "equivariant", "temperature": COLD, "time": 3.0, "configurations": [1]}
    varied = every_run(study(learning_curve=curve))
    assert {run.fit_folder for run in varied.values()} <= varied.keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"models": [{**SMALL, "temperatures": [HOT, 0.5]}]},
            r"equivariant is to be trained at T = 0\.5, but the temperatures of this study are 0\.9, 0\.6, 0\.75",
        ),
        ({"models": [{**SMALL, "temperatures": [HOT, HOT]}]}, r"a temperature is named twice: 0\.9, 0\.9"),
        ({"models": [{**SMALL, "temperatures": [HOT, COLD], "times": [1.0]}]}, "remove `times`, so that it is trained"),
        (
            {
                "models": [{**SMALL, "temperatures": [HOT, COLD]}],
                "transfer": None,
                "half_samples": None,
                "temperatures": [
                    STUDY["temperatures"][0],
                    {"temperature": COLD, "relaxation_time": 9.0, "sampling_times": [0.2, 3.0, 9.0]},
                ],
            },
            "all temperatures need the same number of sampling times, but there are",
        ),
        (
            {
                "models": [
                    {**SMALL, "temperatures": [HOT, COLD]},
                    {**SMALL, "name": "other"},
                    {"kind": "average", "of": ["equivariant", "other"]},
                ]
            },
            "models that are averaged have to be fitted at the same temperatures together",
        ),
    ],
)
def test_what_cannot_be_fitted_together_is_an_error(changes, message):
    with pytest.raises(StudyError, match=message):
        study(**changes)
