"""Reuse of memory during training."""

import ctypes
import sys
from functools import cache

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
