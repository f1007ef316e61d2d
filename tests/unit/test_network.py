import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from glassbotan.dynamics.pairs import minimum_image, neighbor_pairs
from glassbotan.errors import TrainingError
from glassbotan.learn import edge_update
from glassbotan.learn.edge_update import Arithmetic, EdgePerceptron, Ends
from glassbotan.learn.graphs import (
    SIGNED_PERMUTATIONS,
    pair_average,
    structure_graph,
    with_targets,
)
from glassbotan.learn.models import TrainedNetwork
from glassbotan.learn.network import BOTAN
from glassbotan.learn.prediction import calibrated, predict
from glassbotan.learn.training import fit
from glassbotan.learn.units import REDUCED, mean_units, spread_units
from glassbotan.study import Network, Training

BOX = 4.6


@pytest.fixture
def structure(rng):
    """Sixty particles that keep a distance, their species and their pairs."""
    positions = []
    while len(positions) < 60:
        trial = rng.uniform(-BOX / 2, BOX / 2, 3)
        if all(np.linalg.norm(minimum_image(trial - other, BOX)) > 0.75 for other in positions):
            positions.append(trial)
    positions = np.array(positions)
    return positions, (np.arange(60) % 5 == 4).astype(np.uint8), neighbor_pairs(positions, BOX, 2.0)


def graph_of(structure):
    positions, species, pairs = structure
    return structure_graph(positions, species, BOX, pairs)


def test_graph_is_sorted_by_receiver_and_knows_its_pairs(structure):
    positions, _, pairs = structure
    graph = graph_of(structure)
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
    # 54,209 parameters with one decoder; ours has a second of 64 x 64 + 64, twice, and 64 + 1.
    count = sum(parameter.numel() for parameter in BOTAN(Network()).parameters())
    assert count == 54_209 + 2 * (64 * 64 + 64) + 65


def test_blocks_are_the_concatenation(structure):
    """The split first layers give what the paper's concatenated inputs give."""
    graph = graph_of(structure)
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
    graph = graph_of(structure)
    ends = Ends(graph.edge_index, graph.reverse, 60)
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
        y, incoming = function(*inputs[:5], Arithmetic(torch.float64), *inputs[5:], ends)
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
from glassbotan.learn.network import BOTAN
from glassbotan.study import Network
from torch_geometric.data import Data

cpu = torch.device("cpu")
for dtype in (torch.float32, torch.float16):  # the interpreter cannot multiply bfloat16; float16 takes its place
    require_correct_kernels(cpu, dtype, 16)

# The whole network, with the views of its weights that it hands to the kernels.
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

# Kernels that take rows for contiguous that are not are found out.
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
    torch.save(graph_of(structure), tmp_path / "graph.pt")
    command = [sys.executable, "-c", KERNELS, str(tmp_path / "graph.pt")]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TRITON_INTERPRET": "1"})
    assert result.returncode == 0, result.stderr
    assert "the kernels' output differs by" in result.stdout
    assert "set fused: false" in result.stdout


def test_bfloat16_rounds_and_does_no_more(structure):
    graph = graph_of(structure)
    torch.manual_seed(1)
    model = BOTAN(Network(rounds=3))
    model.spread_initial_weights()
    with torch.no_grad():
        for exact, rounded in zip(model(graph), model(graph, Arithmetic(torch.bfloat16)), strict=True):
            assert exact.dtype == rounded.dtype == torch.float32
            assert 0 < (exact - rounded).std() < 0.05 * exact.std()


def test_reverse_edges_also_in_a_batch(structure):
    graph = graph_of(structure)
    for one in (graph, Batch.from_data_list([graph, graph])):
        sender, receiver = one.edge_index
        assert torch.equal(one.edge_index[:, one.reverse.long()], torch.stack([receiver, sender]))
        ends = Ends(one.edge_index, one.reverse, len(one.species))
        values = torch.randn(len(sender), 4)
        expected = torch.zeros(len(one.species), 4)
        assert torch.allclose(ends.sum_to_senders(values), expected.index_add(0, sender.long(), values), atol=1e-5)


def test_relabelling_particles_relabels_the_outputs(structure, rng):
    positions, species, pairs = structure
    model = BOTAN(Network())
    propensity, pair = predict(model, graph_of(structure))
    order = rng.permutation(60)
    again = positions[order], species[order], neighbor_pairs(positions[order], BOX, 2.0)
    graph = graph_of(again)
    permuted_propensity, permuted_pair = predict(model, graph)
    assert np.allclose(permuted_propensity, propensity[order], atol=1e-5)
    by_pair = dict(zip(map(tuple, pairs), pair, strict=True))
    for (i, j), value in zip(again[2], permuted_pair, strict=True):
        assert value == pytest.approx(by_pair[tuple(sorted((order[i], order[j])))], abs=1e-5)


def test_translation_and_boundary_do_not_matter(structure):
    positions, species, pairs = structure
    model = BOTAN(Network())
    moved = positions + [1.3, -7.0, 0.4]
    for first, second in zip(
        predict(model, graph_of(structure)), predict(model, graph_of((moved, species, pairs))), strict=True
    ):
        assert np.allclose(first, second, atol=1e-5)


def test_signed_permutations_are_the_symmetries_of_the_cube():
    assert len(torch.unique(SIGNED_PERMUTATIONS, dim=0)) == 48
    assert torch.equal(SIGNED_PERMUTATIONS @ SIGNED_PERMUTATIONS.mT, torch.eye(3).expand(48, 3, 3))


def test_averaging_over_symmetries_makes_predictions_symmetric(structure):
    positions, species, pairs = structure
    model = BOTAN(Network(rounds=2))
    turn = SIGNED_PERMUTATIONS[17].numpy()
    graph, turned = graph_of(structure), graph_of((positions @ turn, species, pairs))
    for first, second in zip(
        predict(model, graph, average_over_symmetries=True),
        predict(model, turned, average_over_symmetries=True),
        strict=True,
    ):
        assert np.allclose(first, second, atol=1e-6)
    assert not np.allclose(predict(model, graph)[0], predict(model, turned)[0], atol=1e-6)


def test_averaged_predictions_are_as_spread_out_as_what_they_predict(rng):
    known, unknown = rng.normal(size=(2, 20_000))
    truth = torch.tensor(3 + known + 0.7 * unknown)
    # Half of the variance of what each sees is its own, so that half of what it sees is what is expected of the truth.
    single = torch.tensor(3 + 0.5 * (known + rng.normal(size=(48, 20_000))))
    mean = calibrated(single.mean(dim=0), single)

    def slope(prediction):
        return torch.cov(torch.stack([prediction, truth]))[0, 1] / prediction.var()

    assert slope(single[0]) == pytest.approx(1, abs=0.05)
    assert slope(single.mean(dim=0)) > 1.8
    assert slope(mean) == pytest.approx(1, abs=0.03)
    assert mean.mean() == pytest.approx(3, abs=0.02)
    assert torch.equal(calibrated(torch.ones(5), torch.ones(48, 5)), torch.ones(5))  # what knows nothing stays


def targets_for(structure, rng):
    """Targets that depend on the structure: coordination of a particle, distance of a pair."""
    positions, species, pairs = structure
    coordination = np.bincount(pairs.ravel(), minlength=60)
    distance = np.linalg.norm(minimum_image(positions[pairs[:, 1]] - positions[pairs[:, 0]], BOX), axis=1)
    return 0.02 * coordination + 0.1 * species, 0.3 * np.cos(4 * distance)


def test_a_small_sample_is_overfitted(structure, rng):
    propensity, pair = targets_for(structure, rng)
    species = structure[1]
    units = spread_units([(species, propensity, pair)])
    graph = with_targets(graph_of(structure), *units.measure(species, propensity, pair))
    training = Training(epochs=400, learning_rate=2e-3, schedule="one-cycle", augment=False)
    fitted = fit([graph], [], Network(rounds=2), training, p=0.4, seed=1)
    model = BOTAN(Network(rounds=2))
    model.load_state_dict(fitted.weights)
    predicted_propensity, predicted_pair = predict(model, graph, units)
    assert np.corrcoef(predicted_propensity, propensity)[0, 1] > 0.99
    assert np.corrcoef(predicted_pair, pair)[0, 1] > 0.99
    # In the targets' own units, not only correlated with them.
    assert np.abs(predicted_propensity - propensity).max() < 0.1
    assert fitted.epoch == 400  # without a validation set the last epoch is kept


def test_training_repeats_itself_and_differs_between_seeds(structure, rng):
    graph = with_targets(graph_of(structure), *targets_for(structure, rng))
    training = Training(epochs=3, learning_rate=1e-3)
    first, again, other = (
        fit([graph, graph], [graph], Network(rounds=2, width=8), training, p=0.4, seed=seed) for seed in (1, 1, 2)
    )
    losses = ["train_loss", "validation_loss"]
    assert first.history[losses].equals(again.history[losses])
    assert not first.history[losses].equals(other.history[losses])
    assert all(torch.equal(first.weights[name], again.weights[name]) for name in first.weights)


def test_the_epoch_is_the_best_on_the_validation_set(structure, rng):
    propensity, pair = targets_for(structure, rng)
    train = with_targets(graph_of(structure), propensity, pair)
    validation = with_targets(graph_of(structure), -propensity, -pair)  # gets worse as training gets better
    fitted = fit([train], [validation], Network(rounds=2, width=8), Training(epochs=20, learning_rate=1e-3), 0.4, 0)
    assert fitted.epoch == fitted.history.validation_loss.idxmin() + 1 < 20


def test_starting_weights_are_used(structure, rng):
    graph = with_targets(graph_of(structure), *targets_for(structure, rng))
    network = Network(rounds=2, width=8)
    start = fit([graph], [], network, Training(epochs=30, learning_rate=3e-3), 0.0, 0)
    further = fit([graph], [], network, Training(epochs=1), 0.0, 5, initial_weights=start.weights)
    assert further.history.train_loss[0] == pytest.approx(start.history.train_loss.iloc[-1], rel=0.5)


def test_weights_start_where_they_were_in_other_units(structure, rng):
    species, (propensity, pair) = structure[1], targets_for(structure, rng)
    graph, units = graph_of(structure), spread_units([(species, propensity, pair)])
    network = Network(rounds=2, width=8)
    start = TrainedNetwork(BOTAN(network).state_dict(), network, REDUCED, {})
    moved = TrainedNetwork(start.weights_in(units), network, units, {})
    found, expected = predict(moved.module(), graph, units), predict(start.module(), graph)
    assert np.allclose(found[1], expected[1], atol=1e-5)
    assert np.abs(found[0] - np.array(units.propensity_mean)[species]).max() < 0.1 * np.max(units.propensity_scale)
    # What measures in spreads already goes on as it is, and finds back.
    assert moved.weights_in(units) is moved.weights
    back = TrainedNetwork(moved.weights_in(REDUCED), network, REDUCED, {})
    assert np.allclose(predict(back.module(), graph)[1], expected[1], atol=1e-5)


def test_divergence_stops_with_a_sentence(structure, rng):
    propensity, pair = targets_for(structure, rng)
    propensity[3] = np.nan
    graph = with_targets(graph_of(structure), propensity, pair)
    graph.name = "c0007.npz"
    with pytest.raises(TrainingError, match=r"the training loss of c0007.npz is nan in epoch 1"):
        fit([graph], [], Network(rounds=1, width=8), Training(epochs=2), 0.4, 0)


def test_what_has_no_weight_need_not_be_known(structure, rng):
    propensity, pair = targets_for(structure, rng)
    graph = with_targets(graph_of(structure), propensity, np.full_like(pair, np.nan))
    history = fit([graph], [graph], Network(rounds=1, width=8), Training(epochs=2), 1.0, 0).history
    assert np.isfinite(history[["train_loss", "train_propensity_loss", "validation_loss"]]).all(axis=None)
    assert history.train_pair_loss.isna().all()


def test_units_have_mean_zero_and_spread_one_for_each_species(structure, rng):
    species, (propensity, pair) = structure[1], targets_for(structure, rng)
    units = spread_units([(species, propensity, pair), (species, 3 * propensity, pair)])
    measured = [units.measure(species, factor * propensity, pair) for factor in (1, 3)]
    for kind in (0, 1):
        of_kind = np.concatenate([s[species == kind] for s, _ in measured])
        assert abs(of_kind.mean()) < 1e-6
        assert of_kind.std() == pytest.approx(1, rel=1e-6)
    assert measured[0][1].std() == pytest.approx(1, rel=1e-6)
    for back, given in zip(units.restore(species, *measured[0]), (propensity, pair), strict=True):
        assert np.allclose(back, given, atol=1e-6)
    # Means of units, and reduced units where a target is not known.
    assert mean_units([units, units]) == units
    unknown = spread_units([(species, propensity, np.full_like(pair, np.nan))])
    assert (unknown.pair_mean, unknown.pair_scale) == (0, 1)
