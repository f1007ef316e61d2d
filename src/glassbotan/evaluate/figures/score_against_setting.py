"""Pearson coefficients of one model against what was varied, which several figures draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassbotan import layout
from glassbotan.evaluate.figures.contract import Drawing, FigureFiles, Inputs, NotDrawnError
from glassbotan.evaluate.figures.style import panels, pearson_label, shared_legend, target_look
from glassbotan.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

LOGARITHMIC = 3.0
"""Ratio of the largest to the smallest positive value from which an axis is logarithmic."""


def ablation_inputs(study: Study, name: str) -> Inputs:
    """The table of an ablation's scores."""
    if name not in study.ablations:
        raise NotDrawnError(f"has no section ablations.{name}, which would say what to draw")
    setting = study.ablations[name].setting
    return Inputs({"table": [layout.scores(f"ablation_{name}")]}, {"setting": setting})


def draw_ablation(files: FigureFiles, label: str | None = None) -> Drawing:
    """The coefficients against the values of the setting; `label` of the axis is by default the setting's name."""
    from glassbotan.evaluate.pearson import VALUE

    return draw_against(files.scores(), {VALUE: label or files.settings["setting"]})


def draw_against(scores: pd.DataFrame, varied: dict[str, str]) -> Drawing:
    """The Pearson coefficients of one model at one place against each of what was varied; a panel for each.

    Parameters
    ----------
    scores : of the fits; where several things vary, each fit has less than the most of one at most
    varied : columns of the table, and labels of their axes
    """
    import pandas as pd

    fits = scores[scores.fitted.astype(bool) & scores.seed.notna()]
    most = fits[list(varied)].max()
    figure, axes = panels(len(varied), sharey=True)
    lowest = min(-0.05, fits.pearson.min() - 0.05)
    for ax, (name, label) in zip(axes[0], varied.items(), strict=True):
        others = [other for other in varied if other != name]
        shown = fits[(fits[others] == most[others]).all(axis=1)]
        places, ticks = _places(shown[name])
        for symbol, of_target in shown.assign(place=places).groupby("target", sort=False):
            look = target_look(str(symbol))
            mean = of_target.groupby("place")[["pearson", "ci_low", "ci_high", "ceiling"]].mean()
            ax.plot(mean.index, mean.pearson, label=pearson_label(str(symbol)), **look)
            ax.vlines(mean.index, mean.ci_low, mean.ci_high, color=look["color"], lw=0.9)
            ax.axhline(mean.ceiling.mean(), color=look["color"], lw=0.9, ls="--")
        ax.set(xlabel=label, ylim=(lowest, 1.02))
        if min(ticks) > 0 and max(ticks) >= LOGARITHMIC * min(ticks):
            ax.set_xscale("log")
            ax.minorticks_off()
        ax.set_xticks(list(ticks), labels=list(ticks.values()))
    axes[0, 0].set_ylabel("Pearson coefficient")
    axes[0, 0].plot([], [], color="0.4", lw=0.9, ls="--", label="noise ceiling")
    shared_legend(figure, axes.flat)
    one = fits.iloc[0]
    figure.suptitle(f"{one.model}, $T = {one.temperature:g}$, $t = {one.time:g}$", fontsize=9)
    return Drawing(figure, pd.DataFrame(fits))


def _places(values: pd.Series) -> tuple[list[float], dict[float, str]]:
    """Where values stand on an axis, numbers where they are and words one after the other; and the ticks there."""
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all() and values.dtype != bool:
        return numbers.tolist(), {float(number): f"{number:g}" for number in sorted(numbers.unique())}
    words = list(dict.fromkeys(map(str, values)))
    return [float(words.index(str(value))) for value in values], {float(at): word for at, word in enumerate(words)}
