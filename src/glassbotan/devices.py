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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from glassbotan.errors import GlassbotanError

DEVICE = "GLASSBOTAN_DEVICE"
"""Environment variable in which the workflow gives its jobs the processor to use: auto, gpu or cpu."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Environment variable with the GPUs that CUDA may use, as UUIDs or as numbers from 0."""
ALLOCATED = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS")
"""Environment variables in which SLURM gives the numbers of a job's GPUs, if it does not set CUDA_VISIBLE_DEVICES."""
DRIVER = Path("/proc/driver/nvidia")
"""Where the driver describes itself."""
LONGEST_WAIT = 60
"""Seconds after which nvidia-smi is taken to be stuck."""

_held: list[tuple[str, IO[str] | None]] = []
"""UUID of the GPU that this process uses, and its open lock file (None if it shares the GPU); empty if it uses none."""


class DeviceError(GlassbotanError):
    """The requested processor cannot be used."""


def gpu_driver() -> bool:
    """Whether this machine has a GPU driver; it is found without loading a GPU library."""
    return any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd"))


def nvidia_gpus() -> dict[str, list[str]]:
    """The NVIDIA GPUs that this process can open, in the order of nvidia-smi.

    Returns
    -------
    gpus : for the UUID of each GPU, the UUIDs of its parts if it is divided (MIG), or else its own; empty if there is
        no NVIDIA driver

    Raises
    ------
    DeviceError
        if the driver does not answer
    """
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=LONGEST_WAIT, check=False)
    except FileNotFoundError:  # as in containers without tools
        found = (path.read_text() for path in sorted(DRIVER.glob("gpus/*/information")))
        return {uuid: [uuid] for text in found for uuid in re.findall(r"UUID:\s*(GPU-[\w-]+)", text)}
    except subprocess.TimeoutExpired:
        raise DeviceError(
            f"nvidia-smi -L does not answer within {LONGEST_WAIT} s; the GPU driver seems stuck"
        ) from None
    if listed.returncode:
        said = " ".join((listed.stdout + listed.stderr).split())
        raise DeviceError(f"nvidia-smi -L fails with exit status {listed.returncode}: {said or 'it says nothing'}")
    gpus: dict[str, list[str]] = {}
    for uuid in re.findall(r"UUID: ([A-Za-z]+-[^)\s]+)\)", listed.stdout):
        if uuid.startswith("MIG-") and gpus:
            gpus[next(reversed(gpus))].append(uuid)  # a part of the GPU in the lines before
        else:
            gpus[uuid] = []
    return {uuid: parts or [uuid] for uuid, parts in gpus.items()}


def allowed_gpus(present: Mapping[str, Sequence[str]]) -> list[str]:
    """The GPUs that this process may use: those in CUDA_VISIBLE_DEVICES, or those of its SLURM job, or all.

    Parameters
    ----------
    present : the GPUs of the machine with their parts, from `nvidia_gpus`; numbers refer to this order

    Raises
    ------
    DeviceError
        if there are GPUs, but one that the environment names is not among them
    """
    if not present:
        return []
    if VISIBLE in os.environ:
        return _named(os.environ[VISIBLE], present, VISIBLE)
    for name in ALLOCATED:
        numbers = os.environ.get(name, "")
        # If SLURM lets a job open no other GPUs than its own, they are all that is present, and numbered anew.
        if numbers and len(numbers.split(",")) < len(present):
            return _named(numbers, present, name)
    return [part for parts in present.values() for part in parts]


def _named(words: str, present: Mapping[str, Sequence[str]], variable: str) -> list[str]:
    """The GPUs or parts of GPUs with these numbers, UUIDs or beginnings of UUIDs."""
    known = {**present, **{part: [part] for parts in present.values() for part in parts}}
    found: list[str] = []
    for word in filter(None, (word.strip() for word in words.split(","))):
        if word in ("-1", "NoDevFiles"):
            break  # nothing after it counts, as in CUDA
        if word.isdecimal():
            matching = [[*present][int(word)]] if int(word) < len(present) else []
        else:
            matching = [word] if word in known else [uuid for uuid in known if uuid.startswith(word)]
        if len(matching) != 1:
            raise DeviceError(
                f"{variable}={words} names the GPU {word}, but the GPUs here are {', '.join(present)} (numbers count "
                "from 0 in this order); name one of them, or unset the variable"
            )
        found += known[matching[0]]
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
