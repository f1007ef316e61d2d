"""The equivariant network: its symmetries, its derivatives, and what it can and cannot learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from glassbotan.learn.harmonics import TENSOR, VECTOR, angular_functions, as_matrices, rotated, traceless_squares
from glassbotan.learn.inputs import Widths, inputs_of
from glassbotan.learn.neighbors import Neighbors
from glassbotan.predictors.equivariant import Network
from glassbotan.predictors.equivariant.network import Equivariant
from glassbotan.structure.pair_kinds import kinds_of_pairs
from glassbotan.structure.states import StructureState
from glassbotan.structure.static import StaticStructure

SMALL = Network(layers=2, scalars=6, vectors=4, tensors=3, radial=4, hidden=16, reduced=5, dropout=0.0)
STATES = ("thermal", "cage-0.2", "cage-0.4")


@pytest.fixture
def structure(make_packing):
    """A hundred particles, two cage states and their fluctuations."""
    rng = np.random.default_rng(3)
    positions = make_packing(rng, 100, 5.0)
    states = {
        name: StructureState(size * rng.normal(size=(100, 3)), {"variance": size**2 * rng.uniform(1, 2, 100)}, {})
        for name, size in (("cage-0.2", 0.05), ("cage-0.4", 0.1))
    }
    species = (np.arange(100) % 5 == 4).astype(np.uint8)
    return replace(StaticStructure.of_positions(positions, species, 5.0, 2.0), states=states)


def inputs(structure, descriptors=None):
    """The inputs of a structure, with descriptors that do not change under rotations."""
    if descriptors is None:
        descriptors = np.random.default_rng(0).normal(size=(len(structure), 7))
    return inputs_of(structure, descriptors, STATES, ("cage-0.4", "thermal"))


def network(seed=0):
    torch.manual_seed(seed)
    widths = Widths(descriptors=7, displacements=2, frames=2, pair_numbers=3 + 2 + 2 * 4)
    return Equivariant(SMALL, widths, 3, 2, 2.0)


def outputs(model, of):
    with torch.no_grad():
        return model.eval()(of, model.precompute(of))


def orthogonal(seed, reflection):
    """The matrix of a random rotation, with or without a reflection."""
    matrix = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    is_reflection = np.linalg.det(matrix) < 0
    return torch.from_numpy(-matrix if is_reflection != reflection else matrix)


def turned(of, matrix):
    """The inputs of the configuration that is turned by an orthogonal matrix."""
    matrix = matrix.to(of.distances)
    return replace(
        of,
        displacements=torch.einsum("ij,njc->nic", matrix, of.displacements),
        directions=of.directions @ matrix.T,
        pair_directions=of.pair_directions @ matrix.T,
    )


def test_angular_functions_turn_with_the_direction():
    directions = torch.nn.functional.normalize(torch.randn(50, 3, dtype=torch.float64), dim=1)
    found = angular_functions(directions)
    assert torch.allclose(found.square().sum(dim=1), torch.full((50,), 9.0, dtype=torch.float64))
    for reflection in (False, True):
        matrix = orthogonal(1, reflection)
        again = angular_functions(directions @ matrix.T)
        assert torch.allclose(again[:, 0], found[:, 0])
        assert torch.allclose(again[:, VECTOR], found[:, VECTOR] @ matrix.T)
        assert torch.allclose(again[:, TENSOR], found[:, TENSOR] @ rotated(matrix).T)


def test_components_of_tensors_are_those_of_the_matrices():
    vectors = torch.randn(20, 3, dtype=torch.float64)
    matrices = as_matrices(traceless_squares(vectors))
    expected = vectors[:, :, None] * vectors[:, None]
    expected = expected - vectors.square().sum(dim=1)[:, None, None] / 3 * torch.eye(3, dtype=torch.float64)
    assert torch.allclose(matrices, expected)


def test_table_of_neighbors_exchanges_values_and_derivatives(structure):
    pairs = torch.from_numpy(structure.pairs.astype(np.int64))
    neighbors = Neighbors.of_pairs(structure.pairs, 100)
    values = torch.randn(100, 4, dtype=torch.float64, requires_grad=True)
    i, j = pairs.T
    used = neighbors.ends < 2 * len(pairs)
    # Sums over neighbours with a weight for each ordered pair, by the table and by hand.
    weights = torch.randn(2 * len(pairs), dtype=torch.float64)
    table = torch.where(used, torch.cat([weights, weights.new_zeros(1)])[neighbors.ends.long()], 0.0)
    sums = (table[..., None] * neighbors.gather(values)).sum(dim=1)
    by_hand = torch.zeros_like(values).index_add(0, i, weights[: len(pairs), None] * values[j])
    by_hand = by_hand.index_add(0, j, weights[len(pairs) :, None] * values[i])
    assert torch.allclose(sums, by_hand)
    first, second = neighbors.at_ends(values)
    assert torch.equal(first, values[i])
    assert torch.equal(second, values[j])
    factors = torch.randn(2, len(pairs), 4, dtype=torch.float64)
    found = torch.autograd.grad((sums**2).sum() + (factors[0] * first**2 + factors[1] * second**2).sum(), values)[0]
    loss = (by_hand**2).sum() + (factors[0] * values[i] ** 2 + factors[1] * values[j] ** 2).sum()
    assert torch.allclose(found, torch.autograd.grad(loss, values)[0])


@pytest.mark.parametrize("reflection", [False, True])
def test_predictions_do_not_turn(structure, reflection):
    """In float32 to 1e-5 of their size, for rotations that the periodic box does not have as well."""
    model, given = network(), inputs(structure)
    model.measure([(given, model.precompute(given))])
    expected = outputs(model, given)
    for seed in range(5):
        found = outputs(model, turned(given, orthogonal(seed, reflection)))
        for before, after in zip(expected, found, strict=True):
            assert before.std() > 0.01
            assert torch.allclose(after, before, rtol=0, atol=1e-5 * float(before.abs().max()))


def test_vectors_and_tensors_matter(structure):
    """Without them predictions would be invariant too."""
    model, given = network(), inputs(structure)
    model.measure([(given, model.precompute(given))])
    expected = outputs(model, given)
    for changed in (
        replace(given, displacements=-given.displacements),
        replace(given, directions=given.directions.flip(0)),
    ):
        for before, after in zip(expected, outputs(model, changed), strict=True):
            assert (after - before).abs().max() > 0.01 * before.std()


def test_predictions_follow_permutations_and_translations(structure):
    """Of the whole chain, with the periodic box."""
    rng = np.random.default_rng(4)
    model, given = network(), inputs(structure)
    model.measure([(given, model.precompute(given))])
    expected = outputs(model, given)
    order = rng.permutation(100)
    shuffled = StaticStructure.of_positions(
        structure.positions[order] + [0.3, -1.0, 2.2], structure.species[order], 5.0, 2.0
    )
    states = {
        name: StructureState(state.displacement[order], {"variance": state.properties["variance"][order]}, {})
        for name, state in structure.states.items()
    }
    again = inputs(replace(shuffled, states=states), given.descriptors.numpy()[order])
    of_particles, of_pairs = outputs(model, again)
    assert torch.allclose(of_particles, expected[0][order], atol=1e-5)
    key = np.sort(order[shuffled.pairs], axis=1) @ [100, 1]
    place = np.searchsorted(structure.pairs @ [100, 1], key)
    assert torch.allclose(of_pairs, expected[1][place], atol=1e-5)
    assert np.array_equal(kinds_of_pairs(shuffled), kinds_of_pairs(structure)[place])


def test_derivatives_are_those_of_finite_differences(structure):
    model = network().double().eval()  # without dropout
    given = inputs(structure)
    given = replace(
        given,
        **{
            name: getattr(given, name).double()
            for name in ("descriptors", "displacements", "distances", "directions", "pair_numbers", "pair_distances",
                         "pair_directions")
        },
    )  # fmt: skip
    precomputed = model.precompute(given)
    model.measure([(given, precomputed)])
    random = torch.Generator().manual_seed(1)
    factors = [torch.randn(shape, generator=random, dtype=torch.float64) for shape in ((100, 3), (len(given.kinds), 2))]

    def loss():
        return sum(
            ((output - factor) ** 2).mean() for output, factor in zip(model(given, precomputed), factors, strict=True)
        )

    parameters = dict(model.named_parameters())
    gradients = torch.autograd.grad(loss(), list(parameters.values()))
    for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        direction = torch.randn(parameter.shape, generator=random, dtype=torch.float64)
        step = 1e-6  # the absolute differences of pairs have kinks
        with torch.no_grad():
            parameter += step * direction
            above = loss()
            parameter -= 2 * step * direction
            below = loss()
            parameter += step * direction
        expected = float((above - below) / (2 * step))
        assert float((gradient * direction).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-6), name
