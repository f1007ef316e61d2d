"""Dynamical heterogeneity in simulation and prediction: the size of its fluctuations, and their correlation in space.

A predictor can order the particles of each configuration well (a high Pearson coefficient) and still be wrong about how
whole regions or whole configurations differ. The quantities of this module measure these differences.

An average over a few replicas of the simulation contains statistical noise, and a prediction does not. Variances and
correlations of the simulation are therefore computed as covariances between the two halves of the ensemble, whose noise
is independent, so that a perfect prediction would have the same values. Published data can lack these halves; then
noise is included.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.files.predictions import Prediction
from glassbotan.kob_andersen import Species
from glassbotan.statistics import Estimate, Variance, jackknife, long_wave_fluctuation, variance_interval


class Heterogeneity(NamedTuple):
    """Fluctuations of the overlap Q of all particles, and of a target X (S, R, C or D) of the A particles.

    They are computed over the test configurations. Quantities that need several configurations are NaN if there is
    only one.
    """

    chi_4: float
    """N (<Q^2> - <Q>^2) of the simulation over replicas and configurations, where N and Q count both species; it is the
    sum of `chi_4_within` and `chi_4_between`"""
    chi_4_error: float
    """its standard error"""
    chi_4_low: float
    """lower limit of the confidence interval of `chi_4`"""
    chi_4_high: float
    """its upper limit"""
    chi_4_within: float
    """N times the variance of Q between the replicas of a configuration, averaged over the configurations"""
    chi_4_within_error: float
    """its standard error"""
    chi_4_between: float
    """N times the variance of Q between configurations, without the contribution of the finite number of replicas"""
    chi_4_between_error: float
    """its standard error"""
    chi: float
    """N_A times the variance of the configuration mean of X between configurations, in the simulation"""
    predicted_chi: float
    """`chi` of the prediction"""
    chi_q: float
    """chi_X of the longest waves that the box has (`long_wave_fluctuations`), in the simulation; it needs only one
    configuration"""
    chi_q_error: float
    """standard error of `chi_q` between configurations"""
    predicted_chi_q: float
    """`chi_q` of the prediction"""
    predicted_chi_q_error: float
    """standard error of `predicted_chi_q` between configurations"""
    spread: float
    """standard deviation of X within a configuration, root mean square over the configurations, in the simulation"""
    predicted_spread: float
    """`spread` of the prediction"""
    n_configurations: int


Pair = tuple[NDArray, NDArray]
"""Two measurements of the same quantity with independent noise: the half-ensemble averages, or a prediction twice."""


class Susceptibility(NamedTuple):
    """chi_4 of the overlap, with its two parts and their errors."""

    total: Estimate
    low: float
    """lower limit of the confidence interval of the total"""
    high: float
    within: Estimate
    """the part from the variance between the replicas of a configuration"""
    between: Estimate
    """the part from the variance between configurations"""


def chi_4(overlaps: NDArray, particles: int, confidence: float) -> Susceptibility:
    """chi_4 = N (<Q^2> - <Q>^2) over replicas and configurations, as the sum of two variances.

    The errors are those of variances of normal quantities, with the same variance between the replicas of each
    configuration, and the interval is that of `glassbotan.statistics.variance_interval`. The error of the part between
    replicas does not assume this: it is the standard error of the variances of the configurations. For few
    configurations the interval is wide: the variance between configurations has one degree of freedom fewer than there
    are configurations.

    Parameters
    ----------
    overlaps : (n_c, n_r), Q of each replica of each configuration
    particles : N
    confidence : level of the interval

    Returns
    -------
    Susceptibility
        with NaN in the place of what one replica or one configuration does not give
    """
    unknown = float("nan")
    nothing = Estimate(unknown, unknown, unknown)
    configurations, replicas = overlaps.shape
    if replicas < 2:
        return Susceptibility(nothing, unknown, unknown, nothing, nothing)
    within_found = Estimate.of_mean(particles * overlaps.var(axis=1, ddof=1))
    if configurations < 2:
        return Susceptibility(nothing, unknown, unknown, within_found, nothing)
    within = Variance(within_found.value, configurations * (replicas - 1))
    means = Variance(particles * float(overlaps.mean(axis=1).var(ddof=1)), configurations - 1)
    parts = [means, Variance(within.value * (1 - 1 / replicas), within.degrees)]
    of_between = [means, Variance(within.value / replicas, within.degrees)]
    error, error_between = (
        float(np.sqrt(sum(2 * one.value**2 / one.degrees for one in both))) for both in (parts, of_between)
    )
    between = Estimate(means.value - within.value / replicas, error_between, means.degrees)
    low, high = variance_interval(parts, confidence)
    return Susceptibility(
        Estimate(within.value + between.value, error, means.degrees), low, high, within_found, between
    )


def heterogeneity(predictions: Sequence[Prediction], symbol: str, confidence: float = 0.95) -> Heterogeneity:
    """Fluctuations of a target of the particles in simulation and prediction.

    Variances between configurations are inaccurate if there are few configurations. `confidence` is the level of the
    interval of chi_4.
    """
    overlaps = np.stack([prediction.overlap for prediction in predictions])
    susceptibility = chi_4(overlaps, len(predictions[0].structure), confidence)
    truth, predicted = _truth(predictions, symbol), _predicted(predictions, symbol)
    chi_q, predicted_chi_q = map(Estimate.of_mean, long_wave_fluctuations(predictions, symbol))
    return Heterogeneity(
        chi_4=susceptibility.total.value,
        chi_4_error=susceptibility.total.error,
        chi_4_low=susceptibility.low,
        chi_4_high=susceptibility.high,
        chi_4_within=susceptibility.within.value,
        chi_4_within_error=susceptibility.within.error,
        chi_4_between=susceptibility.between.value,
        chi_4_between_error=susceptibility.between.error,
        chi=_between(truth),
        predicted_chi=_between(predicted),
        chi_q=chi_q.value,
        chi_q_error=chi_q.error,
        predicted_chi_q=predicted_chi_q.value,
        predicted_chi_q_error=predicted_chi_q.error,
        spread=_spread(truth),
        predicted_spread=_spread(predicted),
        n_configurations=len(predictions),
    )


def long_wave_fluctuations(predictions: Sequence[Prediction], symbol: str) -> NDArray[np.float64]:
    """How strongly a target X of the A particles fluctuates over long waves, in simulation and prediction.

    It is the four-point structure factor of X (`glassbotan.statistics.long_wave_fluctuation`). The variance
    between whole configurations, `chi`, is similar, but few configurations do not give it; several waves in each do.

    Returns
    -------
    fluctuations : (2, n_c), of the simulation and of the prediction in each configuration, in the squared unit of X
    """
    return np.array(
        [
            [
                long_wave_fluctuation(one.structure.positions[_of_a(one)], one.structure.box_length, *pair)
                for one, pair in zip(predictions, pairs, strict=True)
            ]
            for pairs in (_truth(predictions, symbol), _predicted(predictions, symbol))
        ]
    )


def ratio_of_means(fluctuations: NDArray) -> tuple[float, float]:
    """Mean of the prediction over that of the simulation, with its jackknife error over the configurations.

    Parameters
    ----------
    fluctuations : (2, n_c), of the simulation and of the prediction

    Returns
    -------
    ratio, error : NaN if the mean of the simulation is not positive
    """

    def ratio(of_configurations: NDArray) -> float:
        truth, predicted = of_configurations.mean(axis=0)
        return float(predicted / truth) if truth > 0 else float("nan")

    value, error = jackknife(ratio, fluctuations.T)
    return float(value), float(error)


def dynamic_correlation(
    predictions: Sequence[Prediction], symbol: str, bins: int = 40
) -> tuple[NDArray, NDArray, NDArray]:
    """Spatial correlation C(r) of a target X of A particles in simulation and prediction.

    C(r) = <dX_i dX_j>(r_ij(0) = r) / <dX_i dX_i> for different particles i and j, where dX_i is the deviation of X_i
    from the mean of its configuration. Both averages are over all configurations. C(r) of the simulation is NaN if the
    halves of the ensemble are so noisy that the denominator is not positive.

    Returns
    -------
    r, truth, predicted : (bins,) each; r in sigma_AA, up to half of the box edge, C(r) of simulation and prediction
    """
    import freud

    r_max = 0.4999 * predictions[0].structure.box_length
    correlation = freud.density.CorrelationFunction(bins=bins, r_max=r_max)
    others = {"mode": "ball", "r_max": r_max, "exclude_ii": True}
    sums, counts = np.zeros((2, bins)), np.zeros((2, bins))
    squares = np.zeros(2)
    for which, pairs in enumerate((_truth(predictions, symbol), _predicted(predictions, symbol))):
        for one, (first, second) in zip(predictions, pairs, strict=True):
            points = one.structure.positions[_of_a(one)]
            first, second = first - first.mean(), second - second.mean()
            correlation.compute(
                system=(freud.box.Box.cube(one.structure.box_length), points),
                values=first,
                query_points=points,
                query_values=second,
                neighbors=others,
            )
            counts[which] += correlation.bin_counts
            sums[which] += correlation.bin_counts * np.real(correlation.correlation)
            squares[which] += (first * second).sum()
    variances = (squares / sum(_of_a(one).sum() for one in predictions))[:, None]
    known = (counts > 0) & (variances > 0)
    truth, predicted = np.divide(sums, counts * variances, out=np.full_like(sums, np.nan), where=known)
    return correlation.bin_centers, truth, predicted


def _of_a(prediction: Prediction) -> NDArray[np.bool_]:
    of_a: NDArray[np.bool_] = prediction.structure.species == Species.A
    return of_a


def _truth(predictions: Sequence[Prediction], symbol: str) -> list[Pair]:
    """The half-ensemble averages of the target for the A particles, (N_A,) each, of every configuration.

    Where they are not known, both are the mean over all replicas, whose noise is then included.
    """
    found = []
    for one in predictions:
        compared = one.targets[symbol]
        halves = (compared.truth, compared.truth) if compared.halves is None else compared.halves
        found.append((halves[0][_of_a(one)].astype(np.float64), halves[1][_of_a(one)].astype(np.float64)))
    return found


def _predicted(predictions: Sequence[Prediction], symbol: str) -> list[Pair]:
    values = [one.targets[symbol].predicted[_of_a(one)].astype(np.float64) for one in predictions]
    return list(zip(values, values, strict=True))


def _covariance(first: NDArray, second: NDArray) -> float:
    if len(first) < 2:
        return float("nan")
    return float(((first - first.mean()) * (second - second.mean())).sum() / (len(first) - 1))


def _between(pairs: Sequence[Pair]) -> float:
    """N_A times the variance between configurations of the configuration mean."""
    means = np.array([[half.mean() for half in pair] for pair in pairs])
    return len(pairs[0][0]) * _covariance(*means.T)


def _spread(pairs: Sequence[Pair]) -> float:
    """Square root of the variance within a configuration, averaged over the configurations."""
    variance = np.mean([_covariance(*pair) for pair in pairs])
    return float(np.sqrt(np.maximum(0.0, variance)))  # np.maximum keeps NaN
