"""Memory that a training uses again and again."""

import ctypes
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 2**31 - 1
"""Bytes; the largest number that mallopt takes."""


@cache
def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for the next array instead of handing it back to the system.

    Each step of the optimiser allocates and frees the same large arrays. By default each is mapped afresh, with a fault
    and a page of zeros for every 4 kB of it: a quarter of the time of a step.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    # Setting either ends the growth of the first by itself; before glibc 2.35 it is at most 32 MB.
    if mallopt is not None and (mallopt(M_MMAP_THRESHOLD, KEPT) or mallopt(M_MMAP_THRESHOLD, 2**25)):
        mallopt(M_TRIM_THRESHOLD, KEPT)
