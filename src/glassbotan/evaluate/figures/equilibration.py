"""The potential energy and the relaxation in the two halves of the equilibration."""

from glassbotan import layout
from glassbotan.evaluate.figures.contract import LIQUID, Drawing, Figure, FigureFiles, Inputs, NotDrawnError, Place
from glassbotan.evaluate.figures.style import COLORS, panels
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """The targets files of all configurations, which hold what was measured during the equilibration."""
    points = [point for point in study.temperatures if not point.starts]
    if not study.simulates or not points:
        raise NotDrawnError("equilibrates no configurations itself")
    return Inputs(
        {"targets": [path for point in points for path in layout.targets(point.label, study.configurations.all)]}
    )


def draw(files: FigureFiles) -> Drawing:
    """F_s of both halves above, the change of the potential energy of each run below, a column for each temperature."""
    import numpy as np
    import pandas as pd
    from matplotlib.ticker import MaxNLocator, NullFormatter

    found = [(targets.temperature, targets.configuration, targets.quality) for targets in files.targets()]
    temperatures = sorted({temperature for temperature, _, _ in found})
    figure, axes = panels(len(temperatures), rows=2)
    drawn = []
    for column, temperature in zip(axes.T, temperatures, strict=True):
        curves, energies = column
        runs = [(number, quality) for at, number, quality in found if at == temperature]
        for number, quality in runs:
            frame = pd.DataFrame(
                {
                    "time": quality.scattering_time,
                    "first": quality.scattering_first,
                    "second": quality.scattering_second,
                }
            )
            changes = {"energy_first": quality.energy_first, "energy_second": quality.energy_second}
            drawn.append((frame if len(frame) else pd.DataFrame([{}])).assign(
                temperature=temperature, configuration=number, **changes))  # fmt: skip
        here = pd.concat([one for one in drawn if (one.temperature == temperature).all()])
        if "first" in here:
            of_time = here.groupby("time")[["first", "second"]]
            mean, error = of_time.mean(), of_time.sem()
            for half, color, marker in (("first", COLORS[1], "s"), ("second", COLORS[0], "o")):
                curves.errorbar(mean.index, mean[half], error[half], color=color, marker=marker, ms=3, capsize=2,
                                label=f"{half} half")  # fmt: skip
            curves.axhline(1 / np.e, color="0.7", lw=0.7)
            curves.set(xscale="log")
            curves.xaxis.set_minor_formatter(NullFormatter())  # minor labels overlap if the axis is short
            curves.legend(loc="lower left")
        curves.set(title=f"$T = {temperature:g}$", xlabel=r"$t\;[\tau]$", ylabel=r"$F_s(k,\,t)$, species A")
        single = here.drop_duplicates("configuration")
        change = single.energy_second - single.energy_first
        energies.plot(single.configuration, change, "o", color="0.4", ms=3)
        if len(change) > 1:
            middle, half_width = float(change.mean()), float(change.std(ddof=1)) / len(change) ** 0.5
            energies.axhspan(middle - half_width, middle + half_width, color=COLORS[0], alpha=0.25, lw=0)
            energies.axhline(middle, color=COLORS[0], lw=1)
        energies.axhline(0, color="0.6", lw=0.7)
        energies.xaxis.set_major_locator(MaxNLocator(integer=True))
        energies.set(xlabel="configuration", ylabel=r"change of $U/N$ $[\epsilon_{AA}]$")
    return Drawing(figure, pd.concat(drawn, ignore_index=True))


FIGURE = Figure(
    name="equilibration",
    section=LIQUID,
    title="Is the liquid in equilibrium?",
    caption="Above: self-intermediate scattering function of A particles in the first and in the second half of the "
    "equilibration, each averaged over initial times, with standard errors between configurations. An ageing liquid "
    "relaxes more slowly in the second half. Below: potential energy in the second half less that in the first half, "
    "for each configuration; blue: the mean with its standard error.",
    inputs=inputs,
    draw=draw,
)
