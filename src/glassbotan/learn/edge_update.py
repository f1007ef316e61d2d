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
        """Sum over the edges that end at each particle, (n_e, width) to (N, width)."""
        return embedding_bag(self.in_order, edges, self.first, mode="sum")

    def sum_to_senders(self, edges: Tensor) -> Tensor:
        """Sum over the edges that start at each particle: the reverse of those that end there."""
        return embedding_bag(self.reverse, edges, self.first, mode="sum")


class EdgePerceptron(torch.autograd.Function):
    """The two layers and, if the ends are given, the sums over the edges that end at each particle.

    Products are taken in the types of `first` and `second`; gradients of weights are summed in float32 or wider.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        first: Tensor,
        constant: Tensor,
        second: Tensor,
        bias: Tensor,
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
        from_sender, from_receiver : (N, width), s and r
        ends : of the edges, if they depend on their ends

        Returns
        -------
        y : (n_e, width)
        incoming : (N, width), or nothing without `ends`
        """
        y = x.new_empty(len(x), len(second), dtype=second.dtype)
        for block in _blocks(x):
            hidden = _first_layer(block, x, first, constant, from_sender, from_receiver, ends)
            torch.addmm(bias, hidden.to(second.dtype), second.t(), out=y[block]).relu_()
        ctx.save_for_backward(x, first, constant, second, from_sender, from_receiver, y)
        ctx.ends = ends
        return y, ends.sum_to_receivers(y) if ends else None

    @staticmethod
    def backward(ctx: Any, dy: Tensor, d_incoming: Tensor | None) -> tuple[Tensor | None, ...]:
        """Derivatives, from those with respect to y and to the sums."""
        x, first, constant, second, from_sender, from_receiver, y = ctx.saved_tensors
        ends: Ends | None = ctx.ends
        wide = torch.promote_types(second.dtype, torch.float32)
        d_first, d_second = torch.zeros_like(first, dtype=wide), torch.zeros_like(second, dtype=wide)
        d_bias = second.new_zeros(len(second), dtype=wide)
        dx = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        d_before = y.new_empty(y.shape, dtype=first.dtype)  # before the first ReLU
        for block in _blocks(x):
            hidden = _first_layer(block, x, first, constant, from_sender, from_receiver, ends)
            d = dy[block]
            if ends is not None and d_incoming is not None:
                d = d_incoming.index_select(0, ends.receiver[block]).add_(d)
            d = threshold_backward(d, y[block], 0)
            d_second += d.t() @ hidden.to(second.dtype)
            d_bias += d.sum(dim=0, dtype=wide)
            d = threshold_backward((d @ second).to(first.dtype), hidden, 0)
            d_first += d.t() @ x[block]
            d_before[block] = d
            if dx is not None:
                torch.mm(d, first, out=dx[block])
        return (
            dx,
            d_first.to(first.dtype),
            d_before if constant.dim() == 2 else d_before.sum(dim=0, dtype=wide).to(constant.dtype),
            d_second.to(second.dtype),
            d_bias.to(second.dtype),
            ends.sum_to_senders(d_before) if ends is not None else None,
            ends.sum_to_receivers(d_before) if ends is not None else None,
            None,
        )


def _first_layer(
    block: slice,
    x: Tensor,
    first: Tensor,
    constant: Tensor,
    from_sender: Tensor | None,
    from_receiver: Tensor | None,
    ends: Ends | None,
) -> Tensor:
    """relu(W_1 x + c + s[sender] + r[receiver]) of a block of edges."""
    before = torch.addmm(constant[block] if constant.dim() == 2 else constant, x[block], first.t())
    if ends is not None and from_sender is not None and from_receiver is not None:
        before += from_sender.index_select(0, ends.sender[block])
        before += from_receiver.index_select(0, ends.receiver[block])
    return before.relu_()


def _blocks(x: Tensor) -> list[slice]:
    size = BLOCK * torch.get_num_threads() if x.device.type == "cpu" else max(1, len(x))
    return [slice(start, start + size) for start in range(0, len(x), size)]
