"""The folder beside an output file in which a stage keeps its unfinished work.

The folder `<output>.unfinished` contains a lock file, a stamp file that lists everything the work depends on, and the
checkpoints. It is removed when the output is complete. No Snakemake rule declares it, so Snakemake does not delete it
when it runs a job again.
"""

import errno
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from glassbotan.errors import FileError
from glassbotan.files.plain import read_json, remove, write_json

LOCK = "lock"
STAMP = "stamp.json"


@contextmanager
def checkpoint_folder(output: Path, stamp: Mapping[str, Any], *companions: str) -> Iterator[Path]:
    """Context manager that yields the folder for unfinished work on `output`; it is removed if no error is raised.

    Parameters
    ----------
    output : the file that the work produces
    stamp : everything the work depends on, as plain data; unfinished work with another stamp is moved aside, and a
        message says so
    companions : names of files that the stage writes beside the output

    Raises
    ------
    FileError
        if another process is working on the same output, or has just finished it
    """
    folder = output.with_name(output.name + ".unfinished")
    with _locked(folder, output):
        # Remove the partial files of a process that was killed while writing; because of the lock, no other process
        # writes here now.
        beside = [path for name in (output.name, *companions) for path in output.parent.glob(f".partial-*-{name}")]
        for killed in (*beside, *folder.glob(".partial-*")):
            remove(killed)
        _require_stamp(folder, json.loads(json.dumps(stamp)))
        done = False
        try:
            yield folder
            done = True
        finally:
            # Interrupted work is kept. The stamp is removed last, so that there is never a checkpoint without a stamp.
            if done or not _work(folder):
                for path in [*_work(folder), folder / STAMP]:
                    path.unlink(missing_ok=True)
    # Some file systems remove an open file only when it is closed. If the removal fails, the empty folder does no harm.
    with suppress(OSError):
        (folder / LOCK).unlink()
        folder.rmdir()


def _work(folder: Path) -> list[Path]:
    """Files in the folder other than the lock and the stamp."""
    return [path for path in folder.iterdir() if path.name not in (LOCK, STAMP)]


@contextmanager
def _locked(folder: Path, output: Path) -> Iterator[None]:
    """Hold the folder's lock; the operating system releases it when the process ends for any reason."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileError(f"{output} is being made by another process; wait until it ends, or stop it") from None
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK):
                raise
            print(
                f"glassbotan: {folder} is on a file system without file locks; make sure that no other process makes "
                "the same output",
                file=sys.stderr,
            )
        try:
            same = os.path.samestat(os.fstat(lock.fileno()), os.stat(folder / LOCK))
        except FileNotFoundError:
            same = False
        if not same:
            raise FileError(f"{output} was finished by another process just now; check it before you make it again")
        yield


def _require_stamp(folder: Path, stamp: dict[str, Any]) -> None:
    path = folder / STAMP
    try:
        reason = _first_difference(read_json(path), stamp)
        if reason is None:
            return
    except FileError:
        reason = "its stamp is missing or cannot be read"
    if _work(folder):
        aside = _free_name(folder)
        aside.mkdir()
        for item in [*_work(folder), path]:
            if item.exists():
                item.rename(aside / item.name)
        print(
            f"glassbotan: the unfinished work in {folder} does not belong to this run ({reason}); "
            f"it was moved to {aside}",
            file=sys.stderr,
        )
    write_json(path, stamp)


def set_aside(path: Path) -> Path:
    """Rename a file to a free name in the same folder, and return the new path."""
    aside = _free_name(path)
    os.replace(path, aside)
    return aside


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.aside{number}")).exists():
        number += 1
    return aside


def _first_difference(found: Any, expected: Any, where: str = "") -> str | None:
    """A description of the first entry in which two stamps differ, or None if they agree."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in (*expected, *found):
            difference = _first_difference(found.get(key), expected.get(key), f"{where}.{key}" if where else key)
            if difference:
                return difference
        return None
    return None if found == expected else f"{where} is {found!r} there, but {expected!r} in this run"
