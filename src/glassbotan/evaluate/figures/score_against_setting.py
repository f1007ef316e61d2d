"""Curves of the Pearson coefficients of one model against a quantity that was varied, for several figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassbotan import layout
from glassbotan.evaluate.figures.contract import Drawing, FigureFiles, Inputs, NotDrawnError
from glassbotan.evaluate.figures.style import panels, pearson_label, shared_legend, target_look
from glassbotan.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

LOGARITHMIC = 3.0
"""An axis is logarithmic if its values are positive and the largest is at least this many times the smallest."""


def ablation_inputs(study: Study, name: str) -> Inputs:
    """The table of the scores of an ablation."""
    if name not in study.ablations:
        raise NotDrawnError(f"has no section ablations.{name}, which defines the comparison")
    setting = study.ablations[name].setting
    return Inputs({"table": [layout.scores(f"ablation_{name}")]}, {"setting": setting})


def draw_ablation(files: FigureFiles, label: str | None = None) -> Drawing:
    """Pearson coefficients against the values of a setting; `label` of the axis is by default the setting's name."""
    from glassbotan.evaluate.pearson import VALUE

    return draw_against(files.scores(), {VALUE: label or files.settings["setting"]})


def draw_against(scores: pd.DataFrame, varied: dict[str, str]) -> Drawing:
    """Pearson coefficients of one model at one temperature and time, a panel for each quantity that was varied.

    Parameters
    ----------
    scores : Pearson table of the fits; of several varied quantities, each fit has all but one at their largest value
    varied : columns of the table, with the labels of their axes; columns whose values are not known are left out
    """
    import pandas as pd

    fits = scores[scores.fitted.astype(bool) & scores.seed.notna()]
    varied = {name: label for name, label in varied.items() if fits[name].notna().any()}
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
    """Positions of values on an axis (the value of a number, the order of a word), and the ticks with their labels."""
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all() and values.dtype != bool:
        return numbers.tolist(), {float(number): f"{number:g}" for number in sorted(numbers.unique())}
    words = list(dict.fromkeys(map(str, values)))
    return [float(words.index(str(value))) for value in values], {float(at): word for at, word in enumerate(words)}
