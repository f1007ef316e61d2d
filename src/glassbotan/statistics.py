"""Pearson correlation, its noise ceiling, estimates with their errors, and fluctuations over long waves."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

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


class Variance(NamedTuple):
    """An estimate of the variance that one source contributes to a mean."""

    value: float
    degrees: float
    """degrees of freedom of the estimate"""

    @classmethod
    def of_mean(cls, values: NDArray) -> Self:
        """Variance of the mean of independent values (n,), n >= 2."""
        return cls(float(np.var(values, ddof=1)) / len(values), len(values) - 1)


class Estimate(NamedTuple):
    """An estimated quantity with its standard error; the error is NaN if nothing is known about it."""

    value: float
    error: float
    """standard error"""
    degrees: float
    """degrees of freedom of the standard error, by Welch and Satterthwaite"""

    @classmethod
    def of(cls, value: float, variances: Sequence[Variance]) -> Self:
        """An estimate whose variance is a sum of independent contributions.

        The degrees of freedom of V = sum_k V_k are V^2 / sum_k (V_k^2 / n_k) with the degrees of freedom n_k of each
        contribution (F. E. Satterthwaite, Biometrics Bulletin 2, 110 (1946)).
        """
        total = sum(one.value for one in variances)
        if not variances:
            return cls(value, math.nan, math.nan)
        squares = sum(one.value**2 / one.degrees for one in variances)
        degrees = total**2 / squares if squares > 0 else min(one.degrees for one in variances)
        return cls(value, math.sqrt(total), degrees)

    @classmethod
    def of_mean(cls, values: Iterable[float]) -> Self:
        """The mean of independent values; its error is not known if there is only one."""
        found = np.asarray([*values], dtype=np.float64)
        if len(found) < 2:
            return cls(float(found.mean()), math.nan, math.nan)
        return cls.of(float(found.mean()), [Variance.of_mean(found)])

    def interval(self, confidence: float) -> tuple[float, float]:
        """Confidence interval from Student's t distribution; NaN if the error is not known.

        For normal values it is correct also if there are two or three of them, for which a bootstrap interval could not
        be wider than their range.
        """
        from scipy.stats import t as student

        reach = float(student.ppf((1 + confidence) / 2, self.degrees)) * self.error
        return self.value - reach, self.value + reach

    def probability_positive(self) -> float:
        """Probability that the true value is positive, if nothing was known about it before: a Student distribution.

        It is 1 minus the P value of a one-sided t test. For a sum of variances it is an approximation.
        """
        from scipy.stats import t as student

        if not self.error > 0:
            return math.nan if math.isnan(self.error) or self.value == 0 else float(self.value > 0)
        return float(student.cdf(self.value / self.error, self.degrees))


def jackknife(value: Callable[[NDArray], Any], samples: NDArray) -> tuple[NDArray, NDArray]:
    """A function of independent samples (n, ...), and its standard error by the delete-1 jackknife.

    Var = (n - 1)/n sum_i (theta_i - mean of theta_i)^2, where theta_i is the value without sample i (B. Efron and C.
    Stein, Ann. Statist. 9, 586 (1981)). The error is NaN if there is one sample.
    """
    best = np.asarray(value(samples), dtype=np.float64)
    n = len(samples)
    if n < 2:
        return best, np.full(best.shape, np.nan)
    left_out = np.array([value(np.delete(samples, one, axis=0)) for one in range(n)], dtype=np.float64)
    return best, np.sqrt((n - 1) * left_out.var(axis=0))


def variance_interval(variances: Sequence[Variance], confidence: float) -> tuple[float, float]:
    """Confidence interval of a sum of variances of normal quantities.

    With the sum V = sum_k V_k and the quantiles of the chi-square distributions with n_k degrees of freedom, the limits
    are V - [sum_k (1 - n_k/upper_k)^2 V_k^2]^(1/2) and V + [sum_k (n_k/lower_k - 1)^2 V_k^2]^(1/2) (F. A. Graybill and
    C.-M. Wang, J. Am. Stat. Assoc. 75, 869 (1980)). They are exact for a single variance.
    """
    from scipy.stats import chi2

    values = np.array([one.value for one in variances])
    degrees = np.array([one.degrees for one in variances])
    below = (1 - degrees / chi2.ppf((1 + confidence) / 2, degrees)) * values
    above = (degrees / chi2.ppf((1 - confidence) / 2, degrees) - 1) * values
    total = float(values.sum())
    return total - float(np.sqrt((below**2).sum())), total + float(np.sqrt((above**2).sum()))
