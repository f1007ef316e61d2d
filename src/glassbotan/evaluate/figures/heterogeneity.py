"""How much particles and regions differ in simulation and prediction, against time."""

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
from glassbotan.evaluate.figures.style import model_looks, panels, shared_legend
from glassbotan.study.runs import estimates_of
from glassbotan.study.study import Study

SYMBOL = "S"
RIGHT = (0.75, 1.25)
"""Range of the ratio of predicted and simulated susceptibility that is shaded."""
MOST = 5.0
"""Largest ratio that is shown; with few replicas, a small susceptibility of the simulation is badly known."""


def inputs(study: Study, place: Place) -> Inputs:
    """The table of heterogeneity."""
    point = study.point(place["point"])
    runs = estimates_of(study, point, SYMBOL)
    if not runs:
        raise NotDrawnError(f"has no model at {point.label} that predicts {SYMBOL}")
    shown = list(dict.fromkeys(run.model.name for run in runs))
    return Inputs({"table": [layout.HETEROGENEITY]}, {"temperature": point.temperature, "models": shown})


def draw(files: FigureFiles) -> Drawing:
    """Susceptibilities of the simulation; then sizes of the fluctuations of S in simulation and prediction."""
    temperature, models = files.settings["temperature"], files.settings["models"]
    table = files.tables(columns=["temperature", "model", "target", "spread", "chi_q"])[0]
    sizes = table[(table.temperature == temperature) & (table.target == SYMBOL) & table.model.isin(models)]
    sizes = sizes.assign(fitted=True, ratio=sizes.predicted_chi_q / sizes.chi_q.where(sizes.chi_q > 0))
    means = sizes.groupby(["model", "time"], sort=False).mean(numeric_only=True).reset_index()
    looks = model_looks(sizes)
    truth = means.groupby("time").mean(numeric_only=True)
    figure, axes = panels(2, rows=2, sharex=True)
    overlap, spread, chi, ratio = axes.flat
    for name, label, style in (
        ("chi_4", "all", "-"),
        ("chi_4_within", "between replicas", "--"),
        ("chi_4_between", "between configurations", ":"),
    ):
        overlap.errorbar(
            truth.index, truth[name], truth[f"{name}_error"], color="k", marker="x", ls=style, label=label, capsize=2
        )
    overlap.set_ylabel(r"$\chi_4$ of the overlap $Q$")
    overlap.legend()
    for ax, name, label in (
        (spread, "spread", rf"spread of ${SYMBOL}\;[\sigma_{{AA}}]$"),
        (chi, "chi_q", rf"$\chi_{SYMBOL}\;[\sigma_{{AA}}^2]$"),
    ):
        ax.plot(truth.index, truth[name], color="k", marker="x", label="simulation")
        for model, of_model in means.groupby("model", sort=False):
            ax.plot(of_model.time, of_model[f"predicted_{name}"], **looks[str(model)])
        ax.set_ylabel(label)
    for model, of_model in means.groupby("model", sort=False):
        ratio.plot(of_model.time, of_model.ratio, **looks[str(model)])
    ratio.axhspan(*RIGHT, color="0.92", lw=0)
    ratio.axhline(1, color="k", lw=0.7)
    ratio.set_ylabel(rf"$\chi_{SYMBOL}$(predicted) / $\chi_{SYMBOL}$(simulation)")
    ratio.set_ylim(0, min(MOST, max(1.6, 1.05 * means.ratio.max())))
    for ax in axes.flat:
        ax.set(xscale="log")
        ax.axhline(0, color="0.7", lw=0.7)
    for ax in axes[-1]:
        ax.set_xlabel(r"$t\;[\tau]$")
    figure.suptitle(f"$T = {temperature:g}$, {int(sizes.n_configurations.max())} configurations", fontsize=9)
    shared_legend(figure, [spread])
    return Drawing(figure, sizes)


FIGURE = Figure(
    name="heterogeneity_{point}",
    section=PREDICTED,
    title="Dynamical heterogeneity",
    caption="Above left: χ_4 of the overlap Q in the simulation, and its two parts, the variance between replicas of a "
    "configuration and that between configurations, with standard errors. Above right: standard deviation of S of A "
    "particles within a configuration. Below left: χ_S, the fluctuation of S over the longest waves in the box; its "
    "limit for long waves is N_A times the variance of the mean S between configurations. Below right: χ_S of the "
    "predictions over that of the simulation; shaded: within a quarter of 1. A prediction that minimises the squared "
    "error varies less than the simulation; one can order the particles well and have too small or too large a χ_S. "
    "Simulation (black): computed between the two halves of the ensemble, so that noise does not contribute.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
)
