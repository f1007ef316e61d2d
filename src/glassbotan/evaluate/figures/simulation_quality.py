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
    """Temperatures, pressure, drifts and crystal-like particles of every run, with the limits, a panel for each."""
    from matplotlib.ticker import MaxNLocator

    limits = Limits(**files.settings["limits"])
    table = files.tables(columns=["target_temperature", "configuration", "within_limits"])[0]
    drawn: list[tuple[str, str, float | None]] = [
        ("temperature", r"kinetic $T$ / target", limits.temperature),
        ("configurational_temperature", r"configurational $T$ / target", limits.configurational_temperature),
        ("pressure", r"pressure $[\epsilon_{AA}/\sigma_{AA}^3]$", None),
        ("energy_drift", r"NVE drift $[\epsilon_{AA}/N]$", limits.energy_drift),
        ("potential_energy_trend", r"$\Delta U$ in equilibration, in $\sigma_U$", limits.potential_energy_trend),
        ("crystal_fraction", "crystal-like particles", limits.crystal_fraction),
    ]
    drawn = [(name, label, limit) for name, label, limit in drawn if table[name].notna().any()]
    figure, axes = panels(min(3, len(drawn)), rows=-(-len(drawn) // 3))
    temperatures = sorted(table.target_temperature.unique())
    for ax, (name, label, limit) in zip(axes.flat, drawn, strict=False):
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
    "energy in the ensemble, change of the potential energy over the second half of the equilibration, and fraction of "
    "crystal-like particles. Dashed: the study's limits. If a training or validation run is outside them, nothing is "
    "fitted at its temperature (unless limits.enforce is false).",
    inputs=inputs,
    draw=draw,
)
