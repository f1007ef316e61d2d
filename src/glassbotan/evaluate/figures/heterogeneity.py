"""How much particles and whole configurations differ, and how far motion is correlated, in truth and prediction."""

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
from glassbotan.evaluate.heterogeneity import dynamic_correlation
from glassbotan.study.runs import first_seeds, nearest_relaxation
from glassbotan.study.study import Study

SYMBOL = "S"
FEWEST_FOR_VARIANCE = 4
"""Smallest number of configurations for which the variance between configurations is drawn."""
OVERLAPPING = 0.95
"""Distance below which C(r), from very few pairs, is ignored when the range of the axis is chosen, sigma_AA."""


def inputs(study: Study, place: Place) -> Inputs:
    """The table of heterogeneity, and predictions of S of every model at the time nearest to tau_alpha."""
    point = study.point(place["point"])
    runs = [run for run in first_seeds(study, point) if run.model.gives_values and SYMBOL in run.model.predicts]
    if not runs:
        raise NotDrawnError(f"has no model at {point.label} that predicts {SYMBOL}")
    time = nearest_relaxation(point, (time for run in runs for time in run.times))
    return Inputs(
        {
            "table": [layout.HETEROGENEITY],
            "predictions": [layout.predictions(run) for run in runs if time in run.times],
        },
        {"temperature": point.temperature, "time_index": point.time_index(time)},
    )


def draw(files: FigureFiles) -> Drawing:
    """Left and middle: size of the fluctuations against time; right: correlation in space at one time."""
    import pandas as pd

    temperature, index = files.settings["temperature"], files.settings["time_index"]
    correlations = {}
    for predictions in files.predictions():
        r, truth, predicted = dynamic_correlation(predictions.at(index), SYMBOL)
        curve = pd.DataFrame({"r": r, "truth": truth, "predicted": predicted})
        correlations[predictions.origin.model] = curve
        time = predictions.times[predictions.time_indices.index(index)]
    table = files.tables(columns=["temperature", "model", "target", "spread"])[0]
    sizes = table[
        (table.temperature == temperature) & (table.target == SYMBOL) & table.model.isin(correlations)
    ].assign(fitted=True)
    means = sizes.groupby(["model", "time"], sort=False).mean(numeric_only=True).reset_index()
    drawn = {"spread": rf"spread of ${SYMBOL}\;[\sigma_{{AA}}]$"}
    if sizes.n_configurations.max() >= FEWEST_FOR_VARIANCE:
        drawn["chi"] = rf"$\chi_{SYMBOL} = N_A\,\mathrm{{Var}}(\bar{{{SYMBOL}}})\;[\sigma_{{AA}}^2]$"
    figure, axes = panels(len(drawn) + 1)
    looks = model_looks(sizes)
    data = [sizes]
    for ax, (name, label) in zip(axes[0], drawn.items(), strict=False):
        truth = means.groupby("time")[name].mean()
        ax.plot(truth.index, truth, color="k", marker="x", label="simulation")
        for model, of_model in means.groupby("model", sort=False):
            ax.plot(of_model.time, of_model[f"predicted_{name}"], **looks[str(model)])
        ax.set(xscale="log", xlabel=r"$t\;[\tau]$", ylabel=label)
        ax.set_title(f"$T = {temperature:g}$, {int(sizes.n_configurations.max())} configurations")
        ax.axhline(0, color="0.7", lw=0.7)
    right = axes[0, -1]
    for model, curve in correlations.items():
        right.plot(curve.r, curve.truth, color="k", lw=1)
        right.plot(curve.r, curve.predicted, **{**looks[model], "marker": ""})
        data.append(curve.assign(model=model, temperature=temperature, time=time))
    right.axhline(0, color="0.7", lw=0.7)
    right.set(xlabel=r"$r\;[\sigma_{AA}]$", ylabel=rf"$C_{SYMBOL}(r)$", xlim=(0.8, None), title=f"$t = {time:g}$")
    seen = pd.concat(correlations.values()).query(f"r > {OVERLAPPING}")[["truth", "predicted"]]
    right.set_ylim(min(-0.05, seen.min().min()), 1.1 * seen.max().max())
    shared_legend(figure, [axes[0, 0]])
    return Drawing(figure, pd.concat(data, ignore_index=True))


FIGURE = Figure(
    name="heterogeneity_{point}",
    section=PREDICTED,
    title="Dynamical heterogeneity",
    caption="Left: standard deviation of S of A particles within a configuration. Middle (if there are at least four "
    "test configurations): χ, the variance of the mean S between configurations, times N_A. A predictor can order the "
    "particles of each configuration well and still be wrong about how configurations differ. Right: spatial "
    "correlation of the deviations of S of A particles from the mean of their configuration. Black: simulation, "
    "computed between the two halves of the ensemble so that noise does not contribute. Models with target_scaling: "
    "configuration learn only differences within configurations; their χ has no meaning.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
)
