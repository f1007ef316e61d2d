"""The rotation-equivariant network.

Each particle has scalars, vectors and symmetric traceless tensors of rank 2, which turn with the configuration. The
layers are those of tensor field networks (Thomas et al., arXiv:1802.08219), which Pezzicoli, Charpiat & Landes,
SciPost Phys. 16, 136 (2024), applied to glasses: messages from the neighbours j of a particle i are

    m_i = sum_j R(r_ij) Y_l(n_ij) x_j,

products of radial functions R, angular functions Y_l of the direction n_ij, and values x_j of the neighbour. Here R are
fixed Gaussians, and the weights are applied to the sums, so that the sum over neighbours is one product of matrices for
each particle:

    scalars, n . v and t : n n^T of the neighbour     with R Y_0, R Y_1 and R Y_2
    vectors and tensors of the neighbour              with R

followed by a linear map of all products of the same rank. Then the values of each particle are updated by a perceptron
that sees its scalars and the lengths of its vectors and tensors, and gives new scalars and the factors by which vectors
and tensors, and their products t v and v v^T - |v|^2/3, are added. Products that a reflection would turn into their
negative, such as v x w, are not formed, so that reflections are as exact as rotations.

The first layer sees the densities of both species about each particle in every frame, and the displacements of the
particle and its neighbours from their thermal positions; these sums have no weights and are computed once.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from glassbotan.kob_andersen import Species
from glassbotan.learn.harmonics import TENSOR, VECTOR, angular_functions, as_matrices, traceless_squares
from glassbotan.learn.inputs import TYPICAL_DISPLACEMENT, Inputs, Widths
from glassbotan.learn.layers import perceptron
from glassbotan.learn.structural import Outputs, StructuralNetwork
from glassbotan.predictors.equivariant import Network

TYPICAL_NEIGHBORS = 5.0
"""Messages are divided by it: within a distance of 2, a particle has about 40 neighbours, whose contributions partly
cancel."""
MESSAGE_SCALE = 0.3
"""Size of the messages in an untrained network, relative to that of the values."""


class Values(NamedTuple):
    """What the network knows of each particle."""

    scalars: Tensor
    """(N, scalars)"""
    vectors: Tensor
    """(N, 3, vectors)"""
    tensors: Tensor
    """(N, 5, tensors), components of symmetric traceless matrices; see `glassbotan.learn.harmonics`"""

    def plus(self, other: "Values") -> "Values":
        """The sum."""
        return Values(*(a + b for a, b in zip(self, other, strict=True)))


class Edges(NamedTuple):
    """Functions of the position of each neighbour in one frame, with R radial functions; 0 in places not used."""

    products: Tensor
    """(N, 9 R, K), R(r_ij) Y_lm(n_ij), all radial functions of the first angular function, then of the next"""
    radial: Tensor
    """(N, R, K), R(r_ij)"""
    angular: Tensor
    """(N, K, 9), Y_lm(n_ij)"""


class Message(nn.Module):
    """The messages to each particle, and the linear maps from them to new scalars, vectors and tensors."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        n_s, n_v, n_t = self.sizes = network.scalars, network.vectors, network.tensors
        invariants, vectors, tensors = (network.radial * one for one in (n_s + n_v + n_t, n_v, n_t))

        def weights(inputs: int, outputs: int, together: int) -> nn.Parameter:
            return nn.Parameter(MESSAGE_SCALE / math.sqrt(together) * torch.randn(inputs, outputs))

        self.to_scalars = weights(invariants, n_s, invariants)
        self.to_vectors = weights(invariants, n_v, invariants + vectors)
        self.to_tensors = weights(invariants, n_t, invariants + tensors)
        self.of_vectors = weights(vectors, n_v, invariants + vectors)
        self.of_tensors = weights(tensors, n_t, invariants + tensors)

    def forward(self, values: Values, edges: Edges, inputs: Inputs) -> Values:
        """The messages, (N, ...) of each rank."""
        n = len(values.scalars)
        n_s, n_v, n_t = self.sizes
        gathered = inputs.neighbors.gather(torch.cat([one.reshape(n, -1) for one in values], dim=1))
        k = gathered.shape[1]
        scalars, vectors, tensors = gathered.split([n_s, 3 * n_v, 5 * n_t], dim=2)
        along = (vectors.view(n, k, 3, n_v) * edges.angular[:, :, VECTOR, None]).sum(dim=2)
        across = (tensors.view(n, k, 5, n_t) * edges.angular[:, :, TENSOR, None]).sum(dim=2)
        invariants = (edges.products @ torch.cat([scalars, along, across], dim=2)).view(n, 9, -1)
        own = edges.radial @ gathered[:, :, n_s:]
        of_vectors = own[:, :, : 3 * n_v].reshape(n, -1, 3, n_v).transpose(1, 2).reshape(n, 3, -1)
        of_tensors = own[:, :, 3 * n_v :].reshape(n, -1, 5, n_t).transpose(1, 2).reshape(n, 5, -1)
        return Values(
            invariants[:, 0] @ self.to_scalars,
            invariants[:, VECTOR] @ self.to_vectors + of_vectors @ self.of_vectors,
            invariants[:, TENSOR] @ self.to_tensors + of_tensors @ self.of_tensors,
        )


class Update(nn.Module):
    """The change of the values of each particle, from these values alone.

    Parameters
    ----------
    network : sizes
    further : number of further scalars that it sees
    """

    def __init__(self, network: Network, further: int = 0) -> None:
        super().__init__()
        n_s, n_v, n_t = self.sizes = network.scalars, network.vectors, network.tensors
        self.vector_lengths, self.vector_change = (nn.Linear(n_v, n_v, bias=False) for _ in range(2))
        self.tensor_lengths, self.tensor_change = (nn.Linear(n_t, n_t, bias=False) for _ in range(2))
        self.tensors_for_vectors = nn.Linear(n_t, n_v, bias=False)
        self.vectors_for_tensors = nn.Linear(n_v, n_t, bias=False)
        self.perceptron = perceptron(n_s + n_v + n_t + further, network.hidden, n_s + 2 * (n_v + n_t), network.dropout)

    def forward(self, values: Values, further: Tensor | None = None) -> Values:
        """The change, of the same shapes as the values."""
        n_s, n_v, n_t = self.sizes
        scalars, vectors, tensors = values
        seen = [scalars, (vectors * self.vector_lengths(vectors)).sum(dim=1)]
        seen += [(tensors * self.tensor_lengths(tensors)).sum(dim=1), *([] if further is None else [further])]
        new, *factors = self.perceptron(torch.cat(seen, dim=1)).split([n_s, n_v, n_v, n_t, n_t], dim=1)
        matrices = as_matrices(self.tensors_for_vectors(tensors).transpose(1, 2))
        turned = (matrices @ vectors.transpose(1, 2)[..., None]).squeeze(-1).transpose(1, 2)
        squares = traceless_squares(self.vectors_for_tensors(vectors).transpose(1, 2)).transpose(1, 2)
        by_vectors, by_turned, by_tensors, by_squares = (factor[:, None] for factor in factors)
        return Values(
            new,
            self.vector_change(vectors) * by_vectors + turned * by_turned,
            self.tensor_change(tensors) * by_tensors + squares * by_squares,
        )


class FirstLayer(nn.Module):
    """Linear maps from sums over neighbours that have no weights.

    Parameters
    ----------
    network : sizes
    invariants, vectors : numbers of sums over invariants, and of further vectors
    """

    mean: Tensor
    scalar_scale: Tensor
    vector_scale: Tensor
    tensor_scale: Tensor

    def __init__(self, network: Network, invariants: int, vectors: int) -> None:
        super().__init__()
        self.to_scalars = nn.Linear(invariants, network.scalars)
        self.to_vectors = nn.Linear(invariants + vectors, network.vectors, bias=False)
        self.to_tensors = nn.Linear(invariants, network.tensors, bias=False)
        self.register_buffer("mean", torch.zeros(invariants))
        self.register_buffer("scalar_scale", torch.ones(invariants))
        self.register_buffer("vector_scale", torch.ones(invariants + vectors))
        self.register_buffer("tensor_scale", torch.ones(invariants))

    def measure(self, sums: Sequence[Values]) -> None:
        """Set mean and scales to those of the sums in the training configurations."""
        self.mean.copy_(torch.cat([one.scalars for one in sums]).mean(dim=0))
        centered = [one._replace(scalars=one.scalars - self.mean) for one in sums]
        scales = self.scalar_scale, self.vector_scale, self.tensor_scale
        for scale, of_rank in zip(scales, zip(*centered, strict=True), strict=True):
            size = torch.cat([values.flatten(0, -2) for values in of_rank]).square().mean(dim=0).sqrt()
            # A function that hardly any pair reaches is not enlarged to the size of the others.
            scale.copy_(size + 0.01 * size.max() + torch.finfo(size.dtype).tiny)

    def forward(self, sums: Values) -> Values:
        """The values with which the network begins."""
        return Values(
            self.to_scalars((sums.scalars - self.mean) / self.scalar_scale),
            self.to_vectors(sums.vectors / self.vector_scale),
            self.to_tensors(sums.tensors / self.tensor_scale),
        )


class Equivariant(StructuralNetwork):
    """The network; for its arguments see `StructuralNetwork`."""

    def __init__(
        self, network: Network, widths: Widths, particle_outputs: int, pair_outputs: int, pair_range: float
    ) -> None:
        super().__init__(network, widths, particle_outputs, pair_outputs, pair_range)
        sums = network.radial * (len(Species) * widths.frames + widths.displacements)
        self.first = FirstLayer(network, sums, (1 + 2 * network.radial) * widths.displacements)
        self.first_update = Update(network, network.reduced)
        self.messages = nn.ModuleList(Message(network) for _ in range(network.layers))
        self.updates = nn.ModuleList(Update(network) for _ in range(network.layers))
        known = network.scalars + network.reduced
        self.outputs = Outputs(
            network, widths, known, particle_outputs, pair_outputs, pair_range, network.vectors, network.tensors
        )

    def measure(self, samples: Sequence[tuple[Inputs, Values]]) -> None:
        """See `StructuralNetwork.measure`."""
        super().measure(samples)
        self.first.measure([sums for _, sums in samples])

    def precompute(self, inputs: Inputs) -> Values:
        """The sums over neighbours that have no weights, with which the network begins."""
        with torch.no_grad():
            n, k, frames = inputs.distances.shape
            at_frames = [self.edges(inputs, frame) for frame in range(frames)]
            first = at_frames[0]
            of_species = nn.functional.one_hot(inputs.species, len(Species)).to(inputs.distances)
            densities = [(edges.products @ inputs.neighbors.gather(of_species)).view(n, 9, -1) for edges in at_frames]
            u = inputs.displacements / TYPICAL_DISPLACEMENT
            n_u = u.shape[2]
            of_neighbors = inputs.neighbors.gather(u.reshape(n, -1))
            along = (of_neighbors.view(n, k, 3, n_u) * first.angular[:, :, VECTOR, None]).sum(dim=2)
            invariants = torch.cat([*densities, (first.products @ along).view(n, 9, -1)], dim=2)
            radial = first.radial.shape[1]
            around = (first.radial @ of_neighbors).view(n, radial, 3, n_u).transpose(1, 2).reshape(n, 3, radial * n_u)
            own = (u[:, :, None] * first.radial.sum(dim=2)[:, None, :, None]).reshape(n, 3, radial * n_u)
            return Values(
                invariants[:, 0],
                torch.cat([invariants[:, VECTOR], u, around, own], dim=2),
                invariants[:, TENSOR],
            )

    def edges(self, inputs: Inputs, frame: int = 0) -> Edges:
        """The functions of the positions of neighbours in a frame."""
        angular = angular_functions(inputs.directions[:, :, frame])
        radial = self.radial(inputs.distances[:, :, frame]).transpose(1, 2) / TYPICAL_NEIGHBORS
        products = angular.transpose(1, 2)[:, :, None] * radial[:, None]
        return Edges(products.flatten(1, 2), radial, angular)

    def forward(self, inputs: Inputs, precomputed: Values) -> tuple[Tensor | None, Tensor | None]:
        """See `StructuralNetwork.forward`."""
        reduced, linear = self.descriptors(inputs)
        edges = self.edges(inputs)
        begin = self.first(precomputed)
        change = self.first_update(begin, reduced)
        values = Values(change.scalars, begin.vectors + change.vectors, begin.tensors + change.tensors)
        for message, update in zip(self.messages, self.updates, strict=True):
            values = values.plus(update(values.plus(message(values, edges, inputs))))
        known = torch.cat([values.scalars, reduced], dim=1)
        return self.outputs(inputs, known, linear, values.vectors, values.tensors)
