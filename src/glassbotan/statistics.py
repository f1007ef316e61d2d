"""Pearson correlation, its noise ceiling, and the confidence interval of a mean."""

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
