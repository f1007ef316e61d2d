"""Scores of each model over its seeds, with intervals that cover what varies, and differences between models.

A score depends on the test configurations, on the seed of the fit and on the choice of the training configurations.
The variance of the mean score is the sum of what these contribute:

- test configurations: s_c^2 / C from the means y_c over the seeds, for C configurations. What a seed does differently
  in each configuration is a part of it;
- seeds: s_s^2 / S from the means y_s over the configurations, for S seeds;
- training configurations, if a study fits models again to K half samples of them: the variance s_h^2 of the mean score
  between these fits. Times m/(n - m), if m of n configurations are in a half sample, it is the variance between choices
  of the n configurations (the delete-d jackknife of J. Shao and C. F. J. Wu, Ann. Statist. 17, 1176 (1989)). These
  fits have different seeds. With several seeds, the contribution is m/(n - m) max(0, s_h^2 - s_s^2), without that of
  the seeds; with one seed, it is max(1, m/(n - m)) s_h^2, which includes the seed. All half samples are taken from the
  same n configurations, so that their number of degrees of freedom is 1/[1/(K - 1) + 1/(n - 1)].

Degrees of freedom of the sum are Satterthwaite's (`glassbotan.statistics.Estimate`). A difference between two models is
estimated in the same way from the differences in each configuration and in each half sample, so that what both have in
common drops out.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from glassbotan.evaluate.pearson import CHI_ERROR, CHI_RATIO, FITTED_TO, SEES, VALUE, WHERE
from glassbotan.evaluate.scores import Score
from glassbotan.predictors.registry import kinds
from glassbotan.statistics import Estimate, Variance

KEYS = [*WHERE, "target", "species", "model", "kind", "fitted", *FITTED_TO, VALUE]
"""Columns that a row of the summary has in common with the fits that it summarises."""
PARTS = {"configurations": "test configurations", "seeds": "seeds", "training": "training configurations"}
"""Sources of the variance of a score: names in columns, and in words."""
ERRORS = [f"error_{name}" for name in PARTS]
COLUMNS = [
    *KEYS, "label", "seeds", "pearson", "ci_low", "ci_high", "leaves_out", *ERRORS, "between_seeds", "ceiling_error",
    *(name for name in Score._fields if name not in ("pearson", "ci_low", "ci_high")), CHI_RATIO, CHI_ERROR,
    *SEES,
]  # fmt: skip
DIFFERENCES = [
    *WHERE, "target", "model", "other", "difference", "error", "ci_low", "ci_high", "probability", "leaves_out",
    "n_configurations",
]  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """Pearson's coefficients of one model for one target at one time."""

    fits: NDArray[np.float64]
    """(S, C), of each seed in each test configuration"""
    halves: NDArray[np.float64]
    """(K, C), of each half sample of the training configurations; (0, C) if there are none"""
    configurations: tuple[int, ...]
    """numbers of the test configurations"""
    train: int
    """number n of training configurations"""
    in_half: int
    """number m of them that are in a half sample"""
    fitted: bool
    """whether it is fitted to data at all"""
    random: bool
    """whether its fits depend on their seeds"""

    @property
    def variances(self) -> dict[str, Variance]:
        """What each source contributes to the variance of the mean score, as far as it is known."""
        return {**_of_configurations(self.fits.mean(axis=0)), **self.of_fits}

    @property
    def of_fits(self) -> dict[str, Variance]:
        """What seeds and training configurations contribute."""
        found = {"seeds": Variance.of_mean(self.fits.mean(axis=1))} if len(self.fits) > 1 else {}
        if len(self.halves) > 1:
            of_seeds = found["seeds"].value * len(self.fits) if found else None
            found["training"] = self.of_choice(self.halves, of_seeds)
        return found

    def of_choice(self, halves: NDArray, of_seeds: float | None) -> Variance:
        """What the choice of the training configurations contributes, from scores (K, C) of half samples.

        Parameters
        ----------
        of_seeds : variance between seeds; if it is not known, it is a part of the result
        """
        means = halves.mean(axis=1)
        factor, between = self.in_half / (self.train - self.in_half), float(means.var(ddof=1))
        value = max(1.0, factor) * between if of_seeds is None else factor * max(0.0, between - of_seeds)
        return Variance(value, 1 / (1 / (len(means) - 1) + 1 / (self.train - 1)))

    @property
    def unknown(self) -> set[str]:
        """The sources whose contribution is not known."""
        found = set() if self.fits.shape[1] > 1 else {"configurations"}
        if self.fitted and len(self.halves) < 2:
            found |= {"training"} | ({"seeds"} if self.random and len(self.fits) < 2 else set())
        return found


def _of_configurations(values: NDArray) -> dict[str, Variance]:
    return {"configurations": Variance.of_mean(values)} if len(values) > 1 else {}


def estimate(one: Scored) -> Estimate:
    """The mean score, with the error from all sources that are known."""
    return Estimate.of(float(one.fits.mean()), [*one.variances.values()])


def difference(one: Scored, other: Scored) -> Estimate:
    """Difference of the mean scores of two models in the same test configurations."""
    of_configurations = one.fits.mean(axis=0) - other.fits.mean(axis=0)
    variances = [*_of_configurations(of_configurations).values()]
    if one.halves.shape == other.halves.shape and len(one.halves) > 1:
        variances.append(one.of_choice(one.halves - other.halves, None))
    else:
        variances += [*one.of_fits.values(), *other.of_fits.values()]
    return Estimate.of(float(of_configurations.mean()), variances)


def summary(
    scores: pd.DataFrame,
    of_configurations: pd.DataFrame,
    confidence: float,
    halves: pd.DataFrame | None = None,
    setting: str | None = None,
) -> pd.DataFrame:
    """A row for each model, temperature, time and target: means over the seeds, with intervals.

    Parameters
    ----------
    scores, of_configurations : the tables of `glassbotan.evaluate.pearson.score_tables`
    confidence : level of the intervals
    halves : the second of these tables for the fits to half samples, if there are any
    setting : name of the setting that is varied, if there is one

    Returns
    -------
    table : the columns `COLUMNS`; `label` is the name of the model, followed by what differs between its fits
    """
    groups = scores.groupby(KEYS, sort=False, dropna=False)
    averaged = [name for name in Score._fields if name not in ("pearson", "ci_low", "ci_high", "n_configurations")]
    means = groups[[*averaged, CHI_RATIO, CHI_ERROR]].mean()
    means["n_configurations"] = groups.n_configurations.max()
    means["seeds"] = groups.seed.count()
    means["between_seeds"] = groups.pearson.std()
    for name in SEES:
        means[name] = groups[name].first()
    scored = dict(_scored(of_configurations, halves))
    keys = [*means.index]
    means = means.reset_index()
    estimates = [estimate(scored[_plain(key)]) for key in keys]
    intervals = np.clip([one.interval(confidence) for one in estimates], -1, 1).reshape(-1, 2)
    means["pearson"] = [one.value for one in estimates]
    means["ci_low"], means["ci_high"] = intervals.T
    means["leaves_out"] = [_in_words(scored[_plain(key)].unknown) for key in keys]
    for name in PARTS:
        parts = (scored[_plain(key)].variances.get(name) for key in keys)
        means[f"error_{name}"] = [math.nan if part is None else math.sqrt(part.value) for part in parts]
    ceilings = of_configurations.groupby([*WHERE, "target", "configuration"]).ceiling.mean()
    errors = ceilings.groupby([*WHERE, "target"]).apply(lambda values: Estimate.of_mean(values).error)
    means["ceiling_error"] = [errors[key] for key in zip(*(means[name] for name in [*WHERE, "target"]), strict=True)]
    means["label"] = labels(means, setting)
    return means[COLUMNS]


def differences(
    of_configurations: pd.DataFrame,
    confidence: float,
    halves: pd.DataFrame | None = None,
    setting: str | None = None,
) -> pd.DataFrame:
    """Differences of the mean scores of all pairs of models, the better one first; for the parameters see `summary`.

    Returns
    -------
    table : the columns `DIFFERENCES`; `probability` is that of the better one being really the better one
    """
    table = of_configurations[KEYS].drop_duplicates(ignore_index=True)
    table = table.assign(label=labels(table, setting))
    scored = dict(_scored(of_configurations, halves))
    found = []
    for where, models in table.groupby([*WHERE, "target"], sort=False):
        here = {row.label: scored[_plain(getattr(row, name) for name in KEYS)] for row in rows(models)}
        known = [name for name in here if np.isfinite(here[name].fits).all()]
        ordered = sorted(known, key=lambda name: -float(here[name].fits.mean()))
        for one, other in itertools.combinations(ordered, 2):
            if here[one].configurations != here[other].configurations:
                continue  # predictions of other test configurations cannot be compared
            found.append(_difference_row(where, one, other, here, confidence))
    return pd.DataFrame(found, columns=DIFFERENCES)


def _difference_row(where: Any, one: str, other: str, here: dict[str, Scored], confidence: float) -> dict[str, Any]:
    found = difference(here[one], here[other])
    low, high = found.interval(confidence)
    return {
        **dict(zip([*WHERE, "target"], where, strict=True)),
        "model": one,
        "other": other,
        "difference": found.value,
        "error": found.error,
        "ci_low": low,
        "ci_high": high,
        "probability": found.probability_positive(),
        "leaves_out": _in_words(here[one].unknown | here[other].unknown),
        "n_configurations": here[one].fits.shape[1],
    }


def labels(table: pd.DataFrame, setting: str | None = None) -> list[str]:
    """The name of each row's model, followed by whatever differs between the fits of that model.

    Parameters
    ----------
    table : a table with the columns `KEYS`
    setting : name of the setting that is varied in it, if there is one
    """
    fits = table[table.fitted.astype(bool)].groupby("model")
    texts = {
        "train_configurations": "{} configurations",
        "replicas": "{} replicas",
        VALUE: f"{(setting or '').rpartition('.')[2]} = {{}}",
    }
    differing = {
        model: [name for name in texts if of_model[name].nunique(dropna=name != VALUE) > 1] for model, of_model in fits
    }
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
        names.append(", ".join([str(row.model), *parts]))
    return names


def what_is_left_out(table: pd.DataFrame) -> list[str]:
    """Sentences that say which sources of variance the intervals of a summary leave out, for which models."""
    sentences = []
    for left_out, concerned in table[table.leaves_out != ""].groupby("leaves_out", sort=False):
        names = list(dict.fromkeys(concerned.label))
        of_all = len(names) == table.label.nunique()
        which = "of all models" if of_all else f"of {', '.join(names)}"
        sentences.append(f"The intervals {which} leave out what another choice of {left_out} would change.")
    return sentences


def _scored(of_configurations: pd.DataFrame, halves: pd.DataFrame | None) -> Iterator[tuple[Any, Scored]]:
    """The coefficients of each model at each time, by the values of its columns `KEYS`."""
    place = ["temperature", "time_index", "target", "model"]  # times that were read from a file can differ by rounding
    of_halves = {} if halves is None else dict(iter(halves.groupby(place, sort=False)))
    fewer = {} if halves is None else halves.groupby("model").train_configurations.max().to_dict()
    for key, rows in of_configurations.groupby(KEYS, sort=False, dropna=False):
        first = rows.iloc[0]
        own = of_halves.get(tuple(first[name] for name in place))
        fits = rows.pivot(index="seed", columns="configuration", values="pearson")
        found, in_half = np.empty((0, fits.shape[1])), 0
        train = int(first.train_configurations) if first.fitted else 0
        if own is not None and train > fewer[first.model]:
            found = own.pivot(index=VALUE, columns="configuration", values="pearson")[fits.columns].to_numpy(float)
            in_half = int(fewer[first.model])
        kind = kinds().get(first.kind)
        random = kind is None or kind.Settings.random
        yield (
            _plain(key),
            Scored(
                fits.to_numpy(float), found, tuple(map(int, fits.columns)), train, in_half, bool(first.fitted), random
            ),
        )


def rows(table: pd.DataFrame) -> list[Any]:
    """The rows of a table, each with its columns as attributes."""
    return list(table.itertuples())


def _plain(key: Iterable[Any]) -> tuple[Any, ...]:
    """The values of a row as a key of a dictionary, in which all missing values are None."""
    return tuple(None if pd.isna(value) else value for value in key)


def _in_words(sources: set[str]) -> str:
    *others, last = [words for name, words in PARTS.items() if name in sources] or [""]
    return f"{', '.join(others)} and {last}" if others else last
