"""The Pearson table: every model, state point, sampling time and seed, beside what needs no network."""

import io
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glassbotan.evaluate.predictions import Prediction, running_mean
from glassbotan.evaluate.scores import Score, score
from glassbotan.study import Scores

ENERGY = "potential energy"
"""Predictor of S without a network: the particle's potential energy U_i at t = 0."""
DISTANCE = "-r_ij(0)"
"""Predictor of E without a network: minus the pair's distance at t = 0."""

COLUMNS = ["temperature", "time", "time_index", "model", "seed", "target", "species", *Score._fields]
LEARNT_FROM = ["train_configurations", "replicas"]
"""How many configurations a network learnt from, and over how many replicas their targets were averaged."""
WHERE = ("temperature", "time_index")
NO_NETWORK = dict.fromkeys(["seed", *LEARNT_FROM], pd.NA)


def pearson_rows(
    predictions: Sequence[Prediction], description: dict[str, Any], settings: Scores, baselines: bool
) -> list[dict[str, Any]]:
    """The rows of one predictions file.

    Parameters
    ----------
    predictions : of every test configuration
    description : temperature, time, time_index, model, seed and p of the network, and what it learnt from
    settings : range of the scored pairs, bootstrap
    baselines : add the predictors that need no network
    """
    p = description["p"]
    run = {key: description[key] for key in ("temperature", "time", "time_index", "model", "seed", *LEARNT_FROM)}
    of_a = [prediction.species == 0 for prediction in predictions]
    near = [prediction.pairs_of_a(settings.pair_range) for prediction in predictions]

    def row(target: str, model: dict[str, Any], predicted: list[np.ndarray]) -> dict[str, Any]:
        species, truth, which = ("A", "propensity", of_a) if target == "S" else ("A-A", "pair_distance_change", near)
        result = score(
            [values[mask] for values, mask in zip(predicted, which, strict=True)],
            [getattr(prediction, truth)[mask] for prediction, mask in zip(predictions, which, strict=True)],
            [
                getattr(prediction, truth + "_halves")[:, mask]
                for prediction, mask in zip(predictions, which, strict=True)
            ],
            settings,
        )
        return {**run, **model, "target": target, "species": species, **result._asdict()}

    rows = []
    if p > 0:
        rows.append(row("S", {}, [prediction.predicted_propensity for prediction in predictions]))
    if p < 1:
        rows.append(row("E", {}, [prediction.predicted_pair_distance_change for prediction in predictions]))
    if baselines:
        energies = [prediction.potential_energy for prediction in predictions]
        distances = [-np.linalg.norm(prediction.separations, axis=1) for prediction in predictions]
        rows.append(row("S", {"model": ENERGY, **NO_NETWORK}, energies))
        rows.append(row("E", {"model": DISTANCE, **NO_NETWORK}, distances))
    return rows


def pearson_table(files: Iterable[tuple[Sequence[Prediction], dict[str, Any]]], settings: Scores) -> pd.DataFrame:
    """All rows, in order of temperature, time and target; predictors without a network once per time.

    Networks that differ in their seed alone must follow each other; the mean of their predictions is scored as well.
    """
    rows, seen = [], set()
    for of_seeds, group in groupby(files, key=lambda file: [file[1][name] for name in (*WHERE, "model", *LEARNT_FROM)]):
        where = tuple(of_seeds[: len(WHERE)])
        together: list[Prediction] = []
        for count, (predictions, description) in enumerate(group, start=1):
            rows += pearson_rows(predictions, description, settings, baselines=where not in seen)
            seen.add(where)
            together = running_mean(together, predictions, count)
        if count > 1:
            ensemble = description | {"model": f"{description['model']}, mean of {count}", "seed": pd.NA}
            rows += pearson_rows(together, ensemble, settings, baselines=False)
    table = pd.DataFrame(rows, columns=[*COLUMNS, *LEARNT_FROM])
    table = table.astype(dict.fromkeys(["seed", *LEARNT_FROM], "Int64"))
    return table.sort_values(["temperature", "time_index", "target"], kind="stable", ignore_index=True)


def readable(table: pd.DataFrame, title: str) -> str:
    """The table as text: a block for S and one for E, a line per state point and time, a column per model."""
    text = io.StringIO()
    console = Console(file=text, width=110, markup=False, highlight=False)
    for target, what in (("S", "propensity S of A particles"), ("E", "pair-distance change E of A-A pairs")):
        of_target = table[table.target == target]
        if of_target.empty:
            continue
        models = list(dict.fromkeys(of_target.model))
        models.sort(key=lambda model: model in (ENERGY, DISTANCE))
        view = Table(title=f"{title}: Pearson coefficient for the {what}", box=SIMPLE, title_justify="left")
        for column in ("T", "t", *models, "ceiling"):
            view.add_column(column, justify="right")
        for (temperature, time), here in of_target.groupby(["temperature", "time"]):
            cells = []
            for model in models:
                scores = here[here.model == model]
                cells.append(_cell(scores) if len(scores) else "")
            view.add_row(f"{temperature:g}", f"{time:g}", *cells, f"{here.ceiling.iloc[0]:.2f}")
        console.print(view)
    count = int(table.n_configurations.max())
    console.print(
        f"Mean over {count} test configurations [bootstrap interval over them]; several seeds are averaged.\n"
        "The ceiling is what a perfect prediction could reach against this many replicas."
    )
    return text.getvalue()


def _cell(scores: pd.DataFrame) -> str:
    return f"{scores.pearson.mean():.2f} [{scores.ci_low.mean():.2f}, {scores.ci_high.mean():.2f}]"
