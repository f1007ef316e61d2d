"""Stopping a stage before its walltime ends, or after a signal.

A stage that has to stop keeps its checkpoints beside its output and exits with status 75. When it is run again, by hand
or by Snakemake's `retries`, it continues from the last checkpoint.
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
"""Seconds before the end of the walltime at which a stage stops, but at most a tenth of the remaining walltime."""

KEPT = "the checkpoints are kept beside the output; run the stage again to continue"

_received: list[signal.Signals] = []


class StoppedError(GlassbotanError):
    """The stage had to stop and can be continued."""

    exit_status = 75  # EX_TEMPFAIL of sysexits.h: try again later


def listen() -> None:
    """Make SIGTERM and SIGINT stop a stage at its next `Deadline.check`; a later SIGINT interrupts it at once."""

    def remember(number: int, frame: FrameType | None) -> None:
        if _received and number == signal.SIGINT:
            raise KeyboardInterrupt
        _received.append(signal.Signals(number))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, remember)


class Deadline:
    """The time at which a stage has to stop.

    Parameters
    ----------
    walltime : minutes from the start of the process; if None, the end of the SLURM job, or no limit outside SLURM
    """

    def __init__(self, walltime: float | None = None) -> None:
        now = time.time()
        end = _end_of_slurm_job() if walltime is None else _process_start() + 60 * walltime
        self._end = end - min(MARGIN, 0.1 * max(0.0, end - now))
        self._saved = now
        self._longest: float | None = None

    @classmethod
    def never(cls) -> Self:
        """A deadline without a time limit; signals still stop the stage."""
        return cls(math.inf)

    def check(self, needed: float = 0.0) -> None:
        """Raise an error if it is time to stop.

        Parameters
        ----------
        needed : seconds of work that have to fit in before the deadline

        Raises
        ------
        StoppedError
            if a signal was received, or the walltime is about to end
        GlassbotanError
            if the walltime is about to end and this process has written no checkpoint
        """
        if _received:
            raise StoppedError(f"stopped by {_received[0].name}; {KEPT}")
        if time.time() + needed <= self._end:
            return
        if self._longest is None:
            raise GlassbotanError(
                "stopped before its walltime ended, and not one checkpoint was reached: allow more time, or "
                "(in a simulation) reduce integrator.checkpoint_steps"
            )
        raise StoppedError(f"stopped before its walltime ended; {KEPT}")

    def saved(self) -> None:
        """Note that a checkpoint was just written; raise an error if the work up to the next one would not fit in."""
        now = time.time()
        self._longest = max(self._longest or 0.0, now - self._saved)
        self._saved = now
        self.check(self._longest)


def _end_of_slurm_job() -> float:
    """End of the SLURM job that this process runs in, in seconds since the epoch; infinity outside SLURM."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return float("inf")
    try:
        answer = subprocess.run(
            ["squeue", "--noheader", "--jobs", job, "--format", "%e"], capture_output=True, text=True, timeout=60
        )
        return datetime.fromisoformat(answer.stdout.strip()).timestamp()
    except (OSError, subprocess.TimeoutExpired, ValueError):  # no limit, or no answer: SLURM sends SIGTERM anyway
        return float("inf")


def _process_start() -> float:
    """Start of this process before its imports, in seconds since the epoch."""
    ticks = os.sysconf("SC_CLK_TCK")
    try:
        with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
            started = int(stat.read().rsplit(")", 1)[1].split()[19]) / ticks
            return time.time() - (float(uptime.read().split()[0]) - started)
    except (OSError, ValueError, IndexError):  # without /proc, the seconds of the imports are neglected
        return time.time()
