"""Choice of the processor that a job runs on.

A machine can have several GPUs, and Snakemake does not assign one to each job. So a process reserves a GPU with a lock
file and then hides all others from itself: it sets CUDA_VISIBLE_DEVICES to the UUID of its GPU before any library looks
for GPUs. Every library then finds one GPU. Numbers, which HOOMD-blue, CUDA and nvidia-smi can count in different
orders, are not used.
"""

import fcntl
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from glassbotan.errors import GlassbotanError

DEVICE = "GLASSBOTAN_DEVICE"
"""Environment variable in which the workflow gives its jobs the processor to use: auto, gpu or cpu."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Environment variable with the GPUs that CUDA may use, as UUIDs or as numbers from 0."""
ALLOCATED = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS")
"""Environment variables in which SLURM gives the numbers of a job's GPUs, if it does not set CUDA_VISIBLE_DEVICES."""
LONGEST_WAIT = 60
"""Seconds after which nvidia-smi is taken to be stuck."""

_held: list[tuple[str, IO[str]]] = []
"""UUID of the GPU that this process has reserved, and its open lock file; empty if it has reserved none."""


class DeviceError(GlassbotanError):
    """The requested processor cannot be used."""


def gpu_driver() -> bool:
    """Whether this machine has a GPU driver; it is found without loading a GPU library."""
    return any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd"))


def nvidia_gpus() -> list[str]:
    """UUIDs of the NVIDIA GPUs that this process can open, in the order of nvidia-smi.

    A GPU that is divided (MIG) is represented by its parts. The list is empty if there is no NVIDIA driver.

    Raises
    ------
    DeviceError
        if the driver does not answer
    """
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=LONGEST_WAIT, check=False)
    except FileNotFoundError:
        return []
    except subprocess.TimeoutExpired:
        raise DeviceError(
            f"nvidia-smi -L does not answer within {LONGEST_WAIT} s; the GPU driver seems stuck"
        ) from None
    found: list[str] = []
    for uuid in re.findall(r"UUID: ([A-Za-z]+-[^)\s]+)\)", listed.stdout):
        if uuid.startswith("MIG-") and found and found[-1].startswith("GPU-"):
            found.pop()  # the divided GPU itself, in the line before its first part
        found.append(uuid)
    return found


def allowed_gpus(present: Sequence[str]) -> list[str]:
    """The GPUs that this process may use: those in CUDA_VISIBLE_DEVICES, or those of its SLURM job, or all.

    Parameters
    ----------
    present : UUIDs of the GPUs of the machine, in the order of nvidia-smi, to which numbers refer

    Raises
    ------
    DeviceError
        if CUDA_VISIBLE_DEVICES names a GPU that is not there
    """
    if VISIBLE in os.environ:
        return _named(os.environ[VISIBLE], present, VISIBLE)
    for name in ALLOCATED:
        numbers = os.environ.get(name, "")
        # If SLURM lets a job open no other GPUs than its own, they are all that is present, and numbered anew.
        if numbers and len(numbers.split(",")) < len(present):
            return _named(numbers, present, name)
    return list(present)


def _named(words: str, present: Sequence[str], variable: str) -> list[str]:
    """The GPUs with these numbers or UUIDs, or beginnings of UUIDs."""
    found = []
    for word in filter(None, (word.strip() for word in words.split(","))):
        if word == "-1" or word == "NoDevFiles":
            break  # nothing after it counts, as in CUDA
        if word.isdecimal():
            matching = [present[int(word)]] if int(word) < len(present) else []
        else:
            matching = [uuid for uuid in present if uuid.startswith(word)]
        if len(matching) != 1:
            raise DeviceError(
                f"{variable}={words} names the GPU {word}, but the GPUs here are {', '.join(present) or 'none'} "
                "(numbers count from 0 in this order); name one of them, or unset the variable"
            )
        found += matching
    return found


def reserve_gpu(folder: Path | None = None) -> str | None:
    """Reserve a GPU that no other job of this program uses until this process ends, and hide all others from it.

    It has to be called before any library looks for GPUs; afterwards, each finds this one alone, as number 0. If other
    jobs use all GPUs, one of them is shared, and a message says so.

    Parameters
    ----------
    folder : folder of the lock files, one for each GPU of the machine; by default the folder of temporary files

    Returns
    -------
    str or None
        UUID of the GPU; None if there is none, or if it is not an NVIDIA GPU, of which libraries then take the first

    Raises
    ------
    DeviceError
        see `nvidia_gpus` and `allowed_gpus`
    """
    if _held:
        return _held[0][0]
    allowed = allowed_gpus(nvidia_gpus())
    if not allowed:
        return None
    chosen, lock = _free(allowed, folder or Path(tempfile.gettempdir()))
    if lock is None:
        print(
            f"glassbotan: other jobs already use every one of the {len(allowed)} GPUs; sharing {chosen} (set "
            "`resources: gpu` in the profile to the number of GPUs)",
            file=sys.stderr,
        )
    else:
        _held.append((chosen, lock))
    os.environ[VISIBLE] = chosen
    return chosen


def _free(gpus: Sequence[str], folder: Path) -> tuple[str, IO[str] | None]:
    """The first GPU that no process has locked, with its lock; without a lock if all are locked."""
    for uuid in gpus:
        # The lock is left on the disk, since another process may be waiting to open the same file.
        lock = open(folder / f"glassbotan-{os.getuid()}-{uuid.replace('/', '-')}.lock", "a")  # noqa: SIM115 stays open
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return uuid, lock
    return gpus[os.getpid() % len(gpus)], None
