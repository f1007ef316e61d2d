"""Curves of Pearson coefficients against a quantity that was varied, for several figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glassbotan import layout
from glassbotan.evaluate.figures.contract import Drawing, FigureFiles, Inputs, NotDrawnError
from glassbotan.evaluate.figures.style import model_looks, panels, pearson_label, shared_legend, target_look
from glassbotan.study.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LOGARITHMIC = 3.0
"""An axis is logarithmic if its values are positive and the largest is at least this many times the smallest."""


def ablation_inputs(study: Study, name: str) -> Inputs:
    """The table of the scores of an ablation."""
    if name not in study.ablations:
        raise NotDrawnError(f"has no section ablations.{name}, which defines the comparison")
    setting = study.ablations[name].setting
    return Inputs({"table": [layout.summary(f"ablation_{name}")]}, {"setting": setting})


def draw_ablation(files: FigureFiles, label: str | None = None) -> Drawing:
    """Pearson coefficients against the values of a setting; `label` of the axis is by default the setting's name."""
    from glassbotan.evaluate.pearson import VALUE

    return draw_against(files.scores(), {VALUE: label or files.settings["setting"]})


def draw_against(scores: pd.DataFrame, varied: dict[str, str]) -> Drawing:
    """Pearson coefficients at one temperature, a column of panels for each quantity that was varied.

    The curves of one model are those of its targets, with a row for each time. With several models there is a row for
    each target, and the curves are those of the models.

    Parameters
    ----------
    scores : summary of the scores of the fits; of several varied quantities, each fit has all but one at their largest
        value
    varied : columns of the table, with the labels of their axes; columns whose values are not known are left out
    """
    import pandas as pd

    fits = scores[scores.fitted.astype(bool)]
    varied = {name: label for name, label in varied.items() if fits[name].notna().any()}
    models, symbols, times = (list(fits[name].unique()) for name in ("model", "target", "time"))
    by_model = len(models) > 1
    rows = [fits[fits.target == one] for one in symbols] if by_model else [fits[fits.time == one] for one in times]
    figure, axes = panels(len(varied), rows=len(rows), sharey="row", sharex="col")
    if by_model:
        looks = model_looks(fits)
    else:
        looks = {symbol: {**target_look(symbol), "label": pearson_label(symbol)} for symbol in symbols}
    for row, of_row in zip(axes, rows, strict=True):
        for ax, name in zip(row, varied, strict=True):
            _draw_panel(ax, of_row, name, [other for other in varied if other != name], looks, by_model)
        one = of_row.iloc[0]
        row[0].set(
            ylabel=pearson_label(one.target) if by_model else "Pearson coefficient",
            ylim=(min(-0.05, of_row.pearson.min() - 0.05), 1.02),
        )
        if len(times) > 1 and not by_model:
            row[0].set_title(f"$t = {one.time:g}$")
    for ax, label in zip(axes[-1], varied.values(), strict=True):
        ax.set_xlabel(label)
    axes[0, 0].plot([], [], color="0.4", lw=0.9, ls="--", label="noise ceiling")
    shared_legend(figure, axes.flat)
    one = fits.iloc[0]
    place = f"$T = {one.temperature:g}$" + (f", $t = {one.time:g}$" if len(times) == 1 else "")
    figure.suptitle(place if by_model else f"{one.model}, {place}", fontsize=9)
    return Drawing(figure, pd.DataFrame(fits))


def _draw_panel(
    ax: Axes, fits: pd.DataFrame, name: str, others: list[str], looks: dict[str, dict[str, Any]], by_model: bool
) -> None:
    """The curves against one quantity, of the fits for which all other quantities have their largest value."""
    shown = fits[(fits[others] == fits[others].max()).all(axis=1)]
    places, ticks = _places(shown[name])
    for key, of_curve in shown.assign(place=places).groupby("model" if by_model else "target", sort=False):
        look = looks[str(key)]
        mean = of_curve.groupby("place")[["pearson", "ci_low", "ci_high", "ceiling"]].mean()
        ax.plot(mean.index, mean.pearson, **look)
        ax.vlines(mean.index, mean.ci_low, mean.ci_high, color=look["color"], lw=0.9)
        color = "0.4" if by_model else look["color"]
        ax.axhline(mean.ceiling.mean(), color=color, lw=0.9, ls="--")
    if min(ticks) > 0 and max(ticks) >= LOGARITHMIC * min(ticks):
        ax.set_xscale("log")
        ax.minorticks_off()
    ax.set_xticks(list(ticks), labels=list(ticks.values()))


def _places(values: pd.Series) -> tuple[list[float], dict[float, str]]:
    """Positions of values on an axis (the value of a number, the order of a word), and the ticks with their labels."""
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all() and values.dtype != bool:
        return numbers.tolist(), {float(number): f"{number:g}" for number in sorted(numbers.unique())}
    words = list(dict.fromkeys(map(str, values)))
    return [float(words.index(str(value))) for value in values], {float(at): word for at, word in enumerate(words)}
