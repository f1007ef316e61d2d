"""How well a prediction did.

Pearson's coefficient is computed in each test configuration and averaged over them; the pooled coefficient, over the
particles of all configurations together, is another number and has a column of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.statistics import correlation, noise_ceiling
from glassbotan.study import Scores


class Score(NamedTuple):
    """One prediction of one quantity over a set of configurations."""

    pearson: float
    """mean over the configurations"""
    ci_low: float
    ci_high: float
    pooled_pearson: float
    ceiling: float
    """mean over the configurations of the largest coefficient that any prediction could reach"""
    n_configurations: int


def score(
    predictions: Sequence[NDArray], truths: Sequence[NDArray], halves: Sequence[NDArray], settings: Scores
) -> Score:
    """Judge a prediction.

    Parameters
    ----------
    predictions, truths : (n,) for each configuration
    halves : (2, n) for each configuration, the half-ensemble averages of the truth
    settings : the percentile bootstrap over configurations
    """
    per_configuration = np.array([correlation(x, y) for x, y in zip(predictions, truths, strict=True)])
    n = len(per_configuration)
    draws = np.random.default_rng(0).integers(n, size=(settings.resamples, n))
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(per_configuration[draws].mean(axis=1), [tail, 1 - tail])
    return Score(
        pearson=float(per_configuration.mean()),
        ci_low=float(low),
        ci_high=float(high),
        pooled_pearson=correlation(np.concatenate(predictions), np.concatenate(truths)),
        ceiling=float(np.mean([noise_ceiling(half) for half in halves])),
        n_configurations=n,
    )
