"""Ridge regression from sums over the samples, which can be computed for parts of the samples and then added.

The weights w and the constant minimise n^-1 sum_i (y_i - w.x_i - constant)^2 + lambda |s w|^2, where s is the standard
deviation of each component of x: s w are the weights of components that are scaled to standard deviation 1. The
solution follows from the sums of x, x x^T and x y, so that the samples need not be in memory at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

CONSTANT = 1e-9
"""Standard deviation, relative to the largest, below which a component of x counts as constant and has weight 0."""


@dataclass(frozen=True)
class Sums:
    """Sums over samples of x (n_d,) and y (n_y,)."""

    count: int
    """number of samples"""
    x: NDArray[np.float64]
    """(n_d,), sum of x"""
    y: NDArray[np.float64]
    """(n_y,), sum of y"""
    xx: NDArray[np.float64]
    """(n_d, n_d), sum of x x^T"""
    xy: NDArray[np.float64]
    """(n_d, n_y), sum of x y^T"""
    yy: NDArray[np.float64]
    """(n_y,), sum of the squares of each component of y"""

    @classmethod
    def over(cls, x: NDArray, y: NDArray) -> "Sums":
        """The sums over samples x (n, n_d) and y (n, n_y)."""
        return cls(len(x), x.sum(axis=0), y.sum(axis=0), x.T @ x, x.T @ y, (y**2).sum(axis=0))

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def spreads(self) -> NDArray[np.float64]:
        """Standard deviation of each component of x, (n_d,)."""
        spreads: NDArray[np.float64] = np.sqrt(
            np.maximum(np.diag(self.xx) / self.count - (self.x / self.count) ** 2, 0)
        )
        return spreads

    def only(self, components: NDArray[np.intp]) -> "Sums":
        """The sums for some of the components of x."""
        return Sums(
            self.count,
            self.x[components],
            self.y,
            self.xx[np.ix_(components, components)],
            self.xy[components],
            self.yy,
        )

    def error(self, weights: NDArray, constant: NDArray) -> NDArray[np.float64]:
        """Mean squared error of w.x + constant for each component of y, (n_y,), with weights (n_d, n_y)."""
        squared = self.yy + (weights * (self.xx @ weights)).sum(axis=0) + self.count * constant**2
        mixed = (weights * self.xy).sum(axis=0) + constant * self.y - constant * (self.x @ weights)
        error: NDArray[np.float64] = (squared - 2 * mixed) / self.count
        return error


def solve(sums: Sums, parameters: Sequence[float]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Weights (n_d, n_y) and constants (n_y,) that minimise the loss, for each ridge parameter lambda."""
    x_mean, y_mean = sums.x / sums.count, sums.y / sums.count
    covariance = sums.xx / sums.count - np.outer(x_mean, x_mean)
    spread = sums.spreads
    inverse = np.divide(1, spread, out=np.zeros_like(spread), where=spread > CONSTANT * spread.max())
    values, vectors = np.linalg.eigh(covariance * np.outer(inverse, inverse))
    projected = vectors.T @ (inverse[:, None] * (sums.xy / sums.count - np.outer(x_mean, y_mean)))
    solutions = []
    for parameter in parameters:
        weights = inverse[:, None] * (vectors @ (projected / (np.maximum(values, 0) + parameter)[:, None]))
        solutions.append((weights, y_mean - x_mean @ weights))
    return solutions


def errors_elsewhere(train: Sums, judge: Sums, parameters: Sequence[float]) -> NDArray[np.float64]:
    """Mean squared error on `judge` of the fit to `train` with each parameter, (number of parameters, n_y)."""
    return np.stack([judge.error(*solution) for solution in solve(train, parameters)])


def validation_errors(
    parts: Sequence[Sums], validation: Sequence[Sums], parameters: Sequence[float]
) -> NDArray[np.float64]:
    """Mean squared error on samples that are not fitted, (number of parameters, n_y).

    Parameters
    ----------
    parts : sums over each part of the training set
    validation : sums over the validation set; if empty, each part of the training set is left out of the fit in turn,
        and the mean of the errors on the parts that are left out is taken
    parameters : values of the ridge parameter lambda
    """
    if validation:
        return errors_elsewhere(reduce(add, parts), reduce(add, validation), parameters)
    left_out = [
        errors_elsewhere(reduce(add, [*parts[:out], *parts[out + 1 :]]), part, parameters)
        for out, part in enumerate(parts)
    ]
    mean: NDArray[np.float64] = np.mean(left_out, axis=0)
    return mean
