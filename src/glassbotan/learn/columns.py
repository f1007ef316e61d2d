"""Targets as the columns that a regression is fitted to: all times of the first target, then of the next."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glassbotan.learn.scaling import TargetScaling

Scale = Literal["training set", "configuration"]
SCALE = (
    "training set: targets are fitted in the same units for all configurations; configuration: they are fitted as "
    "deviations from the mean of each configuration in units of its standard deviation (each class by itself: species "
    "of particles, kinds of pairs), so that the predictor does not learn how much a configuration moves as a whole"
)
"""Description of the setting."""


def scaled_columns(
    targets: Sequence[NDArray], members: NDArray, classes: int, scale: Scale
) -> tuple[NDArray[np.float64], list[TargetScaling]]:
    """The columns of one configuration, and the scale of each.

    Parameters
    ----------
    targets : (n_t, n) for each target
    members : (n,) class of each particle or pair
    classes : number of classes
    scale : what they are scaled by

    Returns
    -------
    columns : (n, n_y)
    scalings : n_y of them
    """
    values = [row.astype(np.float64) for of_target in targets for row in of_target]
    if scale == "training set":
        scalings = [TargetScaling.reduced(classes)] * len(values)
    else:
        scalings = [TargetScaling.of_values(row, members, classes) for row in values]
    return measured_columns(values, members, scalings), scalings


def measured_columns(
    values: Sequence[NDArray] | NDArray, members: NDArray | None, scalings: Sequence[TargetScaling]
) -> NDArray[np.float64]:
    """Values of targets (n_y, n) on given scales, as columns (n, n_y); for `members` see `restored_targets`."""
    columns = [scaling.measure(row, members) for scaling, row in zip(scalings, values, strict=True)]
    if columns:
        return np.stack(columns, axis=1)
    return np.zeros((0 if members is None else len(members), 0))


def training_columns(
    blocks: Sequence[tuple[Sequence[NDArray], NDArray]], classes: int, scale: Scale, train: int
) -> tuple[list[NDArray[np.float64]], list[TargetScaling]]:
    """The columns of several configurations in units of standard deviations, and the scale for predictions of each.

    Parameters
    ----------
    blocks : for each configuration its targets, (n_t, n) each, and the class of each particle or pair, (n,)
    classes : number of classes
    scale : whether the standard deviations are those of each configuration or those of the training set
    train : number of training configurations, which come first

    Returns
    -------
    columns : (n, n_y) for each configuration
    scalings : n_y of them
    """
    in_each = [scaled_columns(targets, members, classes, "configuration") for targets, members in blocks]
    of_train = [scalings for _, scalings in in_each[:train]]
    if scale == "configuration":
        return [columns for columns, _ in in_each], means_over_configurations(of_train)
    pooled = [TargetScaling.pooled(of_column) for of_column in zip(*of_train, strict=True)]
    rows = [([row for of_target in targets for row in of_target], members) for targets, members in blocks]
    return [measured_columns(values, members, pooled) for values, members in rows], pooled


def columns_at_temperatures(
    blocks: Sequence[tuple[Sequence[NDArray], NDArray]],
    temperatures: Sequence[float],
    classes: int,
    scale: Scale,
    train: int,
) -> tuple[list[NDArray[np.float64]], list[list[TargetScaling]]]:
    """The columns of configurations at several temperatures, at each of which they have scales of their own.

    Parameters
    ----------
    blocks, classes, scale, train : see `training_columns`
    temperatures : temperature of each configuration

    Returns
    -------
    columns : (n, n_y) for each configuration
    scalings : n_y of them at each temperature, from the lowest
    """
    columns: list[NDArray[np.float64]] = [np.empty(0)] * len(blocks)
    scalings = []
    for temperature in sorted({*temperatures}):
        rows = [row for row, at in enumerate(temperatures) if at == temperature]
        here, of_columns = training_columns(
            [blocks[row] for row in rows], classes, scale, sum(row < train for row in rows)
        )
        for row, values in zip(rows, here, strict=True):
            columns[row] = values
        scalings.append(of_columns)
    return columns, scalings


def restored_targets(
    columns: NDArray, members: NDArray | None, scalings: Sequence[TargetScaling], symbols: Sequence[str]
) -> Mapping[str, NDArray[np.float64]]:
    """The values of each target by its symbol, (n_t, n), from columns (n, n_y) and their scales.

    `members` is the class of each particle or pair, (n,), or None if all are in one class.
    """
    values = [scaling.restore(columns[:, number], members) for number, scaling in enumerate(scalings)]
    n_t = len(values) // len(symbols)
    return {symbol: np.stack(values[first * n_t : (first + 1) * n_t]) for first, symbol in enumerate(symbols)}


def reliabilities(
    halves: Sequence[NDArray | None], members: NDArray, classes: int, columns: int
) -> NDArray[np.float64]:
    """How much of the variance of each column of targets is not noise of the average over replicas, (classes, n_y).

    It is the covariance of the two half-ensemble averages over the variance of their mean, at least 0; 1 where the
    halves are not known.

    Parameters
    ----------
    halves : (n_t, 2, n) for each target
    members, classes : class of each particle or pair, (n,), and number of classes
    columns : n_y
    """
    if not halves or any(one is None for one in halves):
        return np.ones((classes, columns))
    pairs = np.concatenate([one for one in halves if one is not None]).astype(np.float64)
    found = np.ones((classes, columns))
    for number in range(classes):
        of_class = pairs[:, :, members == number]
        if of_class.shape[2] > 1:
            first, second = (of_class - of_class.mean(axis=2, keepdims=True)).transpose(1, 0, 2)
            variance = (((first + second) / 2) ** 2).mean(axis=1)
            found[number] = np.clip((first * second).mean(axis=1) / np.where(variance > 0, variance, 1.0), 0.0, 1.0)
    return found


def column_names(symbols: Sequence[str], time_indices: Sequence[int]) -> list[str]:
    """Names of the columns, such as S_t01."""
    return [f"{symbol}_t{index:02d}" for symbol in symbols for index in time_indices]


def means_over_configurations(scalings: Sequence[Sequence[TargetScaling]]) -> list[TargetScaling]:
    """The mean scale of each column, from the scales in each configuration."""
    return [TargetScaling.mean_of(of_column) for of_column in zip(*scalings, strict=True)]


def as_arrays(scalings: Sequence[TargetScaling], prefix: str = "") -> dict[str, NDArray[np.float64]]:
    """Scales as arrays (n_y, classes) for a file, whose names begin with `prefix`."""
    return {
        f"{prefix}target_means": np.array([scaling.mean for scaling in scalings]),
        f"{prefix}target_scales": np.array([scaling.scale for scaling in scalings]),
    }


def from_arrays(tensors: Mapping[str, NDArray], prefix: str = "") -> list[TargetScaling]:
    """Scales from the arrays of a file."""
    pairs = zip(tensors[f"{prefix}target_means"].tolist(), tensors[f"{prefix}target_scales"].tolist(), strict=True)
    return [TargetScaling(tuple(mean), tuple(scale)) for mean, scale in pairs]
