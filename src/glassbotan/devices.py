"""Which processor a job takes."""

import fcntl
import os
import sys
import tempfile
from pathlib import Path
from typing import IO

from glassbotan.errors import GlassbotanError

DEVICE = "GLASSBOTAN_DEVICE"
"""Environment variable in which the workflow tells its jobs which processor to take."""

_held: list[tuple[int, IO[str]]] = []
"""The GPU that this process has taken, and its lock."""


class DeviceError(GlassbotanError):
    """The processor that was asked for cannot be used."""


def gpu_driver() -> bool:
    """Whether this machine has the driver of a GPU (said without loading a library that would use it)."""
    return any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd"))


def free_gpu(count: int, folder: Path | None = None) -> int:
    """The first GPU of `count` that no other job of this program has taken; it is this process's until it ends.

    In a SLURM job it is the first, since the job has no other. On a workstation Snakemake starts as many jobs as
    `resources: gpu` allows, but does not say which GPU is whose. If all are taken, they are shared, with a sentence.

    Parameters
    ----------
    count : visible GPUs, numbered from 0 as the libraries number them
    folder : where the locks are, one for each GPU of the machine
    """
    if _held or "SLURM_JOB_ID" in os.environ:
        return _held[0][0] if _held else 0
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    for index in range(count):
        name = visible[index] if index < len(visible) else str(index)
        path = (folder or Path(tempfile.gettempdir())) / f"glassbotan-{os.getuid()}-gpu-{name}.lock"
        lock = open(path, "a")  # noqa: SIM115 open, and so locked, as long as the process lives
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append((index, lock))
        return index
    shared = os.getpid() % count
    print(
        f"glassbotan: every GPU is at work for another job already; sharing number {shared} of {count} (set "
        "`resources: gpu` in the profile to the number of GPUs)",
        file=sys.stderr,
    )
    return shared
