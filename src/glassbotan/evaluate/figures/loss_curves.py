"""Curves of the loss against the epoch, for two figures."""

from glassbotan.evaluate.figures.contract import Drawing, FigureFiles
from glassbotan.evaluate.figures.style import panels
from glassbotan.files.fitted import FittedFile

SCALES = {"reduced": "loss", "training set": "loss (in variances)", "configuration": "loss (in variances)"}


def draw_losses(files: FigureFiles) -> Drawing:
    """Training loss (solid) and validation loss (dashed) against the epoch; a panel per model, a colour per time.

    Fits for all times together have the colour of the first.
    """
    import matplotlib as mpl
    import numpy as np
    import pandas as pd

    histories = [(one, pd.DataFrame(dict(one.predictor.history))) for one in files.fitted()]
    by_model: dict[str, list[tuple[FittedFile, pd.DataFrame]]] = {}
    for one, history in histories:
        by_model.setdefault(one.model, []).append((one, history))
    columns = 2 if len(by_model) in (2, 4) else min(len(by_model), 3)
    figure, axes = panels(columns, rows=-(-len(by_model) // columns))
    for ax in axes.ravel()[len(by_model) :]:
        ax.remove()
    times = sorted({_time(one) for one, _ in histories})
    colormap, norm = mpl.colormaps["viridis"], mpl.colors.LogNorm(times[0], max(times[-1], 1.01 * times[0]))
    for ax, (model, runs) in zip(axes.ravel(), by_model.items(), strict=False):
        for one, history in runs:
            color = colormap(0.9 * norm(_time(one)))
            domain = one.predictor.domain
            where = ", ".join(f"{one:g}" for one in domain.together or (domain.temperature,))
            label = f"$T = {where}$, {_times(one)}"
            if len({other.seed for other, _ in runs}) > 1:
                label += f", seed {one.seed}"
            ax.plot(history.epoch, history.train_loss, color=color, label=label)
            if "validation_loss" in history:
                best = history.validation_loss.argmin()
                ax.plot(history.epoch, history.validation_loss, color=color, ls="--", lw=1)
                ax.plot(history.epoch[best], history.validation_loss[best], "o", ms=4, color=color)
        ax.set(xlabel="epoch", ylabel=SCALES[_target_scaling(runs[0][0])], title=model)
        losses = pd.concat([history.filter(["train_loss", "validation_loss"]).stack() for _, history in runs])
        if losses.max() > 5 * losses.min():
            ax.set_yscale("log")
        if len(runs) > 10:
            shades = mpl.colors.ListedColormap(colormap(np.linspace(0, 0.9, 256)))
            figure.colorbar(mpl.cm.ScalarMappable(norm, shades), ax=ax, label=r"$t\;[\tau]$")
        else:
            if any("validation_loss" in history for _, history in runs):
                ax.plot([], [], color="0.4", ls="--", lw=1, label="validation")
            ax.legend(fontsize=7, loc="best")
    data = [
        history.assign(temperature=one.predictor.domain.temperature, model=one.model, seed=one.seed, time=_time(one))
        for one, history in histories
    ]
    return Drawing(figure, pd.concat(data, ignore_index=True))


def _time(one: FittedFile) -> float:
    return one.predictor.domain.times[0]


def _times(one: FittedFile) -> str:
    """The sampling times of a fit, for a legend."""
    return f"$t = {_time(one):g}$" if len(one.predictor.domain.times) == 1 else "all times"


def _target_scaling(one: FittedFile) -> str:
    settings = one.predictor.settings.model_dump()
    return str(settings.get("training", {}).get("target_scaling", "reduced"))
