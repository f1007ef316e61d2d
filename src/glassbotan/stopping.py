"""Stopping in time: before the walltime, and when somebody asks for it.

A stage that has to stop leaves what it has done beside its output and exits with a status of its own, so that running
it again, by hand or by Snakemake's `retries`, goes on from there.
"""

import math
import os
import signal
import subprocess
import time
from datetime import datetime
from types import FrameType
from typing import Self

from glassbotan.errors import GlassbotanError

MARGIN = 60.0
"""Seconds before the walltime at which a stage stops; a tenth of the walltime where that is shorter."""

KEPT = "the checkpoints are kept beside the output, run the stage again to go on"

_received: list[signal.Signals] = []


class StoppedError(GlassbotanError):
    """The stage had to stop and can be continued."""

    exit_status = 75  # EX_TEMPFAIL of sysexits.h: try again later


def listen() -> None:
    """Let SIGTERM and SIGINT stop a stage at the next moment that suits it; a second SIGINT interrupts at once."""

    def remember(number: int, frame: FrameType | None) -> None:
        if _received and number == signal.SIGINT:
            raise KeyboardInterrupt
        _received.append(signal.Signals(number))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, remember)


class Deadline:
    """When a stage has to stop.

    Parameters
    ----------
    walltime : minutes from the start of the process; without it SLURM's end of the job counts, if there is one
    """

    def __init__(self, walltime: float | None = None) -> None:
        now = time.time()
        end = _end_of_slurm_job() if walltime is None else _process_start() + 60 * walltime
        self._end = end - min(MARGIN, 0.1 * max(0.0, end - now))
        self._saved = now
        self._longest: float | None = None

    @classmethod
    def never(cls) -> Self:
        """For work that ends by itself; signals are heard all the same."""
        return cls(math.inf)

    def check(self, needed: float = 0.0) -> None:
        """Say whether it is time to stop.

        Parameters
        ----------
        needed : seconds that are to fit in before the end

        Raises
        ------
        StoppedError
            if a signal has come or the walltime is near
        GlassbotanError
            if the walltime is near and this process has written no checkpoint
        """
        if _received:
            raise StoppedError(f"stopped by {_received[0].name}; {KEPT}")
        if time.time() + needed <= self._end:
            return
        if self._longest is None:
            raise GlassbotanError(
                "stopped before its walltime, in which not one checkpoint was reached: allow more time, or set "
                "checkpoints closer (integrator.checkpoint_steps)"
            )
        raise StoppedError(f"stopped before its walltime; {KEPT}")

    def saved(self) -> None:
        """Say that a checkpoint was just written; stops here if the work up to the next would not fit."""
        now = time.time()
        self._longest = max(self._longest or 0.0, now - self._saved)
        self._saved = now
        self.check(self._longest)


def _end_of_slurm_job() -> float:
    """When the SLURM job that this process runs in will be killed, seconds since the epoch; infinity if in none."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return float("inf")
    try:
        answer = subprocess.run(
            ["squeue", "--noheader", "--jobs", job, "--format", "%e"], capture_output=True, text=True, timeout=60
        )
        return datetime.fromisoformat(answer.stdout.strip()).timestamp()
    except (OSError, subprocess.TimeoutExpired, ValueError):  # no limit, or no answer: SIGTERM comes in any case
        return float("inf")


def _process_start() -> float:
    """When this process began, seconds since the epoch (its imports count as well)."""
    ticks = os.sysconf("SC_CLK_TCK")
    try:
        with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
            started = int(stat.read().rsplit(")", 1)[1].split()[19]) / ticks
            return time.time() - (float(uptime.read().split()[0]) - started)
    except (OSError, ValueError, IndexError):  # no /proc: seconds of imports do not matter there
        return time.time()
