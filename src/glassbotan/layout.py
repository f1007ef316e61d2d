"""Where the products of a study lie, relative to its folder `results/<study>/`."""

from collections.abc import Iterable
from typing import NamedTuple

from glassbotan.errors import StudyError
from glassbotan.study.runs import Run, ablation_runs, learning_curve_runs, runs_of, start_of, transfer_runs
from glassbotan.study.simulation import StatePoint
from glassbotan.study.study import Study

FITTED, HISTORY, PREDICTIONS = "model.safetensors", "history.csv", "predictions.npz"
SCORES, HETEROGENEITY, QUALITY, COST = (
    f"tables/{name}.csv" for name in ("pearson", "heterogeneity", "simulation_quality", "cost")
)


def ensembles(study: Study) -> list[str]:
    """Every ensemble."""
    return [
        f"{point.label}/ensemble/c{number:04d}.gsd"
        for point in study.temperatures
        for number in study.configurations.all
    ]


def targets(label: str, configurations: Iterable[int], folder: str = "targets") -> list[str]:
    """Targets files of some configurations at the state point with this label."""
    return [f"{label}/{folder}/c{number:04d}.npz" for number in configurations]


def relaxation(point: StatePoint) -> str:
    """F_s(k, t) of every configuration of a state point; the fit of tau_alpha is in a JSON file beside it."""
    return f"{point.label}/relaxation.csv"


def fitted(run: Run) -> str:
    """A fitted predictor."""
    return f"{run.folder}/{FITTED}"


def history(run: Run) -> str:
    """How a fit went."""
    return f"{run.folder}/{HISTORY}"


def predictions(run: Run) -> str:
    """Predictions of the test configurations where the predictor was fitted."""
    return f"{run.folder}/{PREDICTIONS}"


def transferred(run: Run, from_index: int, point: StatePoint, time_index: int) -> str:
    """Predictions for another place: those of one of the predictor's times for a time of another state point."""
    if run.point == point and from_index == time_index:
        return predictions(run)
    return f"{run.folder}/t{from_index:02d}-on-{point.label}-t{time_index:02d}.npz"


def learnt_from(study: Study, run: Run) -> list[str]:
    """The targets files that a predictor is fitted to and validated on."""
    return targets(run.point.label, (*run.train, *study.configurations.validation), run.targets)


def start(study: Study, run: Run) -> str | None:
    """The fitted predictor that a fit starts from, if it does."""
    made_here = start_of(study, run)
    if made_here is not None:
        return fitted(made_here)
    if run.model.start is not None:
        return f"published/{run.model.start.settings.name}/seed{run.seed}/{FITTED}"
    return None


def scores(comparison: str) -> str:
    """The table of scores of a comparison: pearson, learning_curve, transfer or ablation_<name>."""
    return f"tables/{comparison}.csv"


class Compared(NamedTuple):
    """What a table of scores compares."""

    predictions: list[str]
    """files; those that differ in their seed alone follow each other"""
    setting: str | None = None
    """that varies among the models"""
    time: float | None = None
    """the only sampling time that is looked at, if not all"""


def compared(study: Study, comparison: str) -> Compared:
    """What the table of scores with this name compares.

    Raises
    ------
    StudyError
        if the study has no section that says so
    """
    if comparison == "pearson":
        return Compared([predictions(run) for run in runs_of(study)])
    if comparison == "learning_curve" and study.learning_curve:
        files = [predictions(run) for run in learning_curve_runs(study)]
        return Compared(files, time=study.learning_curve.time)
    if comparison == "transfer" and study.transfer:
        return Compared([transferred(*transfer) for transfer in transfer_runs(study)])
    name = comparison.removeprefix("ablation_")
    if name in study.ablations:
        ablation = study.ablations[name]
        files = [predictions(run) for run in ablation_runs(study, name)]
        return Compared(files, ablation.setting, ablation.time)
    section = f"ablations.{name}" if comparison.startswith("ablation_") else comparison
    raise StudyError(f"study {study.name} has no section {section}, which would say what to compare")


def figure(name: str) -> str:
    """A figure, to look at; there are .svg and .csv beside it."""
    return f"figures/{name}.png"
