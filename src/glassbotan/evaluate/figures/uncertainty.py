"""The error of averaged predictions against their uncertainty, the standard deviation between the members."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glassbotan import layout
from glassbotan.dynamics.registry import targets
from glassbotan.evaluate.figures.contract import (
    PREDICTED,
    Drawing,
    Figure,
    FigureFiles,
    Inputs,
    NotDrawnError,
    Place,
    each_temperature,
)
from glassbotan.evaluate.figures.style import panels, shared_legend
from glassbotan.files.predictions import Prediction
from glassbotan.study.runs import runs_of
from glassbotan.study.study import Study

BINS = 10
"""Number of groups of particles or pairs, of equal size, in order of their uncertainty."""


def inputs(study: Study, place: Place) -> Inputs:
    """The predictions of every average."""
    point = study.point(place["point"])
    files = [layout.predictions(run) for run in runs_of(study) if run.point == point and run.model.has_spread]
    if not files:
        raise NotDrawnError("has no average of several predictors, whose uncertainty could be drawn")
    return Inputs({"predictions": files}, {"pair_range": study.scores.pair_range})


def draw(files: FigureFiles) -> Drawing:
    """Root mean square error against root mean square spread: a row for each average, a column for each target."""
    import pandas as pd
    from matplotlib import colormaps

    found = files.predictions()
    columns = max(len(one.symbols) for one in found)
    figure, axes = panels(columns, rows=len(found))
    data = []
    for row, predictions in zip(axes, found, strict=True):
        model = predictions.origin.model
        colors = colormaps["viridis"](np.linspace(0, 0.9, len(predictions.times)))
        for ax, symbol in zip(row, predictions.symbols, strict=False):
            for time, at_time, color in zip(predictions.times, predictions.at_times, colors, strict=True):
                spread, error = error_by_spread(at_time, symbol, files.settings["pair_range"])
                ax.plot(spread, error, color=color, marker="o", ms=3, label=f"$t = {time:g}$")
                curve = pd.DataFrame({"spread": spread, "error": error, "model": model, "target": symbol, "time": time})
                data.append(curve.assign(temperature=predictions.temperature))
            unit = targets()[symbol].tex_unit
            ax.set(xscale="log", yscale="log")
            limits = ax.get_xlim(), ax.get_ylim()
            ax.plot(limits[0], limits[0], color="0.6", lw=0.9, ls="--", label="error = spread", zorder=0)
            ax.set(
                xlim=limits[0],
                ylim=(0.7 * limits[1][0], 1.4 * limits[1][1]),
                title=f"${symbol}$ of {model}, $T = {predictions.temperature:g}$",
            )
            ax.set(xlabel=rf"spread $[{unit}]$", ylabel=rf"error $[{unit}]$")
        for ax in row[len(predictions.symbols) :]:
            ax.set_axis_off()
    shared_legend(figure, axes.flat)
    return Drawing(figure, pd.concat(data, ignore_index=True))


def error_by_spread(predictions: Sequence[Prediction], symbol: str, pair_range: float) -> tuple[NDArray, NDArray]:
    """Error and spread of a target, for groups of particles or pairs in order of their spread.

    The error is the root of the mean of (prediction - simulation)^2 minus the variance of the simulated mean over
    replicas, which is estimated from the difference of the half-ensemble averages where they are known.

    Parameters
    ----------
    predictions : predictions of an average for the test configurations at one time
    symbol : the target
    pair_range : largest distance of pairs that count, sigma_AA

    Returns
    -------
    spread, error : (BINS,) each, in the target's unit
    """
    spreads, squares = [], []
    for one in predictions:
        compared, among = one.targets[symbol], one.scored(symbol, pair_range)
        assert compared.spread is not None
        square = (compared.predicted - compared.truth)[among].astype(np.float64) ** 2
        if compared.halves is not None:
            first, second = compared.halves[:, among].astype(np.float64)
            square -= ((first - second) / 2) ** 2
        spreads.append(compared.spread[among].astype(np.float64))
        squares.append(square)
    spread, square = np.concatenate(spreads), np.concatenate(squares)
    groups = np.array_split(np.argsort(spread), BINS)
    of_groups = [[values[group].mean() for group in groups] for values in (spread**2, square)]
    return np.sqrt(of_groups[0]), np.sqrt(np.maximum(of_groups[1], 0.0))


FIGURE = Figure(
    name="uncertainty_{point}",
    section=PREDICTED,
    title="Error and uncertainty",
    caption="The A particles (or near A-A pairs) of all test configurations in ten groups of equal size, in order of "
    "the standard deviation between the members of an average: the root mean square of the difference between the "
    "average and the simulation, against the root mean square of that standard deviation. The noise of the simulated "
    "averages is subtracted where half-ensemble averages are known. Where a curve rises, uncertain predictions are the "
    "wrong ones. Above the dashed line, the error is larger than the members differ: they all make the same error.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
)
