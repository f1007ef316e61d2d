"""Scores of a model at other temperatures and times than those for which it was fitted."""

from glassbotan import layout
from glassbotan.evaluate.figures.contract import PREDICTED, Drawing, Figure, FigureFiles, Inputs, NotDrawnError, Place
from glassbotan.evaluate.figures.style import panels, pearson_label
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """The table of the scores of the transferred predictions."""
    if study.transfer is None:
        raise NotDrawnError("has no section transfer, which defines the comparison")
    return Inputs({"table": [layout.summary("transfer")]})


def draw(files: FigureFiles) -> Drawing:
    """A matrix of Pearson coefficients for each target: a row for each fit, a column for each place that is scored."""
    import numpy as np

    scores = files.scores()
    fits = scores[scores.fitted.astype(bool)]
    symbols = list(dict.fromkeys(fits.target))
    figure, axes = panels(len(symbols))
    figure.set_figheight(3.2)
    for ax, symbol in zip(axes[0], symbols, strict=True):
        means = fits[fits.target == symbol].pivot_table(
            index=["trained_temperature", "trained_time"], columns=["temperature", "time"], values="pearson"
        )
        image = ax.imshow(means, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        for (row, column), value in np.ndenumerate(means.to_numpy()):
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7,
                    color="w" if value < 0.6 else "k")  # fmt: skip
        for axis, places, which in ((ax.yaxis, means.index, "fitted"), (ax.xaxis, means.columns, "scored")):
            axis.set_ticks(range(len(places)), labels=[f"{t:g}, {time:g}" for t, time in places])
            axis.set_label_text(f"{which} at $T, t$")
        ax.tick_params(axis="x", rotation=30)
        ax.tick_params(length=0)
        figure.colorbar(image, ax=ax, label=pearson_label(symbol), shrink=0.8)
    return Drawing(figure, fits)


FIGURE = Figure(
    name="transfer",
    section=PREDICTED,
    title="Transfer",
    caption="Pearson coefficient of a model that was fitted at one temperature and time (rows) and scored at another "
    "(columns).",
    inputs=inputs,
    draw=draw,
    on_request=True,
)
