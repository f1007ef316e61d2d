"""Maps of truth beside prediction, a row for each prediction and target, for two figures."""

from collections.abc import Sequence

from glassbotan.dynamics.registry import targets
from glassbotan.evaluate.figures import slab
from glassbotan.evaluate.figures.contract import Drawing
from glassbotan.evaluate.figures.style import PANEL, new_figure
from glassbotan.files.predictions import Predictions
from glassbotan.statistics import correlation


def draw_maps(shown: Sequence[tuple[Predictions, int, str]], pair_range: float) -> Drawing:
    """Simulation, prediction, and the uncertainty of the prediction if it is known: bonds for pairs, else circles.

    Parameters
    ----------
    shown : predictions, the number of one of their sampling times, and a target that they predict, for each row
    pair_range : pairs of any species nearer than this are drawn as bonds (Fig. 4: 1.35)
    """
    import pandas as pd

    first = [predictions.at(time_index)[0] for predictions, time_index, _ in shown]
    uncertain = any(one.targets[symbol].spread is not None for one, (*_, symbol) in zip(first, shown, strict=True))
    columns = 3 if uncertain else 2
    figure = new_figure(columns * PANEL, 0.3 + 3.0 * len(shown))
    axes = figure.subplots(len(shown), columns, squeeze=False, sharex=True, sharey=True)
    data = []
    for (left, right, *further), one, (predictions, time_index, symbol) in zip(axes, first, shown, strict=True):
        structure, target, compared = one.structure, targets()[symbol], one.targets[symbol]
        of_pairs = target.of == "pair"
        inside = slab.bonds_in_slab(structure, pair_range) if of_pairs else slab.particles_in_slab(structure)
        norm = slab.color_range(compared.truth[inside], centred=of_pairs)
        colors = slab.SIGNED if of_pairs else slab.UNSIGNED
        scored = inside & one.scored(symbol, pair_range)
        rho = f"$\\rho = {correlation(compared.truth[scored], compared.predicted[scored]):.2f}$ for {target.scored}"
        time = predictions.time(time_index)
        drawn = slab.draw_bonds if of_pairs else slab.draw_particles
        for ax, values, title in (
            (left, compared.truth, f"simulation, $t = {time:g}$"),
            (right, compared.predicted, f"{predictions.origin.model}, $t = {time:g}$ ({rho})"),
        ):
            drawn(ax, structure, inside, values, norm, colors)
            slab.frame(ax, structure, title)
        left.set_ylabel(r"$y\;[\sigma_{AA}]$")
        slab.colorbar(figure, [left, right], norm, colors, f"${target.tex_symbol}(t)\\;[{target.tex_unit}]$")
        table = slab.pair_data(structure, inside) if of_pairs else slab.particle_data(structure, inside)
        table = table.assign(
            target=symbol, time=time, truth=compared.truth[inside], predicted=compared.predicted[inside]
        )
        for ax in further:
            if compared.spread is None:
                ax.set_axis_off()
                continue
            of_spread = slab.color_range(compared.spread[inside], centred=False)
            drawn(ax, structure, inside, compared.spread, of_spread, slab.SPREAD)
            slab.frame(ax, structure, f"spread of the members of {predictions.origin.model}")
            label = f"uncertainty of ${target.tex_symbol}(t)\\;[{target.tex_unit}]$"
            slab.colorbar(figure, [ax], of_spread, slab.SPREAD, label)
            table["spread"] = compared.spread[inside]
        data.append(table)
    for ax in axes[-1]:
        ax.set_xlabel(r"$x\;[\sigma_{AA}]$")
    predictions, time_index, _ = shown[0]
    slab.title(figure, predictions.temperature, predictions.at(time_index)[0].configuration)
    return Drawing(figure, pd.concat(data, ignore_index=True))
