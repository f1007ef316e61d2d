"""Pearson correlation, its noise ceiling, the confidence interval of a mean, and fluctuations over long waves."""

import itertools

import numpy as np
from numpy.typing import NDArray


def correlation(x: NDArray, y: NDArray) -> float:
    """Pearson's coefficient of two arrays of the same shape; NaN if either is constant."""
    x = np.asarray(x, dtype=np.float64) - np.mean(x, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64) - np.mean(y, dtype=np.float64)
    norm = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / norm) if norm > 0 else float("nan")


def noise_ceiling(halves: NDArray) -> float:
    """Largest Pearson coefficient that a perfect prediction could have with the mean over all replicas.

    The correlation r of two half-ensemble averages gives the reliability of their mean, 2 r / (1 + r)
    (Spearman-Brown). The correlation between the exact expectation value and this mean is the square root of its
    reliability.

    Parameters
    ----------
    halves : (2, n), the two half-ensemble averages

    Returns
    -------
    float
        0 if the halves do not correlate positively, and NaN if they are not known
    """
    r = correlation(halves[0], halves[1])
    if np.isnan(r) and np.isnan(halves).any():
        return float("nan")
    return float(np.sqrt(2 * r / (1 + r))) if r > 0 else 0.0


def long_wave_fluctuation(positions: NDArray, box_length: float, first: NDArray, second: NDArray) -> float:
    """How strongly a quantity X of particles fluctuates over the longest waves in a cubic periodic box.

        chi_X(q) = 1/N |sum_i dX_i exp(i q.r_i)|^2,   dX_i = X_i - mean of X,

    averaged over the 26 wave vectors q = 2 pi n/L with |n|^2 <= 3.

    Parameters
    ----------
    positions : (N, 3)
    box_length : L
    first, second : (N,), two measurements of X with independent noise, which then drops out; or X twice
    """
    waves = np.array([n for n in itertools.product((-1, 0, 1), repeat=3) if n > (0, 0, 0)])  # -n gives the same as n
    phases = np.exp(2j * np.pi / box_length * positions @ waves.T)
    a, b = (phases.T @ (values - values.mean()) for values in (first, second))
    return float((a * b.conj()).real.mean()) / len(positions)


def confidence_interval(values: NDArray, confidence: float) -> tuple[float, float]:
    """Confidence interval of the mean of independent values (n,), from Student's t distribution; NaN for one value.

    It is correct also for two or three values, for which a bootstrap interval could not be wider than their range.
    """
    from scipy.stats import t as student

    n = len(values)
    if n < 2:
        return float("nan"), float("nan")
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / np.sqrt(n)
    reach = float(student.ppf((1 + confidence) / 2, n - 1)) * error
    return mean - reach, mean + reach
