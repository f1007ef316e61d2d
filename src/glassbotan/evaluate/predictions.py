"""Prediction and truth of the test configurations, as one file holds them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import minimum_image
from glassbotan.errors import FileError
from glassbotan.files import read_npz, write_npz


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
    propensity: NDArray
    """S, (N,)"""
    propensity_halves: NDArray
    """(2, N)"""
    predicted_propensity: NDArray
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


def running_mean(mean: Sequence[Prediction], more: Sequence[Prediction], count: int) -> list[Prediction]:
    """Mean of the predictions of `count` networks, from that of all before and those of the last."""
    if not mean:
        return list(more)

    def step(old: NDArray, new: NDArray) -> NDArray:
        return old + (new - old) / count

    return [
        replace(
            old,
            predicted_propensity=step(old.predicted_propensity, new.predicted_propensity),
            predicted_pair_distance_change=step(old.predicted_pair_distance_change, new.predicted_pair_distance_change),
        )
        for old, new in zip(mean, more, strict=True)
    ]


_PER_PARTICLE = ("positions", "species", "potential_energy", "propensity", "predicted_propensity")
_PER_PAIR = ("pairs", "pair_distance_change", "predicted_pair_distance_change")


def write_predictions(path: Path, predictions: Sequence[Prediction], provenance: dict[str, Any]) -> None:
    """Write configurations one after the other: per particle (n_c, N ...), per pair concatenated with counts."""
    arrays: dict[str, Any] = {
        "configurations": [prediction.configuration for prediction in predictions],
        "box_length": predictions[0].box_length,
        "pair_counts": [len(prediction.pairs) for prediction in predictions],
        "propensity_halves": np.stack([prediction.propensity_halves for prediction in predictions]),
        "pair_distance_change_halves": np.concatenate(
            [prediction.pair_distance_change_halves for prediction in predictions], axis=1
        ),
    }
    for name in _PER_PARTICLE:
        arrays[name] = np.stack([getattr(prediction, name) for prediction in predictions])
    for name in _PER_PAIR:
        arrays[name] = np.concatenate([getattr(prediction, name) for prediction in predictions])
    write_npz(path, provenance, **arrays)


def read_predictions(path: Path) -> tuple[list[Prediction], dict[str, Any]]:
    """The predictions in a file, a `Prediction` for each test configuration, and its provenance."""
    arrays, provenance = read_npz(path)
    if "pair_counts" not in arrays:
        raise FileError(f"{path} is a product of {provenance.get('stage')}, not of predict; name a predictions file")
    ends = np.cumsum(arrays["pair_counts"])
    predictions = []
    for index, (start, end) in enumerate(zip(ends - arrays["pair_counts"], ends, strict=True)):
        predictions.append(
            Prediction(
                configuration=int(arrays["configurations"][index]),
                box_length=float(arrays["box_length"]),
                propensity_halves=arrays["propensity_halves"][index],
                pair_distance_change_halves=arrays["pair_distance_change_halves"][:, start:end],
                **{name: arrays[name][index] for name in _PER_PARTICLE},
                **{name: arrays[name][start:end] for name in _PER_PAIR},
            )
        )
    return predictions, provenance
