"""Which descriptors matter in the ridge: its weights by quantity, radius and order of averaging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glassbotan import layout
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
from glassbotan.evaluate.figures.style import COLORS, PANEL, new_figure
from glassbotan.kob_andersen import Species
from glassbotan.study.runs import first_seeds, nearest_relaxation
from glassbotan.study.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SYMBOL, KIND = "S", "ridge"


def inputs(study: Study, place: Place) -> Inputs:
    """The ridge that describes most structures, and a test configuration that tells which descriptors it has."""
    point = study.point(place["point"])
    runs = [run for run in first_seeds(study, point) if run.model.kind == KIND and SYMBOL in run.model.predicts]
    if not runs:
        raise NotDrawnError(f"has no ridge at {point.label} that predicts {SYMBOL}")
    run = max(runs, key=lambda run: len(run.model.needs))
    first = study.configurations.test[:1]
    targets = [*layout.targets(point.label, first), *layout.structures(point.label, first, run.model.needs)]
    index = run.times.index(nearest_relaxation(point, run.times))
    return Inputs({"fitted": [layout.fitted(run)], "targets": targets}, {"time": index})


def draw(files: FigureFiles) -> Drawing:
    """A row of panels for each structure with weights: densities, bond order, and what has no radius."""
    table, time = weights_of(files)
    largest = table.weight.abs().groupby(table.state, sort=False).max()
    states = [*largest.index[largest > 0]] or [*largest.index]
    without = [state for state in largest.index if state not in states]
    figure = new_figure(2.1 * PANEL, 0.5 + 1.9 * len(states))
    axes = figure.subplots(len(states), 3, squeeze=False, sharey=True, width_ratios=(1.2, 1.2, 1))
    for of_state, state in zip(axes, states, strict=True):
        here = table[table.state == state]
        _densities(of_state[0], here[here.quantity.str.startswith("density")])
        _bond_orders(of_state[1], here[here.quantity.str.startswith("bond order")])
        _others(of_state[2], here[here.radius == 0])
        of_state[0].set_ylabel(f"{state}\nweight")
    axes[0, 0].legend(fontsize=6)
    axes[0, 1].legend(fontsize=6)
    axes[0, 0].set_title("densities in shells", fontsize=8)
    axes[0, 1].set_title("bond order in shells", fontsize=8)
    axes[0, 2].set_title("others", fontsize=8)
    for ax in axes[-1, :2]:
        ax.set_xlabel(r"$r\;[\sigma_{AA}]$")
    title = f"ridge of {SYMBOL}, A particles, $t = {time:g}$"
    figure.suptitle(title + (f"\nwithout weights: {', '.join(without)}" if without else ""), fontsize=9)
    return Drawing(figure, table)


def weights_of(files: FigureFiles) -> tuple[pd.DataFrame, float]:
    """The weights for A particles as a table with a row per descriptor, and the time of the prediction."""
    import pandas as pd

    predictor: Any = files.fitted()[0].predictor
    (found,) = files.targets()
    labels = predictor.input.descriptors.labels(found.structure(), predictor.settings.structures)
    symbols, n_t = predictor.settings.targets, len(predictor.domain.times)
    column = symbols.index(SYMBOL) * n_t + files.settings["time"]
    weights = predictor.fit.weights[Species.A, :, column] * predictor.fit.spreads[Species.A]
    table = pd.DataFrame(labels).assign(weight=weights)
    return table, predictor.domain.times[files.settings["time"]]


def _opacity(order: int, of_none: float = 1.0) -> float:
    """Opacity of what belongs to an order of averaging: the higher the order, the paler."""
    return max(0.15, of_none - 0.3 * order)


def _densities(ax: Axes, table: pd.DataFrame) -> None:
    """Weights of the densities of both species, in paler lines for higher orders of averaging."""
    for color, species in zip(COLORS, Species, strict=False):
        of_kind = table[table.quantity == f"density of {species.name}"]
        for order in sorted(of_kind.averages.unique().tolist()):
            of_order = of_kind[of_kind.averages == order]
            curve = of_order.sort_values("radius")
            label = species.name if order == 0 else None
            ax.plot(curve.radius, curve.weight, color=color, lw=1.2, alpha=_opacity(order, 0.9), label=label)
    ax.axhline(0, color="0.7", lw=0.6)


def _bond_orders(ax: Axes, table: pd.DataFrame) -> None:
    """Root of the sum of the squared weights over the degrees of the bond order, a line for each order of averaging."""
    for order in sorted(table.averages.unique().tolist()):
        of_order = table[table.averages == order]
        size = np.sqrt((of_order.weight**2).groupby(of_order.radius).sum())
        ax.plot(size.index, size, color=COLORS[2], alpha=_opacity(order), label=f"averaged {order} times")
    ax.axhline(0, color="0.7", lw=0.6)


def _others(ax: Axes, table: pd.DataFrame) -> None:
    """Bars for the descriptors without a radius."""
    names = list(dict.fromkeys(table.quantity))
    for order in sorted(table.averages.unique().tolist()):
        of_order = table[table.averages == order]
        ax.bar(np.arange(len(names)) + 0.25 * (order - 1), of_order.weight, 0.25, color="0.3",
               alpha=_opacity(order))  # fmt: skip
    ax.set_xticks(np.arange(len(names)), [name.replace(" squared", "²") for name in names], rotation=25, fontsize=6)
    ax.axhline(0, color="0.7", lw=0.6)


FIGURE = Figure(
    name="ridge_weights_{point}",
    section=PREDICTED,
    title="Weights of the ridge",
    caption="Weights of the ridge that describes most structures, for descriptors that are scaled to standard "
    "deviation 1, at the sampling time nearest to τ_α. Left: densities of A and B in shells of radius r; paler "
    "lines are averages over the neighbourhood, once and twice. Middle: bond order, root of the sum of the "
    "squares over the degrees. Right: energy, displacement from the thermal position and size of the "
    "fluctuations, with their averages. The validation chooses whether all structures have weights, or one alone. "
    "Descriptors that are alike have the weight in common, so that a single "
    "weight says little.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
)
