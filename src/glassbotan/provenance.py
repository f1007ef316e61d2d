"""Provenance: the record of how a file was made, from which settings and inputs, and with which versions.

The record is for people; no stage depends on it.
"""

import hashlib
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from glassbotan.errors import FileError

STAGE_VERSIONS = {
    "melt": 2,
    "quench": 2,
    "equilibrate": 2,
    "starts": 1,
    "ensemble": 2,
    "targets": 6,
    "structure": 1,
    "quality": 2,
    "accept": 2,
    "relaxation": 2,
    "fit": 3,
    "predict": 7,
    "score": 9,
    "heterogeneity": 4,
    "variants": 1,
    "draw": 5,
    "cost": 1,
    "report": 3,
    "export": 1,
}
"""Version of each stage.

It is raised by hand when a change of the code changes the results of the stage. Snakemake then makes them again; after
other changes of the code it does not.
"""

PACKAGES = (
    "numpy", "scipy", "gsd", "freud-analysis", "safetensors", "torch", "torch-geometric", "pandas", "snakemake"
)  # fmt: skip


class Provenance:
    """Collects the record of how a file is made; `finish` returns it as plain data.

    Parameters
    ----------
    stage : name of the stage
    study : name of the study
    settings : all options of the stage, as plain data
    inputs : files that the stage reads
    """

    def __init__(self, stage: str, study: str, settings: dict[str, Any], inputs: Iterable[Path] = ()) -> None:
        self.record: dict[str, Any] = {
            "stage": stage,
            "stage_version": STAGE_VERSIONS[stage],
            "study": study,
            "settings": settings,
            "inputs": {str(path): sha256(path) for path in inputs},
            "git_commit": git_commit(),
            "versions": versions(),
            "python": platform.python_version(),
            "command": sys.argv,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._start = time.perf_counter()

    def finish(self, **measured: Any) -> dict[str, Any]:
        """The record with wall time, peak memory and what the stage measured, such as particle-steps per second."""
        return {
            **self.record,
            "wall_seconds": round(time.perf_counter() - self._start, 3),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            **measured,
        }


def sha256(path: Path) -> str:
    """SHA-256 hash of the content of a file."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; run the stage that makes it") from None


@cache
def git_commit() -> str:
    """Commit of the source tree that the package runs from, with `+` if files were edited since; or `unknown`."""
    root = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # fails where another repository is around the package
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@cache
def versions() -> dict[str, str]:
    """Installed versions of this package and of the main packages that it uses."""
    found = {}
    for name in ("glassbotan", *PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
