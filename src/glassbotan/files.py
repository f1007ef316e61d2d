"""Reading and writing: whole files or none, and a sentence where a file is not what it should be."""

import json
import os
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from glassbotan.errors import FileError

PROVENANCE = "provenance"
"""Key under which every product keeps the record of its making."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, and rename it into place when all went well.

    A finished file is never left half-written, and an older one stays as it was if anything fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The ending stays, since matplotlib and others read the format from it.
    beside = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())  # or a crash of the machine could leave an empty file under the final name
        os.replace(beside, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write that fails does not name its file
        raise
    finally:
        beside.unlink(missing_ok=True)


def write_npz(path: Path, provenance: Mapping[str, Any], **arrays: Any) -> None:
    """Write arrays and their provenance."""
    with written_whole(path) as beside, open(beside, "wb") as file:
        content: dict[str, Any] = {**arrays, PROVENANCE: np.array(json.dumps(provenance))}
        np.savez(file, **content)


def read_npz(path: Path, names: Collection[str] | None = None) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """The arrays of a file that `write_npz` wrote, all of them or those with the given names, and its provenance."""
    try:
        with np.load(path, allow_pickle=False) as content:
            if PROVENANCE not in content:
                raise FileError(f"{path} has no provenance, so glassbotan did not write it; make it again")
            wanted = {*content.files} - {PROVENANCE} if names is None else {*names}
            if missing := wanted - {*content.files}:
                raise FileError(f"{path} has no {' and no '.join(sorted(missing))}; make it again")
            arrays = {name: content[name] for name in wanted}
            provenance = json.loads(str(content[PROVENANCE]))
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; run the stage that makes it") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"{path} cannot be read ({error}); it was cut short or is no npz file: make it again") from None
    return arrays, provenance


def write_csv(path: Path, table: pd.DataFrame, provenance: Mapping[str, Any]) -> None:
    """Write a tidy table, and its provenance as JSON beside it."""
    with written_whole(path) as beside:
        table.to_csv(beside, index=False, float_format="%.10g")  # 1.65, not 1.6500000000000001
    write_json(path.with_suffix(".provenance.json"), dict(provenance))


def write_text(path: Path, text: str) -> None:
    """Write text."""
    with written_whole(path) as beside:
        beside.write_text(text)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write plain data."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table that `write_csv` wrote."""
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as a table ({error}); make it again") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read plain data that `write_json` wrote."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as JSON ({error}); make it again") from None
    return content
