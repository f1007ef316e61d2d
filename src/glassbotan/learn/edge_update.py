"""The part of the network that takes the time: two layers on every edge, fast and in little memory.

A perceptron on edges is

    y = relu(W_2 relu(W_1 x + c + s[sender] + r[receiver]) + b_2),

where c is a constant of the edge (or the first layer's bias), and s and r are what the first layer makes of the
particles at its two ends. Written as one operation with its own derivative, it keeps its input and its output alone and
computes the first layer again on the way back; and it goes through the edges in blocks that stay in a processor's
cache. Sums over neighbours are done here too: edges sorted by receiver make them sums over slices.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

BLOCK = 2048
"""Edges that one thread works on at a time, so that intermediate values stay in its cache."""

threshold_backward = torch.ops.aten.threshold_backward


class Ends:
    """Which particles the edges of a graph join.

    Parameters
    ----------
    edge_index : (2, n_e), sender and receiver, sorted by receiver
    reverse : (n_e,), where the edge is that goes the other way
    n : number of particles
    """

    def __init__(self, edge_index: Tensor, reverse: Tensor, n: int) -> None:
        self.sender, self.receiver = edge_index
        self.reverse = reverse
        degree = torch.bincount(self.receiver, minlength=n)
        self.first = degree.cumsum(0) - degree
        self.in_order = torch.arange(len(self.receiver), device=edge_index.device)

    def sum_to_receivers(self, edges: Tensor) -> Tensor:
        """Sum over the edges that end at each particle, (n_e, width) to (N, width), in float32 or wider."""
        return embedding_bag(self.in_order, edges.to(_wide(edges)), self.first, mode="sum")

    def sum_to_senders(self, edges: Tensor) -> Tensor:
        """Sum over the edges that start at each particle: the reverse of those that end there."""
        return embedding_bag(self.reverse, edges.to(_wide(edges)), self.first, mode="sum")


class EdgePerceptron(torch.autograd.Function):
    """The two layers and, if the ends are given, the sums over the edges that end at each particle.

    The first layer multiplies in the type of x, the second in the type `products`; sums over edges, of values and of
    gradients of weights, are float32 or wider.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        first: Tensor,
        constant: Tensor,
        second: Tensor,
        bias: Tensor,
        products: torch.dtype,
        from_sender: Tensor | None = None,
        from_receiver: Tensor | None = None,
        ends: Ends | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Apply.

        Parameters
        ----------
        x : (n_e, k)
        first : (width, k), W_1
        constant : (n_e, width), or (width,) if it is the same for all edges
        second, bias : (width, width), W_2, and (width,), b_2
        products : type of the second layer and of y
        from_sender, from_receiver : (N, width), s and r
        ends : of the edges, if they depend on their ends

        Returns
        -------
        y : (n_e, width)
        incoming : (N, width), or nothing without `ends`
        """
        y = x.new_empty(len(x), len(second), dtype=products)
        layer = _FirstLayer(x, first, constant, from_sender, from_receiver, ends)
        weight, shift = second.t().to(products), bias.to(products)
        for block in _blocks(x):
            torch.addmm(shift, layer(block).to(products), weight, out=y[block]).relu_()
        ctx.save_for_backward(x, first, constant, second, from_sender, from_receiver, y)
        ctx.ends = ends
        return y, ends.sum_to_receivers(y) if ends else None

    @staticmethod
    def backward(ctx: Any, dy: Tensor, d_incoming: Tensor | None) -> tuple[Tensor | None, ...]:
        """Derivatives, from those with respect to y and to the sums."""
        x, first, constant, second, from_sender, from_receiver, y = ctx.saved_tensors
        ends: Ends | None = ctx.ends
        layer = _FirstLayer(x, first, constant, from_sender, from_receiver, ends)
        first_weight, second_weight = first.to(x.dtype), second.to(y.dtype)
        into_ends = d_incoming.to(y.dtype) if ends is not None and d_incoming is not None else None
        d_first, d_second, d_bias = (
            torch.zeros_like(weight, dtype=_wide(weight)) for weight in (first, second, second[0])
        )
        dx = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        d_before = torch.empty_like(y, dtype=x.dtype)  # before the first ReLU
        for block in _blocks(x):
            hidden = layer(block)
            d = dy[block]
            if into_ends is not None and ends is not None:
                d = into_ends.index_select(0, ends.receiver[block]).add_(d)
            d = threshold_backward(d, y[block], 0)
            d_second += d.t() @ hidden.to(y.dtype)
            d_bias += d.sum(dim=0, dtype=d_bias.dtype)
            d = threshold_backward((d @ second_weight).to(x.dtype), hidden, 0)
            d_first += d.t() @ x[block]
            d_before[block] = d
            if dx is not None:
                torch.mm(d, first_weight, out=dx[block])
        return (
            dx,
            d_first,
            d_before if constant.dim() == 2 else d_before.sum(dim=0, dtype=_wide(constant)),
            d_second,
            d_bias,
            None,
            ends.sum_to_senders(d_before) if ends is not None else None,
            ends.sum_to_receivers(d_before) if ends is not None else None,
            None,
        )


class _FirstLayer:
    """relu(W_1 x + c + s[sender] + r[receiver]) of a block of edges."""

    def __init__(
        self,
        x: Tensor,
        first: Tensor,
        constant: Tensor,
        from_sender: Tensor | None,
        from_receiver: Tensor | None,
        ends: Ends | None,
    ) -> None:
        self.x, self.weight, self.constant = x, first.t().to(x.dtype), constant.to(x.dtype)
        self.at_ends = [
            (values.to(x.dtype), particles)
            for values, particles in (
                ((from_sender, ends.sender), (from_receiver, ends.receiver)) if ends is not None else ()
            )
            if values is not None
        ]

    def __call__(self, block: slice) -> Tensor:
        constant = self.constant[block] if self.constant.dim() == 2 else self.constant
        before = torch.addmm(constant, self.x[block], self.weight)
        for values, particles in self.at_ends:
            before += values.index_select(0, particles[block])
        return before.relu_()


def _blocks(x: Tensor) -> list[slice]:
    size = BLOCK * torch.get_num_threads() if x.device.type == "cpu" else max(1, len(x))
    return [slice(start, start + size) for start in range(0, len(x), size)]


def _wide(values: Tensor) -> torch.dtype:
    """Type of sums of many values."""
    return torch.promote_types(values.dtype, torch.float32)
