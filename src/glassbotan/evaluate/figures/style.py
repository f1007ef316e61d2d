"""How figures look: fonts, colours, panels, legends."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassbotan.dynamics.registry import targets
from glassbotan.evaluate.published import FULL_DATA

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 200
STYLE: Any = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.8,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.3,
    "lines.markersize": 5,
    "mathtext.fontset": "cm",
    "svg.fonttype": "none",
    "svg.hashsalt": "glassbotan",
    "savefig.dpi": DOTS_PER_INCH,
}
PANEL = 3.4
"""Width of one panel, inches; that of a journal's column."""

# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
MODELS = {
    "BOTAN": COLORS[0],
    "NT-GNN": COLORS[1],
    "pairs": COLORS[2],
    "ridge": COLORS[3],
    "GlassMLP": COLORS[4],
    "softness": COLORS[5],
    "equivariant": "#6A3D9A",
    "attention": "#8C510A",
}
"""Colours of the models that many studies have, equal in all figures; variants such as BOTAN-R have the same colour."""
BASELINE_MARKERS = "x+*<>d"
DAGGER = "\N{DAGGER}"
"""Mark of published values."""
TARGETS = {
    "S": ("#000000", "X"),
    "R": ("#E69F00", "o"),
    "C": ("#56B4E9", "v"),
    "D": ("#009E73", "^"),
    "E": ("#CC79A7", "D"),
}
"""Colour and marker of each target; targets that are not listed take theirs from `COLORS` and `MARKERS`."""


def pearson_label(symbol: str) -> str:
    """Label of an axis with the Pearson coefficient of a target."""
    target = targets()[symbol]
    return rf"$\rho({symbol})$, {'species A' if target.of == 'particle' else 'A-A pairs'}"


def target_look(symbol: str) -> dict[str, Any]:
    """Colour and marker of a target, for figures in which all curves are of one model."""
    number = list(targets()).index(symbol)
    color, marker = TARGETS.get(symbol, (COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]))
    return {"color": color, "marker": marker}


def model_looks(scores: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Colour, marker and label of each model of a table; variants of a model that many studies have share its colour.

    Parameters
    ----------
    scores : table with the columns model and fitted; models that are not fitted (baselines) are grey
    """
    fitted = dict(zip(scores.model, scores.fitted.astype(bool), strict=True))
    families = {family for family in MODELS for name in fitted if name == family or name.startswith(f"{family}-")}
    spare = iter(color for color in COLORS if color not in {MODELS[family] for family in families})
    looks: dict[str, dict[str, Any]] = {}
    colors = dict(MODELS)
    baselines = 0
    for index, name in enumerate(fitted):
        if not fitted[name]:
            marker = BASELINE_MARKERS[baselines % len(BASELINE_MARKERS)]
            looks[name] = {"color": "0.5", "marker": marker, "ls": ":", "label": f"{name} (baseline)"}
            baselines += 1
            continue
        family = next((known for known in MODELS if name.startswith(f"{known}-")), name)
        if name not in colors:
            colors[name] = colors[family] if family in colors else next(spare, "0.3")
        looks[name] = {"color": colors[name], "marker": MARKERS[index % len(MARKERS)], "label": name}
        if family != name:
            looks[name] |= {"ls": "-.", "lw": 0.9}
    return looks


CHARACTER = 0.075
"""Width of a character of a legend, inches."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this width and height, inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update(STYLE)
    return Figure(figsize=(width, height), layout="constrained")


def panels(count: int, rows: int = 1, **kwargs: Any) -> tuple[Figure, np.ndarray]:
    """A figure with `rows` x `count` panels, and their axes as an array of that shape."""
    figure = new_figure(PANEL * count, 2.6 * rows)
    return figure, figure.subplots(rows, count, squeeze=False, **kwargs)


def shared_legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """Add one legend below all panels, with each label once."""
    entries: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    longest = max(map(len, entries))
    columns = max(1, min(3, len(entries), int(figure.get_figwidth() / (CHARACTER * longest + 0.5))))
    published = any(DAGGER in label for label in entries)
    figure.legend([*entries.values()], [*entries], loc="outside lower center", ncols=columns, title_fontsize=8,
                  title=f"{DAGGER} {FULL_DATA}" if published else None)  # fmt: skip
    figure.set_figheight(figure.get_figheight() + 0.2 * (published - (-len(entries) // columns)))


def save(figure: Figure, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write a figure in the format of the path's suffix, with the record of how it was made in the metadata."""
    metadata = {"Title": path.stem, "Description": json.dumps(dict(provenance))}
    if path.suffix == ".svg":
        metadata["Date"] = provenance["started"]
    figure.savefig(path, metadata=metadata)
