"""The quality of every simulation, with the study's limits."""

from glassbotan import layout
from glassbotan.evaluate.figures.contract import LIQUID, Drawing, Figure, FigureFiles, Inputs, Place
from glassbotan.evaluate.figures.style import COLORS, MARKERS, panels
from glassbotan.study.study import Study
from glassbotan.study.targets import Limits


def inputs(study: Study, place: Place) -> Inputs:
    """The table of simulation quality."""
    return Inputs({"table": [layout.QUALITY]}, {"limits": study.limits.model_dump()})


def draw(files: FigureFiles) -> Drawing:
    """Temperatures, pressure, drift and crystal-like particles of every run, with the limits, a panel for each."""
    from matplotlib.ticker import MaxNLocator

    limits = Limits(**files.settings["limits"])
    table = files.tables(columns=["target_temperature", "configuration", "within_limits"])[0]
    drawn: list[tuple[str, str, float | None]] = [
        ("temperature", r"kinetic $T$ / target", None),
        ("configurational_temperature", r"configurational $T$ / target", None),
        ("pressure", r"pressure $[\epsilon_{AA}/\sigma_{AA}^3]$", None),
        ("energy_drift", r"drift of the energy $[\epsilon_{AA}/N]$", limits.energy_drift),
        ("largest_cluster", "largest crystal-like cluster", limits.largest_cluster),
        ("crystal_fraction", "crystal-like particles", limits.crystal_fraction),
    ]
    drawn = [(name, label, limit) for name, label, limit in drawn if table[name].notna().any()]
    figure, axes = panels(min(3, len(drawn)), rows=-(-len(drawn) // 3))
    temperatures = sorted(table.target_temperature.unique())
    for ax, (name, label, limit) in zip(axes.flat, drawn, strict=False):
        for index, temperature in enumerate(temperatures):
            runs = table[table.target_temperature == temperature]
            scale = temperature if "temperature" in name else 1.0
            style = {"color": COLORS[index % len(COLORS)], "marker": MARKERS[index % len(MARKERS)]}
            error = runs[f"{name}_error"] * limits.standard_errors / scale if "temperature" in name else None
            ax.errorbar(runs.configuration, runs[name] / scale, error, ls="none", lw=0.7,
                        label=f"$T = {temperature:g}$", **style)  # fmt: skip
        if "temperature" in name:
            ax.axhline(1, color="0.6", lw=0.7)
        if name == "energy_drift":
            ax.set(yscale="log", ylim=(table[name].min() / 3, 3 * max(limits.energy_drift, table[name].max())))
        if limit is not None:
            ax.axhline(limit, color="0.4", ls="--", lw=0.9)
            if name != "energy_drift":
                ax.set_ylim(-0.05 * limit, 1.2 * max(limit, table[name].max()))
        ax.set(xlabel="configuration", ylabel=label)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    for ax in axes.flat[len(drawn) :]:
        ax.remove()
    axes[0, 0].plot([], [], color="0.4", ls="--", lw=0.9, label="limits")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(temperatures) + 1)
    return Drawing(figure, table)


FIGURE = Figure(
    name="simulation_quality",
    section=LIQUID,
    title="Quality of every run",
    caption="Kinetic and configurational temperature relative to the target temperature, pressure, drift of the total "
    "energy in the ensemble, crystal-like particles and their largest cluster. Bars of the temperatures: as many "
    "standard errors of the run as limits.standard_errors allows (3 by default, for a single run); dashed: the study's "
    "limits. If a training or validation run exceeds them, nothing is fitted at its temperature (unless limits.enforce "
    "is false).",
    inputs=inputs,
    draw=draw,
)
