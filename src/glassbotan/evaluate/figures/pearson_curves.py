"""Curves of the Pearson coefficients against time, for two figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassbotan.errors import FileError
from glassbotan.evaluate.figures.contract import Drawing
from glassbotan.evaluate.figures.style import DAGGER, MODELS, model_looks, panels, pearson_label, shared_legend
from glassbotan.evaluate.published import FULL_DATA, published_pearson
from glassbotan.evaluate.readable import PUBLISHED_TARGET

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


ELSEWHERE = ("short-ensemble",)
"""Kinds of models that are in the figure of the cost of predictions instead."""
AROUND = 3.5
"""Factor by which the time axis extends below and above a single sampling time."""


def draw_pearson(scores: pd.DataFrame, symbols: Sequence[str], published: bool = False) -> Drawing:
    """Pearson coefficient and noise ceiling against time, a row for each target, a column for each temperature.

    Parameters
    ----------
    scores : the Pearson table
    symbols : symbols of targets; those that no model predicts are left out
    published : whether published coefficients of S, from networks trained on the full data set, are drawn as marks
    """
    import pandas as pd
    from matplotlib.ticker import NullFormatter

    table = scores[scores.target.isin(symbols) & ~scores.kind.isin(ELSEWHERE)]
    rows = [symbol for symbol in symbols if (table.target == symbol).any()]
    if not rows:
        raise FileError(f"the table has no scores of {' or '.join(symbols)}: no model of the study predicts them")
    temperatures = sorted(table.temperature.unique())
    # With one temperature, targets stand beside each other, else below each other.
    across = min(2, len(rows)) if len(temperatures) == 1 else len(temperatures)
    count = len(rows) * len(temperatures)
    figure, grid = panels(across, rows=-(-count // across), sharey=True, sharex="col")
    for ax in grid.flat[count:]:
        ax.set_axis_off()
    axes = grid.flat[:count].reshape(len(rows), len(temperatures))
    looks = model_looks(table)
    lowest = min(-0.05, table.pearson.min() - 0.05)
    drawn = [table]
    for of_target, symbol in zip(axes, rows, strict=True):
        of_target[0].set_ylabel(pearson_label(symbol))
        for ax, temperature in zip(of_target, temperatures, strict=True):
            here = table[(table.target == symbol) & (table.temperature == temperature)]
            _draw_scores(ax, here, looks)
            ax.set(xscale="log", ylim=(lowest, 1.02))
            if here.time.nunique() == 1:  # matplotlib leaves no room about a single point of a logarithmic axis
                ax.set_xlim(here.time.min() / AROUND, here.time.min() * AROUND)
            ax.xaxis.set_minor_formatter(NullFormatter())  # minor labels overlap if the axis is short
            if symbol == PUBLISHED_TARGET and published:
                drawn.append(_draw_published(ax, temperature))
    for ax, temperature in zip(axes[0], temperatures, strict=True):
        ax.set_title(f"$T = {temperature:g}$")
    for ax in axes.flat[-across:]:
        ax.set_xlabel(r"$t\;[\tau]$")
    shared_legend(figure, axes.flat)
    return Drawing(figure, pd.concat(drawn, ignore_index=True))


def _draw_scores(ax: Axes, scores: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    """Draw each model's coefficient with its interval against time, means over the seeds, and the noise ceiling."""
    ceiling = scores.groupby("time").ceiling.mean()
    ax.fill_between(ceiling.index, ceiling, 1.1, color="0.92", lw=0)
    alone: dict[str, Any] = {"marker": "_", "ms": 12} if len(ceiling) == 1 else {}
    ax.plot(ceiling.index, ceiling, color="0.6", lw=0.9, ls="--", label="noise ceiling", **alone)
    for model, of_model in scores.groupby("model", sort=False):
        mean = of_model.groupby("time")[["pearson", "ci_low", "ci_high"]].mean()
        ax.plot(mean.index, mean.pearson, **looks[str(model)])
        ax.vlines(mean.index, mean.ci_low, mean.ci_high, color=looks[str(model)]["color"], lw=0.9)


def _draw_published(ax: Axes, temperature: float) -> pd.DataFrame:
    """Mark the published coefficients at a temperature, within the range that the time axis has, and return them."""
    first, last = ax.get_xlim()
    found = published_pearson()
    found = found[np.isclose(found.temperature, temperature) & found.time.between(first / 1.2, last * 1.2)]
    for (model, marks), marker in zip(found.groupby("model", sort=False), "oP^vDs", strict=False):
        color = MODELS.get(str(model), "0.45")
        ax.plot(marks.time, marks.pearson, ls="none", marker=marker, ms=4, mfc="none", color=color, mew=0.9,
                label=f"{model} {DAGGER}")  # fmt: skip
    return found.assign(model=found.model + f" ({FULL_DATA})", target=PUBLISHED_TARGET)
