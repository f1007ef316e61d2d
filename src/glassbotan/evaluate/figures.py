"""Curves: the relaxation of the liquid, the scores, the losses."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassbotan.dynamics.scattering import double_stretched
from glassbotan.evaluate.tables import DISTANCE, ENERGY, LEARNT_FROM
from glassbotan.study import Limits

mpl.use("Agg")
STYLE: Any = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.8,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.3,
    "lines.markersize": 5,
    "mathtext.fontset": "cm",
    "svg.fonttype": "none",
    "svg.hashsalt": "glassbotan",
    "savefig.dpi": 200,
}
PANEL = 3.4
"""Width of one panel, inches: a journal's column."""

# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
WITHOUT_NETWORK = {ENERGY: "$U_i(0)$, no network", DISTANCE: "$-r_{ij}(0)$, no network"}


def panels(count: int, rows: int = 1, **kwargs: Any) -> tuple[Figure, np.ndarray]:
    """A figure with `rows` x `count` panels, and their axes as an array of that shape."""
    mpl.rcParams.update(STYLE)
    figure = Figure(figsize=(PANEL * count, 2.6 * rows), layout="constrained")
    return figure, figure.subplots(rows, count, squeeze=False, **kwargs)


def save(figure: Figure, path: Path, provenance: dict[str, Any]) -> None:
    """Write a figure in the format of its ending, its provenance in the metadata."""
    metadata = {"Title": path.stem, "Description": json.dumps(provenance)}
    if path.suffix == ".svg":
        metadata["Date"] = provenance["started"]
    figure.savefig(path, metadata=metadata)


def draw_relaxation(curves: Sequence[tuple[pd.DataFrame, dict[str, Any]]]) -> Figure:
    """F_s(k, t) of every configuration, their mean, the fit and tau_alpha; a panel for each temperature."""
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
    axes[0, 0].set_ylabel(r"$F_s(k=2\pi/\sigma_{AA},\,t)$, species A")
    axes[0, 0].plot([], [], color="0.8", label="single configurations")
    axes[0, 0].legend(loc="lower left")
    return figure


def draw_quality(table: pd.DataFrame, limits: Limits) -> Figure:
    """Every run against its number: temperatures, pressure, drifts, crystal-like particles, and the limits."""
    drawn: list[tuple[str, str, float | None]] = [
        ("temperature", r"kinetic $T$ / target", limits.temperature),
        ("configurational_temperature", r"configurational $T$ / target", limits.configurational_temperature),
        ("pressure", r"pressure $[\epsilon_{AA}/\sigma_{AA}^3]$", None),
        ("energy_drift", r"NVE drift $[\epsilon_{AA}/N\tau]$", limits.energy_drift),
        ("potential_energy_trend", r"$\Delta U$ in equilibration, in $\sigma_U$", limits.potential_energy_trend),
        ("crystal_fraction", "crystal-like particles", limits.crystal_fraction),
    ]
    drawn = [(name, label, limit) for name, label, limit in drawn if table[name].notna().any()]
    figure, axes = panels(min(3, len(drawn)), rows=-(-len(drawn) // 3))
    temperatures = sorted(table.target_temperature.unique())
    for ax, (name, label, limit) in zip(axes.flat, drawn, strict=True):
        relative = "temperature" in name
        for index, temperature in enumerate(temperatures):
            runs = table[table.target_temperature == temperature]
            values = runs[name] / temperature if relative else runs[name]
            if name == "potential_energy_trend":
                values = values / runs.potential_energy_fluctuation
            style = {"color": COLORS[index % len(COLORS)], "marker": MARKERS[index % len(MARKERS)]}
            ax.plot(runs.configuration, values, ls="none", label=f"$T = {temperature:g}$", **style)
        centre = 1.0 if relative else 0.0
        if name == "energy_drift":
            ax.set(yscale="log", ylim=(table[name].min() / 3, 3 * max(limits.energy_drift, table[name].max())))
        if name == "crystal_fraction":
            ax.set_ylim(-0.05 * limits.crystal_fraction, 1.2 * max(limits.crystal_fraction, table[name].max()))
        if limit is not None:
            sides = (1,) if name in ("energy_drift", "crystal_fraction") else (1, -1)
            for side in sides:
                ax.axhline(centre + side * limit, color="0.4", ls="--", lw=0.9)
        ax.set(xlabel="configuration", ylabel=label)
    axes[0, 0].plot([], [], color="0.4", ls="--", lw=0.9, label="limits")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(temperatures) + 1)
    return figure


def draw_pearson(table: pd.DataFrame) -> Figure:
    """The Pearson coefficient against time for S and E, and what limits it; a column for each temperature."""
    temperatures = sorted(table.temperature.unique())
    figure, axes = panels(len(temperatures), rows=2, sharey=True, sharex="col")
    styles = _styles(table)
    for row, (target, label) in enumerate((("S", r"$\rho(S)$, species A"), ("E", r"$\rho(E)$, A-A pairs"))):
        axes[row, 0].set_ylabel(label)
        for ax, temperature in zip(axes[row], temperatures, strict=True):
            here = table[(table.target == target) & (table.temperature == temperature)]
            _draw_scores(ax, here, styles)
            ax.set(xscale="log", ylim=(min(-0.05, table.ci_low.min() - 0.05), 1.02))
            if row == 0:
                ax.set_title(f"$T = {temperature:g}$")
            else:
                ax.set_xlabel(r"$t\;[\tau]$")
    handles, labels = [], []
    for ax in axes[:, 0]:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    figure.set_figheight(figure.get_figheight() + 0.25 * len(labels) / 2)
    return figure


def _styles(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The look of each model, the same in every panel."""
    names = [name for name in dict.fromkeys(table.model) if name not in WITHOUT_NETWORK]
    styles: dict[str, dict[str, Any]] = {
        name: {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)], "label": name}
        for i, name in enumerate(sorted(names))
    }
    for name, label in WITHOUT_NETWORK.items():
        styles[name] = {"color": "0.5", "marker": "x", "ls": ":", "label": label}
    return styles


def _draw_scores(ax: Axes, scores: pd.DataFrame, styles: dict[str, dict[str, Any]]) -> None:
    ceiling = scores.groupby("time").ceiling.mean()
    ax.fill_between(ceiling.index, ceiling, 1.1, color="0.92", lw=0)
    ax.plot(ceiling.index, ceiling, color="0.6", lw=0.9, ls="--", label="noise ceiling")
    for model, of_model in scores.groupby("model"):
        mean = of_model.groupby("time")[["pearson", "ci_low", "ci_high"]].mean()
        ax.plot(mean.index, mean.pearson, **styles[str(model)])
        ax.vlines(mean.index, mean.ci_low, mean.ci_high, color=styles[str(model)]["color"], lw=0.9)


def draw_learning_curve(table: pd.DataFrame) -> Figure:
    """The Pearson coefficient of S and E against the number of training configurations and of replicas."""
    networks = table[table.train_configurations.notna()]
    figure, axes = panels(2, sharey=True)
    most = {name: networks[name].max() for name in LEARNT_FROM}
    labels = {"train_configurations": "training configurations", "replicas": "replicas in the training targets"}
    looks = {
        "S": {"color": COLORS[0], "marker": MARKERS[0], "label": r"$\rho(S)$, species A"},
        "E": {"color": COLORS[1], "marker": MARKERS[1], "label": r"$\rho(E)$, A-A pairs"},
    }
    for ax, name, other in zip(axes[0], LEARNT_FROM, reversed(LEARNT_FROM), strict=True):
        varied = networks[networks[other] == most[other]]
        for target, look in looks.items():
            scores = varied[varied.target == target]
            mean = scores.groupby(name)[["pearson", "ci_low", "ci_high", "ceiling"]].mean()
            if mean.empty:
                continue
            ax.plot(mean.index, mean.pearson, **look)
            ax.vlines(mean.index, mean.ci_low, mean.ci_high, color=look["color"], lw=0.9)
            ax.axhline(mean.ceiling.mean(), color=look["color"], lw=0.9, ls="--")
        counts = sorted(varied[name].unique())
        ax.set(xscale="log", xlabel=labels[name], ylim=(min(-0.05, networks.ci_low.min() - 0.05), 1.02))
        ax.set_xticks(counts, labels=[str(count) for count in counts])
        ax.minorticks_off()
    axes[0, 0].set_ylabel("Pearson coefficient")
    axes[0, 0].plot([], [], color="0.4", lw=0.9, ls="--", label="noise ceiling")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    one = networks.iloc[0]
    figure.suptitle(f"{one.model}, $T = {one.temperature:g}$, $t = {one.time:g}$", fontsize=9)
    return figure


def draw_losses(histories: Sequence[tuple[pd.DataFrame, dict[str, Any]]]) -> Figure:
    """Training (solid) and validation loss (dashed) against the epoch; a panel for each model, a colour for each time.

    Parameters
    ----------
    histories : of each network, with the provenance that names it
    """
    by_model: dict[str, list[tuple[pd.DataFrame, dict[str, Any]]]] = {}
    for history, made in histories:
        by_model.setdefault(made["settings"]["model"], []).append((history, made))
    columns = 2 if len(by_model) in (2, 4) else min(len(by_model), 3)
    rows = -(-len(by_model) // columns)
    figure, axes = panels(columns, rows=rows)
    for ax in axes.ravel()[len(by_model) :]:
        ax.remove()
    times = sorted({made["time"] for _, made in histories})
    colormap = mpl.colormaps["viridis"]
    for ax, (model, runs) in zip(axes.ravel(), by_model.items(), strict=False):
        for history, made in runs:
            color = colormap(0.9 * times.index(made["time"]) / max(1, len(times) - 1))
            label = f"$T = {made['settings']['temperature']:g}$, $t = {made['time']:g}$"
            ax.plot(history.epoch, history.train_loss, color=color, label=label)
            if "validation_loss" in history:
                ax.plot(history.epoch, history.validation_loss, color=color, ls="--", lw=1)
                ax.plot(made["epoch"], history.validation_loss[history.epoch == made["epoch"]], "o", ms=4, color=color)
        units = runs[0][1]["settings"]["training"]["target_units"]
        ax.set(xlabel="epoch", ylabel="loss" + ("" if units == "reduced" else " (in variances)"), title=model)
        losses = pd.concat([history.filter(["train_loss", "validation_loss"]).stack() for history, _ in runs])
        if losses.max() > 5 * losses.min():
            ax.set_yscale("log")
        if len(runs) <= 10:
            if any("validation_loss" in history for history, _ in runs):
                ax.plot([], [], color="0.4", ls="--", lw=1, label="validation")
            ax.legend(fontsize=7, loc="best")
    return figure
