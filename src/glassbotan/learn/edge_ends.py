"""The particles at the ends of the edges of a graph, and sums over the edges of each particle.

Edges are sorted by receiver, so that each sum is one over consecutive edges, or over their reverse edges.
"""

from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from glassbotan.learn import edge_cpu


class EdgeEndpoints:
    """The particles at the two ends of each edge of a graph.

    Parameters
    ----------
    edge_index : (2, n_e), sender and receiver, sorted by receiver
    reverse : (n_e,), index of the edge in the opposite direction
    n : number of particles
    """

    def __init__(self, edge_index: Tensor, reverse: Tensor, n: int) -> None:
        self.sender, self.receiver = edge_index
        self.reverse = reverse
        self.particles = n
        degree = torch.bincount(self.receiver, minlength=n)
        self.bounds = torch.cat([degree.new_zeros(1), degree.cumsum(0)])
        """(N + 1,), where the edges that end at each particle begin, and the number of edges"""
        self.first = self.bounds[:-1]
        self.in_order = torch.arange(len(self.receiver), device=edge_index.device)

    def sum_to_receivers(self, edges: Tensor) -> Tensor:
        """Sum over the edges that end at each particle, (n_e, width) to (N, width), in float32 or wider."""
        return embedding_bag(self.in_order, edges.to(wide(edges)), self.first, mode="sum")

    def sum_to_senders(self, edges: Tensor) -> Tensor:
        """Sum over the edges that start at each particle, which are the reverse of those that end at it."""
        return embedding_bag(self.reverse, edges.to(wide(edges)), self.first, mode="sum")

    @cached_property
    def parts(self) -> list[int]:
        """Bounds that divide the edges into `edge_cpu.PARTS` similar parts, each with all edges of its receivers."""
        wanted = torch.arange(1, edge_cpu.PARTS) * (len(self.receiver) / edge_cpu.PARTS)
        inner = self.bounds[torch.searchsorted(self.bounds, wanted)]
        return [0, *inner.tolist(), len(self.receiver)]


def wide(values: Tensor) -> torch.dtype:
    """Number type for sums of many of these values."""
    return torch.promote_types(values.dtype, torch.float32)
