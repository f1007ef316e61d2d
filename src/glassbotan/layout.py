"""Paths of the files of a study, relative to its folder `results/<study>/`."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from glassbotan.errors import StudyError
from glassbotan.structure.states import uses_potential
from glassbotan.study.runs import (
    Run,
    ablation_runs,
    half_sample_runs,
    learning_curve_runs,
    runs_of,
    starts_of,
    transfer_runs,
    value_in_words,
)
from glassbotan.study.simulation import StatePoint
from glassbotan.study.study import Study

FITTED, HISTORY, PREDICTIONS = "model.safetensors", "history.csv", "predictions.npz"
SCORES, HETEROGENEITY, QUALITY, CHECKS, COST, VARIANTS = (
    f"tables/{name}.csv" for name in ("pearson", "heterogeneity", "simulation_quality", "checks", "cost", "variants")
)
HALF_SAMPLES = "half_samples"
"""Name of the comparison of fits to half samples of the training configurations."""


def ensembles(study: Study) -> list[str]:
    """Paths of the folders with the ensembles of all configurations at all state points."""
    return [
        f"{point.label}/ensemble/b{number:03d}"
        for point in study.temperatures
        for number in study.ensemble_batches.numbers
    ]


def ensemble_in(folder: str, configuration: int) -> str:
    """Path of the ensemble of a configuration in a folder of ensembles."""
    return f"{folder}/c{configuration:04d}.gsd"


def targets(label: str, configurations: Iterable[int], folder: str = "targets") -> list[str]:
    """Paths of the targets files of some configurations at the state point with this label."""
    return [f"{label}/{folder}/c{number:04d}.npz" for number in configurations]


def structures(label: str, configurations: Iterable[int], needs: Iterable[str]) -> list[str]:
    """Paths of the structure files of some configurations, if a predictor needs more than thermal positions."""
    numbers = configurations if uses_potential(needs) else ()
    return [f"{label}/structure/c{number:04d}.npz" for number in numbers]


def relaxation(point: StatePoint) -> str:
    """Path of the table of F_s(k, t) of a state point."""
    return f"{point.label}/relaxation.csv"


def relaxation_fit(point: StatePoint) -> str:
    """Path of the relaxation times of a state point, and of the fit of tau_alpha."""
    return f"{point.label}/relaxation.json"


def fitted(run: Run) -> str:
    """Path of the fitted predictor of a fit."""
    return f"{run.fit_folder}/{FITTED}"


def predictions(run: Run) -> str:
    """Path of the predictions of the test configurations at the state point and times of the fit."""
    return f"{run.folder}/{PREDICTIONS}"


def transferred(run: Run, from_index: int, point: StatePoint, time_index: int) -> str:
    """Path of the predictions of the fit's time `from_index`, to compare with time `time_index` of a state point."""
    if run.point == point and run.time_indices == (from_index,) == (time_index,):
        return predictions(run)
    return f"{run.folder}/t{from_index:02d}-on-{point.label}-t{time_index:02d}.npz"


def learnt_from(study: Study, run: Run) -> list[str]:
    """Paths of the targets and structure files that a predictor is fitted to and validated on."""
    numbers = (*run.train, *study.configurations.validation)
    needs = run.model.needs if run.model.fits else ()
    return [
        path
        for point in run.fitted_to
        for path in (*targets(point.label, numbers, run.targets), *structures(point.label, numbers, needs))
    ]


def tested_on(study: Study, run: Run, point: StatePoint) -> list[str]:
    """Paths of the targets and structure files of the test configurations at a state point, for the model of a fit."""
    numbers = study.configurations.test
    return [*targets(point.label, numbers), *structures(point.label, numbers, run.model.needs)]


def starts(study: Study, run: Run) -> list[str]:
    """Paths of the fitted predictors that a fit starts from."""
    published = [start.settings.name for start in run.model.starts if start.weights is not None]
    return [
        *map(fitted, starts_of(study, run)),
        *(f"published/{name}/seed{run.seed}/{FITTED}" for name in published),
    ]


def scores(comparison: str) -> str:
    """Path of the table of scores of a comparison: pearson, half_samples, learning_curve, transfer, ablation_<name>."""
    return f"tables/{comparison}.csv"


def summary(comparison: str) -> str:
    """Path of the table with the means of these scores over the seeds, and their intervals."""
    return f"tables/{comparison}_summary.csv"


def differences(comparison: str) -> str:
    """Path of the table with the differences between the models of a comparison."""
    return f"tables/{comparison}_differences.csv"


def of_configurations(comparison: str) -> str:
    """Path of the table with the scores of a comparison in each test configuration."""
    return f"tables/{comparison}_configurations.csv"


def in_report(study: Study) -> list[str]:
    """Paths of the tables that the report of a study shows."""
    tables = [SCORES, summary("pearson"), differences("pearson"), QUALITY, CHECKS, HETEROGENEITY, COST]
    return [*tables, *_fits_of_relaxation(study), *([VARIANTS] if study.variants else [])]


def compared_between_variants(study: Study) -> list[str]:
    """Paths of the tables of a study that are compared with those of its variants."""
    return [summary("pearson"), HETEROGENEITY, QUALITY, *_fits_of_relaxation(study)]


def _fits_of_relaxation(study: Study) -> list[str]:
    return [relaxation_fit(point) for point in study.temperatures if study.simulates]


class Compared(NamedTuple):
    """The predictions that a table of scores compares."""

    predictions: list[str]
    """paths of the predictions files"""
    setting: str | None = None
    """the setting that an ablation varies"""
    values: tuple[Any, ...] = ()
    """its value for each of the files"""
    times: tuple[float, ...] | None = None
    """the only sampling times that are scored; None for all"""


def compared(study: Study, comparison: str) -> Compared:
    """The predictions that the table of scores with this name compares.

    Raises
    ------
    StudyError
        if the study has no section for this comparison
    """
    if comparison == "pearson":
        return Compared([predictions(run) for run in runs_of(study)])
    if comparison == HALF_SAMPLES and study.half_samples:
        numbered = half_sample_runs(study)
        return Compared([predictions(run) for _, run in numbered], "half sample", tuple(n for n, _ in numbered))
    if comparison == "learning_curve" and study.learning_curve:
        files = [predictions(run) for run in learning_curve_runs(study)]
        return Compared(files, times=(study.learning_curve.time,))
    if comparison == "transfer" and study.transfer:
        return Compared([transferred(*transfer) for transfer in transfer_runs(study)])
    prefix, _, name = comparison.partition("_")
    if prefix == "ablation" and name in study.ablations:
        ablation = study.ablations[name]
        runs = ablation_runs(study, name)
        values = tuple(value_in_words(run.model.setting(ablation.setting)) for run in runs)
        return Compared([predictions(run) for run in runs], ablation.setting, values, ablation.times)
    section = f"ablations.{name}" if prefix == "ablation" else comparison
    raise StudyError(f"study {study.name} has no section {section}, which sets what this table compares")


def figure(name: str) -> str:
    """Path of a figure as PNG; its SVG and the CSV of its numbers lie beside it."""
    return f"figures/{name}.png"
