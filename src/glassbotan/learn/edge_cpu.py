"""The edge perceptron of `glassbotan.learn.edge_update` on a CPU, in C++ that is compiled when it is first needed.

PyTorch's operations go through memory a dozen times for every edge. The library takes a few edges at a time through the
whole perceptron, whose intermediate values stay in the cache. It computes in float32; its results are the same for any
number of threads. Where no compiler can be had, PyTorch's operations are used instead, and a message says so.
"""

import ctypes
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from glassbotan.compiler import Source, compiled, features_of_processor
from glassbotan.errors import EngineError
from glassbotan.learn.memory import empty

SOURCE = Source(
    package="glassbotan.learn",
    files=("edges.cpp",),
    name="edges",
    what="the library for training networks",
    instead="set GLASSBOTAN_EDGES=torch, and training is two to three times slower",
)
SWITCH = "GLASSBOTAN_EDGES"
"""Environment variable that can be set to torch, so that the library is not used."""
WIDEST = 128
"""Largest width of a layer, for which there is room in the cache."""
PARTS = 16
"""Number of parts into which the edges are divided; the sums of the parts are added in their order."""

DOTS = "-DBFLOAT16_DOTS"
"""Option of the compiler with which bfloat16 numbers are multiplied by the processor's own instructions."""
NEEDED_BY_DOTS = {"avx512f", "avx512bw", "avx512vl", "avx512_bf16"}
"""Features of a processor that has them, as Linux names them."""

_NUMBERS = ("width", "inputs", "constant_per_edge", "halves", "exact_inputs")
_ARRAYS = (
    *("x", "first", "first_t", "constant", "second", "second_t", "bias", "sender", "receiver"),
    *("from_sender", "from_receiver", "y", "incoming", "dy", "d_incoming", "dx", "d_constant", "d_receiver"),
)


class _Edges(ctypes.Structure):
    """The record `Edges` of the library; see edges.cpp for the shapes of its arrays."""

    kept: dict[str, Tensor]
    """the tensors whose memory it refers to"""
    _fields_ = [
        *((name, ctypes.c_int) for name in _NUMBERS),
        *((name, ctypes.c_void_p) for name in _ARRAYS),
        ("adds", ctypes.c_int),
    ]


@cache
def library() -> Any:
    """The compiled library, or None if there is none."""
    if os.environ.get(SWITCH, "") == "torch":
        return None
    try:
        path, _ = compiled(SOURCE, more_flags=(DOTS,) if features_of_processor().issuperset(NEEDED_BY_DOTS) else ())
        found = ctypes.CDLL(str(path))
    except (EngineError, OSError) as error:
        print(f"glassbotan: networks are trained with PyTorch's operations, which is slower ({error})", file=sys.stderr)
        return None
    long, pointer = ctypes.c_long, ctypes.c_void_p
    found.glassbotan_edges_forward.argtypes = [pointer, long, long]
    found.glassbotan_edges_backward.argtypes = [pointer, long, long, *(pointer,) * 5]
    return found


def fits(x: Tensor, width: int, products: torch.dtype) -> bool:
    """Whether the library can compute a perceptron of this width on edges x."""
    stored = x.dtype in (torch.float32, products) and products in (torch.float32, torch.bfloat16)
    return x.device.type == "cpu" and stored and computes(width)


def computes(width: int) -> bool:
    """Whether there is a library that computes layers of this width."""
    return width % 16 == 0 and width <= WIDEST and library() is not None


class Gradients(NamedTuple):
    """Derivatives with respect to the arguments of `forward`."""

    x: Tensor | None
    first: Tensor
    constant: Tensor
    second: Tensor
    bias: Tensor
    senders: Tensor | None
    receivers: Tensor | None


def forward(
    x: Tensor,
    first: Tensor,
    constant: Tensor,
    second: Tensor,
    bias: Tensor,
    products: torch.dtype,
    at_ends: Any,
    ends: Any,
) -> tuple[Tensor, Tensor | None]:
    """The output y (n_e, width), and its sums (N, width) over the edges of each receiver, if there are ends.

    Parameters
    ----------
    x, first, constant, second, bias : see `EdgePerceptron.forward`
    products : number type of y
    at_ends : values from senders and from receivers, (N, width) each, and the sender and the receiver of each edge, or
        None
    ends : the particles at the ends of the edges, or None
    """
    y = empty(len(x), len(second), products)
    incoming = x.new_zeros(ends.particles, len(second), dtype=torch.float32) if ends is not None else None
    record = _record(x, first, constant, second, bias, at_ends, y=y, incoming=incoming)
    run = partial(library().glassbotan_edges_forward, ctypes.byref(record))
    _in_parts(lambda part, begin, end: run(begin, end), _bounds(len(x), ends))
    return y, incoming


def backward(
    x: Tensor,
    first: Tensor,
    constant: Tensor,
    second: Tensor,
    at_ends: Any,
    ends: Any,
    y: Tensor,
    dy: Tensor | None,
    d_incoming: Tensor | None,
    d_constant: Tensor | None,
    needs_dx: bool,
    overwrites: bool,
) -> Gradients:
    """Derivatives with respect to the arguments of `forward`.

    Parameters
    ----------
    x, first, constant, second, at_ends, ends : as in `forward`
    y : its output
    dy, d_incoming : derivatives with respect to the output and to its sums
    d_constant : (n_e, width), a derivative with respect to the constants of the edges from later uses of them, to which
        the new one is added in place; None if there is none
    needs_dx : whether the derivative with respect to x is needed
    overwrites : whether it may be written where dy is
    """
    width, inputs = len(second), x.shape[1]
    bounds, per_edge = _bounds(len(x), ends), constant.dim() == 2
    parts = len(bounds) - 1

    def zeros(*shape: int) -> Tensor:
        return x.new_zeros(shape, dtype=torch.float32)

    # The library gives only whole vectors of derivatives of inputs; those of three coordinates are hardly ever needed.
    dx = None
    if needs_dx and inputs % 16 == 0 and x.dtype == y.dtype:
        dy = None if dy is None else dy.contiguous()
        # An edge's row of dy is read before its row of dx is written, so that both can be in the same memory.
        reused = overwrites and dy is not None and dy.shape == x.shape
        dx = dy if reused else empty(len(x), inputs, x.dtype)
    before = d_constant
    if before is None and (per_edge or (needs_dx and dx is None)):
        before = empty(len(y), width, y.dtype)
    d_sender = zeros(parts, ends.particles, width) if at_ends else None
    d_receiver = zeros(ends.particles, width) if at_ends else None
    sums = zeros(parts, inputs, width), zeros(parts, width, width), zeros(parts, width), zeros(parts, width)
    gradients = {
        "dy": dy,
        "d_incoming": d_incoming,
        "dx": dx,
        "d_constant": before,
        "d_receiver": d_receiver,
    }
    record = _record(x, first, constant, second, None, at_ends, y=y, **gradients)
    record.adds = int(d_constant is not None)
    run = partial(library().glassbotan_edges_backward, ctypes.byref(record))

    def work(part: int, begin: int, end: int) -> None:
        to_senders = None if d_sender is None else d_sender[part].data_ptr()
        run(begin, end, *(one[part].data_ptr() for one in sums), to_senders)

    _in_parts(work, bounds)
    d_first_t, d_second, d_bias, d_shift = (one.sum(dim=0) for one in sums)
    if needs_dx and dx is None and before is not None:
        dx = before.to(x.dtype) @ first.to(x.dtype)
    return Gradients(
        x=dx,
        first=d_first_t.t(),
        constant=before if per_edge and before is not None else d_shift,
        second=d_second,
        bias=d_bias,
        senders=None if d_sender is None else d_sender.sum(dim=0),
        receivers=d_receiver,
    )


def _record(
    x: Tensor,
    first: Tensor,
    constant: Tensor,
    second: Tensor,
    bias: Tensor | None,
    at_ends: Any,
    **more: Tensor | None,
) -> _Edges:
    """The record of a call."""
    from_sender, from_receiver, sender, receiver = at_ends or (None, None, None, None)
    y = more["y"]
    assert y is not None
    weights = {
        "first": first,
        "first_t": first.t(),
        "second": second,
        "second_t": second.t(),
        "bias": bias,
        "from_sender": from_sender,
        "from_receiver": from_receiver,
        **({} if constant.dim() == 2 else {"constant": constant}),
    }
    kept = {"x": x.detach().contiguous()}
    if constant.dim() == 2:
        kept["constant"] = constant.detach().to(y.dtype).contiguous()
    kept |= {name: one.detach().float().contiguous() for name, one in weights.items() if one is not None}
    kept |= {name: one for name, one in (("sender", sender), ("receiver", receiver)) if one is not None}
    kept |= {name: one.contiguous() for name, one in more.items() if one is not None}
    numbers = {
        "width": len(second),
        "inputs": x.shape[1],
        "constant_per_edge": int(constant.dim() == 2),
        "halves": int(y.dtype == torch.bfloat16),
        "exact_inputs": int(x.dtype == torch.float32),
    }
    record = _Edges(**numbers, **{name: one.data_ptr() for name, one in kept.items()})
    record.kept = kept
    return record


def _bounds(edges: int, ends: Any) -> list[int]:
    """Where the parts of the edges begin; a part has all edges of its receivers."""
    if ends is None:
        share = -(-edges // PARTS)
        return [min(part * share, edges) for part in range(PARTS + 1)]
    found: list[int] = ends.parts
    return found


def _in_parts(work: Any, bounds: list[int]) -> None:
    """Do the work of each part, on as many threads as PyTorch uses."""
    parts = [(part, begin, end) for part, (begin, end) in enumerate(pairwise(bounds))]
    threads = torch.get_num_threads()
    if threads == 1:
        for part in parts:
            work(*part)
        return
    for _ in _pool(threads).map(lambda part: work(*part), parts):
        pass


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=threads)
