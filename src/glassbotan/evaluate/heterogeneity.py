"""Dynamical heterogeneity: how much and over what distance motion is correlated, in truth and prediction.

A network can order the particles of a configuration well (a good rho) and yet say little of how whole regions, and
whole configurations, differ; these numbers show it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import freud
import numpy as np
from numpy.typing import NDArray

from glassbotan.evaluate.predictions import Prediction
from glassbotan.kob_andersen import Species


class Heterogeneity(NamedTuple):
    """Of the particle motion X (S, R, C or D) over species A of the test configurations."""

    chi_4: float
    """N (<Q^2> - <Q>^2) of the overlap Q over replicas and configurations, of the simulation"""
    chi_4_between: float
    """its part between configurations: N times the variance of their means over the replicas"""
    chi: float
    """N_A times the variance between configurations of the mean X, of the simulation"""
    predicted_chi: float
    """the same of the prediction"""
    spread: float
    """standard deviation of X within a configuration, root mean square over them, of the simulation"""
    predicted_spread: float
    """the same of the prediction"""
    n_configurations: int


def heterogeneity(predictions: Sequence[Prediction]) -> Heterogeneity:
    """Sizes of the fluctuations; with few configurations the variances between them are rough, with one unknown."""
    overlaps = np.stack([prediction.overlap for prediction in predictions])
    n = len(predictions[0].species)
    truth, predicted = ([values[_of_a(one)] for one, values in pairs] for pairs in _both(predictions))
    several = len(predictions) > 1

    def between(values: Sequence[NDArray]) -> float:
        means = [value.mean() for value in values]
        return float(len(values[0]) * np.var(means, ddof=1)) if several else float("nan")

    def within(values: Sequence[NDArray]) -> float:
        return float(np.sqrt(np.mean([value.var() for value in values])))

    return Heterogeneity(
        chi_4=float(n * overlaps.var()),
        chi_4_between=float(n * overlaps.mean(axis=1).var(ddof=1)) if several else float("nan"),
        chi=between(truth),
        predicted_chi=between(predicted),
        spread=within(truth),
        predicted_spread=within(predicted),
        n_configurations=len(predictions),
    )


def dynamic_correlation(predictions: Sequence[Prediction], bins: int = 40) -> tuple[NDArray, NDArray, NDArray]:
    """Spatial correlation of the motion of A particles in truth and prediction.

    C(r) = <dX_i dX_j>(r_ij(0) = r) / <dX_i^2> with dX_i the deviation from the mean of the configuration, averaged over
    the configurations.

    Returns
    -------
    r, truth, predicted : (bins,) each; r in sigma_AA, up to half of the box
    """
    r_max = 0.4999 * predictions[0].box_length
    sums, counts = np.zeros((2, bins)), np.zeros((2, bins))
    for which, pairs in enumerate(_both(predictions)):
        for one, values in pairs:
            of_a = _of_a(one)
            deviation = values[of_a] - values[of_a].mean()
            correlation = freud.density.CorrelationFunction(bins=bins, r_max=r_max)
            system = (freud.box.Box.cube(one.box_length), one.positions[of_a])
            correlation.compute(system=system, values=deviation)
            counts[which] += correlation.bin_counts
            sums[which] += correlation.bin_counts * np.real(correlation.correlation) / (deviation**2).mean()
    truth, predicted = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return correlation.bin_centers, truth, predicted


def _of_a(prediction: Prediction) -> NDArray[np.bool_]:
    of_a: NDArray[np.bool_] = prediction.species == Species.A
    return of_a


Motions = list[tuple[Prediction, NDArray]]


def _both(predictions: Sequence[Prediction]) -> tuple[Motions, Motions]:
    """Every configuration with its true and with its predicted motion."""
    return [(one, one.motion) for one in predictions], [(one, one.predicted_motion) for one in predictions]
