"""Scores of a prediction against the simulation.

Pearson's coefficient is computed in each test configuration and then averaged over the configurations. Three more
scores have columns of their own: the pooled coefficient, which is Pearson's coefficient over the particles of all
configurations together; Spearman's coefficient, which compares only the order of the values; and R^2, which compares
the values themselves.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from glassbotan.statistics import Estimate, correlation, noise_ceiling
from glassbotan.study.evaluation import Scores


class Score(NamedTuple):
    """Scores of one prediction of one quantity over a set of configurations."""

    pearson: float
    """Pearson's coefficient, mean over the configurations"""
    ci_low: float
    """lower limit of the confidence interval of that mean; NaN for a single configuration"""
    ci_high: float
    """its upper limit"""
    pooled_pearson: float
    """Pearson's coefficient over the particles or pairs of all configurations together"""
    spearman: float
    """rank correlation, mean over the configurations"""
    r_squared: float
    """1 - sum (prediction - truth)^2 / sum (truth - mean of the truth)^2, mean over the configurations; NaN for a
    predictor that gives only the order of the values"""
    ceiling: float
    """noise ceiling, the largest Pearson coefficient that a prediction could reach, mean over the configurations; NaN
    where it is not known"""
    of_ceiling: float
    """pearson / ceiling"""
    error: float
    """root mean square of prediction - truth over all configurations, in the target's unit; NaN for a predictor that
    gives only the order of the values"""
    spread: float
    """root mean square of the standard deviation between the predictors of an average, in the target's unit; NaN for a
    single predictor"""
    error_by_spread: float
    """rank correlation of |prediction - truth| with that standard deviation, mean over the configurations: whether the
    uncertain predictions are the wrong ones"""
    n_configurations: int


class ConfigurationScore(NamedTuple):
    """Score of one prediction of one quantity in one configuration."""

    pearson: float
    """Pearson's coefficient"""
    ceiling: float
    """noise ceiling; NaN if it is not known"""


def score_configuration(prediction: NDArray, truth: NDArray, halves: NDArray | None) -> ConfigurationScore:
    """Score of a prediction in one configuration.

    Parameters
    ----------
    prediction, truth : (n,), values of the particles or pairs
    halves : (2, n), the half-ensemble averages of the truth; None if they are not known
    """
    return ConfigurationScore(correlation(prediction, truth), float("nan") if halves is None else noise_ceiling(halves))


def score(
    predictions: Sequence[NDArray],
    truths: Sequence[NDArray],
    halves: Sequence[NDArray | None],
    settings: Scores,
    values: bool = True,
    spreads: Sequence[NDArray | None] = (),
) -> Score:
    """Scores of a prediction against the simulation.

    Parameters
    ----------
    predictions, truths : (n,) for each configuration, values of the particles or pairs
    halves : (2, n) for each configuration, the half-ensemble averages of the truth, where they are known
    settings : confidence level of the interval
    values : whether the prediction gives values of the target, and not only their order
    spreads : (n,) for each configuration, standard deviation between the predictors of an average, where it is known
    """
    both = list(zip(predictions, truths, strict=True))
    single = [score_configuration(x, y, half) for (x, y), half in zip(both, halves, strict=True)]
    pearson, ceiling = (float(values.mean()) for values in np.array(single).T)
    mean = Estimate.of_mean(one.pearson for one in single)
    low, high = np.clip(mean.interval(settings.confidence), -1, 1)
    errors = [np.abs(x - y) for x, y in both] if values else []
    known = [spread for spread in spreads if spread is not None] if values else []
    paired = zip(errors, known, strict=True) if known else ()
    by_spread = [correlation(rankdata(x), rankdata(y)) for x, y in paired]
    return Score(
        pearson=pearson,
        ci_low=float(low),
        ci_high=float(high),
        pooled_pearson=correlation(np.concatenate(predictions), np.concatenate(truths)),
        spearman=float(np.mean([correlation(rankdata(x), rankdata(y)) for x, y in both])),
        r_squared=float(np.mean([_r_squared(x, y) for x, y in both])) if values else float("nan"),
        ceiling=ceiling,
        of_ceiling=pearson / ceiling if ceiling > 0 else float("nan"),
        error=_root_mean_square(errors),
        spread=_root_mean_square(known),
        error_by_spread=float(np.mean(by_spread)) if by_spread else float("nan"),
        n_configurations=len(both),
    )


def _root_mean_square(values: Sequence[NDArray]) -> float:
    return float(np.sqrt((np.concatenate(values).astype(np.float64) ** 2).mean())) if values else float("nan")


def _r_squared(prediction: NDArray, truth: NDArray) -> float:
    truth = truth.astype(np.float64)
    return float(1 - ((prediction - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())
