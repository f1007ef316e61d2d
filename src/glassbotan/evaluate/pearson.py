"""The tables of scores: one with a row for each predictor, state point, sampling time, seed and target, and one with a
row for each test configuration of these.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from glassbotan.dynamics.registry import particle_targets, targets
from glassbotan.evaluate.heterogeneity import Heterogeneity, heterogeneity, long_wave_fluctuations, ratio_of_means
from glassbotan.evaluate.scores import ConfigurationScore, Score, score, score_configuration
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
CHI_ERROR = "chi_ratio_error"
"""Column with the jackknife error of this ratio over the test configurations."""
COLUMNS = [*WHERE, *PREDICTOR, "target", "species", *Score._fields, CHI_RATIO, CHI_ERROR, *FITTED_TO, *SEES, VALUE]
COUNTS = ["seed", "train_configurations", "replicas"]
IDENTITY = [*WHERE, "target", "species", "model", "kind", "fitted", *FITTED_TO, *SEES, VALUE]
"""Columns that say what was predicted and by what, without the seed."""
OF_CONFIGURATIONS = [*IDENTITY, "seed", "configuration", *ConfigurationScore._fields]
"""Columns of the table with a row for each test configuration."""


class ScoreTables(NamedTuple):
    """The tables of scores of some predictions."""

    scores: pd.DataFrame
    """the Pearson table: a row for each predictor, temperature, time, seed and target"""
    of_configurations: pd.DataFrame
    """Pearson's coefficient and noise ceiling in each test configuration"""


def pearson_rows(
    predictions: Predictions, at_time: Sequence[Prediction], number: int, settings: Scores, value: Any = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of both tables for one predictor at one sampling time.

    The first has a row for each target, the second one for each target and test configuration.

    Parameters
    ----------
    predictions : predictions file of the predictor
    at_time : its test configurations at the sampling time
    number : position of that time in `predictions.times`, counted from 0
    settings : range of the scored pairs, confidence level of the intervals
    value : value of the setting that an ablation varies
    """
    origin = predictions.origin
    found: list[dict[str, Any]] = []
    single: list[dict[str, Any]] = []
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
        chi_ratio = chi_error = float("nan")
        if origin.gives_values and symbol in particle_targets():
            chi_ratio, chi_error = ratio_of_means(long_wave_fluctuations(at_time, symbol))
        identity = {
            "temperature": predictions.temperature,
            "time": predictions.times[number],
            "time_index": predictions.time_indices[number],
            "model": origin.model,
            "kind": origin.kind,
            "fitted": origin.fits,
            "seed": origin.seed,
            "target": symbol,
            "species": targets()[symbol].scored,
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
        found.append({**identity, **result._asdict(), CHI_RATIO: chi_ratio, CHI_ERROR: chi_error})
        for one, (target, mask) in zip(at_time, both, strict=True):
            halves = None if target.halves is None else target.halves[:, mask]
            of_one = score_configuration(target.predicted[mask], target.truth[mask], halves)
            single.append({**identity, "configuration": one.configuration, **of_one._asdict()})
    return found, single


def score_tables(
    files: Iterable[Predictions],
    settings: Scores,
    values: Sequence[Any] = (),
    times: Sequence[float] | None = None,
) -> ScoreTables:
    """The tables of scores: all rows, in order of temperature, time and target.

    Parameters
    ----------
    files : predictions files of the predictors, read one at a time since those of a large study exceed the memory
    settings : see `pearson_rows`
    values : for each file, the value of the setting that an ablation varies; empty if it is not an ablation
    times : the only sampling times that are scored; None for all of them
    """
    found: list[dict[str, Any]] = []
    single: list[dict[str, Any]] = []
    for predictions, value in zip(files, values, strict=True) if values else ((one, None) for one in files):
        for number, at in enumerate(predictions.times):
            # times of files are multiples of the time step, and rounded
            if times is None or any(math.isclose(at, time) for time in times):
                more, of_one = pearson_rows(predictions, predictions.at_times[number], number, settings, value)
                found += more
                single += of_one
    return ScoreTables(_in_order(found, COLUMNS), _in_order(single, OF_CONFIGURATIONS))


def _in_order(found: Sequence[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(found, columns=columns).astype(dict.fromkeys(COUNTS, "Int64"))
    table["target"] = pd.Categorical(table.target, [*targets()])
    table = table.sort_values(["temperature", "time_index", "target"], kind="stable", ignore_index=True)
    return table.astype({"target": str})


def heterogeneity_table(files: Iterable[Predictions], settings: Scores) -> pd.DataFrame:
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
                        **heterogeneity(at_time, symbol, settings.confidence)._asdict(),
                    }
                    for symbol in of_particles
                ]
    return pd.DataFrame(found, columns=[*WHERE, "model", "seed", "target", *Heterogeneity._fields])
