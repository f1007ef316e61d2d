"""Relaxation time, chi_4 and scores of a study and of its variants."""

from glassbotan import layout
from glassbotan.evaluate.figures.contract import LIQUID, Drawing, Figure, FigureFiles, Inputs, NotDrawnError, Place
from glassbotan.evaluate.figures.style import COLORS, MARKERS, new_figure
from glassbotan.evaluate.variants import COLUMNS, OWN
from glassbotan.study.runs import nearest_relaxation
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """The table that compares the variants."""
    if not study.variants:
        raise NotDrawnError("has no section variants, which sets what is compared")
    times = {str(point.temperature): nearest_relaxation(point, point.sampling_times) for point in study.temperatures}
    return Inputs({"table": [layout.VARIANTS]}, {"times": times})


def draw(files: FigureFiles) -> Drawing:
    """A column of panels for each quantity, a row for each temperature; in each panel a line for each variant."""
    import pandas as pd

    table = files.tables(columns=COLUMNS)[0]
    times = {float(temperature): time for temperature, time in files.settings["times"].items()}
    of_study = table[table.temperature.isin(times)]  # a variant can have other temperatures
    near = of_study[of_study.time.isna() | (of_study.time == of_study.temperature.map(times))]
    compared = near.groupby(["temperature", "quantity", "model"], dropna=False).variant.transform("nunique") > 1
    near = near[compared]  # without models that the variants do not have
    scores = [name for name in ("rho_S", "rho_E") if (near.quantity == name).any()]
    shown = [name for name in ("tau_e", "tau_alpha", "chi_4") if (near.quantity == name).any()] + scores
    labels = {
        "tau_e": r"time at which $F_s = 1/e$ $[\tau]$",
        "tau_alpha": r"$\tau_\alpha$ of the fit $[\tau]$",
        "chi_4": r"$\chi_4$",
        "rho_S": r"$\rho(S)$",
        "rho_E": r"$\rho(E)$",
    }
    variants = list(dict.fromkeys(table.variant))[::-1]
    temperatures = sorted(near.temperature.unique())
    height = len(temperatures) * (0.8 + 0.28 * len(variants))
    figure = new_figure(1.4 + 2.1 * len(shown), height + 0.5)
    axes = figure.subplots(len(temperatures), len(shown), squeeze=False, sharey=True)
    for row, temperature in zip(axes, temperatures, strict=True):
        for ax, name in zip(row, shown, strict=True):
            here = near[(near.temperature == temperature) & (near.quantity == name)]
            models = list(dict.fromkeys(here.model.fillna("")))
            for number, model in enumerate(models):
                points = here[here.model.fillna("") == model]
                shift = 0.5 * (number / max(1, len(models) - 1) - 0.5) if len(models) > 1 else 0.0
                places = [variants.index(variant) - shift for variant in points.variant]
                ax.errorbar(points.value, places, xerr=points.error, fmt=MARKERS[number % len(MARKERS)], ms=4,
                            color=COLORS[number % len(COLORS)], label=model or None, capsize=2)  # fmt: skip
            own = here[here.variant == OWN]
            if len(models) == 1 and len(own) and own.error.notna().all():
                value, error = float(own.value.iloc[0]), float(own.error.iloc[0])
                ax.axvspan(value - error, value + error, color="0.93", lw=0)
            ax.set(xlabel=labels[name], ylim=(-0.6, len(variants) - 0.4))
            if len(models) > 1:
                ax.legend(fontsize=6, loc="best")
        row[0].set_yticks(range(len(variants)), labels=variants)
        row[0].set_title(f"$T = {temperature:g}$, $t = {times[temperature]:g}$", loc="left", fontsize=8)
    return Drawing(figure, pd.DataFrame(near))


FIGURE = Figure(
    name="variants",
    section=LIQUID,
    title="Variants of the study",
    caption="Relaxation times, χ_4 and Pearson coefficients of the study and of its variants, with standard errors, at "
    "the sampling time nearest to τ_α. Grey: the study itself with its error. A variant that changes "
    "nothing physical, such as a shorter time step, should agree with the study within the errors of both.",
    inputs=inputs,
    draw=draw,
)
