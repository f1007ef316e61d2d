"""Predictions in the format of the benchmark GlassBench (Jung et al., arXiv:2311.14752), which compares models.

There is one file for each test configuration, such as `N4096T0.44_401.npz`, with the arrays `types` (1 = A, 2 = B),
`initial_positions` (N, 3) in [-L/2, L/2), `md_prop` (n_t, N), the propensity from the simulation, and the prediction
(n_t, N) under the name of the model.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import wrap
from glassbotan.errors import FileError
from glassbotan.files.plain import atomic_write
from glassbotan.files.predictions import Predictions


def benchmark_files(files: Sequence[Predictions], name: str) -> Iterator[tuple[str, dict[str, NDArray]]]:
    """Name and arrays of the file of each test configuration.

    Parameters
    ----------
    files : predictions of S of one model, in order of the sampling times
    name : name of the array with the prediction

    Raises
    ------
    FileError
        if the files are of several models, temperatures or sets of test configurations
    """
    for what, values in (
        ("temperature", {one.temperature for one in files}),
        ("model", {one.origin.model for one in files}),
        ("seed", {one.origin.seed for one in files}),
    ):
        if len(values) > 1:
            raise FileError(f"the predictions have several values of {what} ({values}); name files with one {what}")
    at_times = [at_time for one in files for at_time in one.at_times]
    numbers = [[one.configuration for one in at_time] for at_time in at_times]
    if any(other != numbers[0] for other in numbers):
        raise FileError(f"the predictions are of different test configurations ({numbers}); name files of one study")
    for of_one in zip(*at_times, strict=True):
        first = of_one[0].structure
        if any(not np.array_equal(one.structure.positions, first.positions) for one in of_one):
            raise FileError("the predictions files have different test configurations; name those of one study")
        yield (
            f"N{len(first)}T{files[0].temperature:.2f}_{of_one[0].configuration}.npz",
            {
                "types": first.species.astype(np.int8) + 1,
                "initial_positions": wrap(first.positions, first.box_length)[0],
                "md_prop": np.stack([one.targets["S"].truth for one in of_one]),
                name: np.stack([one.targets["S"].predicted for one in of_one]),
            },
        )


def export(folder: Path, name: str, arrays: dict[str, NDArray]) -> None:
    """Write one of the files that `benchmark_files` gives."""
    with atomic_write(folder / name) as beside, open(beside, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
