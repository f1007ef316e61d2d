"""What each setting and input of the models buys: all ablations of a study in one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glassbotan import layout
from glassbotan.errors import FileError
from glassbotan.evaluate.figures.contract import PREDICTED, Drawing, Figure, FigureFiles, Inputs, NotDrawnError, Place
from glassbotan.evaluate.figures.style import COLORS, MARKERS, new_figure
from glassbotan.study.runs import value_in_words
from glassbotan.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "ablation", "setting", "temperature", "time", "target", "difference", "error", "ci_low", "ci_high", "probability",
    "leaves_out", "n_configurations",
]  # fmt: skip


def inputs(study: Study, place: Place) -> Inputs:
    """The summaries of each ablation and the differences within it."""
    if not study.ablations:
        raise NotDrawnError("has no section ablations, which sets what is compared")
    own = {}
    for name, ablation in study.ablations.items():
        model = next(model for model in study.models if model.name == ablation.model)
        own[name] = value_in_words(model.setting(ablation.setting))
    files = {
        role: [path(f"ablation_{name}") for name in study.ablations]
        for role, path in (("tables", layout.differences), ("summaries", layout.summary))
    }
    return Inputs(files, {"own": own})


def draw(files: FigureFiles) -> Drawing:
    """Differences to the study's own setting with their intervals, a line for each other value, a panel per target."""
    import pandas as pd

    from glassbotan.evaluate.pearson import VALUE
    from glassbotan.evaluate.summary import DIFFERENCES

    pairs = zip(files.tables("tables", DIFFERENCES), files.tables("summaries", [VALUE, "label"]), strict=True)
    found = pd.concat(
        [
            _against(table, _label_of(summary, own, name), name)
            for (table, summary), (name, own) in zip(pairs, files.settings["own"].items(), strict=True)
        ]
    )
    found["line"] = found.setting + [f", t = {time:g}" for time in found.time]
    lines = list(dict.fromkeys(found.line))[::-1]
    symbols = list(dict.fromkeys(found.target))
    longest = max(map(len, lines))
    figure = new_figure(0.06 * longest + 2.6 * len(symbols), 0.9 + 0.22 * len(lines))
    axes = figure.subplots(1, len(symbols), squeeze=False, sharey=True)
    for number, (ax, symbol) in enumerate(zip(axes[0], symbols, strict=True)):
        here = found[found.target == symbol]
        places = [lines.index(line) for line in here.line]
        reach = [here.difference - here.ci_low, here.ci_high - here.difference]
        ax.errorbar(here.difference, places, xerr=reach, fmt=MARKERS[number], color=COLORS[number], ms=4, capsize=2)
        ax.axvline(0, color="0.6", lw=0.8)
        ax.set(xlabel=rf"change of $\rho({symbol})$", ylim=(-0.6, len(lines) - 0.4))
    axes[0, 0].set_yticks(range(len(lines)), labels=lines, fontsize=7)
    return Drawing(figure, found.drop(columns="line"))


def _label_of(summary: pd.DataFrame, own: Any, name: str) -> str:
    """The label of the fits with the study's own value of the setting."""
    from glassbotan.evaluate.pearson import VALUE

    for value, label in zip(summary[VALUE], summary.label, strict=True):
        try:
            same = float(value) == float(own)
        except ValueError:
            same = str(value) == str(own)
        if same:
            return str(label)
    raise FileError(f"the table of ablation {name} has no fit with the study's own value {own}; make it again")


def _against(table: pd.DataFrame, own: str, name: str) -> pd.DataFrame:
    """The differences of the other values to the study's own value, which are negative where its own is better."""
    import pandas as pd

    wins, loses = table[table.model == own], table[table.other == own]
    worse = wins.assign(setting=wins.other, difference=-wins.difference, ci_low=-wins.ci_high, ci_high=-wins.ci_low)
    both = pd.concat([worse, loses.assign(setting=loses.model)]).sort_index()
    return both.assign(ablation=name)[COLUMNS]


FIGURE = Figure(
    name="ablations",
    section=PREDICTED,
    title="What each setting buys",
    caption="Change of the Pearson coefficient if one setting of a model is changed from that of the study to the one "
    "on the left: paired differences in the same test configurations, with confidence intervals. A setting whose "
    "interval is left of zero makes the model worse.",
    inputs=inputs,
    draw=draw,
    on_request=True,
)
