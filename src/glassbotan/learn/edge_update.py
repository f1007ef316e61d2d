"""Perceptrons with two layers on every edge, which take most of a network's time: fast and with little memory.

A perceptron on edges is

    y = relu(W_2 relu(W_1 x + c + s[sender] + r[receiver]) + b_2),

where c is a constant of the edge (or the first layer's bias), and s and r are the contributions of the particles at its
two ends to the first layer. It is written as one operation with its own derivative, which stores only its input and its
output and computes the first layer again in the backward pass. Edges are processed in blocks that fit into a
processor's cache: on a CPU in float32 by a library of our own (`glassbotan.learn.edge_cpu`), on a GPU by our own
kernels if they are asked for, otherwise by PyTorch's operations. Sums over neighbours are also computed here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from glassbotan.learn import edge_cpu
from glassbotan.learn.edge_ends import EdgeEndpoints, wide

BLOCK = 2048
"""Number of edges that one thread processes at a time, so that intermediate values stay in its cache."""

threshold_backward = torch.ops.aten.threshold_backward


class Arithmetic(NamedTuple):
    """How edges are computed."""

    products: torch.dtype
    """number type of the edges and of matrix products with them"""
    fused: bool = False
    """whether our own GPU kernels (`glassbotan.learn.edge_kernels`) are used instead of PyTorch's operations"""
    overwrites: bool = False
    """whether the backward pass may write its results where the derivative with respect to the output is; then nothing
    but one further perceptron or linear layer may use the output"""


class Remade:
    """The output of a perceptron of edges that is not kept for the backward pass, but computed again there.

    It is the input of the next perceptron. The backward pass of that one comes first: it computes the output from what
    the first perceptron keeps, and the first one then uses the same.
    """

    def __init__(self) -> None:
        self.compute: Callable[[], Tensor] | None = None
        """how it is computed; None as long as the output is kept"""
        self._value: Tensor | None = None

    def get(self) -> Tensor:
        """The output."""
        if self._value is None:
            assert self.compute is not None
            self._value = self.compute()
        return self._value

    def release(self) -> None:
        """Forget the output, which is not used again."""
        self.compute = self._value = None


class EdgePerceptron(torch.autograd.Function):
    """The perceptron and, if the ends are given, the sums of its output over the edges that end at each particle.

    The first layer is computed in the number type of x, the second in `arithmetic.products`. Sums over edges, both of
    outputs and of gradients of weights, are computed in float32 or a wider type.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        first: Tensor,
        constant: Tensor,
        second: Tensor,
        bias: Tensor,
        arithmetic: Arithmetic,
        from_sender: Tensor | None = None,
        from_receiver: Tensor | None = None,
        ends: EdgeEndpoints | None = None,
        x_remade: Remade | None = None,
        y_remade: Remade | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Apply the perceptron.

        Parameters
        ----------
        x : (n_e, k)
        first : (width, k), W_1
        constant : (n_e, width), or (width,) if it is the same for all edges
        second, bias : (width, width), W_2, and (width,), b_2
        arithmetic : number type of the second layer and of y, and whether our own kernels are used
        from_sender, from_receiver : (N, width), s and r
        ends : particles at the ends of the edges; needed if s and r are given
        x_remade : x, if the perceptron whose output it is may compute it again
        y_remade : y, if it may be computed again; then nothing but the next perceptron may use it

        Returns
        -------
        y : (n_e, width)
        incoming : (N, width), the sums; None without `ends`
        constant : the constants of the edges again, None if they are not of edges. If the same constants are used
            again, these are to be given: then derivatives with respect to them are added where they are, and not in
            further arrays
        """
        ctx.set_materialize_grads(False)
        products, ctx.overwrites = arithmetic.products, arithmetic.overwrites
        ctx.kernels = _kernels(x, len(second), arithmetic)
        ctx.compiled = not ctx.kernels and edge_cpu.fits(x, len(second), products)
        weight, shift = second.to(products), bias.to(products)
        incoming = None
        if ctx.compiled:
            at_ends = _at_ends(from_sender, from_receiver, ends, torch.float32)
            y, incoming = edge_cpu.forward(x, first, constant, second, bias, products, at_ends, ends)
        elif ctx.kernels:
            at_ends = _at_ends(from_sender, from_receiver, ends, products)
            y = ctx.kernels.forward(x, first.to(products), constant.to(products), weight, shift, at_ends)
        else:
            y = x.new_empty(len(x), len(second), dtype=products)
            layer = _FirstLayer(x, first, constant, from_sender, from_receiver, ends)
            for block in _blocks(x):
                torch.addmm(shift, layer(block).to(products), weight.t(), out=y[block]).relu_()
        ctx.ends, ctx.x_remade, ctx.y_remade = ends, x_remade, y_remade
        if y_remade is not None and ctx.compiled:

            def again() -> Tensor:
                kept = _saved_by(ctx)
                at_ends = kept.at_ends(torch.float32)
                weights = kept.first, kept.constant, kept.second, kept.bias
                return edge_cpu.forward(kept.x, *weights, products, at_ends, ends)[0]

            y_remade.compute = again
        ctx.save_for_backward(
            None if x_remade is not None and x_remade.compute is not None else x,
            first, constant, second, bias, from_sender, from_receiver,
            None if y_remade is not None and y_remade.compute is not None else y,
        )  # fmt: skip
        if incoming is None and ends is not None:
            incoming = ends.sum_to_receivers(y)
        return y, incoming, constant.view_as(constant) if constant.dim() == 2 else None

    @staticmethod
    def backward(
        ctx: Any, dy: Tensor | None, d_incoming: Tensor | None, d_constant: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        """Derivatives with respect to the arguments of `forward`, from those with respect to what it returns."""
        saved, needs_dx = _saved_by(ctx), ctx.needs_input_grad[0]
        if saved.y is None:
            saved = saved._replace(y=ctx.y_remade.get())
            ctx.y_remade.release()
        if ctx.compiled:
            at_ends = saved.at_ends(torch.float32)
            found = edge_cpu.backward(
                saved.x, saved.first, saved.constant, saved.second, at_ends, saved.ends, saved.y, dy, d_incoming,
                d_constant, needs_dx, ctx.overwrites,
            )  # fmt: skip
            return (*found[:5], None, *found[5:], None, None, None)
        dy = torch.zeros_like(saved.y) if dy is None else dy
        if ctx.kernels:
            gradients = _by_kernels(ctx.kernels, saved, dy, d_incoming)
        else:
            gradients = _by_blocks(saved, dy, d_incoming, needs_dx)
        d_before, ends, constant = gradients.before, saved.ends, saved.constant
        of_constant = d_before if constant.dim() == 2 else d_before.sum(dim=0, dtype=wide(constant))
        return (
            gradients.x,
            gradients.first,
            of_constant if d_constant is None else of_constant + d_constant,
            gradients.second,
            gradients.bias,
            None,
            ends.sum_to_senders(d_before) if ends is not None else None,
            ends.sum_to_receivers(d_before) if ends is not None else None,
            None,
            None,
            None,
        )


class _Saved(NamedTuple):
    """The values that the backward pass needs."""

    ends: EdgeEndpoints | None
    x: Tensor
    first: Tensor
    constant: Tensor
    second: Tensor
    bias: Tensor
    from_sender: Tensor | None
    from_receiver: Tensor | None
    y: Tensor

    def at_ends(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
        """Values from senders and from receivers, and the sender and the receiver of each edge; None without ends."""
        return _at_ends(self.from_sender, self.from_receiver, self.ends, dtype)


def _saved_by(ctx: Any) -> _Saved:
    """What a perceptron keeps for its backward pass, with its input computed again if that was not kept."""
    x, *others = ctx.saved_tensors
    return _Saved(ctx.ends, ctx.x_remade.get() if x is None else x, *others)


class _Gradients(NamedTuple):
    """Derivatives with respect to x, the values before the first ReLU, the weights and the bias."""

    x: Tensor | None
    before: Tensor
    first: Tensor
    second: Tensor
    bias: Tensor


def _by_blocks(saved: _Saved, dy: Tensor, d_incoming: Tensor | None, needs_dx: bool) -> _Gradients:
    """Compute the derivatives with PyTorch's operations, block by block."""
    x, first, y, ends = saved.x, saved.first, saved.y, saved.ends
    layer = _FirstLayer(x, first, saved.constant, saved.from_sender, saved.from_receiver, ends)
    first_weight, second_weight = first.to(x.dtype), saved.second.to(y.dtype)
    into_ends = d_incoming.to(y.dtype) if ends is not None and d_incoming is not None else None
    d_first, d_second, d_bias = (
        torch.zeros_like(weight, dtype=wide(weight)) for weight in (first, saved.second, saved.second[0])
    )
    dx = torch.empty_like(x) if needs_dx else None
    d_before = torch.empty_like(y, dtype=x.dtype)
    ones = y.new_ones(len(y))
    for block in _blocks(x):
        hidden = layer(block)
        d = dy[block]
        if into_ends is not None and ends is not None:
            d = into_ends.index_select(0, ends.receiver[block]).add_(d)
        d = threshold_backward(d, y[block], 0)
        d_second += d.t() @ hidden.to(y.dtype)
        d_bias += d.t() @ ones[block]
        d = threshold_backward((d @ second_weight).to(x.dtype), hidden, 0, grad_input=d_before[block])
        d_first += d.t() @ x[block]
        if dx is not None:
            torch.mm(d, first_weight, out=dx[block])
    return _Gradients(dx, d_before, d_first, d_second, d_bias)


def _by_kernels(kernels: Any, saved: _Saved, dy: Tensor, d_incoming: Tensor | None) -> _Gradients:
    """Compute the derivatives with our own GPU kernels."""
    dtype = saved.x.dtype
    weights = saved.first.to(dtype), saved.constant.to(dtype), saved.second.to(dtype)
    return _Gradients(*kernels.backward(saved.x, *weights, saved.at_ends(dtype), saved.y, dy, d_incoming))


def _kernels(x: Tensor, width: int, arithmetic: Arithmetic) -> Any:
    """The module with our own kernels, if they are asked for and can process these edges; otherwise None."""
    if not arithmetic.fused:
        return None
    from glassbotan.learn import edge_kernels

    return edge_kernels if x.dtype == arithmetic.products and edge_kernels.fits(x, width) else None


def _at_ends(
    from_sender: Tensor | None, from_receiver: Tensor | None, ends: EdgeEndpoints | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
    if ends is None or from_sender is None or from_receiver is None:
        return None
    return from_sender.to(dtype).contiguous(), from_receiver.to(dtype).contiguous(), ends.sender, ends.receiver


class _FirstLayer:
    """relu(W_1 x + c + s[sender] + r[receiver]) of a block of edges."""

    def __init__(
        self,
        x: Tensor,
        first: Tensor,
        constant: Tensor,
        from_sender: Tensor | None,
        from_receiver: Tensor | None,
        ends: EdgeEndpoints | None,
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
