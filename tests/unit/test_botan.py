import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from glassbotan.dynamics.pairs import minimum_image, neighbor_pairs
from glassbotan.errors import TrainingError
from glassbotan.kob_andersen import Species
from glassbotan.learn import edge_update
from glassbotan.learn.edge_ends import EdgeEndpoints
from glassbotan.learn.edge_update import Arithmetic, EdgePerceptron
from glassbotan.learn.graphs import SIGNED_PERMUTATIONS, Graphs, pair_average, structure_graph, with_targets
from glassbotan.learn.processors import arithmetic_of
from glassbotan.learn.scaling import TargetScaling
from glassbotan.learn.training import train_network
from glassbotan.predictors.botan import Network, Settings, Training
from glassbotan.predictors.botan.fitting import Fitted, WeightedLoss, reduced
from glassbotan.predictors.botan.network import BOTAN
from glassbotan.predictors.botan.prediction import calibrated, predict_graph
from glassbotan.structure.states import StructureState
from glassbotan.structure.static import StaticStructure

BOX = 4.6


@pytest.fixture
def structure(rng):
    """Sixty particles with a minimum distance from each other, their species and their pairs."""
    positions = []
    while len(positions) < 60:
        trial = rng.uniform(-BOX / 2, BOX / 2, 3)
        if all(np.linalg.norm(minimum_image(trial - other, BOX)) > 0.75 for other in positions):
            positions.append(trial)
    return structure_of(np.array(positions), (np.arange(60) % 5 == 4).astype(np.uint8))


def structure_of(positions, species):
    return StaticStructure(positions, species, BOX, neighbor_pairs(positions, BOX, 2.0))


def predict(model, graph):
    """Predictions for one graph, without averaging over its orientations."""
    return predict_graph(model, graph, average_over_symmetries=False)


def fit(train, validation, network, training, p, seed, initial_weights=None):
    """Train a network on graphs, as the predictor does it."""
    torch.manual_seed(seed)
    model = BOTAN(network)
    if initial_weights is not None:
        model.load_state_dict(initial_weights)
    loss = WeightedLoss(p, Arithmetic(torch.float32))
    graphs = Graphs.of(train, training.augment), Graphs.of(validation)
    return train_network(model, *graphs, loss, training, seed)


def test_graph_is_sorted_by_receiver_and_knows_its_pairs(structure):
    positions, pairs = structure.positions, structure.pairs
    graph = structure_graph(structure)
    sender, receiver = graph.edge_index.numpy()
    assert len(sender) == 2 * len(pairs)
    assert (np.diff(receiver) >= 0).all()
    assert not (sender == receiver).any()
    assert np.array_equal(np.sort(np.stack([sender, receiver], axis=1), axis=1), pairs[graph.pair.numpy()])
    expected = minimum_image(positions[receiver] - positions[sender], BOX)
    assert np.allclose(graph.separation.numpy(), expected, atol=1e-6)
    values = torch.randn(len(sender))
    by_hand = [values[graph.pair == pair].mean() for pair in range(len(pairs))]
    assert torch.allclose(pair_average(graph, values), torch.stack(by_hand), atol=1e-6)


def test_network_has_the_published_size():
    # The published network has 54,209 parameters with one decoder. Ours has a second decoder, with two layers of
    # 64 x 64 + 64 parameters and one of 64 + 1.
    count = sum(parameter.numel() for parameter in BOTAN(Network()).parameters())
    assert count == 54_209 + 2 * (64 * 64 + 64) + 65


def test_blocks_are_the_concatenation(structure):
    """First layers that are split into blocks give the same result as the concatenated inputs of the paper."""
    graph = structure_graph(structure)
    model = BOTAN(Network(rounds=3, width=16)).double()
    graph.species, graph.separation = graph.species.double(), graph.separation.double()
    sender, receiver = graph.edge_index.long()
    with torch.no_grad():
        node0, edge0 = model.node_encoder(graph.species), model.edge_encoder(graph.separation)
        node, edge = node0, edge0
        for _ in range(3):
            edge = model.edge_update(torch.cat([node[sender], node[receiver], edge, edge0], dim=1))
            incoming = torch.stack([edge[receiver == i].sum(dim=0) for i in range(60)])
            node = model.node_update(torch.cat([node, node0, incoming], dim=1))
        expected = model.node_decoder(node), model.edge_decoder(edge)
        found = model(graph)
    assert torch.allclose(found[0], expected[0], rtol=0, atol=1e-12)
    assert torch.allclose(found[1], expected[1], rtol=0, atol=1e-12)


def perceptron_by_hand(x, first, constant, second, bias, arithmetic, from_sender, from_receiver, ends):
    sender, receiver = ends.sender.long(), ends.receiver.long()
    before = x @ first.t() + constant + from_sender[sender] + from_receiver[receiver]
    y = torch.relu(torch.relu(before) @ second.t() + bias)
    return y, torch.zeros_like(from_sender).index_add(0, receiver, y)


def edge_inputs(structure, dtype):
    graph = structure_graph(structure)
    ends = EdgeEndpoints(graph.edge_index, graph.reverse, 60)
    edges, width = graph.num_edges, 8
    shapes = [(edges, width), (width, width), (edges, width), (width, width), (width,), (60, width), (60, width)]
    torch.manual_seed(3)
    return [(0.7 * torch.randn(shape, dtype=dtype)).requires_grad_() for shape in shapes], ends


@pytest.mark.parametrize("block", [7, 10**6])
def test_edge_perceptron_and_its_derivative_are_those_of_the_formula(structure, monkeypatch, block):
    monkeypatch.setattr(edge_update, "BLOCK", block)
    inputs, ends = edge_inputs(structure, torch.float64)
    weights = [torch.randn(n, 8, dtype=torch.float64) for n in (len(ends.sender), 60)]
    found, expected = [], []
    for function, into in ((EdgePerceptron.apply, found), (perceptron_by_hand, expected)):
        y, incoming, *_ = function(*inputs[:5], Arithmetic(torch.float64), *inputs[5:], ends)
        into += [y, incoming]
        into += torch.autograd.grad((y * weights[0]).sum() + (incoming * weights[1]).sum(), inputs)
    for ours, formula in zip(found, expected, strict=True):
        assert torch.allclose(ours, formula, rtol=1e-12, atol=1e-12)


KERNELS = """
import sys
import torch
from glassbotan.errors import TrainingError
from glassbotan.learn.kernel_check import require_correct_kernels
from glassbotan.learn.edge_update import Arithmetic
from glassbotan.predictors.botan import Network
from glassbotan.predictors.botan.network import BOTAN
from torch_geometric.data import Data

cpu = torch.device("cpu")
for dtype in (torch.float32, torch.float16):  # float16, since the interpreter cannot multiply bfloat16
    require_correct_kernels(cpu, dtype, 16)

# The whole network, which gives the kernels views of its weights.
graph = torch.load(sys.argv[1], weights_only=False)
torch.manual_seed(2)
model = BOTAN(Network(rounds=2, width=16))
results = []
for fused in (False, True):
    outputs = model(graph, Arithmetic(torch.float32, fused))
    gradients = torch.autograd.grad(sum(output.square().sum() for output in outputs), list(model.parameters()))
    results.append([*outputs, *gradients])
for plain, kernels in zip(*results, strict=True):
    assert (plain - kernels).norm() <= 1e-5 * plain.norm(), (plain, kernels)

# The check has to detect kernels that treat rows as contiguous although they are not.
torch.Tensor.contiguous = lambda self: self
require_correct_kernels.cache_clear()
try:
    require_correct_kernels(cpu, torch.float32, 16)
except TrainingError as error:
    print(error)
"""


def test_kernels_do_what_the_operations_do_and_wrong_ones_are_refused(structure, tmp_path):
    """On the CPU, in Triton's interpreter."""
    pytest.importorskip("triton")
    torch.save(structure_graph(structure), tmp_path / "graph.pt")
    command = [sys.executable, "-c", KERNELS, str(tmp_path / "graph.pt")]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TRITON_INTERPRET": "1"})
    assert result.returncode == 0, result.stderr
    assert "the kernels' output differs by" in result.stdout
    assert "set fused: false" in result.stdout


def test_kernels_are_refused_for_a_width_that_they_cannot_compute():
    pytest.importorskip("triton")
    with pytest.raises(TrainingError, match=r"widths 16, 32, 64 in float32, but network.width is 48"):
        arithmetic_of(Training(fused=True), 48, torch.device("cuda"))


def test_bfloat16_rounds_and_does_no_more(structure):
    graph = structure_graph(structure)
    torch.manual_seed(1)
    model = BOTAN(Network(rounds=3))
    model.spread_initial_weights()
    with torch.no_grad():
        for exact, rounded in zip(model(graph), model(graph, Arithmetic(torch.bfloat16)), strict=True):
            assert exact.dtype == rounded.dtype == torch.float32
            assert 0 < (exact - rounded).std() < 0.05 * exact.std()


def test_reverse_edges_also_in_a_batch(structure):
    graph = structure_graph(structure)
    for one in (graph, Batch.from_data_list([graph, graph])):
        sender, receiver = one.edge_index
        assert torch.equal(one.edge_index[:, one.reverse.long()], torch.stack([receiver, sender]))
        ends = EdgeEndpoints(one.edge_index, one.reverse, len(one.species))
        values = torch.randn(len(sender), 4)
        expected = torch.zeros(len(one.species), 4)
        assert torch.allclose(ends.sum_to_senders(values), expected.index_add(0, sender.long(), values), atol=1e-5)


def test_relabelling_particles_relabels_the_outputs(structure, rng):
    model = BOTAN(Network())
    propensity, pair = predict(model, structure_graph(structure))
    order = rng.permutation(60)
    again = structure_of(structure.positions[order], structure.species[order])
    permuted_propensity, permuted_pair = predict(model, structure_graph(again))
    assert np.allclose(permuted_propensity, propensity[order], atol=1e-5)
    by_pair = dict(zip(map(tuple, structure.pairs), pair, strict=True))
    for (i, j), value in zip(again.pairs, permuted_pair, strict=True):
        assert value == pytest.approx(by_pair[tuple(sorted((order[i], order[j])))], abs=1e-5)


def test_translation_and_boundary_do_not_matter(structure):
    model = BOTAN(Network())
    moved = replace(structure, positions=structure.positions + [1.3, -7.0, 0.4])
    for first, second in zip(
        predict(model, structure_graph(structure)), predict(model, structure_graph(moved)), strict=True
    ):
        assert np.allclose(first, second, atol=1e-5)


def test_signed_permutations_are_the_symmetries_of_the_cube():
    assert len(torch.unique(SIGNED_PERMUTATIONS, dim=0)) == 48
    assert torch.equal(SIGNED_PERMUTATIONS @ SIGNED_PERMUTATIONS.mT, torch.eye(3).expand(48, 3, 3))


@pytest.mark.parametrize("states", [(), ("cage-0.4",)])
def test_averaging_over_symmetries_makes_predictions_symmetric(structure, rng, states):
    model = BOTAN(Network(rounds=2), states=len(states))
    symmetry = SIGNED_PERMUTATIONS[17].numpy()
    moved = rng.normal(scale=0.1, size=(60, 3))
    given, turned = (
        replace(structure, positions=positions, states={"cage-0.4": StructureState(displacement, {}, {})})
        for positions, displacement in (
            (structure.positions, moved),
            (structure.positions @ symmetry, moved @ symmetry),
        )
    )
    graph, turned = structure_graph(given, states), structure_graph(turned, states)
    averaged = (predict_graph(model, one, average_over_symmetries=True) for one in (graph, turned))
    for first, second in zip(*averaged, strict=True):
        assert np.allclose(first, second, atol=1e-6)
    assert not np.allclose(predict(model, graph)[0], predict(model, turned)[0], atol=1e-6)


def test_averaged_predictions_have_a_regression_slope_of_one(rng):
    known, unknown = rng.normal(size=(2, 20_000))
    truth = torch.tensor(3 + known + 0.7 * unknown)
    # Each prediction is based on `known` with independent noise of the same variance. The expected truth, given this
    # noisy value, is half of it.
    single = torch.tensor(3 + 0.5 * (known + rng.normal(size=(48, 20_000))))
    mean = calibrated(single.mean(dim=0), single)

    def slope(prediction):
        return torch.cov(torch.stack([prediction, truth]))[0, 1] / prediction.var()

    assert slope(single[0]) == pytest.approx(1, abs=0.05)
    assert slope(single.mean(dim=0)) > 1.8
    assert slope(mean) == pytest.approx(1, abs=0.03)
    assert mean.mean() == pytest.approx(3, abs=0.02)
    assert torch.equal(calibrated(torch.ones(5), torch.ones(48, 5)), torch.ones(5))  # constants do not change


def columns(*values):
    """Values (n,) as columns of one sampling time, (n, 1)."""
    return [None if one is None else one[:, None] for one in values]


def targets_for(structure):
    """Targets that depend on the structure: coordination of a particle, distance of a pair."""
    coordination = np.bincount(structure.pairs.ravel(), minlength=60)
    return 0.02 * coordination + 0.1 * structure.species, 0.3 * np.cos(4 * structure.distances)


def scalings_for(structure):
    """Scales on which these targets have mean 0 and standard deviation 1."""
    propensity, pair = targets_for(structure)
    return [TargetScaling.of_values(propensity, structure.species, len(Species))], [TargetScaling.of_values(pair)]


def test_a_small_sample_is_overfitted(structure):
    propensity, pair = targets_for(structure)
    scalings = scalings_for(structure)
    scaled = scalings[0][0].measure(propensity, structure.species), scalings[1][0].measure(pair)
    graph = with_targets(structure_graph(structure), *columns(*scaled))
    settings = Settings(
        kind="botan",
        network=Network(rounds=2),
        training=Training(epochs=400, learning_rate=2e-3, schedule="one-cycle", augment=False),
        prediction={"average_over_symmetries": False},
    )
    trained = fit([graph], [], settings.network, settings.training, p=settings.p, seed=1)
    fitted = Fitted(settings, None, trained.weights, scalings, trained.epoch)
    predicted = fitted.predict(structure)
    assert np.corrcoef(predicted["S"][0], propensity)[0, 1] > 0.99
    assert np.corrcoef(predicted["E"][0], pair)[0, 1] > 0.99
    # The predictions have the units of the targets; they are not only correlated with them.
    assert np.abs(predicted["S"][0] - propensity).max() < 0.1
    assert trained.epoch == 400  # without a validation set the last epoch is kept


def test_training_repeats_itself_and_differs_between_seeds(structure):
    graph = with_targets(structure_graph(structure), *columns(*targets_for(structure)))
    training = Training(epochs=3, learning_rate=1e-3)
    first, again, other = (
        fit([graph, graph], [graph], Network(rounds=2, width=8), training, p=0.4, seed=seed) for seed in (1, 1, 2)
    )
    for name in ("train_loss", "validation_loss"):
        assert first.history[name] == again.history[name]
        assert first.history[name] != other.history[name]
    assert all(torch.equal(first.weights[name], again.weights[name]) for name in first.weights)


def test_the_epoch_is_the_best_on_the_validation_set(structure):
    propensity, pair = targets_for(structure)
    train = with_targets(structure_graph(structure), *columns(propensity, pair))
    validation = with_targets(
        structure_graph(structure), *columns(-propensity, -pair)
    )  # rises as the training loss falls
    fitted = fit([train], [validation], Network(rounds=2, width=8), Training(epochs=20, learning_rate=1e-3), 0.4, 0)
    assert fitted.epoch == np.argmin(fitted.history["validation_loss"]) + 1 < 20


def test_starting_weights_are_used(structure):
    graph = with_targets(structure_graph(structure), *columns(*targets_for(structure)))
    network = Network(rounds=2, width=8)
    start = fit([graph], [], network, Training(epochs=30, learning_rate=3e-3), 0.0, 0)
    further = fit([graph], [], network, Training(epochs=1), 0.0, 5, initial_weights=start.weights)
    assert further.history["train_loss"][0] == pytest.approx(start.history["train_loss"][-1], rel=0.5)


def test_weights_start_where_they_were_on_another_scale(structure):
    scalings = scalings_for(structure)
    settings = Settings(kind="botan", network=Network(rounds=2, width=8), prediction={"average_over_symmetries": False})
    start = Fitted(settings, None, BOTAN(settings.network).state_dict(), reduced())
    moved = Fitted(settings, None, start.weights_to_start_from(scalings), scalings)
    found, expected = moved.predict(structure), start.predict(structure)
    assert np.allclose(found["E"], expected["E"], atol=1e-5)
    mean = np.array(scalings[0][0].mean)[structure.species]
    assert np.abs(found["S"][0] - mean).max() < 0.1 * max(scalings[0][0].scale)
    # Weights that already predict in standard deviations are kept, and can be converted back to reduced units.
    again = moved.weights_to_start_from(scalings)
    assert all(torch.equal(again[name], value) for name, value in moved.weights.items())
    back = Fitted(settings, None, moved.weights_to_start_from(reduced()), reduced())
    assert np.allclose(back.predict(structure)["E"], expected["E"], atol=1e-5)


def test_divergence_stops_with_a_message(structure):
    propensity, pair = targets_for(structure)
    propensity[3] = np.nan
    graph = with_targets(structure_graph(structure), *columns(propensity, pair))
    graph.name = "c0007.npz"
    with pytest.raises(TrainingError, match=r"the training loss of c0007.npz is nan in epoch 1"):
        fit([graph], [], Network(rounds=1, width=8), Training(epochs=2), 0.4, 0)


def test_what_has_no_weight_need_not_be_known(structure):
    propensity, _ = targets_for(structure)
    graph = with_targets(structure_graph(structure), *columns(propensity, None))
    history = fit([graph], [graph], Network(rounds=1, width=8), Training(epochs=2), 1.0, 0).history
    assert np.isfinite([history[name] for name in ("train_loss", "train_particle_loss", "validation_loss")]).all()
    assert np.isnan(history["train_pair_loss"]).all()


def test_scaled_targets_have_mean_zero_and_spread_one_for_each_species(structure):
    species, (propensity, pair) = structure.species, targets_for(structure)
    values, members = [propensity, 3 * propensity], [species, species]
    together = TargetScaling.of_values(np.concatenate(values), np.concatenate(members), len(Species))
    measured = [together.measure(one, species) for one in values]
    for kind in Species:
        of_kind = np.concatenate([one[species == kind] for one in measured])
        assert abs(of_kind.mean()) < 1e-6
        assert of_kind.std() == pytest.approx(1, rel=1e-6)
    assert np.allclose(together.restore(measured[1], species), 3 * propensity, atol=1e-6)
    of_pairs = TargetScaling.of_values(pair)
    assert of_pairs.measure(pair).std() == pytest.approx(1, rel=1e-6)
    assert np.allclose(of_pairs.restore(of_pairs.measure(pair)), pair, atol=1e-6)
    # The mean of equal scalings is the same scaling; a target that is not known has reduced units.
    assert TargetScaling.mean_of([together, together]) == together
    assert TargetScaling.of_values(np.full_like(pair, np.nan)) == TargetScaling.reduced(1)
