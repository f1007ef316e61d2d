"""Is it worth predicting: score against what a prediction costs, beside the ensemble that is stopped early."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from glassbotan.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

SYMBOL, COMPETITOR = "S", "short-ensemble"
MOST_PANELS = 4
"""Largest number of sampling times that are shown: the latest ones."""


def inputs(study: Study, place: Place) -> Inputs:
    """The Pearson table, and what the ensemble costs."""
    point = study.point(place["point"])
    if not any(model.kind == COMPETITOR for model in study.models):
        raise NotDrawnError(f"has no model of kind {COMPETITOR}, with which the others are compared")
    per_time = study.liquid.particles * study.ensemble.replicas / point.integrator(study.integrator).timestep
    return Inputs(
        {"table": [layout.summary("pearson")]}, {"temperature": point.temperature, "particle_steps_per_time": per_time}
    )


def draw(files: FigureFiles) -> Drawing:
    """A panel for each of the latest times: cost relative to the ensemble to that time, against the score."""
    settings = files.settings
    table = files.scores()
    table = table[(table.temperature == settings["temperature"]) & (table.target == SYMBOL)]
    table = table.assign(relative_cost=table.particle_steps / (settings["particle_steps_per_time"] * table.time))
    times = sorted(table.time.unique())[-MOST_PANELS:]
    figure, axes = panels(min(2, len(times)), rows=-(-len(times) // 2), sharey=True)
    looks = model_looks(table)
    for ax, time in zip(axes.flat, times, strict=False):
        here = table[table.time == time]
        free = _free(here)
        ax.axhline(here.ceiling.mean(), color="0.6", lw=0.9, ls="--", label="noise ceiling")
        competitor = here[here.kind == COMPETITOR].groupby("model")[["relative_cost", "pearson"]].mean()
        competitor = competitor.sort_values("relative_cost")
        ax.plot(competitor.relative_cost, competitor.pearson, color="0.4", marker="o", mfc="white", lw=1.2,
                label="ensemble stopped early")  # fmt: skip
        for model, of_model in here[here.kind != COMPETITOR].groupby("model", sort=False):
            cost = max(float(of_model.relative_cost.mean()), free)
            look = {**looks[str(model)], "ls": "none"}
            ax.plot([cost], [of_model.pearson.mean()], **look)
        ax.axvline(free * 1.6, color="0.85", lw=0.8)
        ax.set(xscale="log", title=f"$t = {time:g}$", xlabel="cost / cost of the ensemble", ylim=(-0.1, 1.02))
    for ax in axes[:, 0]:
        ax.set_ylabel(rf"$\rho({SYMBOL})$, species A")
    for ax in axes.flat[len(times) :]:
        ax.set_axis_off()
    figure.suptitle(f"$T = {settings['temperature']:g}$", fontsize=9)
    shared_legend(figure, axes.flat)
    columns = ["temperature", "time", "model", "kind", "structures", "pearson", "relative_cost", "core_seconds"]
    return Drawing(figure, table.loc[table.time.isin(times), columns])


def _free(table: pd.DataFrame) -> float:
    """Where models that cost no particle-steps are drawn: left of all others."""
    costs = table.relative_cost[table.relative_cost > 0]
    return float(costs.min()) / 4 if len(costs) else 1e-3


FIGURE = Figure(
    name="cost_of_prediction_{point}",
    section=PREDICTED,
    title="Is it worth predicting?",
    caption="Pearson coefficient of S over A particles against what one prediction costs, in particle-steps relative "
    "to the isoconfigurational ensemble up to the time in the title. Grey curve: the ensemble itself, with "
    "other momenta, stopped early: its propensity at an earlier time is the prediction. A model that needs a "
    "simulation, such as that of a cage state, is worth its cost if it lies above this curve. Models left of "
    "the vertical line need no simulation.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
)
