"""Pearson coefficients that others have published, to stand beside ours."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

FULL_DATA = "published, full data"
SAME_TIME = 0.05
"""Relative difference within which a published sampling time is taken for ours."""


@cache
def published_pearson() -> pd.DataFrame:
    """Published coefficients of S: columns temperature, time, model, pearson.

    Of species A, mean over 100 test configurations of the coefficient per configuration, networks trained on the full
    data set of 400: the GlassBench test set (Jung et al., arXiv:2311.14752, CC-BY-4.0) for BOTAN, CAGE, GlassMLP and
    SE(3)-GNN; Jiang (2025) for EIGNN.
    """
    import pandas as pd

    with resources.as_file(resources.files("glassbotan.published") / "pearson.csv") as path:
        return pd.read_csv(path, comment="#")


def published_beside(temperature: float, time: float) -> pd.Series[float]:
    """The published coefficients at a temperature and, within 5 per cent, a time, by model; perhaps none."""
    table = published_pearson()
    same = np.isclose(table.temperature, temperature) & (np.abs(table.time / time - 1) < SAME_TIME)
    return table[same].set_index("model").pearson
