"""How well a prediction did.

Pearson's coefficient is computed in each test configuration and averaged over them; the pooled coefficient, over the
particles of all configurations together, is another number and has a column of its own, as have Spearman's, which
asks for the order alone, and R^2, which asks for the values.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from glassbotan.statistics import confidence_interval, correlation, noise_ceiling
from glassbotan.study.evaluation import Scores


class Score(NamedTuple):
    """One prediction of one quantity over a set of configurations."""

    pearson: float
    """mean over the configurations"""
    ci_low: float
    """of the confidence interval of the mean; one configuration has none"""
    ci_high: float
    pooled_pearson: float
    spearman: float
    """rank correlation, mean over the configurations"""
    r_squared: float
    """1 - sum (prediction - truth)^2 / sum (truth - its mean)^2, mean over the configurations; not a number for a
    predictor that is no prediction of the values"""
    ceiling: float
    """mean over the configurations of the largest coefficient that any prediction could reach"""
    of_ceiling: float
    """pearson / ceiling"""
    n_configurations: int


def score(
    predictions: Sequence[NDArray],
    truths: Sequence[NDArray],
    halves: Sequence[NDArray | None],
    settings: Scores,
    values: bool = True,
) -> Score:
    """Judge a prediction.

    Parameters
    ----------
    predictions, truths : (n,) for each configuration
    halves : (2, n) for each configuration, the half-ensemble averages of the truth, where they are known
    settings : confidence of the interval
    values : whether the prediction is meant to give values, and not their order alone
    """
    both = list(zip(predictions, truths, strict=True))
    per_configuration = np.array([correlation(x, y) for x, y in both])
    pearson = float(per_configuration.mean())
    low, high = np.clip(confidence_interval(per_configuration, settings.confidence), -1, 1)
    ceiling = float(np.mean([float("nan") if half is None else noise_ceiling(half) for half in halves]))
    return Score(
        pearson=pearson,
        ci_low=float(low),
        ci_high=float(high),
        pooled_pearson=correlation(np.concatenate(predictions), np.concatenate(truths)),
        spearman=float(np.mean([correlation(rankdata(x), rankdata(y)) for x, y in both])),
        r_squared=float(np.mean([_r_squared(x, y) for x, y in both])) if values else float("nan"),
        ceiling=ceiling,
        of_ceiling=pearson / ceiling if ceiling > 0 else float("nan"),
        n_configurations=len(both),
    )


def _r_squared(prediction: NDArray, truth: NDArray) -> float:
    truth = truth.astype(np.float64)
    return float(1 - ((prediction - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())
