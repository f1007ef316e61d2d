"""Text, JSON and CSV files, and writing any file so that it is either complete or absent."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassbotan.errors import FileError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to, and rename it to `path` if the block ends without an error.

    So there is never an incomplete file at `path`, and an older file stays as it was if anything fails.
    """
    with _beside(path) as beside:
        yield beside
        _flush(beside)
        os.replace(beside, path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, and rename it to `path` if the block ends without an error.

    A folder that is already at `path` is then removed.
    """
    with _beside(path) as beside:
        beside.mkdir()
        yield beside
        for file in beside.iterdir():
            _flush(file)
        remove(path)
        os.replace(beside, path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`; what is there at the end is removed, and errors name `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept, since matplotlib and others take the format from it.
    beside = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield beside
    except OSError as error:
        error.filename = error.filename or str(path)  # the error of a failed write lacks the name
        raise
    finally:
        remove(beside)


def _flush(path: Path) -> None:
    """Wait until a file is on the disk, so that a crash of the machine cannot leave an empty one."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; nothing happens if there is none."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text."""
    with atomic_write(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain data as JSON."""
    write_text(path, json.dumps(dict(content), indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read plain data from JSON."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as JSON ({error}); make it again") from None
    return content


def write_csv(path: Path, table: "pd.DataFrame", provenance: Mapping[str, Any]) -> None:
    """Write a tidy table, and beside it as JSON the record of how it was made."""
    with atomic_write(path) as beside:
        table.to_csv(beside, index=False, float_format="%.10g")  # 1.65, not 1.6500000000000001
    write_json(path.with_suffix(".provenance.json"), provenance)


def read_csv(path: Path) -> "pd.DataFrame":
    """Read a table that `write_csv` wrote."""
    import pandas as pd

    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])  # None and NA are names that a model can have
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as a table ({error}); make it again") from None
