"""Neighbours of every particle in a table of fixed width, and the exchange of values between particles and pairs.

Row i of the table lists the neighbours of particle i, with as many columns as the particle with the most neighbours
needs. Sums over neighbours are then products of small dense matrices, which both CPUs and GPUs compute fast. Each pair
is in the table twice, once in the row of either particle. The derivatives of the functions below are sums over the
same table, so that no step needs atomic additions: results do not depend on the order in which threads finish.
"""

from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from glassbotan.dynamics.pairs import both_ways, opposites


class Neighbors(NamedTuple):
    """The neighbours of N particles, up to K of each, and their n_p pairs."""

    particles: Tensor
    """(N, K) int32, index of each neighbour; 0 in places that are not used"""
    reverse: Tensor
    """(N, K) int32, place in the flattened table at which the same pair is in the row of the neighbour; a place that is
    not used names itself"""
    ends: Tensor
    """(N, K) int32, index of the end of the pair: m if the particle is the first of pair m, n_p + m if it is the
    second; 2 n_p in places that are not used"""
    pairs: Tensor
    """(2, n_p) int32, the first and the second particle of each pair"""

    @classmethod
    def of_pairs(cls, pairs: NDArray, n: int) -> Self:
        """The table of n particles.

        Parameters
        ----------
        pairs : (n_p, 2), each pair once
        n : number of particles
        """
        ordered, source = both_ways(pairs)
        owner, neighbor = ordered.T
        counts = np.bincount(owner, minlength=n)
        width = int(counts.max(initial=1))
        column = np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]

        def table(values: NDArray, unused: Any) -> Tensor:
            found = np.empty((n, width), dtype=np.int32)
            found[:] = unused
            found[owner, column] = values
            return torch.from_numpy(found)

        return cls(
            table(neighbor, 0),
            table((owner * width + column)[opposites(source)], np.arange(n * width).reshape(n, width)),
            table(source, 2 * len(pairs)),
            torch.from_numpy(np.ascontiguousarray(pairs.T, dtype=np.int32)),
        )

    def to(self, device: torch.device) -> "Neighbors":
        """The same table in the memory of a processor."""
        return Neighbors(*(one.to(device) for one in self))

    def gather(self, values: Tensor) -> Tensor:
        """The values of all neighbours: (N, width) to (N, K, width).

        Places that are not used have arbitrary values, which the caller has to multiply by 0.
        """
        found: Tensor = _OfNeighbors.apply(values, self.particles, self.reverse)
        return found

    def at_ends(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """The values of both particles of each pair: (N, width) to two times (n_p, width)."""
        first, second = _AtEnds.apply(values, self.pairs, self.ends)
        return first, second

    def over_neighbors(self, of_ends: Tensor, unused: float = 0.0) -> Tensor:
        """Values of the ends of pairs in the order of the table: (2 n_p, ...) to (N, K, ...).

        Parameters
        ----------
        of_ends : values for the first particle of each pair, followed by those for the second
        unused : value in places that are not used
        """
        return torch.cat([of_ends, of_ends.new_full((1, *of_ends.shape[1:]), unused)])[self.ends.long()]


class _OfNeighbors(torch.autograd.Function):
    """`Neighbors.gather`. The derivative of a value is the sum over the places where other rows contain it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, particles: Tensor, reverse: Tensor) -> Tensor:
        ctx.save_for_backward(reverse)
        return values.index_select(0, particles.view(-1)).view(*particles.shape, -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (reverse,) = ctx.saved_tensors
        # A place that is not used adds its own derivative, which is 0 since its value was multiplied by 0.
        return embedding_bag(reverse, gradient.reshape(-1, gradient.shape[-1]), mode="sum"), None, None


class _AtEnds(torch.autograd.Function):
    """`Neighbors.at_ends`. The derivative of a value is the sum over all pairs of the particle."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, pairs: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(ends)
        return values.index_select(0, pairs[0]), values.index_select(0, pairs[1])

    @staticmethod
    def backward(ctx: Any, first: Tensor, second: Tensor) -> tuple[Tensor | None, ...]:
        (ends,) = ctx.saved_tensors
        padded = torch.cat([first, second, first.new_zeros(1, first.shape[1])])
        return embedding_bag(ends, padded, mode="sum"), None, None
