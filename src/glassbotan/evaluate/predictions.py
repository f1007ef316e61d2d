"""Prediction and truth of the test configurations, as one file holds them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import minimum_image, per_particle
from glassbotan.errors import FileError
from glassbotan.files import read_npz, write_npz
from glassbotan.provenance import STAGE_VERSIONS


@dataclass(frozen=True)
class Prediction:
    """One configuration, what happened in it, and what the network said would."""

    configuration: int
    box_length: float
    positions: NDArray
    """(N, 3)"""
    species: NDArray
    """(N,)"""
    potential_energy: NDArray
    """(N,), of each particle at t = 0"""
    overlap: NDArray
    """Q of each replica, (n_r,)"""
    motion: NDArray
    """of the particles, S or what the network learnt in its place, (N,)"""
    motion_halves: NDArray
    """(2, N)"""
    predicted_motion: NDArray
    """(N,)"""
    pairs: NDArray
    """(n_p, 2), i < j"""
    pair_distance_change: NDArray
    """E, (n_p,)"""
    pair_distance_change_halves: NDArray
    """(2, n_p)"""
    predicted_pair_distance_change: NDArray
    """(n_p,)"""

    @property
    def separations(self) -> NDArray:
        """r_ij(0), minimum image, (n_p, 3)."""
        i, j = self.pairs.T
        return minimum_image(self.positions[j] - self.positions[i], self.box_length)

    def pairs_of_a(self, within: float) -> NDArray[np.bool_]:
        """Which pairs are A-A and start nearer than `within`, (n_p,)."""
        both_a = (self.species[self.pairs] == 0).all(axis=1)
        near: NDArray[np.bool_] = both_a & (np.linalg.norm(self.separations, axis=1) < within)
        return near


def particle_properties(prediction: Prediction, symbol: str, p: float) -> dict[str, NDArray]:
    """What to look at, per particle: motion, its prediction and error, and E summed over a particle's pairs.

    Parameters
    ----------
    prediction : one configuration
    symbol : of the motion, S, R, C or D
    p : weight of the particles in the network's loss; what has no weight is left out
    """
    found: dict[str, NDArray] = {"potential_energy": prediction.potential_energy}
    if p > 0:
        found |= {
            symbol: prediction.motion,
            f"{symbol}_predicted": prediction.predicted_motion,
            f"{symbol}_error": prediction.predicted_motion - prediction.motion,
        }
    if p < 1:
        n = len(prediction.species)
        truth, predicted = (
            per_particle(prediction.pairs, values, n)
            for values in (prediction.pair_distance_change, prediction.predicted_pair_distance_change)
        )
        found |= {"E_sum": truth, "E_sum_predicted": predicted, "E_sum_error": predicted - truth}
    return found


def running_mean(mean: Sequence[Prediction], more: Sequence[Prediction], count: int) -> list[Prediction]:
    """Mean of the predictions of `count` networks, from that of all before and those of the last."""
    if not mean:
        return list(more)

    def step(old: NDArray, new: NDArray) -> NDArray:
        return old + (new - old) / count

    return [
        replace(
            old,
            predicted_motion=step(old.predicted_motion, new.predicted_motion),
            predicted_pair_distance_change=step(old.predicted_pair_distance_change, new.predicted_pair_distance_change),
        )
        for old, new in zip(mean, more, strict=True)
    ]


_PER_CONFIGURATION = (
    "positions", "species", "potential_energy", "overlap", "motion", "motion_halves", "predicted_motion",
)  # fmt: skip
_PER_PAIR = ("pairs", "pair_distance_change", "predicted_pair_distance_change")


def write_predictions(path: Path, predictions: Sequence[Prediction], provenance: dict[str, Any]) -> None:
    """Write configurations one after the other: stacked (n_c, ...), pairs concatenated with their counts."""
    arrays: dict[str, Any] = {
        "configurations": [prediction.configuration for prediction in predictions],
        "box_length": predictions[0].box_length,
        "pair_counts": [len(prediction.pairs) for prediction in predictions],
        "pair_distance_change_halves": np.concatenate(
            [prediction.pair_distance_change_halves for prediction in predictions], axis=1
        ),
    }
    for name in _PER_CONFIGURATION:
        arrays[name] = np.stack([getattr(prediction, name) for prediction in predictions])
    for name in _PER_PAIR:
        arrays[name] = np.concatenate([getattr(prediction, name) for prediction in predictions])
    write_npz(path, provenance, **arrays)


def read_predictions(path: Path) -> tuple[list[Prediction], dict[str, Any]]:
    """The predictions in a file, a `Prediction` for each test configuration, and its provenance."""
    _, provenance = read_npz(path, ())
    if (provenance.get("stage"), provenance.get("stage_version")) != ("predict", STAGE_VERSIONS["predict"]):
        found = f"{provenance.get('stage')} (version {provenance.get('stage_version')})"
        raise FileError(
            f"{path} is a product of {found}, not of predict (version {STAGE_VERSIONS['predict']}); name a predictions "
            "file, or make it again"
        )
    arrays, _ = read_npz(path)
    ends = np.cumsum(arrays["pair_counts"])
    predictions = []
    for index, (start, end) in enumerate(zip(ends - arrays["pair_counts"], ends, strict=True)):
        predictions.append(
            Prediction(
                configuration=int(arrays["configurations"][index]),
                box_length=float(arrays["box_length"]),
                pair_distance_change_halves=arrays["pair_distance_change_halves"][:, start:end],
                **{name: arrays[name][index] for name in _PER_CONFIGURATION},
                **{name: arrays[name][start:end] for name in _PER_PAIR},
            )
        )
    return predictions, provenance
