"""What every network that predicts all times together can and cannot learn, and how its training goes on."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from glassbotan.errors import FileError, StudyError, TrainingError
from glassbotan.files.targets import read_matching_targets
from glassbotan.learn.columns import reliabilities
from glassbotan.predictors.contract import Example, FitContext
from glassbotan.predictors.fitting import fit_predictor
from glassbotan.predictors.registry import kinds
from glassbotan.predictors.shared import of_each
from glassbotan.statistics import long_wave_fluctuation
from glassbotan.stopping import Deadline, StoppedError
from glassbotan.study.reading import study_from

NETWORKS = {
    "attention": {"network": {"layers": 1, "width": 16, "heads": 2}},
    "equivariant": {"network": {"layers": 1, "scalars": 16, "vectors": 4, "tensors": 2}},
}
"""Sizes of the networks."""
STATES = ("thermal", "cage-0.2", "cage-0.4")


def settings_of(kind, **more):
    network = {**NETWORKS[kind]["network"], **more.pop("network", {})}
    return kinds()[kind].Settings(kind=kind, structures=STATES, network=network, **more)


@pytest.fixture
def of(targets_files, structure_files):
    """Function that gives the targets and structure files of some configurations."""
    return lambda numbers: [path for number in numbers for path in (targets_files[number], structure_files[number])]


def fitted_to(paths, settings, train, validation=(), **more):
    options = {"study": "test", "temperature": 0.9, "time_indices": (1, 2), "device": "cpu", **more}
    return fit_predictor(settings, paths, train=train, validation=validation, **options)


def scores(predictor, paths):
    """Correlations of predictions and targets of the A particles and all pairs, at both times.

    They are means over the configurations.
    """
    of_configurations = []
    for found in read_matching_targets(paths):
        structure = found.structure()
        among = {"S": structure.species == 0, "E": np.ones(len(structure.pairs), dtype=bool)}
        predicted = predictor.predict(structure)
        of_configurations.append(
            {
                symbol: [
                    np.corrcoef(*(one[row][among[symbol]] for one in (values, found.means[symbol])))[0, 1]
                    for row in (0, 1)
                ]
                for symbol, values in predicted.items()
            }
        )
    return {symbol: np.mean([one[symbol] for one in of_configurations], axis=0) for symbol in of_configurations[0]}


@pytest.mark.parametrize("kind", NETWORKS)
def test_one_configuration_can_be_learnt_by_heart(kind, of):
    larger = {"attention": {"width": 64, "reduced": 64}, "equivariant": {}}[kind]
    exact = {"dropout": 0, "descriptor_dropout": 0, "hidden": 128, **larger}
    training = {"epochs": 200, "learning_rate": 0.01, "weight_decay": 0, "weight_average": 0}
    found = scores(fitted_to(of([1]), settings_of(kind, network=exact, training=training), [1]), of([1]))
    assert min(*found["S"], *found["E"]) > 0.99


@pytest.mark.parametrize("kind", NETWORKS)
def test_thermal_positions_alone_are_enough(kind, targets_files):
    settings = settings_of(kind, training={"epochs": 10}).model_copy(update={"structures": ("thermal",)})
    paths = [targets_files[number] for number in (1, 2, 3)]
    found = scores(fitted_to(paths, settings, [1, 2, 3]), [targets_files[5]])
    assert min(found["S"]) > 0.5


@pytest.mark.parametrize("kind", NETWORKS)
def test_nothing_is_learnt_from_shuffled_targets(kind, of, monkeypatch):
    """Each test configuration has 160 A particles: by chance, a mean correlation over two is of the order of 0.06."""
    right = Example.target

    def shuffled(example, symbol):
        values = right(example, symbol)
        return values[:, np.random.default_rng(example.source.configuration).permutation(values.shape[1])]

    settings = settings_of(kind, training={"epochs": 10})
    learnt = scores(fitted_to(of([1, 2, 3]), settings, [1, 2, 3]), of([4, 5]))
    assert min(learnt["S"]) > 0.5  # the targets of these files do follow from the structure
    monkeypatch.setattr(Example, "target", shuffled)
    found = scores(fitted_to(of([1, 2, 3]), settings, [1, 2, 3]), of([4, 5]))
    assert max(np.abs([*found["S"], *found["E"]])) < 0.25


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_same_training_gives_the_same_network_and_another_seed_another_one(kind, of):
    settings = settings_of(kind, training={"epochs": 2})
    first, again, other = (fitted_to(of([1, 2]), settings, [1, 2], seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(first.weights[name], again.weights[name]) for name in first.weights)
    assert first.history["train_loss"] == again.history["train_loss"] != other.history["train_loss"]


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_continued_training_is_the_unbroken_one(kind, of, tmp_path):
    """Also its dropout, whose random numbers are those of PyTorch."""
    settings = settings_of(kind, training={"epochs": 4})
    unbroken = fitted_to(of([1, 2, 4]), settings, [1, 2], [4], seed=3)

    class StopsAfter(Deadline):
        """Stops after some steps."""

        def __init__(self, steps):
            self.steps = steps

        def check(self):
            self.steps -= 1
            if self.steps < 0:
                raise StoppedError("stopped by the test")

        def saved(self):
            pass

    with pytest.raises(StoppedError):
        fitted_to(of([1, 2, 4]), settings, [1, 2], [4], seed=3, folder=tmp_path, deadline=StopsAfter(3 + 5))
    torch.manual_seed(99)  # another process
    continued = fitted_to(of([1, 2, 4]), settings, [1, 2], [4], seed=3, folder=tmp_path)
    assert continued.remarks["epochs_before_this_run"] == 2
    assert continued.history["train_loss"] == unbroken.history["train_loss"]
    assert all(torch.equal(continued.weights[name], unbroken.weights[name]) for name in unbroken.weights)


def test_configurations_are_read_in_their_order_whatever_takes_longest():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        found = of_each(lambda pause: time.sleep(pause) or pause, [0.2, 0.1, 0.0, 0.05], FitContext(None), "Read")
    finally:
        torch.set_num_threads(before)
    assert found == [0.2, 0.1, 0.0, 0.05]


def test_when_a_configuration_cannot_be_read_the_others_are_not():
    read = []

    def work(number):
        read.append(number)
        if number == 1:
            raise FileError("c0001.npz is cut short")
        time.sleep(0.05)

    with pytest.raises(FileError, match="cut short"):
        of_each(work, range(1, 40), FitContext(None), "Read")
    assert len(read) < 39


@pytest.mark.parametrize("kind", NETWORKS)
def test_training_stops_when_the_validation_loss_has_not_fallen_for_long(kind, of):
    settings = settings_of(kind, training={"epochs": 60, "patience": 3, "learning_rate": 0.03, "schedule": "constant"})
    found = fitted_to(of([1, 4]), settings, [1], [4])
    assert len(found.history["epoch"]) == found.epoch + 3 < 60
    assert found.epoch == 1 + np.argmin(found.history["validation_loss"])


def test_patience_needs_configurations_that_are_held_out(of):
    settings = settings_of("equivariant", training={"epochs": 2, "patience": 1})
    with pytest.raises(TrainingError, match=r"training\.patience stops the training .* but there are none"):
        fitted_to(of([1, 2]), settings, [1, 2])
    model = {"kind": "equivariant", "training": {"patience": 1}}
    study = {
        "name": "test", "models": [model], "configurations": {"train": "1-2", "test": 3},
        "temperatures": [{"temperature": 0.9, "relaxation_time": 2.0, "sampling_times": [0.1, 1.0]}],
    }  # fmt: skip
    with pytest.raises(StudyError, match=r"model equivariant stops when .* set configurations\.validation"):
        study_from(study, source="a test")


def test_a_variance_weight_makes_predictions_vary_more_like_the_truth(of):
    """The noise of the average over eight replicas is not part of the truth."""
    found = {}
    for weight in (0.0, 1.0):
        settings = settings_of("equivariant", variance_weight=weight, training={"epochs": 6}, descriptors="none")
        predictor = fitted_to(of([1, 2, 3]), settings, [1, 2, 3])
        ratios = []
        for one in read_matching_targets(of([1, 2, 3])):
            of_a = one.structure().species == 0
            predicted = predictor.predict(one.structure())["S"][1][of_a]
            first, second = one.halves["S"][1][:, of_a].astype(float)
            ratios.append(predicted.std() / np.sqrt(np.cov(first, second, bias=True)[0, 1]))
        found[weight] = np.mean(ratios)
    assert found[0.0] + 0.1 < found[1.0] < 1.1  # a short training explains little, and predicts small differences


def test_the_amplitude_can_be_that_of_the_simulation_over_long_waves(of):
    """It changes no correlation within a configuration."""
    found, ratios = {}, {}
    validation = of([4, 5])
    for amplitude in ("error", "heterogeneity"):
        settings = settings_of("equivariant", amplitude=amplitude, training={"epochs": 6})
        found[amplitude] = fitted_to(of([1, 2, 3, 4, 5]), settings, [1, 2, 3], [4, 5])
        sums = np.zeros(2)
        for one in read_matching_targets(validation):
            structure = one.structure()
            of_a = structure.species == 0
            predicted = found[amplitude].predict(structure)["S"][1][of_a]
            for row, pair in enumerate((one.halves["S"][1][:, of_a], (predicted, predicted))):
                sums[row] += long_wave_fluctuation(structure.positions[of_a], structure.box_length, *pair)
        ratios[amplitude] = sums[1] / sums[0]
    assert ratios["heterogeneity"] == pytest.approx(1, rel=1e-3) != pytest.approx(ratios["error"], rel=1e-3)
    assert np.allclose(scores(found["error"], validation)["S"], scores(found["heterogeneity"], validation)["S"])


def test_the_reliability_of_a_target_is_the_share_of_its_variance_that_is_not_noise(rng):
    members = np.repeat([0, 1], 20_000)
    truth = rng.normal(size=(2, 40_000)) * np.where(members == 0, 1.0, 2.0)
    halves = truth[:, None] + rng.normal(size=(2, 2, 40_000))  # the mean of both has noise of variance 1/2
    assert reliabilities([halves], members, 2, 2) == pytest.approx(np.array([[1 / 1.5] * 2, [4 / 4.5] * 2]), rel=0.03)
    assert np.array_equal(reliabilities([None], members, 2, 3), np.ones((2, 3)))


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("symbols", [("S",), ("E",), ("D", "S")])
def test_targets_are_those_that_are_asked_for(kind, symbols, of):
    settings = settings_of(kind, targets=symbols, training={"epochs": 1})
    (found,) = read_matching_targets(of([5]))
    predicted = fitted_to(of([1, 2]), settings, [1, 2]).predict(found.structure())
    assert tuple(predicted) == symbols
    for symbol, values in predicted.items():
        assert values.shape == found.means[symbol].shape


@pytest.mark.parametrize("descriptors", ["shells", "none"])
def test_descriptors_can_be_others(descriptors, of):
    settings = settings_of("equivariant", descriptors=descriptors, training={"epochs": 10})
    assert min(scores(fitted_to(of([1, 2, 3]), settings, [1, 2, 3]), of([5]))["S"]) > 0.3
    assert settings.uses_potential


def test_means_of_configurations_are_learnt_if_the_scale_is_that_of_the_training_set(of):
    """On the scale of each configuration, predictions of all configurations have nearly the same mean."""
    paths = of([1, 2, 3])
    scales = {}
    for scaling in ("training set", "configuration"):
        settings = settings_of("equivariant", training={"epochs": 1, "target_scaling": scaling})
        scales[scaling] = fitted_to(paths, settings, [1, 2, 3]).particle_scalings[0][0]
    of_a = [one.means["S"][0][one.structure().species == 0] for one in read_matching_targets(paths)]
    together = np.concatenate(of_a)
    assert scales["training set"].mean[0] == pytest.approx(together.mean(), rel=1e-5)
    assert scales["training set"].scale[0] == pytest.approx(together.std(), rel=1e-5)
    assert scales["configuration"].scale[0] == pytest.approx(np.mean([values.std() for values in of_a]), rel=1e-5)


def test_a_gpu_that_is_too_small_gets_a_message_and_nothing_is_lost(of, tmp_path, monkeypatch):
    """The error of PyTorch is raised in the second epoch; there need be no GPU here."""
    from glassbotan.learn import resumable, training

    settings, calls = settings_of("equivariant", training={"epochs": 3}), []

    def steps(n, size, random):
        calls.append(n)
        if len(calls) == 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return batches(n, size, random)

    batches = training._batches
    monkeypatch.setattr(training, "_batches", steps)
    monkeypatch.setattr(resumable.torch.cuda, "max_memory_allocated", lambda device: 3 * 2**30)
    monkeypatch.setattr(
        resumable.torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=4 * 2**30)
    )
    with pytest.raises(TrainingError, match=r"needs more memory than the GPU has: 3.0 GiB were in use, and 4.0"):
        fitted_to(of([1, 2]), settings, [1, 2], folder=tmp_path)
    monkeypatch.undo()
    continued = fitted_to(of([1, 2]), settings, [1, 2], folder=tmp_path)
    assert continued.remarks["epochs_before_this_run"] == 1
