"""The self-intermediate scattering function, with its fit and tau_alpha (Fig. 2)."""

from typing import Any

from glassbotan import layout
from glassbotan.dynamics.relaxation import Relaxation, double_stretched
from glassbotan.evaluate.figures.contract import (
    LIQUID,
    Drawing,
    Figure,
    FigureFiles,
    Inputs,
    NotDrawnError,
    Place,
)
from glassbotan.evaluate.figures.style import COLORS, panels, shared_legend
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """The relaxation tables of all temperatures, with their fits."""
    if not study.simulates:
        raise NotDrawnError("uses published trajectories, for which F_s is known only at the sampling times")
    return Inputs(
        {
            "tables": [layout.relaxation(point) for point in study.temperatures],
            "fits": [layout.relaxation_fit(point) for point in study.temperatures],
        },
        {"sampling_times": [list(point.sampling_times) for point in study.temperatures]},
    )


def draw(files: FigureFiles) -> Drawing:
    """F_s(k, t) of every configuration, their mean, the fit and both relaxation times; a panel for each temperature."""
    import numpy as np
    import pandas as pd

    curves = list(zip(files.tables("tables"), files.json("fits"), strict=True))
    sampled = files.settings["sampling_times"]
    figure, axes = panels(min(3, len(curves)), rows=-(-len(curves) // 3), sharey=True)
    drawn = []
    for ax, (table, fit), times in zip(axes.flat, curves, sampled, strict=False):
        for _, one in table.groupby("configuration"):
            ax.plot(one.time, one.scattering, color="0.8", lw=0.6, zorder=1)
        of_time = table.groupby("time").scattering
        mean = of_time.mean().to_frame("mean").assign(error=of_time.sem()).reset_index()
        t = np.geomspace(mean.time.min(), max(mean.time.max(), 1.5 * fit["tau_alpha"]), 300)
        shape = [fit[name] for name in ("f", "tau_s", "beta_s", "tau_alpha", "beta")]
        ax.plot(t, double_stretched(t, *shape), color=COLORS[0], zorder=2, label="double stretched exponential")
        ax.errorbar(mean.time, mean["mean"], mean.error, fmt="o", color=COLORS[1], ms=3.5, zorder=3,
                    label="mean of the configurations")  # fmt: skip
        for time in times:
            ax.axvline(time, color="0.75", ls=":", lw=0.8, zorder=0)
        ax.axvline(fit["tau_alpha"], color=COLORS[0], ls="--", lw=0.9)
        ax.axhline(1 / np.e, color="0.6", lw=0.6, zorder=0)
        if fit["tau_e"] == fit["tau_e"]:
            ax.plot([fit["tau_e"]], [1 / np.e], "D", color="k", mfc="none", ms=6, zorder=4, ls="none",
                    label="time at which the mean is 1/e")  # fmt: skip
        beyond = " (extrapolated)" if Relaxation.of(fit).extrapolated else ""
        named = rf"$T = {fit['temperature']:g}$: $\tau_\alpha = {_number(fit, 'tau_alpha')}$" + beyond
        one_over_e = (
            rf"$\tau_{{1/e}} = {_number(fit, 'tau_e')}$"
            if fit["tau_e"] == fit["tau_e"]
            else "1/e is not within the times"
        )
        ax.set(xscale="log", ylim=(0, 1), xlabel=r"$t\;[\tau]$", title=f"{named}\n{one_over_e}")
        drawn.append(table.assign(temperature=fit["temperature"]).merge(mean, on="time"))
    for ax in axes.flat[len(curves) :]:
        ax.remove()
    for ax in axes[:, 0]:
        ax.set_ylabel(r"$F_s(k,\,t)$, species A")
    axes[0, 0].plot([], [], color="0.8", label="single configurations")
    axes[0, 0].plot([], [], color="0.75", ls=":", lw=0.8, label="sampling times")
    shared_legend(figure, axes.flat[: len(curves)])
    return Drawing(figure, pd.concat(drawn))


def _number(fit: dict[str, Any], name: str) -> str:
    error = fit[f"{name}_error"]
    return f"{fit[name]:.3g}" + (rf" \pm {error:.2g}" if error == error else "")


FIGURE = Figure(
    name="fig02_relaxation",
    section=LIQUID,
    title="Relaxation",
    caption="Self-intermediate scattering function of species A at the wave number k of the study "
    "(targets.wave_number, 2π/σ_AA by default). Grey: single configurations, whose spread shows how much systems "
    "of this size differ; points: their mean with its standard error; line: double stretched exponential, fitted with "
    "these errors as weights; dashed: its τ_α; diamond: the time at which the mean is 1/e; dotted: the sampling times. "
    "Both relaxation times have their jackknife error over the configurations. They differ by definition: "
    "F_s(τ_α) is f/e, with the height f of the plateau.",
    inputs=inputs,
    draw=draw,
    paper="Fig. 2",
)
