"""The self-intermediate scattering function, with its fit and tau_alpha (Fig. 2)."""

from glassbotan import layout
from glassbotan.dynamics.relaxation import double_stretched
from glassbotan.evaluate.figures.contract import (
    LIQUID,
    Drawing,
    Figure,
    FigureFiles,
    Inputs,
    NotDrawnError,
    Place,
)
from glassbotan.evaluate.figures.style import COLORS, panels
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """The relaxation tables of all temperatures, with their fits."""
    if not study.simulates:
        raise NotDrawnError("uses published trajectories, for which F_s is known only at the sampling times")
    tables = [layout.relaxation(point) for point in study.temperatures]
    return Inputs({"tables": tables, "fits": [table.replace(".csv", ".json") for table in tables]})


def draw(files: FigureFiles) -> Drawing:
    """F_s(k, t) of every configuration, their mean, the fit and tau_alpha; a panel for each temperature."""
    import numpy as np
    import pandas as pd

    curves = list(zip(files.tables("tables"), files.json("fits"), strict=True))
    figure, axes = panels(len(curves), sharey=True)
    for ax, (table, fit) in zip(axes[0], curves, strict=True):
        for _, one in table.groupby("configuration"):
            ax.plot(one.time, one.scattering, color="0.8", lw=0.6, zorder=1)
        mean = table.groupby("time").scattering.mean()
        t = np.geomspace(mean.index.min(), max(mean.index.max(), 1.5 * fit["tau_alpha"]), 300)
        shape = [fit[name] for name in ("f", "tau_s", "beta_s", "tau_alpha", "beta")]
        ax.plot(t, double_stretched(t, *shape), color=COLORS[0], zorder=2, label="double stretched exponential")
        ax.plot(mean.index, mean, "o", color=COLORS[1], ms=3.5, zorder=3, label="mean of the configurations")
        ax.axvline(fit["tau_alpha"], color="0.4", ls="--", lw=0.9)
        error = fit["tau_alpha_error"]
        spread = "" if np.isnan(error) else rf" \pm {error:.2g}"
        beyond = " (extrapolated)" if fit["beyond_data"] else ""
        title = rf"$T = {fit['temperature']:g}$: $\tau_\alpha = {fit['tau_alpha']:.3g}{spread}$" + beyond
        ax.set(xscale="log", ylim=(0, 1), xlabel=r"$t\;[\tau]$", title=title)
    axes[0, 0].set_ylabel(r"$F_s(k,\,t)$, species A")
    axes[0, 0].plot([], [], color="0.8", label="single configurations")
    axes[0, 0].legend(loc="lower left")
    return Drawing(figure, pd.concat([table.assign(temperature=fit["temperature"]) for table, fit in curves]))


FIGURE = Figure(
    name="fig02_relaxation",
    section=LIQUID,
    title="Relaxation",
    caption="Self-intermediate scattering function of species A at the wave number k of the "
    "study (targets.wave_number, 2π/σ_AA by default). Grey: single configurations, whose "
    "spread shows how much configurations of this size differ; points: their mean; line: the fitted double "
    "stretched exponential; dashed: τ_α. The title gives τ_α with its jackknife error over the configurations.",
    inputs=inputs,
    draw=draw,
    paper="Fig. 2",
)
