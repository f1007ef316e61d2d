"""The edge perceptron of `glassbotan.learn.edge_update` as two Triton kernels, for a GPU.

PyTorch's operations need a dozen passes over all edges; each kernel needs one. It reads a block of edges once, keeps
their intermediate values on the chip, and in the backward pass computes the first layer again instead of storing it.
Each program of the backward kernel processes many blocks and sums their contributions to the gradients of the weights.
These sums are then added in a fixed order, so that the result does not depend on which program is faster.

The kernels assume that the rows of every array are contiguous in memory, so `forward` and `backward` copy arrays that
are not (such as one block of the weight of a layer whose inputs are split into blocks).
"""

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

PROGRAMS_PER_PROCESSOR = 2
"""Number of programs of the backward kernel for each multiprocessor of the GPU."""


class Tile(NamedTuple):
    """Size of the blocks of a kernel, and the precision of its products."""

    edges: int
    """number of edges in a block"""
    precision: str
    """precision of products of float32 numbers: "ieee", or "tf32x3", three products of ten-bit parts with an error of
    2e-7; it has no effect on 16-bit numbers"""


# Chosen by measurements on an H200 with 166,484 edges of width 64: with all of these, errors of float32 relative to
# float64 are 2e-7. In float32 with "ieee", blocks of 64 edges spill thousands of registers and take 15 ms instead of
# 0.5 ms.
FORWARD = {torch.float32: Tile(64, "tf32x3"), torch.bfloat16: Tile(64, "tf32"), torch.float16: Tile(64, "tf32")}
BACKWARD = {torch.float32: Tile(16, "ieee"), torch.bfloat16: Tile(64, "tf32"), torch.float16: Tile(64, "tf32")}


WIDTHS = {torch.float32: (16, 32, 64), torch.bfloat16: (16, 32, 64, 128), torch.float16: (16, 32, 64, 128)}
"""Widths that the matrix units support; a block of float32 edges of width 128 exceeds a multiprocessor's memory."""


def fits(x: Tensor, width: int) -> bool:
    """Whether the kernels can compute a perceptron of this width on edges x.

    Input and output must have the same width. Addresses are 32-bit, which limits the size of x.
    """
    return x.shape[1] == width and width in WIDTHS.get(x.dtype, ()) and x.numel() < 2**31


@triton.jit
def _hidden(x, first, constant, from_sender, from_receiver, sender, receiver, edge, column, inside, width: tl.constexpr,
            per_edge: tl.constexpr, has_ends: tl.constexpr, precision: tl.constexpr):  # fmt: skip
    """Output of the first layer before its ReLU for a block of edges, in float32."""
    before = tl.dot(x, tl.trans(first), input_precision=precision)
    if per_edge:
        before += tl.load(constant + edge[:, None] * width + column[None, :], mask=inside[:, None], other=0.0)
    else:
        before += tl.load(constant + column)[None, :]
    if has_ends:
        at = tl.load(sender + edge, mask=inside, other=0)
        before += tl.load(from_sender + at[:, None] * width + column[None, :], mask=inside[:, None], other=0.0)
        at = tl.load(receiver + edge, mask=inside, other=0)
        before += tl.load(from_receiver + at[:, None] * width + column[None, :], mask=inside[:, None], other=0.0)
    return before


@triton.jit
def _forward(x_at, first_at, constant, second_at, bias_at, from_sender, from_receiver, sender, receiver, y_at, n_edges,
             width: tl.constexpr, block: tl.constexpr, per_edge: tl.constexpr, has_ends: tl.constexpr,
             precision: tl.constexpr):  # fmt: skip
    column = tl.arange(0, width)
    square = column[:, None] * width + column[None, :]
    first, second, bias = tl.load(first_at + square), tl.load(second_at + square), tl.load(bias_at + column)
    edge = tl.program_id(0) * block + tl.arange(0, block)
    inside = edge < n_edges
    place = edge[:, None] * width + column[None, :]
    x = tl.load(x_at + place, mask=inside[:, None], other=0.0)
    before = _hidden(x, first, constant, from_sender, from_receiver, sender, receiver, edge, column, inside, width,
                     per_edge, has_ends, precision)  # fmt: skip
    hidden = tl.maximum(before, 0.0).to(x.dtype)
    y = tl.dot(hidden, tl.trans(second), input_precision=precision) + bias[None, :]
    tl.store(y_at + place, tl.maximum(y, 0.0).to(x.dtype), mask=inside[:, None])


@triton.jit
def _backward(x_at, first_at, constant, second_at, from_sender, from_receiver, sender, receiver, y_at, dy_at,
              d_incoming, dx_at, d_before_at, d_first_at, d_second_at, d_bias_at, n_edges, width: tl.constexpr,
              block: tl.constexpr, per_edge: tl.constexpr, has_ends: tl.constexpr,
              precision: tl.constexpr):  # fmt: skip
    program = tl.program_id(0)
    column = tl.arange(0, width)
    square = column[:, None] * width + column[None, :]
    first, second = tl.load(first_at + square), tl.load(second_at + square)
    d_first = tl.zeros((width, width), dtype=tl.float32)
    d_second = tl.zeros((width, width), dtype=tl.float32)
    d_bias = tl.zeros((width,), dtype=tl.float32)
    for start in range(program * block, n_edges, tl.num_programs(0) * block):
        edge = start + tl.arange(0, block)
        inside = edge < n_edges
        place = edge[:, None] * width + column[None, :]
        x = tl.load(x_at + place, mask=inside[:, None], other=0.0)
        before = _hidden(x, first, constant, from_sender, from_receiver, sender, receiver, edge, column, inside, width,
                         per_edge, has_ends, precision)  # fmt: skip
        hidden = tl.maximum(before, 0.0).to(x.dtype)
        d = tl.load(dy_at + place, mask=inside[:, None], other=0.0).to(tl.float32)
        if has_ends:
            at = tl.load(receiver + edge, mask=inside, other=0)
            d += tl.load(d_incoming + at[:, None] * width + column[None, :], mask=inside[:, None], other=0.0)
        y = tl.load(y_at + place, mask=inside[:, None], other=0.0)
        d = tl.where(y > 0, d, 0.0)
        d_bias += tl.sum(d, axis=0)
        rounded = d.to(x.dtype)
        d_second += tl.dot(tl.trans(rounded), hidden, input_precision=precision)
        d = tl.where(before > 0, tl.dot(rounded, second, input_precision=precision), 0.0)
        rounded = d.to(x.dtype)
        d_first += tl.dot(tl.trans(rounded), x, input_precision=precision)
        tl.store(d_before_at + place, rounded, mask=inside[:, None])
        dx = tl.dot(rounded, first, input_precision=precision)
        tl.store(dx_at + place, dx.to(x.dtype), mask=inside[:, None])
    tl.store(d_first_at + program * width * width + square, d_first)
    tl.store(d_second_at + program * width * width + square, d_second)
    tl.store(d_bias_at + program * width + column, d_bias)


def forward(x: Tensor, first: Tensor, constant: Tensor, second: Tensor, bias: Tensor, ends: Any) -> Tensor:
    """Apply the two layers to all edges. All floating-point arrays have the number type of x.

    Parameters
    ----------
    x : (n_e, width)
    first, second, bias : W_1 and W_2 (width, width), and b_2 (width,)
    constant : (n_e, width) or (width,)
    ends : values from senders and from receivers, (N, width) each, and the sender and the receiver of each edge, (n_e,)
        each; None if the edges do not depend on their ends

    Returns
    -------
    y : (n_e, width)
    """
    x, first, constant, second, bias = (array.contiguous() for array in (x, first, constant, second, bias))
    tile = FORWARD[x.dtype]
    y = torch.empty_like(x)
    grid = (triton.cdiv(len(x), tile.edges),)
    _forward[grid](
        x, first, constant, second, bias, *_pointers(ends, x), y, len(x), **_constants(x, constant, ends, tile)
    )
    return y


def backward(
    x: Tensor,
    first: Tensor,
    constant: Tensor,
    second: Tensor,
    ends: Any,
    y: Tensor,
    dy: Tensor,
    d_incoming: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Derivatives with respect to x, the values before the first ReLU, and (in float32) both weights and the bias."""
    x, first, constant, second, y, dy = (array.contiguous() for array in (x, first, constant, second, y, dy))
    tile = BACKWARD[x.dtype]
    width, programs = x.shape[1], _programs(x, tile)
    dx, d_before = torch.empty_like(x), torch.empty_like(x)
    d_first, d_second = (x.new_empty(programs, width, width, dtype=torch.float32) for _ in range(2))
    d_bias = x.new_empty(programs, width, dtype=torch.float32)
    into_ends = x if d_incoming is None else d_incoming.contiguous()  # without ends the kernel does not read it
    _backward[(programs,)](
        x, first, constant, second, *_pointers(ends, x), y, dy, into_ends, dx, d_before, d_first, d_second, d_bias,
        len(x), **_constants(x, constant, ends, tile)
    )  # fmt: skip
    return dx, d_before, d_first.sum(dim=0), d_second.sum(dim=0), d_bias.sum(dim=0)


def _pointers(ends: Any, x: Tensor) -> tuple[Tensor, ...]:
    return tuple(array.contiguous() for array in ends) if ends else (x, x, x, x)


def _constants(x: Tensor, constant: Tensor, ends: Any, tile: Tile) -> dict[str, Any]:
    return {
        "width": x.shape[1],
        "block": tile.edges,
        "per_edge": constant.dim() == 2,
        "has_ends": ends is not None,
        "precision": tile.precision,
    }


def _programs(x: Tensor, tile: Tile) -> int:
    processors = torch.cuda.get_device_properties(x.device).multi_processor_count if x.is_cuda else 4
    return min(triton.cdiv(len(x), tile.edges), PROGRAMS_PER_PROCESSOR * processors)
