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
from typing import Any

import torch
from torch import Tensor

from glassbotan.compiler import Source, compiled
from glassbotan.errors import EngineError

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

_NUMBERS = ("width", "inputs", "constant_per_edge")
_ARRAYS = (
    *("x", "first", "first_t", "constant", "second", "second_t", "bias", "sender", "receiver"),
    *("from_sender", "from_receiver", "y", "incoming", "dy", "d_incoming", "dx", "d_before", "d_receiver"),
)


class _Edges(ctypes.Structure):
    """The record `Edges` of the library; see edges.cpp for the shapes of its arrays."""

    _fields_ = [*((name, ctypes.c_int) for name in _NUMBERS), *((name, ctypes.c_void_p) for name in _ARRAYS)]


@cache
def library() -> Any:
    """The compiled library, or None if there is none."""
    if os.environ.get(SWITCH, "") == "torch":
        return None
    try:
        path, _ = compiled(SOURCE)
        found = ctypes.CDLL(str(path))
    except (EngineError, OSError) as error:
        print(f"glassbotan: networks are trained with PyTorch's operations, which is slower ({error})", file=sys.stderr)
        return None
    long, pointer = ctypes.c_long, ctypes.c_void_p
    found.glassbotan_edges_forward.argtypes = [pointer, long, long]
    found.glassbotan_edges_backward.argtypes = [pointer, long, long, pointer, pointer, pointer]
    found.glassbotan_edges_sum.argtypes = [pointer, pointer, pointer, ctypes.c_int, long, long, pointer]
    return found


def fits(x: Tensor, width: int, products: torch.dtype) -> bool:
    """Whether the library can compute a perceptron of this width on edges x."""
    in_single = x.device.type == "cpu" and x.dtype == products == torch.float32
    return in_single and computes(width)


def computes(width: int) -> bool:
    """Whether there is a library that computes layers of this width."""
    return width % 16 == 0 and width <= WIDEST and library() is not None


def forward(
    x: Tensor, first: Tensor, constant: Tensor, second: Tensor, bias: Tensor, at_ends: Any, ends: Any
) -> tuple[Tensor, Tensor | None]:
    """The output y (n_e, width), and its sums (N, width) over the edges of each receiver, if there are ends.

    Parameters
    ----------
    x, first, constant, second, bias : see `EdgePerceptron.forward`
    at_ends : values from senders and from receivers, (N, width) each, and the sender and the receiver of each edge, or
        None
    ends : the particles at the ends of the edges, or None
    """
    y = x.new_empty(len(x), len(second))
    incoming = x.new_zeros(ends.particles, len(second)) if ends is not None else None
    record, kept = _record(x, first, constant, second, bias, at_ends, y=y, incoming=incoming)
    run = partial(library().glassbotan_edges_forward, ctypes.byref(record))
    _in_parts(lambda part, begin, end: run(begin, end), _bounds(len(x), ends))
    del kept
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
    needs_dx: bool,
) -> tuple[Tensor | None, Tensor, Tensor, Tensor, Tensor, Tensor | None]:
    """Derivatives with respect to x, the values before the first ReLU, the weights, the bias, and values of receivers.

    Parameters
    ----------
    x, first, constant, second, at_ends, ends : as in `forward`
    y : its output
    dy, d_incoming : derivatives with respect to the output and to its sums
    needs_dx : whether the derivative with respect to x is needed

    Returns
    -------
    dx, d_before, d_first, d_second, d_bias, d_receiver
    """
    width, inputs = len(second), x.shape[1]
    bounds = _bounds(len(x), ends)
    # The library gives only whole vectors of derivatives of inputs; those of three coordinates are hardly ever needed.
    dx = torch.empty_like(x) if needs_dx and inputs % 16 == 0 else None
    d_before = x.new_empty(len(x), width)
    d_receiver = x.new_zeros(ends.particles, width) if ends is not None else None
    sums = [x.new_zeros(len(bounds) - 1, *shape) for shape in ((inputs, width), (width, width), (width,))]
    gradients = {"dy": dy, "d_incoming": d_incoming, "dx": dx, "d_before": d_before, "d_receiver": d_receiver}
    record, kept = _record(x, first, constant, second, None, at_ends, y=y, **gradients)
    run = partial(library().glassbotan_edges_backward, ctypes.byref(record))
    _in_parts(lambda part, begin, end: run(begin, end, *(one[part].data_ptr() for one in sums)), bounds)
    del kept
    if needs_dx and dx is None:
        dx = d_before @ first
    d_first_t, d_second, d_bias = (one.sum(dim=0) for one in sums)
    return dx, d_before, d_first_t.t(), d_second, d_bias, d_receiver


def sum_of_rows(values: Tensor, rows: Tensor, ends: Any) -> Tensor:
    """For each particle the sum of the rows of values (n_e, width) that its edges name in `rows` (n_e,), (N, width)."""
    sums = values.new_empty(ends.particles, values.shape[1])
    values = values.contiguous()
    run = partial(
        library().glassbotan_edges_sum, values.data_ptr(), rows.data_ptr(), ends.bounds.data_ptr(), values.shape[1]
    )
    share = -(-ends.particles // PARTS)
    bounds = [min(part * share, ends.particles) for part in range(PARTS + 1)]
    _in_parts(lambda part, begin, end: run(begin, end, sums.data_ptr()), bounds)
    return sums


def _record(
    x: Tensor,
    first: Tensor,
    constant: Tensor,
    second: Tensor,
    bias: Tensor | None,
    at_ends: Any,
    **more: Tensor | None,
) -> tuple[_Edges, dict[str, Tensor]]:
    """The record of a call, and the tensors whose memory it refers to."""
    from_sender, from_receiver, sender, receiver = at_ends or (None, None, None, None)
    given = {
        "x": x,
        "first": first,
        "first_t": first.t(),
        "constant": constant,
        "second": second,
        "second_t": second.t(),
        "bias": bias,
        "sender": sender,
        "receiver": receiver,
        "from_sender": from_sender,
        "from_receiver": from_receiver,
        **more,
    }
    kept = {name: one.detach().contiguous() for name, one in given.items() if one is not None}
    numbers = {"width": len(second), "inputs": x.shape[1], "constant_per_edge": int(constant.dim() == 2)}
    return _Edges(**numbers, **{name: one.data_ptr() for name, one in kept.items()}), kept


def _bounds(edges: int, ends: Any) -> list[int]:
    """Where the parts of the edges begin; a part has all edges of its receivers."""
    if ends is None:
        share = -(-edges // PARTS)
        return [min(part * share, edges) for part in range(PARTS + 1)]
    found: list[int] = ends.parts(PARTS)
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
