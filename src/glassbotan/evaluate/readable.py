"""The summary of the scores for readers, as text and as Markdown, beside published coefficients."""

import io
import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glassbotan.dynamics.registry import targets
from glassbotan.evaluate.pearson import CHI_RATIO
from glassbotan.evaluate.published import FULL_DATA, published_beside
from glassbotan.evaluate.summary import PARTS, rows, what_is_left_out

PUBLISHED_TARGET = "S"
"""Symbol of the target for which there are published coefficients."""


def cell(row: Any) -> str:
    """A Pearson coefficient as text, with its confidence interval if it has one."""
    interval = "" if np.isnan(row.ci_low) else f" [{row.ci_low:.2f}, {row.ci_high:.2f}]"
    return f"{row.pearson:.2f}{interval}"


def with_error(value: float, error: float) -> str:
    """A number between 0 and 2 with its standard error, such as 0.91 ± 0.01; empty if the number is not known."""
    if np.isnan(value):
        return ""
    return f"{value:.2f}" + ("" if np.isnan(error) else f" ± {error:.2f}")


def value_with_error(value: float, error: float) -> str:
    """A number with its standard error, to two digits of the error, such as 0.0012 ± 0.0034."""
    if not math.isfinite(value):
        return "not known"
    if not (math.isfinite(error) and error > 0):
        return f"{value:.3g}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def text_table(means: pd.DataFrame, published: bool) -> pd.DataFrame:
    """The scores of one target at one temperature as text: a line per model, baselines last, a column per time.

    Parameters
    ----------
    means : scores of one target at one temperature, from `glassbotan.evaluate.summary.summary`
    published : whether to add a line with the published coefficients of BOTAN, if there are any
    """
    baselines = set(means.label[~means.fitted.astype(bool)])
    models = sorted(dict.fromkeys(means.label), key=lambda label: label in baselines)
    cells = means.assign(cell=[cell(row) for row in rows(means)])
    table = cells.pivot(index="label", columns="time", values="cell").reindex(index=models).fillna("")
    of_model = means.groupby("label")
    table["sees"] = of_model.sees.first()
    table["structures"] = of_model.structures.first()
    table["core-s"] = of_model.core_seconds.first().map(lambda seconds: f"{seconds:.3g}" if seconds else "")
    times = sorted(means.time.unique().tolist())
    temperature = float(means.temperature.iloc[0])
    of_times = means.groupby("time")[["ceiling", "ceiling_error"]].first()
    last = {
        "ceiling": pd.Series([with_error(row.ceiling, row.ceiling_error) for row in rows(of_times)], of_times.index)
    }
    beside = [published_beside(temperature, time).get("BOTAN") if published else None for time in times]
    if any(value is not None for value in beside):
        last[f"BOTAN {FULL_DATA}"] = pd.Series(["" if value is None else f"{value:.2f}" for value in beside], times)
    table = pd.concat([table, pd.DataFrame(last).T]).fillna("")
    table = table.rename(columns={time: f"t = {time:g}" for time in times})
    return table.rename_axis(index="model", columns=None).reset_index()


def chi_ratios(means: pd.DataFrame) -> pd.DataFrame:
    """The ratios of susceptibilities of one target at one temperature as text: a line per model, a column per time."""
    known = means[means[CHI_RATIO].notna()]
    known = known.assign(cell=[with_error(row.chi_ratio, row.chi_ratio_error) for row in rows(known)])
    models = list(dict.fromkeys(known.label))
    table = known.pivot(index="label", columns="time", values="cell").reindex(models).fillna("")
    table = table.rename(columns={time: f"t = {time:g}" for time in table.columns})
    return table.rename_axis(index="model", columns=None).reset_index()


def _three_digits(value: float) -> str:
    """A standard error as text; empty if it is not known."""
    return "" if np.isnan(value) else f"{value:.3f}"


def _two_digits(value: float) -> str:
    """A number as text; empty if it is not known."""
    return "" if np.isnan(value) else f"{value:.2f}"


def against_the_best(differences: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Differences between the best model of each time and all others, as text.

    Parameters
    ----------
    differences : those of one target at one temperature, from `glassbotan.evaluate.summary.differences`
    models : order of the models

    Returns
    -------
    table : a line per model, a column per time, with the difference [interval] and the probability of the order
    """
    columns = {}
    for time, here in differences.groupby("time"):
        best = here.model.iloc[0]
        with_best = here[here.model == best]
        cells = {best: "best", **{row.other: _difference(row) for row in rows(with_best)}}
        columns[f"t = {time:g}"] = pd.Series(cells)
    table = pd.DataFrame(columns)
    table = table.reindex([model for model in models if model in table.index]).fillna("")
    return table.rename_axis(index="model", columns=None).reset_index()


def _difference(row: Any) -> str:
    if np.isnan(row.error):
        return f"{row.difference:.3f}"
    return f"{row.difference:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}] {probability(row.probability)}"


def probability(value: float) -> str:
    """The probability of an order as text."""
    if np.isnan(value):
        return ""
    return "P > 0.999" if value > 0.999 else f"P = {value:.{3 if value > 0.99 else 2}f}"


def score_tables(
    means: pd.DataFrame, differences: pd.DataFrame, published: bool, ratios_of: Collection[str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables of each target at each temperature, as text, with their titles: scores, ratios, differences.

    Parameters
    ----------
    means, differences : the tables of `glassbotan.evaluate.summary`
    published : whether to show published coefficients, which are of the paper's liquid only
    ratios_of : symbols of the targets of which the ratios of susceptibilities are shown
    """
    for symbol, target in targets().items():
        for temperature, here in means[means.target == symbol].groupby("temperature"):
            where = f"T = {temperature:g}"
            scores = text_table(here, published and symbol == PUBLISHED_TARGET)
            yield f"Pearson coefficient for the {target.description}, {where}", scores
            if symbol in ratios_of and here[CHI_RATIO].notna().any():
                yield f"χ_{symbol}(q) of the prediction over that of the simulation, {where}", chi_ratios(here)
            compared = differences[(differences.target == symbol) & (differences.temperature == temperature)]
            if len(compared):
                title = f"ρ({symbol}) of the best model less that of another one, {where}"
                yield title, against_the_best(compared, list(scores.model))


def readable(means: pd.DataFrame, differences: pd.DataFrame, title: str, published: bool = False) -> str:
    """The scores as text: a block for each target and temperature, a line per model, a column per time.

    Parameters
    ----------
    means, differences, published : see `score_tables`
    title : first words of the heading of each block, such as the name of the study
    """
    text = io.StringIO()
    console = Console(file=text, width=240, markup=False, highlight=False)
    for heading, table in score_tables(means, differences, published, ratios_of=[PUBLISHED_TARGET]):
        console.print(f"{title}: {heading}\n")
        console.print(_as_lines(table), "")
    count = int(means.n_configurations.max())
    console.print(
        f"Mean over {count} test configurations and over the seeds [confidence interval].\n"
        + "".join(f"{sentence}\n" for sentence in what_is_left_out(means))
        + "Differences are paired: they are those in the same test configurations. P: probability that the order of "
        "the two models is right.\n"
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


def markdown(means: pd.DataFrame, differences: pd.DataFrame, title: str, published: bool = False) -> str:
    """The scores as Markdown: every kind of score and the parts of its error, a table for each target.

    Parameters
    ----------
    means, differences, title, published : see `readable`
    """
    parts = [f"# {title}: how well the structure predicted the dynamics\n"]
    for symbol, target in targets().items():
        of_target = means[means.target == symbol]
        if of_target.empty:
            continue
        shown = pd.DataFrame(
            {
                "T": of_target.temperature.map("{:g}".format),
                "t": of_target.time.map("{:g}".format),
                "model": of_target.label,
                "ρ [interval]": [cell(row) for row in rows(of_target)],
                "seeds": of_target.seeds,
                **{f"± {words}": of_target[f"error_{name}"].map(_three_digits) for name, words in PARTS.items()},
                "ρ pooled": of_target.pooled_pearson.map("{:.2f}".format),
                "Spearman": of_target.spearman.map("{:.2f}".format),
                "R²": of_target.r_squared.map(_two_digits),
                "χ / χ simulated": [with_error(row.chi_ratio, row.chi_ratio_error) for row in rows(of_target)],
                "ceiling": [with_error(row.ceiling, row.ceiling_error) for row in rows(of_target)],
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
        for temperature, compared in differences[differences.target == symbol].groupby("temperature"):
            parts += [
                f"### ρ({symbol}) of the best model less that of another one, T = {temperature:g}\n",
                str(
                    against_the_best(compared, list(dict.fromkeys(of_target.label))).to_markdown(
                        index=False, disable_numparse=True
                    )
                )
                + "\n",
            ]
    parts.append(
        f"Means over {int(means.n_configurations.max())} test configurations and over the seeds. The interval is "
        "Student's, from the sum of the variances whose roots stand after ±: what the choice of the test "
        "configurations, the seeds, and the choice of the training configurations (which includes the seeds) "
        "contribute. "
        + " ".join(what_is_left_out(means))
        + "\n\nDifferences are paired: they are those in the same test configurations. P is the probability that the "
        "order of the two models is right.\n"
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
