"""Published Pearson coefficients of other networks, for comparison with ours."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

FULL_DATA = "published, full data"
SAME_TIME = 0.05
"""Relative difference below which a published sampling time is treated as equal to ours."""


@cache
def published_pearson() -> pd.DataFrame:
    """Published Pearson coefficients of the propensity S, with the columns temperature, time, model and pearson.

    Each is the mean over 100 test configurations of the coefficient of the A particles. The networks were trained on
    the full data set of 400 configurations. The sources are the GlassBench test set (Jung et al., arXiv:2311.14752,
    CC-BY-4.0) for BOTAN, CAGE, GlassMLP and SE(3)-GNN, and Jiang (2025) for EIGNN.
    """
    import pandas as pd

    with resources.as_file(resources.files("glassbotan.published") / "pearson.csv") as path:
        return pd.read_csv(path, comment="#")


def published_beside(temperature: float, time: float) -> pd.Series[float]:
    """The published coefficients, by model, at a temperature and within 5 per cent of a time; there can be none."""
    table = published_pearson()
    same = np.isclose(table.temperature, temperature) & (np.abs(table.time / time - 1) < SAME_TIME)
    return table[same].set_index("model").pearson
