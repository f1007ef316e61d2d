"""Checkpoints of an unfinished training on disk."""

import io
import pickle
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from glassbotan.checkpoint_folder import set_aside
from glassbotan.errors import FileError
from glassbotan.files.plain import atomic_write
from glassbotan.stopping import Deadline

EPOCHS_BETWEEN_CHECKPOINTS = 10
LONGEST_UNSAVED = 60.0
"""Seconds after which a checkpoint is written at the end of any epoch; this does not affect the training."""


class EpochCheckpoints:
    """Writes the state of a training after some epochs to a folder of unfinished work, and reads the newest one.

    Parameters
    ----------
    folder : folder of the checkpoints; without one, none are written
    epochs : number of epochs of the whole training
    deadline : its method `saved` is called after each checkpoint, except after the last epoch
    """

    def __init__(self, folder: Path | None, epochs: int, deadline: Deadline) -> None:
        self._folder, self._epochs, self._deadline = folder, epochs, deadline
        self.newest = self._read()
        self._last_saved = monotonic()

    @property
    def epochs_done(self) -> int:
        """Number of epochs that were finished in the newest state."""
        return len(self.newest["rows"]) if self.newest else 0

    def report(self, state: dict[str, Any]) -> None:
        """Keep the state after an epoch in memory, and write it if a checkpoint is due."""
        self.newest = state
        if self.epochs_done % EPOCHS_BETWEEN_CHECKPOINTS == 0 or monotonic() - self._last_saved > LONGEST_UNSAVED:
            self.write()
            self._last_saved = monotonic()
            if self.epochs_done < self._epochs:
                self._deadline.saved()

    def write(self) -> None:
        """Write the newest state, and remove all older checkpoints except the one before it."""
        if self.newest is None or self._folder is None:
            return
        in_memory = io.BytesIO()  # so that a full disk raises an OSError, which torch.save would not do
        torch.save(self.newest, in_memory)
        with atomic_write(self._folder / f"epoch{self.epochs_done:07d}.pt") as beside:
            beside.write_bytes(in_memory.getbuffer())
        for older in sorted(self._folder.glob("epoch*.pt"))[:-2]:
            older.unlink()

    def _read(self) -> dict[str, Any] | None:
        """The newest state that can be read; damaged files are renamed, and a message says so."""
        for path in sorted(self._folder.glob("epoch*.pt"), reverse=True) if self._folder else ():
            try:
                state: dict[str, Any] = _load(path)
                print(f"glassbotan: training continues after epoch {len(state['rows'])}", file=sys.stderr)
                return state
            except FileError as error:
                print(f"glassbotan: {error}; it was moved to {set_aside(path)}", file=sys.stderr)
        return None


def _load(path: Path) -> Any:
    """The content of a checkpoint; no code in the file is executed."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(f"{path} cannot be read as a checkpoint ({reason})") from None
