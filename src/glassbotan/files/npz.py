"""Numpy arrays with a header and a record of how they were made, in one `npz` file without pickles."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import FileError
from glassbotan.files.plain import atomic_write

HEADER, PROVENANCE = "header", "provenance"


@dataclass(frozen=True)
class StoredArrays(Mapping[str, NDArray[Any]]):
    """The arrays of a file by their names; each is read from the file when it is accessed."""

    path: Path
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.names:
            raise KeyError(name)
        with _opened(self.path) as content:
            array: NDArray[Any] = content[name]
            return array

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, *names: str) -> list[NDArray[Any]]:
        """Several arrays, for which the file is opened once.

        Raises
        ------
        FileError
            if an array is missing
        """
        if missing := {*names} - {*self.names}:
            raise FileError(f"{self.path} has no {' and no '.join(sorted(missing))}; make it again")
        with _opened(self.path) as content:
            return [content[name] for name in names]


def write_npz(path: Path, header: Mapping[str, Any], provenance: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write arrays, their header and the record of how they were made."""
    content = {**arrays, HEADER: np.array(json.dumps(dict(header))), PROVENANCE: np.array(json.dumps(dict(provenance)))}
    with atomic_write(path) as beside, open(beside, "wb") as file:
        np.savez(file, **content)


def read_npz(path: Path) -> tuple[dict[str, Any], StoredArrays]:
    """The header and the arrays of a file that `write_npz` wrote."""
    with _opened(path) as content:
        if HEADER not in content and PROVENANCE in content:
            raise FileError(f"{path} was made by an older version of glassbotan; make it again")
        if HEADER not in content:
            raise FileError(f"{path} has no header, so glassbotan did not write it; make it again")
        names = tuple(name for name in content.files if name not in (HEADER, PROVENANCE))
        return json.loads(str(content[HEADER])), StoredArrays(path, names)


def read_npz_provenance(path: Path) -> dict[str, Any]:
    """The record of how a file that `write_npz` wrote was made."""
    with _opened(path) as content:
        provenance: dict[str, Any] = json.loads(str(content[PROVENANCE]))
        return provenance


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        content = np.load(path, allow_pickle=False)
        if not isinstance(content, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        with content:
            yield content
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; run the stage that makes it") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"{path} cannot be read ({error}); it was cut short or is not npz: make it again") from None
