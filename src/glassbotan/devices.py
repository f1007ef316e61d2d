"""Choice of the processor that a job runs on."""

import fcntl
import os
import sys
import tempfile
from pathlib import Path
from typing import IO

from glassbotan.errors import GlassbotanError

DEVICE = "GLASSBOTAN_DEVICE"
"""Environment variable in which the workflow gives its jobs the processor to use: auto, gpu or cpu."""

_held: list[tuple[int, IO[str]]] = []
"""Number of the GPU that this process has reserved, and its open lock file; empty if it has reserved none."""


class DeviceError(GlassbotanError):
    """The requested processor cannot be used."""


def gpu_driver() -> bool:
    """Whether this machine has a GPU driver; it is found without loading a GPU library."""
    return any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd"))


def free_gpu(count: int, folder: Path | None = None) -> int:
    """Number of the first of `count` GPUs that no other job of this program uses, reserved until this process ends.

    In a SLURM job it is 0, because SLURM gives each job its own GPU. On a workstation, Snakemake starts as many jobs as
    `resources: gpu` allows, but does not assign a GPU to each job. If all GPUs are in use, one of them is shared, and a
    message says so.

    Parameters
    ----------
    count : number of visible GPUs; they are numbered from 0, as in the GPU libraries
    folder : folder of the lock files, one for each GPU of the machine; by default the folder of temporary files
    """
    if _held or "SLURM_JOB_ID" in os.environ:
        return _held[0][0] if _held else 0
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    for index in range(count):
        name = visible[index] if index < len(visible) else str(index)
        path = (folder or Path(tempfile.gettempdir())) / f"glassbotan-{os.getuid()}-gpu-{name}.lock"
        lock = open(path, "a")  # noqa: SIM115 it stays open, and so locked, until the process ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append((index, lock))
        return index
    shared = os.getpid() % count
    print(
        f"glassbotan: other jobs already use every GPU; sharing number {shared} (from 0) of {count} (set "
        "`resources: gpu` in the profile to the number of GPUs)",
        file=sys.stderr,
    )
    return shared
