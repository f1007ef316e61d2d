"""The network with self-attention over neighbours.

In each layer a particle i with values h_i attends to its neighbours j with weights

    alpha_ij = softmax_j (q_i . k_j / d^(1/2) + b . e_ij),   q = W_q h,  k = W_k h,

for each of several heads of d values (Vaswani et al., NeurIPS 2017). The numbers e_ij say where the neighbour is:
radial functions of its distance, and the projections of the displacements of both particles on its direction, which
depend on the orientation of the neighbourhood but not on that of the whole configuration. The new values are a
perceptron of

    h_i,   sum_j alpha_ij W_v h_j,   sum_j alpha_ij e_ij.

All inputs are invariant under rotations and reflections, and so are the predictions.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from glassbotan.learn.inputs import TYPICAL_DISPLACEMENT, Inputs, Widths
from glassbotan.learn.layers import perceptron
from glassbotan.learn.structural import Outputs, StructuralNetwork
from glassbotan.predictors.attention import Network


class Geometry(NamedTuple):
    """Where the neighbours of each particle are."""

    numbers: Tensor
    """(N, K, n_e), radial functions of the distances in all frames, and projections of displacements; 0 in places that
    are not used"""
    used: Tensor
    """(N, K, 1), whether each place is used"""


class Attention(nn.Module):
    """One layer.

    Parameters
    ----------
    network : sizes
    numbers : n_e, how many numbers describe the position of a neighbour
    """

    def __init__(self, network: Network, numbers: int) -> None:
        super().__init__()
        self.heads, width = network.heads, network.width
        self.normalized = nn.LayerNorm(width)
        self.queries = nn.Linear(width, width)
        self.of_neighbors = nn.Linear(width, 2 * width)  # keys and values
        self.bias = nn.Linear(numbers, network.heads, bias=False)
        seen = 2 * width + network.heads * numbers
        self.perceptron = perceptron(seen, network.hidden, width, network.dropout)

    def forward(self, values: Tensor, inputs: Inputs, geometry: Geometry) -> Tensor:
        """The change of the values (N, width)."""
        n, width = values.shape
        normalized = self.normalized(values)
        queries = self.queries(normalized).view(n, 1, self.heads, -1)
        gathered = inputs.neighbors.gather(self.of_neighbors(normalized))
        # The values of places that are not used are arbitrary, and have to be multiplied by 0.
        keys, attended = ((gathered * geometry.used).view(n, -1, 2, self.heads, width // self.heads)).unbind(dim=2)
        similarity = (queries * keys).sum(dim=3) / math.sqrt(keys.shape[3])
        logits = similarity + self.bias(geometry.numbers)
        weights = torch.softmax(logits.masked_fill(geometry.used == 0, -torch.inf), dim=1).transpose(1, 2)
        mean_values = (weights.transpose(1, 2)[..., None] * attended).sum(dim=1).reshape(n, width)
        mean_numbers = (weights @ geometry.numbers).reshape(n, -1)
        return self.perceptron(torch.cat([normalized, mean_values, mean_numbers], dim=1))


class Attentive(StructuralNetwork):
    """The network; for its arguments see `StructuralNetwork`."""

    def __init__(
        self, network: Network, widths: Widths, particle_outputs: int, pair_outputs: int, pair_range: float
    ) -> None:
        super().__init__(network, widths, particle_outputs, pair_outputs, pair_range)
        numbers = widths.frames * (network.radial + 2 * widths.displacements)
        self.first = nn.Linear(network.reduced, network.width)
        self.layers = nn.ModuleList(Attention(network, numbers) for _ in range(network.layers))
        known = network.width + network.reduced
        self.outputs = Outputs(network, widths, known, particle_outputs, pair_outputs, pair_range)

    def precompute(self, inputs: Inputs) -> Geometry:
        """Where the neighbours are, which does not change in a training."""
        with torch.no_grad():
            n, k = inputs.distances.shape[:2]
            used = torch.isfinite(inputs.distances[:, :, :1]).to(inputs.distances)
            u = inputs.displacements / TYPICAL_DISPLACEMENT
            of_neighbors = inputs.neighbors.gather(u.reshape(n, -1)).view(n, k, 1, 3, u.shape[2])
            directions = inputs.directions[..., None]
            projections = [(directions * one).sum(dim=3) for one in (u[:, None, None], of_neighbors)]
            numbers = torch.cat([self.radial(inputs.distances), *projections], dim=3)
            return Geometry(numbers.flatten(2) * used, used)

    def forward(self, inputs: Inputs, precomputed: Geometry) -> tuple[Tensor | None, Tensor | None]:
        """See `StructuralNetwork.forward`."""
        reduced, linear = self.descriptors(inputs)
        values = self.first(reduced)
        for layer in self.layers:
            values = values + layer(values, inputs, precomputed)
        return self.outputs(inputs, torch.cat([values, reduced], dim=1), linear)
