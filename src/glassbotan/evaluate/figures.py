"""Curves: the relaxation of the liquid, the scores, the losses."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from glassbotan.dynamics.scattering import double_stretched
from glassbotan.evaluate.tables import DISTANCE, ENERGY, FULL_DATA, published_pearson
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
MODELS = {"BOTAN": COLORS[0], "NT-GNN": COLORS[1], "pairs": COLORS[2]}
"""The same model has the same colour everywhere, and so has a variety of it such as BOTAN-R."""
DAGGER = "\N{DAGGER}"
"""Marks what others have published."""
WITHOUT_NETWORK = {ENERGY: "$U_i(0)$, no network", DISTANCE: "$-r_{ij}(0)$, no network"}
AXES = {
    "S": r"$\rho(S)$, species A",
    "R": r"$\rho(R)$, species A",
    "C": r"$\rho(C)$, species A",
    "D": r"$\rho(D)$, species A",
    "E": r"$\rho(E)$, A-A pairs",
}
QUANTITIES: dict[str, dict[str, Any]] = {
    target: {"color": color, "marker": marker}
    for target, color, marker in zip(
        "SERCD", ("#000000", "#CC79A7", "#E69F00", "#56B4E9", "#009E73"), "XDov^", strict=True
    )
}
"""Look of each target where the models are one; models have other colours."""
VARIED = {
    "train_configurations": "training configurations",
    "replicas": "replicas in the training targets",
    "rounds": "rounds of message passing $n$",
    "p": "weight of the particles in the loss $p$",
}
FEWEST_FOR_VARIANCE = 4
"""Configurations without which a variance between them is not drawn."""


class Drawing(NamedTuple):
    """A figure and the numbers that it shows."""

    figure: Figure
    data: pd.DataFrame


def model_looks(models: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Colour, marker and label of each model; a mean over seeds has its model's colour and another line."""
    names = list(dict.fromkeys(models))
    spare = iter(color for color in COLORS if color not in MODELS.values())
    looks: dict[str, dict[str, Any]] = {}
    colors = dict(MODELS)
    for index, name in enumerate(names):
        base, _, together = name.partition(", mean of")
        if name in WITHOUT_NETWORK:
            looks[name] = {"color": "0.5", "marker": "x", "ls": ":", "label": WITHOUT_NETWORK[name]}
            continue
        family = next((known for known in MODELS if base.startswith(f"{known}-")), base)
        if base not in colors:
            colors[base] = colors[family] if family in colors else next(spare, "0.3")
        looks[name] = {"color": colors[base], "marker": MARKERS[index % len(MARKERS)], "label": name}
        if together:
            looks[name]["ls"] = "--"
    return looks


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


def draw_relaxation(curves: Sequence[tuple[pd.DataFrame, dict[str, Any]]]) -> Drawing:
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
    return Drawing(figure, pd.concat([table.assign(temperature=fit["temperature"]) for table, fit in curves]))


def draw_quality(table: pd.DataFrame, limits: Limits) -> Drawing:
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
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].plot([], [], color="0.4", ls="--", lw=0.9, label="limits")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(temperatures) + 1)
    return Drawing(figure, table)


def draw_pearson(table: pd.DataFrame, targets: Sequence[str], published: bool = False) -> Drawing:
    """The Pearson coefficient against time, and what limits it; a row for each target, a column for each temperature.

    Published coefficients of S, from networks trained on the full data set, are marks without a line, if asked for.
    """
    table = table[table.target.isin(targets)]
    rows = [target for target in targets if (table.target == target).any()]
    temperatures = sorted(table.temperature.unique())
    figure, axes = panels(len(temperatures), rows=len(rows), sharey=True, sharex="col")
    looks = model_looks(table.model)
    lowest = min(-0.05, table.pearson.min() - 0.05)
    drawn = [table]
    for of_target, target in zip(axes, rows, strict=True):
        of_target[0].set_ylabel(AXES[target])
        for ax, temperature in zip(of_target, temperatures, strict=True):
            here = table[(table.target == target) & (table.temperature == temperature)]
            _draw_scores(ax, here, looks)
            ax.set(xscale="log", ylim=(lowest, 1.02))
            ax.xaxis.set_minor_formatter(NullFormatter())  # over less than a decade they overlap
            if target == "S" and published:
                drawn.append(_draw_published(ax, temperature))
    for ax, temperature in zip(axes[0], temperatures, strict=True):
        ax.set_title(f"$T = {temperature:g}$")
    for ax in axes[-1]:
        ax.set_xlabel(r"$t\;[\tau]$")
    _legend(figure, axes.flat)
    return Drawing(figure, pd.concat(drawn, ignore_index=True))


def _legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """One legend below all panels, each label once."""
    entries: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    columns = min(3, len(entries)) if figure.get_figwidth() > PANEL else 2
    published = any(DAGGER in label for label in entries)
    figure.legend([*entries.values()], [*entries], loc="outside lower center", ncols=columns, title_fontsize=8,
                  title=f"{DAGGER} {FULL_DATA}" if published else None)  # fmt: skip
    figure.set_figheight(figure.get_figheight() + 0.2 * (published - (-len(entries) // columns)))


def _draw_scores(ax: Axes, scores: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    """Coefficient with its interval against time for each model, means over the seeds, and the noise ceiling."""
    ceiling = scores.groupby("time").ceiling.mean()
    ax.fill_between(ceiling.index, ceiling, 1.1, color="0.92", lw=0)
    alone: dict[str, Any] = {"marker": "_", "ms": 12} if len(ceiling) == 1 else {}
    ax.plot(ceiling.index, ceiling, color="0.6", lw=0.9, ls="--", label="noise ceiling", **alone)
    for model, of_model in scores.groupby("model", sort=False):
        mean = of_model.groupby("time")[["pearson", "ci_low", "ci_high"]].mean()
        ax.plot(mean.index, mean.pearson, **looks[str(model)])
        ax.vlines(mean.index, mean.ci_low, mean.ci_high, color=looks[str(model)]["color"], lw=0.9)


def _draw_published(ax: Axes, temperature: float) -> pd.DataFrame:
    """Marks at the published coefficients of a temperature, within the range of times that is drawn anyway."""
    first, last = ax.get_xlim()
    found = published_pearson()
    found = found[np.isclose(found.temperature, temperature) & found.time.between(first / 1.2, last * 1.2)]
    for (model, marks), marker in zip(found.groupby("model", sort=False), "oP^vDs", strict=False):
        color = MODELS.get(str(model), "0.45")
        ax.plot(marks.time, marks.pearson, ls="none", marker=marker, ms=4, mfc="none", color=color, mew=0.9,
                label=f"{model} {DAGGER}")  # fmt: skip
    return found.assign(model=found.model + f" ({FULL_DATA})", target="S")


def draw_against(table: pd.DataFrame, varied: Sequence[str]) -> Drawing:
    """The Pearson coefficients of one model at one place against each of what was varied; a panel for each.

    Parameters
    ----------
    table : scores of the networks; where several settings vary, each network has less than the most of one at most
    varied : names of the columns of the settings: train_configurations, replicas, rounds or p
    """
    networks = table[table.p.notna() & table.seed.notna()]
    most = networks[list(varied)].max()
    figure, axes = panels(len(varied), sharey=True)
    lowest = min(-0.05, networks.pearson.min() - 0.05)
    for ax, name in zip(axes[0], varied, strict=True):
        others = [other for other in varied if other != name]
        shown = networks[(networks[others] == most[others]).all(axis=1)]
        for target, scores in shown.groupby("target", sort=False):
            look = QUANTITIES[str(target)]
            mean = scores.groupby(name)[["pearson", "ci_low", "ci_high", "ceiling"]].mean()
            ax.plot(mean.index, mean.pearson, label=AXES[str(target)], **look)
            ax.vlines(mean.index, mean.ci_low, mean.ci_high, color=look["color"], lw=0.9)
            ax.axhline(mean.ceiling.mean(), color=look["color"], lw=0.9, ls="--")
        counts = sorted(shown[name].unique())
        ax.set(xlabel=VARIED[name], ylim=(lowest, 1.02))
        if name != "p":
            ax.set_xscale("log")
            ax.set_xticks(counts, labels=[str(count) for count in counts])
            ax.minorticks_off()
    axes[0, 0].set_ylabel("Pearson coefficient")
    axes[0, 0].plot([], [], color="0.4", lw=0.9, ls="--", label="noise ceiling")
    _legend(figure, axes.flat)
    one = networks.iloc[0]
    figure.suptitle(f"{one.model}, $T = {one.temperature:g}$, $t = {one.time:g}$", fontsize=9)
    return Drawing(figure, networks)


def draw_transfer(table: pd.DataFrame) -> Drawing:
    """Coefficients of networks at other places than where they were trained; a panel for each target."""
    networks = table[table.p.notna() & table.seed.notna()]
    targets = list(dict.fromkeys(networks.target))
    figure, axes = panels(len(targets))
    figure.set_figheight(3.2)
    for ax, target in zip(axes[0], targets, strict=True):
        means = networks[networks.target == target].pivot_table(
            index=["trained_temperature", "trained_time"], columns=["temperature", "time"], values="pearson"
        )
        image = ax.imshow(means, vmin=0, vmax=1, cmap="viridis")
        for (row, column), value in np.ndenumerate(means.to_numpy()):
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="w" if value < 0.6 else "k")
        for axis, places, which in ((ax.yaxis, means.index, "trained"), (ax.xaxis, means.columns, "scored")):
            axis.set_ticks(range(len(places)), labels=[f"{t:g}, {time:g}" for t, time in places])
            axis.set_label_text(f"{which} at $T, t$")
        ax.tick_params(axis="x", rotation=30)
        ax.tick_params(length=0)
        figure.colorbar(image, ax=ax, label=AXES[target], shrink=0.8)
    return Drawing(figure, networks)


def draw_heterogeneity(
    sizes: pd.DataFrame, correlations: Mapping[str, pd.DataFrame], place: tuple[float, float]
) -> Drawing:
    """How much particles and whole configurations differ, and how far motion is correlated, in truth and prediction.

    Parameters
    ----------
    sizes : the table of heterogeneity at one temperature, of networks that predict S
    correlations : r, truth and predicted of each model at one time
    place : the temperature and that time
    """
    means = sizes.groupby(["model", "time"], sort=False).mean(numeric_only=True).reset_index()
    drawn = {"spread": r"spread of $S\;[\sigma_{AA}]$"}
    if sizes.n_configurations.max() >= FEWEST_FOR_VARIANCE:
        drawn["chi"] = r"$\chi_S = N_A\,\mathrm{Var}(\bar{S})\;[\sigma_{AA}^2]$"
    figure, axes = panels(len(drawn) + 1)
    looks = model_looks(sizes.model)
    data = [sizes]
    for ax, (name, label) in zip(axes[0], drawn.items(), strict=False):
        truth = means.groupby("time")[name].mean()
        ax.plot(truth.index, truth, color="k", marker="x", label="simulation")
        for model, of_model in means.groupby("model", sort=False):
            ax.plot(of_model.time, of_model[f"predicted_{name}"], **looks[str(model)])
        ax.set(xscale="log", xlabel=r"$t\;[\tau]$", ylabel=label)
        ax.set_title(f"$T = {place[0]:g}$, {int(sizes.n_configurations.max())} configurations")
        ax.axhline(0, color="0.7", lw=0.7)
    right = axes[0, -1]
    for model, curve in correlations.items():
        right.plot(curve.r, curve.truth, color="k", lw=1)
        right.plot(curve.r, curve.predicted, **{**looks[model], "marker": ""})
        data.append(curve.assign(model=model, temperature=place[0], time=place[1]))
    right.axhline(0, color="0.7", lw=0.7)
    right.set(xlabel=r"$r\;[\sigma_{AA}]$", ylabel=r"$C_S(r)$", xlim=(0.8, None), title=f"$t = {place[1]:g}$")
    beyond = pd.concat(correlations.values()).query("r > 0.95")[["truth", "predicted"]]
    right.set_ylim(min(-0.05, beyond.min().min()), 1.1 * beyond.max().max())
    _legend(figure, [axes[0, 0]])
    return Drawing(figure, pd.concat(data, ignore_index=True))


def draw_losses(histories: Sequence[tuple[pd.DataFrame, dict[str, Any]]]) -> Drawing:
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
    colormap, norm = mpl.colormaps["viridis"], mpl.colors.LogNorm(times[0], max(times[-1], 1.01 * times[0]))
    for ax, (model, runs) in zip(axes.ravel(), by_model.items(), strict=False):
        for history, made in runs:
            color = colormap(0.9 * norm(made["time"]))
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
        if len(runs) > 10:
            shades = mpl.colors.ListedColormap(colormap(np.linspace(0, 0.9, 256)))
            figure.colorbar(mpl.cm.ScalarMappable(norm, shades), ax=ax, label=r"$t\;[\tau]$")
        else:
            if any("validation_loss" in history for history, _ in runs):
                ax.plot([], [], color="0.4", ls="--", lw=1, label="validation")
            ax.legend(fontsize=7, loc="best")
    data = [
        history.assign(**{name: made["settings"][name] for name in ("temperature", "model", "seed")}, time=made["time"])
        for history, made in histories
    ]
    return Drawing(figure, pd.concat(data, ignore_index=True))
