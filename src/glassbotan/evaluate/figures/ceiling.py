"""The noise ceiling against the number of replicas, measured and predicted."""

from collections.abc import Iterator
from typing import Any

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
from glassbotan.evaluate.figures.style import COLORS, MARKERS, panels, shared_legend
from glassbotan.files.targets import read_targets
from glassbotan.statistics import Estimate, noise_ceiling
from glassbotan.study.study import Study

SYMBOLS = ("S", "E")
FEWEST = 4
"""Smallest number of replicas that is shown: two in each half."""
BEYOND = 8
"""The prediction is drawn up to this many times the number of replicas."""


def inputs(study: Study, place: Place) -> Inputs:
    """Targets files of the test configurations from all replicas, and from 4, 8, 16, ... of them."""
    point = study.point(place["point"])
    if study.source == "glassbench":
        raise NotDrawnError("has published propensities, whose replicas are not known")
    most = study.targets.most_replicas or (study.ensemble.replicas if study.simulates else 32)
    numbers = [2**power for power in range(2, 12) if FEWEST <= 2**power < most]
    folders = [*(f"targets-r{number:02d}" for number in numbers), "targets"]
    files = [path for folder in folders for path in layout.targets(point.label, study.configurations.test, folder)]
    return Inputs({"targets": files}, {"pair_range": study.scores.pair_range})


def draw(files: FigureFiles) -> Drawing:
    """A panel for each target, in it a curve for each time."""
    import pandas as pd

    # If there are fewer replicas than the name of a folder says, its targets are those of another folder.
    table = pd.DataFrame(_rows(files)).drop_duplicates(["target", "time", "replicas", "configuration"])
    symbols = [symbol for symbol in SYMBOLS if (table.target == symbol).any()]
    figure, axes = panels(len(symbols), sharey=True)
    drawn = []
    for ax, symbol in zip(axes[0], symbols, strict=True):
        for number, (time, here) in enumerate(table[table.target == symbol].groupby("time")):
            look: dict[str, Any] = {"color": COLORS[number % len(COLORS)]}
            groups = here.groupby("replicas").ceiling
            measured = pd.DataFrame({n: Estimate.of_mean(values)._asdict() for n, values in groups}).T
            most = int(here.replicas.max())
            reliability = here[here.replicas == most].ceiling ** 2
            counts = np.geomspace(2, BEYOND * most, 60)
            predicted = np.mean([of_fewer(one, most, counts) for one in reliability], axis=0)
            ax.plot(counts, predicted, lw=1, **look)
            ax.errorbar(measured.index, measured.value, measured.error, fmt=MARKERS[number % len(MARKERS)], capsize=2,
                        label=f"$t = {time:g}$", **look)  # fmt: skip
            at = [float(np.mean([of_fewer(one, most, np.array(n)) for one in reliability])) for n in measured.index]
            shown = measured.rename_axis("replicas").reset_index()
            drawn.append(shown.assign(target=symbol, time=time, predicted=at))
        ax.set(xscale="log", xlabel="replicas", ylim=(0, 1.02), title=rf"noise ceiling of ${symbol}$")
        ax.set_xticks(sorted(table.replicas.unique()), labels=[str(n) for n in sorted(table.replicas.unique())])
        ax.minorticks_off()
    shared_legend(figure, axes.flat)
    columns = ["target", "time", "replicas", "value", "error", "predicted"]
    return Drawing(figure, pd.concat(drawn, ignore_index=True)[columns])


def of_fewer(reliability: float, replicas: int, others: NDArray) -> NDArray[np.float64]:
    """The noise ceiling with other numbers of replicas.

    The reliability of the mean over n replicas is n r / (1 + (n - 1) r), with the reliability r of a single one
    (Spearman and Brown); the ceiling is its square root.

    Parameters
    ----------
    reliability : that of the mean over `replicas`, the square of the noise ceiling
    others : numbers of replicas
    """
    single = reliability / (replicas - (replicas - 1) * reliability)
    ceiling: NDArray[np.float64] = np.sqrt(others * single / (1 + (others - 1) * single))
    return ceiling


def _rows(files: FigureFiles) -> Iterator[dict[str, Any]]:
    """The ceiling of each target, time, number of replicas and configuration."""
    for path in files.paths["targets"]:  # not all with the same settings, since the numbers of replicas differ
        found = read_targets(path)
        structure = found.structure()
        for symbol in SYMBOLS:
            if symbol not in found.halves:
                continue
            mask = structure.scored(targets()[symbol].of, files.settings["pair_range"])
            for time, halves in zip(found.times, found.halves[symbol], strict=True):
                yield {"target": symbol, "time": float(time), "replicas": found.replicas,
                       "configuration": found.configuration, "ceiling": noise_ceiling(halves[:, mask])}  # fmt: skip


FIGURE = Figure(
    name="ceiling_{point}",
    section=PREDICTED,
    title="Noise ceiling and replicas",
    caption="The largest Pearson coefficient that a prediction can reach, against the number of replicas over which S "
    "and E are averaged. Points: measured with the first 4, 8, 16, ... replicas, mean over the test configurations "
    "with its standard error. Lines: predicted from all replicas by the formula of Spearman and Brown; to the right "
    "of the last point they say what more replicas would give.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
    on_request=True,
)
