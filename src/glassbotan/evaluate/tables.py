"""The Pearson table: every model, state point, sampling time and seed, beside what needs no network.

Tidy tables have a row for each network; the readable ones have means over seeds, beside what others have published.
"""

import io
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glassbotan.evaluate.heterogeneity import Heterogeneity, heterogeneity
from glassbotan.evaluate.predictions import Prediction, running_mean
from glassbotan.evaluate.scores import Score, score
from glassbotan.study import SYMBOLS, Scores

ENERGY = "potential energy"
"""Predictor of particle motion without a network: the particle's potential energy U_i at t = 0."""
DISTANCE = "-r_ij(0)"
"""Predictor of E without a network: minus the pair's distance at t = 0."""

WHERE = ["temperature", "time", "time_index"]
NETWORK = ["p", "rounds", "train_configurations", "replicas", "trained_temperature", "trained_time"]
"""What tells networks of a model apart: their settings, what they learnt from, and where."""
SETTINGS = {
    "p": "p = {:g}",
    "rounds": "{} rounds",
    "train_configurations": "{} configurations",
    "replicas": "{} replicas",
}
COLUMNS = [*WHERE, "model", "seed", "target", "species", *Score._fields, *NETWORK]
COUNTS = ["seed", "rounds", "train_configurations", "replicas"]
NO_NETWORK = dict.fromkeys(["seed", *NETWORK], np.nan)
TARGETS = {
    "S": "propensity S of A particles",
    "R": "neighbour-relative displacement R of A particles",
    "C": "cage-relative displacement C of A particles",
    "D": "non-affine displacement D of A particles",
    "E": "pair-distance change E of A-A pairs",
}
"""Everything that is scored, by its symbol."""
FULL_DATA = "published, full data"
SAME_TIME = 0.05
"""Relative difference within which a published sampling time is taken for ours."""


@cache
def published_pearson() -> pd.DataFrame:
    """Published coefficients of S: columns temperature, time, model, pearson.

    Of species A, mean over 100 test configurations of the coefficient per configuration, networks trained on the full
    data set of 400: the GlassBench test set (Jung et al., arXiv:2311.14752, CC-BY-4.0) for BOTAN, CAGE, GlassMLP and
    SE(3)-GNN; Jiang (2025) for EIGNN.
    """
    with resources.as_file(resources.files("glassbotan.published") / "pearson.csv") as path:
        return pd.read_csv(path, comment="#")


def published_beside(temperature: float, time: float) -> "pd.Series[float]":
    """The published coefficients at a temperature and, within 5 per cent, a time, by model; perhaps none."""
    table = published_pearson()
    same = np.isclose(table.temperature, temperature) & (np.abs(table.time / time - 1) < SAME_TIME)
    return table[same].set_index("model").pearson


def pearson_rows(
    predictions: Sequence[Prediction], description: dict[str, Any], settings: Scores, baselines: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of one predictions file.

    Parameters
    ----------
    predictions : of every test configuration
    description : where they are, model, seed, motion and p of the network, and what tells it apart
    settings : range of the scored pairs, confidence of the intervals
    baselines : targets (S, E ...) for which the predictors that need no network are added
    """
    run = {key: description[key] for key in (*WHERE, "model", "seed", *NETWORK)}
    symbol = SYMBOLS[description["motion"]]
    of_a = [prediction.species == 0 for prediction in predictions]
    near = [prediction.pairs_of_a(settings.pair_range) for prediction in predictions]

    def row(target: str, predicted: list[np.ndarray], without_network: str | None = None) -> dict[str, Any]:
        species, truth, which = ("A-A", "pair_distance_change", near) if target == "E" else ("A", "motion", of_a)
        result = score(
            [values[mask] for values, mask in zip(predicted, which, strict=True)],
            [getattr(prediction, truth)[mask] for prediction, mask in zip(predictions, which, strict=True)],
            [
                getattr(prediction, truth + "_halves")[:, mask]
                for prediction, mask in zip(predictions, which, strict=True)
            ],
            settings,
            values=without_network is None,
        )
        model = {"model": without_network, **NO_NETWORK} if without_network else {}
        return {**run, **model, "target": target, "species": species, **result._asdict()}

    rows = []
    if run["p"] > 0:
        rows.append(row(symbol, [prediction.predicted_motion for prediction in predictions]))
    if run["p"] < 1:
        rows.append(row("E", [prediction.predicted_pair_distance_change for prediction in predictions]))
    if symbol in baselines and run["p"] > 0:
        rows.append(row(symbol, [prediction.potential_energy for prediction in predictions], ENERGY))
    if "E" in baselines and run["p"] < 1:
        distances = [-np.linalg.norm(prediction.separations, axis=1) for prediction in predictions]
        rows.append(row("E", distances, DISTANCE))
    return rows


def pearson_table(files: Iterable[tuple[Sequence[Prediction], dict[str, Any]]], settings: Scores) -> pd.DataFrame:
    """All rows, in order of temperature, time and target; predictors without a network once per time and target.

    Networks that differ in their seed alone must follow each other; the mean of their predictions is scored as well.
    """
    rows: list[dict[str, Any]] = []
    seen: set[tuple[Any, ...]] = set()
    for _, group in groupby(files, key=lambda file: [file[1][name] for name in (*WHERE, "model", "motion", *NETWORK)]):
        together: list[Prediction] = []
        for count, (predictions, description) in enumerate(group, start=1):
            where = tuple(description[name] for name in WHERE)
            baselines = [target for target in (SYMBOLS[description["motion"]], "E") if (where, target) not in seen]
            found = pearson_rows(predictions, description, settings, baselines)
            seen |= {(where, row["target"]) for row in found}
            rows += found
            together = running_mean(together, predictions, count)
        if count > 1:
            ensemble = description | {"model": f"{description['model']}, mean of {count}", "seed": pd.NA}
            rows += pearson_rows(together, ensemble, settings, [])
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COUNTS, "Int64"))
    table["target"] = pd.Categorical(table.target, [*TARGETS])
    table = table.sort_values(["temperature", "time_index", "target"], kind="stable", ignore_index=True)
    return table.astype({"target": str})


def heterogeneity_table(files: Iterable[tuple[Sequence[Prediction], dict[str, Any]]]) -> pd.DataFrame:
    """Dynamical heterogeneity in truth and prediction, a row for each network that predicts particles."""
    rows = []
    for predictions, made in files:
        if made["p"] > 0:
            run = {key: made[key] for key in (*WHERE, "model", "seed")}
            rows.append({**run, "target": SYMBOLS[made["motion"]], **heterogeneity(predictions)._asdict()})
    return pd.DataFrame(rows, columns=[*WHERE, "model", "seed", "target", *Heterogeneity._fields])


def means_over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each network, place and target: means over the seeds, and the standard deviation between them.

    Networks of a model that differ in more than their seed have what differs in the name of the model.
    """
    keys = [*WHERE, "target", "species", "model"]
    table = table.assign(model=_told_apart(table))
    groups = table.groupby(keys, sort=False, dropna=False)
    means = groups[[name for name in Score._fields if name != "n_configurations"]].mean()
    means.insert(1, "between_seeds", groups.pearson.std())
    means["seeds"] = groups.seed.count()
    means["n_configurations"] = groups.n_configurations.max()
    return means.reset_index()


def _told_apart(table: pd.DataFrame) -> list[str]:
    """The name of each row's model, with those of its settings that vary among the networks of this name."""
    networks = table[table.p.notna()].groupby("model")
    differing = {model: [name for name in SETTINGS if of_model[name].nunique() > 1] for model, of_model in networks}
    names = []
    for row in rows(table):
        parts = [SETTINGS[name].format(getattr(row, name)) for name in differing.get(row.model, ())]
        if row.model in differing and (row.trained_temperature, row.trained_time) != (row.temperature, row.time):
            parts.append(f"of T = {row.trained_temperature:g}, t = {row.trained_time:g}")
        names.append(", ".join([row.model, *parts]))
    return names


def readable(table: pd.DataFrame, title: str, published: bool = False) -> str:
    """The table as text: a block for each target, a line per state point and time, a column per model.

    `published`: whether to show what others have published, which is of one liquid.
    """
    text = io.StringIO()
    console = Console(file=text, width=240, markup=False, highlight=False)
    means = means_over_seeds(table)
    for target, what in TARGETS.items():
        of_target = means[means.target == target]
        if of_target.empty:
            continue
        shown = text_table(of_target, published and target == "S")
        console.print(f"{title}: Pearson coefficient for the {what}\n")
        view = Table(box=SIMPLE, show_edge=False, pad_edge=False)
        for column in shown.columns:
            view.add_column(column, justify="right")
        for line in shown.itertuples(index=False):
            view.add_row(*line)
        console.print(view, "")
    count = int(table.n_configurations.max())
    console.print(
        f"Mean over {count} test configurations [confidence interval]; several seeds are averaged.\n"
        "The ceiling is what a perfect prediction could reach against this many replicas."
    )
    return "".join(line.rstrip() + "\n" for line in text.getvalue().splitlines())


def text_table(means: pd.DataFrame, published: bool) -> pd.DataFrame:
    """The means of one target as text: a line per state point and time, a column per model, those without network last.

    Parameters
    ----------
    means : of one target, from `means_over_seeds`
    published : whether a column has what others have published for BOTAN, if there is anything
    """
    place = ["temperature", "time"]
    models = sorted(dict.fromkeys(means.model), key=lambda model: model in (ENERGY, DISTANCE))
    cells = means.assign(cell=[cell(row) for row in rows(means)])
    table = cells.pivot(index=place, columns="model", values="cell").reindex(columns=models).fillna("")
    table["ceiling"] = means.groupby(place).ceiling.first().map("{:.2f}".format)
    beside = [published_beside(*where).get("BOTAN") if published else None for where in table.index]
    if any(value is not None for value in beside):
        table[f"BOTAN {FULL_DATA}"] = ["" if value is None else f"{value:.2f}" for value in beside]
    table = table.rename_axis(columns=None).reset_index().rename(columns={"temperature": "T", "time": "t"})
    return table.assign(T=table["T"].map("{:g}".format), t=table["t"].map("{:g}".format))


def rows(table: pd.DataFrame) -> list[Any]:
    """The rows of a table, each with its columns as attributes."""
    return list(table.itertuples())


def cell(row: Any) -> str:
    """A score with its interval, if it has one."""
    interval = "" if np.isnan(row.ci_low) else f" [{row.ci_low:.2f}, {row.ci_high:.2f}]"
    return f"{row.pearson:.2f}{interval}"


def markdown(table: pd.DataFrame, title: str, published: bool = False) -> str:
    """The table as Markdown: means over seeds with every kind of score, a table for each target."""
    means = means_over_seeds(table)
    parts = [f"# {title}: how well the structure predicted the dynamics\n"]
    for target, what in TARGETS.items():
        of_target = means[means.target == target]
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
                "R²": of_target.r_squared.map(lambda value: "" if np.isnan(value) else f"{value:.2f}"),
                "ceiling": of_target.ceiling.map("{:.2f}".format),
                "ρ / ceiling": of_target.of_ceiling.map("{:.2f}".format),
            }
        )
        if target == "S" and published:
            shown = pd.concat([shown, _published_columns(of_target)], axis=1)
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
            "Published: by others, trained on the full data set of 400 configurations with 32 replicas of N = 4096, at "
            "the same temperature and, within 5 per cent, the same time.\n"
        )
    return "\n".join(parts)


def _published_columns(means: pd.DataFrame) -> pd.DataFrame:
    """A column for each published model that has a value at one of these places."""
    found = [published_beside(row.temperature, row.time) for row in rows(means)]
    names = list(dict.fromkeys(name for row in found for name in row.index))
    columns = {f"{name} (published)": [f"{row[name]:.2f}" if name in row else "" for row in found] for name in names}
    return pd.DataFrame(columns, index=means.index)
