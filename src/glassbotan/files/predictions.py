"""Predicted and simulated targets of the test configurations: `T0.64/t03/BOTAN/seed0/predictions.npz`.

Arrays: `configurations` (n_c,), `box_length`, `positions` (n_c, N, 3), `species` (n_c, N), `pair_counts` (n_c,) and
`pairs` (n, 2), with the pairs of all configurations one after the other; `times` and `time_indices` (n_t,); `overlap`
(n_c, n_t, n_r). For each predicted target of particles, such as S: `S` and `S_predicted` (n_c, n_t, N), `S_halves`
(n_c, n_t, 2, N), and `S_spread` (n_c, n_t, N) if it is an average of several predictors; for each target of pairs, such
as E: `E`, `E_predicted` and `E_spread` (n_t, n), `E_halves` (n_t, 2, n).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.registry import targets
from glassbotan.files.header import new_header, require_stage
from glassbotan.files.npz import StoredArrays, read_npz, write_npz
from glassbotan.structure.states import THERMAL
from glassbotan.structure.static import StaticStructure


@dataclass(frozen=True)
class Compared:
    """Simulated and predicted values of one target of one configuration at one time."""

    truth: NDArray
    """(n,), values from the simulation, mean over the replicas, reduced units"""
    halves: NDArray | None
    """(2, n), the two half-ensemble averages; None if not known"""
    predicted: NDArray
    """(n,), predicted values, reduced units"""
    spread: NDArray | None = None
    """(n,), standard deviation between predictors that were fitted with different random numbers, reduced units; None
    if there is only one"""


@dataclass(frozen=True)
class Prediction:
    """The predicted targets of one test configuration at one sampling time."""

    configuration: int
    """number of the configuration"""
    structure: StaticStructure
    overlap: NDArray[np.float64]
    """Q(t) of each replica, (n_r,)"""
    targets: Mapping[str, Compared]
    """each predicted target by its symbol"""

    def scored(self, symbol: str, pair_range: float) -> NDArray[np.bool_]:
        """Whether each particle or pair is scored: A particles, or A-A pairs nearer than `pair_range`."""
        return self.structure.scored(targets()[symbol].of, pair_range)


@dataclass(frozen=True)
class Origin:
    """The predictor that made the predictions."""

    model: str
    """name of the model in the study"""
    kind: str
    seed: int
    settings: Mapping[str, Any]
    """settings with which it was fitted"""
    fits: bool
    """whether it was fitted at all; baselines are not"""
    gives_values: bool
    """whether its predictions estimate the values of the targets, and not only their order"""
    train_configurations: int
    """number of configurations that it was fitted to"""
    replicas: int | None
    """number of replicas over which its training targets were averaged; None if not known"""
    temperature: float | None
    """temperature at which it was fitted, epsilon_AA / k_B; None if it was fitted at several, but not at this one"""
    times: tuple[float, ...]
    """(n_t,) sampling time for which it was fitted, for each of the predictions, tau"""
    structures: tuple[str, ...] = (THERMAL,)
    """names of the states of the structure that it predicts from"""
    uses_potential: bool = False
    """whether it predicts from the potential as well, and not only from positions"""
    particle_steps: float = 0.0
    """particle-steps that the states behind a test configuration took, mean over the configurations"""
    core_seconds: float = 0.0
    """seconds of a core (or of a GPU) that they took"""


@dataclass(frozen=True)
class Predictions:
    """The content of a predictions file."""

    study: str
    origin: Origin
    temperature: float
    """temperature of the test configurations, epsilon_AA / k_B"""
    times: tuple[float, ...]
    """(n_t,) sampling times of the simulated targets, tau"""
    time_indices: tuple[int, ...]
    """(n_t,) numbers of these sampling times, counted from 1"""
    symbols: tuple[str, ...]
    """symbols of the targets that are predicted"""
    at_times: Sequence[Sequence[Prediction]]
    """the test configurations for each time; if from a file, they are read when a time is accessed"""

    def at(self, time_index: int) -> Sequence[Prediction]:
        """The test configurations at the sampling time with the number `time_index`, counted from 1."""
        return self.at_times[self.time_indices.index(time_index)]

    def time(self, time_index: int) -> float:
        """The sampling time with this number, tau."""
        return self.times[self.time_indices.index(time_index)]


def write_predictions(path: Path, predictions: Predictions, provenance: Mapping[str, Any]) -> None:
    """Write a predictions file: arrays are stacked over configurations, those of pairs are joined."""
    first = predictions.at_times[0]
    arrays: dict[str, Any] = {
        "configurations": [one.configuration for one in first],
        "box_length": first[0].structure.box_length,
        "positions": np.stack([one.structure.positions for one in first]),
        "species": np.stack([one.structure.species for one in first]),
        "pair_counts": [len(one.structure.pairs) for one in first],
        "pairs": np.concatenate([one.structure.pairs for one in first]),
        "times": predictions.times,
        "time_indices": predictions.time_indices,
        "overlap": np.stack([[one.overlap for one in at_time] for at_time in predictions.at_times], axis=1),
    }
    for symbol in predictions.symbols:
        compared = [[one.targets[symbol] for one in at_time] for at_time in predictions.at_times]
        of_pairs = targets()[symbol].of == "pair"
        for name in ("truth", "halves", "predicted", "spread"):
            values = [[getattr(one, name) for one in at_time] for at_time in compared]
            if values[0][0] is None:
                continue
            key = symbol if name == "truth" else f"{symbol}_{name}"
            arrays[key] = (
                np.stack([np.concatenate(at_time, axis=-1) for at_time in values])
                if of_pairs
                else np.stack([np.stack(at_time) for at_time in values], axis=1)
            )
    header = new_header(
        "predict",
        predictions.study,
        temperature=predictions.temperature,
        symbols=list(predictions.symbols),
        origin=asdict(predictions.origin),
    )
    write_npz(path, header, provenance, arrays)


def read_predictions(path: Path) -> Predictions:
    """Read a predictions file that was made by this version of the stage `predict`."""
    header, arrays = read_npz(path)
    require_stage(path, header, "predict")
    tuples = {name: tuple(header["origin"][name]) for name in ("times", "structures")}
    origin = Origin(**{**header["origin"], **tuples})
    times, time_indices = (arrays[name].tolist() for name in ("times", "time_indices"))
    symbols = tuple(header["symbols"])
    return Predictions(
        study=header["study"],
        origin=origin,
        temperature=header["temperature"],
        times=tuple(times),
        time_indices=tuple(time_indices),
        symbols=symbols,
        at_times=_StoredTimes(path, arrays, symbols, len(times)),
    )


@dataclass(frozen=True)
class _StoredTimes(Sequence[Sequence[Prediction]]):
    """The test configurations of a file for each time, read when the time is accessed."""

    path: Path
    arrays: StoredArrays
    symbols: tuple[str, ...]
    number: int
    """number of times"""

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, time: Any) -> Any:
        found = range(self.number)[time]
        return [list(self._read(one)) for one in found] if isinstance(time, slice) else list(self._read(found))

    def _read(self, time: int) -> Iterator[Prediction]:
        positions, species, box_length, numbers, counts, pairs, overlap = self.arrays.read(
            "positions", "species", "box_length", "configurations", "pair_counts", "pairs", "overlap"
        )
        values = {
            name: self.arrays[name]
            for symbol in self.symbols
            for name in (symbol, f"{symbol}_predicted", f"{symbol}_halves", f"{symbol}_spread")
            if name in self.arrays.names
        }
        ends = np.cumsum(counts)
        for index, (begin, end) in enumerate(zip(ends - counts, ends, strict=True)):
            number, own = int(numbers[index]), slice(begin, end)
            structure = StaticStructure(
                positions[index], species[index], float(box_length), pairs[own], f"{self.path}: configuration {number}"
            )
            compared = {symbol: _compared(symbol, values, time, index, own) for symbol in self.symbols}
            yield Prediction(number, structure, overlap[index, time], compared)


def _compared(symbol: str, values: Mapping[str, NDArray], time: int, index: int, pairs: slice) -> Compared:
    """One target of one configuration at one time, from the arrays of the file."""
    place: Any = (time, ..., pairs) if targets()[symbol].of == "pair" else (index, time)
    halves, spread = (values.get(f"{symbol}_{name}") for name in ("halves", "spread"))
    return Compared(
        truth=values[symbol][place],
        halves=None if halves is None else halves[place],
        predicted=values[f"{symbol}_predicted"][place],
        spread=None if spread is None else spread[place],
    )
