"""Predictions in the form of GlassBench (Jung et al., arXiv:2311.14752), where models are compared.

A file for each test configuration, `N4096T0.44_401.npz`: `types` (1 = A, 2 = B), `initial_positions` (N, 3) in
[-L/2, L/2), `md_prop` (n_t, N), the propensity from the simulation, and under a model's name its prediction (n_t, N).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import wrap
from glassbotan.errors import FileError
from glassbotan.evaluate.predictions import Prediction
from glassbotan.files import written_whole


def benchmark_files(
    predictions: Sequence[Sequence[Prediction]], model: str, temperature: float
) -> Iterator[tuple[str, dict[str, NDArray]]]:
    """Name and arrays of the file of each test configuration.

    Parameters
    ----------
    predictions : of every test configuration, for each sampling time in order
    model : name of the prediction's array
    temperature : of the state point

    Raises
    ------
    FileError
        if the sampling times have different test configurations
    """
    for at_times in zip(*predictions, strict=True):
        first = at_times[0]
        if any(not np.array_equal(one.positions, first.positions) for one in at_times):
            raise FileError("the predictions files have different test configurations; name those of one study")
        name = f"N{len(first.species)}T{temperature:.2f}_{first.configuration}.npz"
        yield (
            name,
            {
                "types": first.species.astype(np.int8) + 1,
                "initial_positions": wrap(first.positions, first.box_length)[0],
                "md_prop": np.stack([one.motion for one in at_times]),
                model: np.stack([one.predicted_motion for one in at_times]),
            },
        )


def export(folder: Path, name: str, arrays: dict[str, NDArray]) -> None:
    """Write one of the files."""
    with written_whole(folder / name) as beside, open(beside, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
