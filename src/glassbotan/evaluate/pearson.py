"""The Pearson table: a row for each predictor, state point, sampling time, seed and target."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from glassbotan.dynamics.registry import particle_targets, targets
from glassbotan.evaluate.heterogeneity import Heterogeneity, heterogeneity, long_wave_fluctuations
from glassbotan.evaluate.scores import Score, score
from glassbotan.files.predictions import Prediction, Predictions
from glassbotan.study.evaluation import Scores

WHERE = ["temperature", "time", "time_index"]
PREDICTOR = ["model", "kind", "fitted", "seed"]
FITTED_TO = ["train_configurations", "replicas", "trained_temperature", "trained_time"]
"""Columns that describe what a predictor was fitted to; fits of one model can differ in them."""
VALUE = "value"
"""Column with the value of the setting that an ablation varies."""
SEES = ["sees", "structures", "particle_steps", "core_seconds"]
"""Columns that say from what a predictor predicts, and what that costs for a configuration."""
CHI_RATIO = "chi_ratio"
"""Column with chi_X(predicted)/chi_X(simulation) of long waves, for targets of particles: whether the prediction has as
much dynamical heterogeneity as the simulation."""
COLUMNS = [*WHERE, *PREDICTOR, "target", "species", *Score._fields, CHI_RATIO, *FITTED_TO, *SEES, VALUE]
COUNTS = ["seed", "train_configurations", "replicas"]


def pearson_rows(
    predictions: Predictions, at_time: Sequence[Prediction], number: int, settings: Scores, value: Any = None
) -> list[dict[str, Any]]:
    """The rows of the Pearson table for one predictor at one sampling time, a row for each target.

    Parameters
    ----------
    predictions : predictions file of the predictor
    at_time : its test configurations at the sampling time
    number : position of that time in `predictions.times`, counted from 0
    settings : range of the scored pairs, confidence level of the intervals
    value : value of the setting that an ablation varies
    """
    origin = predictions.origin
    found = []
    for symbol in predictions.symbols:
        masks = [one.scored(symbol, settings.pair_range) for one in at_time]
        compared = [one.targets[symbol] for one in at_time]
        both = [*zip(compared, masks, strict=True)]
        result = score(
            [one.predicted[mask] for one, mask in both],
            [one.truth[mask] for one, mask in both],
            [None if one.halves is None else one.halves[:, mask] for one, mask in both],
            settings,
            values=origin.gives_values,
            spreads=[None if one.spread is None else one.spread[mask] for one, mask in both],
        )
        chi_ratio = float("nan")
        if origin.gives_values and symbol in particle_targets():
            chi, predicted_chi = long_wave_fluctuations(at_time, symbol)
            chi_ratio = predicted_chi / chi if chi > 0 else float("nan")
        found.append(
            {
                "temperature": predictions.temperature,
                "time": predictions.times[number],
                "time_index": predictions.time_indices[number],
                "model": origin.model,
                "kind": origin.kind,
                "fitted": origin.fits,
                "seed": origin.seed,
                "target": symbol,
                "species": targets()[symbol].scored,
                **result._asdict(),
                CHI_RATIO: chi_ratio,
                "train_configurations": origin.train_configurations if origin.fits else pd.NA,
                "replicas": origin.replicas if origin.fits else pd.NA,
                "trained_temperature": origin.temperature if origin.fits and origin.temperature else float("nan"),
                "trained_time": origin.times[number] if origin.fits else float("nan"),
                "sees": "potential" if origin.uses_potential else "positions",
                "structures": " + ".join(origin.structures),
                "particle_steps": origin.particle_steps,
                "core_seconds": origin.core_seconds,
                VALUE: value,
            }
        )
    return found


def pearson_table(
    files: Iterable[Predictions], settings: Scores, values: Sequence[Any] = (), time: float | None = None
) -> pd.DataFrame:
    """The Pearson table: all rows, in order of temperature, time and target.

    Parameters
    ----------
    files : predictions files of the predictors, read one at a time since those of a large study exceed the memory
    settings : see `pearson_rows`
    values : for each file, the value of the setting that an ablation varies; empty if it is not an ablation
    time : the only sampling time that is scored; None for all of them
    """
    found = []
    for predictions, value in zip(files, values, strict=True) if values else ((one, None) for one in files):
        for number, at in enumerate(predictions.times):
            if time is None or math.isclose(at, time):  # times of files are multiples of the time step, and rounded
                found += pearson_rows(predictions, predictions.at_times[number], number, settings, value)
    table = pd.DataFrame(found, columns=COLUMNS).astype(dict.fromkeys(COUNTS, "Int64"))
    table["target"] = pd.Categorical(table.target, [*targets()])
    table = table.sort_values(["temperature", "time_index", "target"], kind="stable", ignore_index=True)
    return table.astype({"target": str})


def heterogeneity_table(files: Iterable[Predictions]) -> pd.DataFrame:
    """Dynamical heterogeneity in truth and prediction, a row for each predictor, time and target of the particles."""
    found = []
    for predictions in files:
        origin = predictions.origin
        of_particles = [symbol for symbol in predictions.symbols if symbol in particle_targets()]
        for number, (time, index) in enumerate(zip(predictions.times, predictions.time_indices, strict=True)):
            if origin.gives_values and of_particles:
                at_time = predictions.at_times[number]
                where = {"temperature": predictions.temperature, "time": time, "time_index": index}
                found += [
                    {
                        **where,
                        "model": origin.model,
                        "seed": origin.seed,
                        "target": symbol,
                        **heterogeneity(at_time, symbol)._asdict(),
                    }
                    for symbol in of_particles
                ]
    return pd.DataFrame(found, columns=[*WHERE, "model", "seed", "target", *Heterogeneity._fields])
