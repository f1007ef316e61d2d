"""How far motion is correlated in simulation and prediction, at several times."""

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
from glassbotan.evaluate.figures.fig06_joint_distribution import drawn_times
from glassbotan.evaluate.figures.style import model_looks, panels, shared_legend
from glassbotan.evaluate.heterogeneity import dynamic_correlation
from glassbotan.study.runs import estimates_of
from glassbotan.study.study import Study

SYMBOL = "S"
NEAREST = 0.95
"""Distance below which C(r), from very few pairs, is not drawn, sigma_AA."""


def inputs(study: Study, place: Place) -> Inputs:
    """Predictions of S of the first seed of every model."""
    point = study.point(place["point"])
    indices = drawn_times(point)
    shown = [run for run in estimates_of(study, point, SYMBOL) if {*run.time_indices} & {*indices}]
    if not shown:
        raise NotDrawnError(f"has no model at {point.label} that predicts {SYMBOL}")
    return Inputs({"predictions": [layout.predictions(run) for run in shown]}, {"time_indices": indices})


def draw(files: FigureFiles) -> Drawing:
    """C(r) of the simulation and of each model, a panel for each time."""
    import pandas as pd

    curves = []
    for predictions in files.predictions():
        for index in files.settings["time_indices"]:
            if index in predictions.time_indices:
                r, truth, predicted = dynamic_correlation(predictions.at(index), SYMBOL)
                curve = pd.DataFrame({"r": r, "truth": truth, "predicted": predicted})
                curve = curve.assign(model=predictions.origin.model, time=predictions.time(index), fitted=True)
                curves.append(curve)
    data = pd.concat(curves, ignore_index=True).query(f"r > {NEAREST}")
    looks = model_looks(data)
    times = sorted(data.time.unique())
    columns = min(2, len(times))
    figure, axes = panels(columns, rows=-(-len(times) // columns), sharex=True)
    for ax, time in zip(axes.flat, times, strict=False):
        here = data[data.time == time]
        truth = here.groupby("r").truth.first()
        ax.plot(truth.index, truth, color="k", lw=2, zorder=3, label="simulation")
        for model, curve in here.groupby("model", sort=False):
            ax.plot(curve.r, curve.predicted, **{**looks[str(model)], "marker": ""})
        ax.axhline(0, color="0.7", lw=0.7)
        low, high = here[["truth", "predicted"]].min().min(), here[["truth", "predicted"]].quantile(0.98).max()
        ax.set(ylim=(min(-0.05, 1.1 * low), 1.1 * high), title=f"$t = {time:g}$", ylabel=rf"$C_{SYMBOL}(r)$")
    for ax in axes.flat[len(times) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel(r"$r\;[\sigma_{AA}]$")
    figure.suptitle(f"$T = {files.predictions()[0].temperature:g}$", fontsize=9)
    shared_legend(figure, axes.flat)
    return Drawing(figure, data)


FIGURE = Figure(
    name="four_point_correlation_{point}",
    section=PREDICTED,
    title="Correlation of the motion in space",
    caption="Four-point correlation of S: the correlation of the deviations of S of two A particles from the mean of "
    "their configuration, against their distance, at up to four times. Black: simulation, computed between the two "
    "halves of the ensemble, so that noise does not contribute. Predictions that are correlated over a longer distance "
    "than the simulation are smoother than it.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
)
