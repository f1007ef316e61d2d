"""The Pearson table for readers: means over seeds, as text and as Markdown, beside published coefficients."""

import io
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glassbotan.dynamics.registry import targets
from glassbotan.evaluate.pearson import CHI_RATIO, SEES, VALUE, WHERE
from glassbotan.evaluate.published import FULL_DATA, published_beside
from glassbotan.evaluate.scores import Score

PUBLISHED_TARGET = "S"
"""Symbol of the target for which there are published coefficients."""


def rows(table: pd.DataFrame) -> list[Any]:
    """The rows of a table, each with its columns as attributes."""
    return list(table.itertuples())


def cell(row: Any) -> str:
    """A Pearson coefficient as text, with its confidence interval if it has one."""
    interval = "" if np.isnan(row.ci_low) else f" [{row.ci_low:.2f}, {row.ci_high:.2f}]"
    return f"{row.pearson:.2f}{interval}"


def means_over_seeds(table: pd.DataFrame, setting: str | None = None) -> pd.DataFrame:
    """Means of the scores over the seeds, and the standard deviation of the Pearson coefficient between seeds.

    There is a row for each predictor, temperature, time and target. If fits of a model differ in more than their seed,
    what differs is added to the name of the model.

    Parameters
    ----------
    table : the Pearson table
    setting : name of the setting that is varied in it, if there is one
    """
    keys = [*WHERE, "target", "species", "model"]
    table = table.assign(model=_told_apart(table, setting))
    groups = table.groupby(keys, sort=False, dropna=False)
    means = groups[[*(name for name in Score._fields if name != "n_configurations"), CHI_RATIO]].mean()
    means.insert(1, "between_seeds", groups.pearson.std())
    means["seeds"] = groups.seed.count()
    means["fitted"] = groups.fitted.first()
    means["n_configurations"] = groups.n_configurations.max()
    for name in SEES:
        means[name] = groups[name].first()
    return means.reset_index()


def _told_apart(table: pd.DataFrame, setting: str | None) -> list[str]:
    """The name of each row's model, with whatever differs between the fits of that model added."""
    fits = table[table.fitted.astype(bool)].groupby("model")
    texts = {
        "train_configurations": "{} configurations",
        "replicas": "{} replicas",
        VALUE: f"{(setting or '').rpartition('.')[2]} = {{}}",
    }
    differing = {model: [name for name in texts if of_model[name].nunique() > 1] for model, of_model in fits}
    elsewhere = {
        model: (of_model.temperature != of_model.trained_temperature).any()
        or (of_model.time != of_model.trained_time).any()
        for model, of_model in fits
    }
    names = []
    for row in rows(table):
        parts = [texts[name].format(getattr(row, name)) for name in differing.get(row.model, ())]
        if elsewhere.get(row.model) and (row.trained_temperature, row.trained_time) != (row.temperature, row.time):
            known = not np.isnan(row.trained_temperature)
            parts.append(
                f"of T = {row.trained_temperature:g}, t = {row.trained_time:g}" if known else "of other temperatures"
            )
        names.append(", ".join([row.model, *parts]))
    return names


def text_table(means: pd.DataFrame, published: bool) -> pd.DataFrame:
    """The scores of one target at one temperature as text: a line per model, baselines last, a column per time.

    Parameters
    ----------
    means : scores of one target at one temperature, from `means_over_seeds`
    published : whether to add a line with the published coefficients of BOTAN, if there are any
    """
    baselines = set(means.model[~means.fitted.astype(bool)])
    models = sorted(dict.fromkeys(means.model), key=lambda model: model in baselines)
    cells = means.assign(cell=[cell(row) for row in rows(means)])
    table = cells.pivot(index="model", columns="time", values="cell").reindex(index=models).fillna("")
    of_model = means.groupby("model")
    table["sees"] = of_model.sees.first()
    table["structures"] = of_model.structures.first()
    table["core-s"] = of_model.core_seconds.first().map(lambda seconds: f"{seconds:.3g}" if seconds else "")
    times = sorted(means.time.unique().tolist())
    temperature = float(means.temperature.iloc[0])
    last = {"ceiling": means.groupby("time").ceiling.first().reindex(times).map("{:.2f}".format)}
    beside = [published_beside(temperature, time).get("BOTAN") if published else None for time in times]
    if any(value is not None for value in beside):
        last[f"BOTAN {FULL_DATA}"] = pd.Series(["" if value is None else f"{value:.2f}" for value in beside], times)
    table = pd.concat([table, pd.DataFrame(last).T]).fillna("")
    table = table.rename(columns={time: f"t = {time:g}" for time in times})
    return table.rename_axis(index="model", columns=None).reset_index()


def chi_ratios(means: pd.DataFrame) -> pd.DataFrame:
    """The ratios of susceptibilities of one target at one temperature as text: a line per model, a column per time."""
    known = means[means[CHI_RATIO].notna()]
    models = list(dict.fromkeys(known.model))
    table = known.pivot(index="model", columns="time", values=CHI_RATIO).reindex(models)
    table = table.map(_two_digits)
    table = table.rename(columns={time: f"t = {time:g}" for time in table.columns})
    return table.rename_axis(index="model", columns=None).reset_index()


def _two_digits(value: float) -> str:
    """A number as text; empty if it is not known."""
    return "" if np.isnan(value) else f"{value:.2f}"


def readable(table: pd.DataFrame, title: str, published: bool = False, setting: str | None = None) -> str:
    """The table as text: a block for each target and temperature, a line per model, a column per time.

    Parameters
    ----------
    table : the Pearson table
    title : first words of the heading of each block, such as the name of the study
    published : whether to show published coefficients, which are of the paper's liquid only
    setting : name of the setting that is varied, if there is one
    """
    text = io.StringIO()
    console = Console(file=text, width=240, markup=False, highlight=False)
    means = means_over_seeds(table, setting)
    for symbol, target in targets().items():
        of_target = means[means.target == symbol]
        if of_target.empty:
            continue
        for temperature, here in of_target.groupby("temperature"):
            shown = text_table(here, published and symbol == PUBLISHED_TARGET)
            console.print(f"{title}: Pearson coefficient for the {target.description}, T = {temperature:g}\n")
            console.print(_as_lines(shown), "")
            if symbol == PUBLISHED_TARGET and here[CHI_RATIO].notna().any():
                console.print(
                    f"{title}: χ_{symbol}(q) of the prediction over that of the simulation, T = {temperature:g}\n"
                )
                console.print(_as_lines(chi_ratios(here)), "")
    count = int(table.n_configurations.max())
    console.print(
        f"Mean over {count} test configurations [confidence interval] and over the seeds.\n"
        "The ceiling is the coefficient that a perfect prediction would have with the mean over this many replicas.\n"
        "χ_S(q): how strongly S fluctuates over the longest waves in the box; the ratio is 1 if a prediction is as "
        "heterogeneous as the simulation.\n"
        "Sees: whether a model predicts from positions alone, or from the potential as well (energies, minimisation, "
        "dynamics).\nStructures: the states of the structure that it uses; core-s: seconds of a core that they take "
        "for a configuration."
    )
    return "".join(line.rstrip() + "\n" for line in text.getvalue().splitlines())


def _as_lines(shown: pd.DataFrame) -> Table:
    """A table of text for the console; the columns of words are aligned on the left."""
    view = Table(box=SIMPLE, show_edge=False, pad_edge=False)
    for number, column in enumerate(shown.columns):
        view.add_column(column, justify="left" if number == 0 or column in ("sees", "structures") else "right")
    for line in shown.itertuples(index=False):
        view.add_row(*line)
    return view


def markdown(table: pd.DataFrame, title: str, published: bool = False, setting: str | None = None) -> str:
    """The table as Markdown: means over seeds with every kind of score, a table for each target."""
    means = means_over_seeds(table, setting)
    parts = [f"# {title}: how well the structure predicted the dynamics\n"]
    for symbol, target in targets().items():
        of_target = means[means.target == symbol]
        if of_target.empty:
            continue
        shown = pd.DataFrame(
            {
                "T": of_target.temperature.map("{:g}".format),
                "t": of_target.time.map("{:g}".format),
                "model": of_target.model,
                "ρ [interval]": [cell(row) for row in rows(of_target)],
                "± seeds": [
                    f"{row.between_seeds:.3f} ({row.seeds})" if row.seeds > 1 else "" for row in rows(of_target)
                ],
                "ρ pooled": of_target.pooled_pearson.map("{:.2f}".format),
                "Spearman": of_target.spearman.map("{:.2f}".format),
                "R²": of_target.r_squared.map(_two_digits),
                "χ / χ simulated": of_target[CHI_RATIO].map(_two_digits),
                "ceiling": of_target.ceiling.map("{:.2f}".format),
                "ρ / ceiling": of_target.of_ceiling.map("{:.2f}".format),
                "sees": of_target.sees,
                "structures": of_target.structures,
                "core-s": of_target.core_seconds.map(lambda seconds: f"{seconds:.3g}" if seconds else ""),
            }
        )
        if symbol == PUBLISHED_TARGET and published:
            shown = pd.concat([shown, _published_columns(of_target)], axis=1)
        what = target.description
        parts += [
            f"## {what[0].upper()}{what[1:]}\n",
            str(shown.to_markdown(index=False, disable_numparse=True)) + "\n",
        ]
    parts.append(
        f"Means over {int(table.n_configurations.max())} test configurations, with Student's confidence interval, and "
        "over the seeds.\n"
    )
    if published:
        parts.append(
            "Published: values of other authors, from networks trained on the full data set of 400 configurations of "
            "N = 4096 with 32 replicas each, at the same temperature and, within 5 per cent, the same time.\n"
        )
    return "\n".join(parts)


def _published_columns(means: pd.DataFrame) -> pd.DataFrame:
    """A column for each published model that has a coefficient at one of these temperatures and times."""
    found = [published_beside(row.temperature, row.time) for row in rows(means)]
    names = list(dict.fromkeys(name for row in found for name in row.index))
    columns = {f"{name} (published)": [f"{row[name]:.2f}" if name in row else "" for row in found] for name in names}
    return pd.DataFrame(columns, index=means.index)
