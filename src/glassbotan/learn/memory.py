"""Reuse of memory during training."""

import ctypes
import math
import mmap
import sys
import weakref
from functools import cache

import torch
from torch import Tensor

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 2**31 - 1
"""Threshold in bytes: the largest number that mallopt accepts."""


@cache
def keep_freed_memory() -> None:
    """Make glibc keep freed memory for the next array instead of returning it to the operating system.

    Each step of the optimiser allocates and frees arrays of the same large sizes. By default each of them is mapped
    anew, which costs a page fault and the zeroing of a page for every 4 kB, about a quarter of the time of a step.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # the C library musl has no mallopt
    # Setting either threshold stops glibc from adjusting both. Before glibc 2.35 the first can be at most 32 MB.
    if mallopt is not None and (mallopt(M_MMAP_THRESHOLD, KEPT) or mallopt(M_MMAP_THRESHOLD, 2**25)):
        mallopt(M_TRIM_THRESHOLD, KEPT)


_free: list[mmap.mmap] = []
"""Blocks of memory that no tensor uses."""
WASTE = 1.1
"""Largest size of a block over that of the tensor in it."""
UNIT = 2**21
"""Sizes of blocks are multiples of it, bytes, so that configurations with nearly as many edges use the same blocks."""


def empty(rows: int, columns: int, dtype: torch.dtype) -> Tensor:
    """A tensor (rows, columns) without values, in memory that goes to the next such tensor when it is freed.

    The arrays of a training step are few and large. Among smaller ones, their places would be split, and others needed.
    """
    size = rows * columns * dtype.itemsize
    if not size:
        return torch.empty(rows, columns, dtype=dtype)
    fitting = [block for block in _free if size <= len(block) <= max(WASTE * size, size + UNIT)]
    if fitting:
        block = min(fitting, key=len)
        _free.remove(block)
    else:
        block = mmap.mmap(-1, UNIT * math.ceil(size / UNIT))
    view = memoryview(block)
    weakref.finalize(view, _free.append, block)  # the tensor keeps the view as long as it needs the memory
    return torch.frombuffer(view, dtype=dtype, count=rows * columns).view(rows, columns)
