"""The steps of a training, as they are computed and as a GPU repeats them."""

from copy import copy
from functools import partial

import pytest
import torch

from glassbotan.learn import training
from glassbotan.learn.edge_update import Arithmetic
from glassbotan.learn.steps import Gradients
from glassbotan.predictors import network_fitting
from glassbotan.predictors.botan import fitting as botan_fitting
from glassbotan.predictors.field_loss import Sample
from glassbotan.predictors.fitting import fit_predictor
from glassbotan.predictors.registry import kinds

STATES = ("thermal", "cage-0.2", "cage-0.4")
MODELS = {
    "attention": {"structures": STATES, "network": {"layers": 1, "width": 16, "heads": 2}},
    "equivariant": {
        "structures": STATES,
        "variance_weight": 0.3,
        "network": {"layers": 1, "scalars": 16, "vectors": 4, "tensors": 2},
    },
    "botan": {"structures": STATES[1:], "times": "joint", "network": {"rounds": 2, "width": 16}},
}


class GivenError(Exception):
    """Carries what a training is given."""


@pytest.fixture
def fitted_to(targets_files, structure_files):
    """Function that fits a kind of network to three configurations."""

    def fit(kind, **training_settings):
        settings = kinds()[kind].Settings(kind=kind, **MODELS[kind], training={"epochs": 4, **training_settings})
        paths = [path for number in (1, 2, 3) for path in (targets_files[number], structure_files[number])]
        return fit_predictor(
            settings,
            paths,
            study="test",
            temperature=0.9,
            time_indices=(1, 2),
            train=(1, 2, 3),
            device="gpu" if torch.cuda.is_available() else "cpu",
        )

    return fit


@pytest.fixture
def step_of(fitted_to, monkeypatch):
    """Function that gives the network, the loss and the training configurations of a kind of network."""

    def found(kind, **training_settings):
        def stop(name, network, samples, objective, *others, **more):
            raise GivenError(network, objective, samples[0])

        for module in (network_fitting, botan_fitting):
            monkeypatch.setattr(module, "train_resumably", stop)
        with pytest.raises(GivenError) as seen:
            fitted_to(kind, **training_settings)
        return seen.value.args

    return found


@pytest.mark.parametrize("kind", MODELS)
def test_gradients_are_those_of_the_loss(kind, step_of):
    network, objective, samples = step_of(kind)
    torch.manual_seed(1)
    samples.orient([17])
    losses = Gradients(network, objective, samples, records=False).of([2])
    found = [one.grad for one in network.parameters()]
    for one in network.parameters():
        one.grad = None
    torch.manual_seed(1)
    expected = objective.losses(network, samples.batch([2]))
    expected[0].backward()
    assert torch.equal(losses, expected.detach())
    for gradient, parameter in zip(found, network.parameters(), strict=True):
        assert torch.equal(gradient, parameter.grad)


@pytest.mark.parametrize("kind", MODELS)
def test_a_step_reads_no_values_from_the_processor(kind, step_of):
    """On the device `meta` tensors have no values, and cannot be mixed with tensors of a CPU.

    A step that runs there does not wait for a GPU, and has nothing on the CPU that a CUDA graph could not record.
    """
    network, objective, samples = step_of(kind)
    samples.orient([17])
    on_meta = partial(torch.Tensor.to, device="meta")
    batch = samples.batch([0])
    if kind == "botan":
        graph = copy(batch)
        ends = copy(graph.ends)
        ends.__dict__.update({name: on_meta(one) for name, one in vars(ends).items() if isinstance(one, torch.Tensor)})
        graph.apply(on_meta)
        graph.__dict__["_ends"] = ends
        objective.arithmetic = Arithmetic(torch.float32)
        batch = graph
    else:
        (sample,) = batch
        precomputed = type(sample.precomputed)(*map(on_meta, sample.precomputed))
        of_particles, of_pairs, *spreads = map(on_meta, (sample.of_particles, sample.of_pairs, *sample.spreads))
        batch = [Sample(sample.inputs.to("meta"), precomputed, of_particles, of_pairs, tuple(spreads))]
        objective.of_species, objective.of_kinds = map(on_meta, (objective.of_species, objective.of_kinds))
    network.to("meta")
    losses = objective.losses(network, batch)
    gradients = torch.autograd.grad(losses[0], list(network.parameters()))
    assert {one.device.type for one in gradients} == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", MODELS)
def test_repeated_steps_give_what_computed_ones_give(kind, fitted_to, monkeypatch):
    repeated = fitted_to(kind)
    monkeypatch.setattr(training, "Gradients", lambda *given, records: Gradients(*given, records=False))
    computed = fitted_to(kind)
    assert repeated.history["train_loss"] == pytest.approx(computed.history["train_loss"], rel=1e-4)
