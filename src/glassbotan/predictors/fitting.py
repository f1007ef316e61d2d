"""Fitting any predictor to the targets files of a study."""

from collections.abc import Sequence
from pathlib import Path

from glassbotan.errors import FileError
from glassbotan.files.fitted import read_fitted
from glassbotan.files.header import require
from glassbotan.files.targets import Targets, read_matching_targets
from glassbotan.predictors.contract import Domain, Examples, FitContext, FittedPredictor, PredictorSettings
from glassbotan.predictors.registry import kinds
from glassbotan.stopping import Deadline
from glassbotan.study.simulation import Device


def read_start(path: Path, study: str, settings: PredictorSettings) -> FittedPredictor:
    """The fitted predictor in a file, for a fit with these settings to start from.

    Raises
    ------
    FileError
        if it is of another study, kind or shape
    """
    found = read_fitted(path)
    require(path, found, study=study)
    settings.require_start(found.predictor.settings, str(path))
    return found.predictor


def fit_predictor(
    settings: PredictorSettings,
    paths: Sequence[Path],
    *,
    study: str,
    temperature: float,
    time_indices: tuple[int, ...],
    train: Sequence[int],
    validation: Sequence[int] = (),
    seed: int = 0,
    device: Device = "auto",
    start: FittedPredictor | None = None,
    folder: Path | None = None,
    deadline: Deadline | None = None,
) -> FittedPredictor:
    """Fit a predictor.

    Parameters
    ----------
    settings : the kind of predictor and its settings
    paths : targets files of all configurations that it may see
    study, temperature : that the files have to be of
    time_indices : of the sampling times that it is fitted for, counted from 1
    train, validation : numbers of the configurations that it is fitted to, and that choose its epoch or parameter
    seed, device, start, folder, deadline : see `FitContext`

    Raises
    ------
    FileError
        if a file is missing, of another study, or lacks what the predictor learns
    """
    files = {found.configuration: found for found in read_matching_targets(paths, study=study, temperature=temperature)}
    missing = {*train, *validation} - files.keys()
    if missing:
        raise FileError(f"no targets file was given for configurations {sorted(missing)}; add theirs")
    for number in (*train, *validation):
        files[number].require_known(settings.predicts)
    first = files[train[0]]
    first.structure().require_states(settings.needs, f"model {settings.name}")
    seen = {*train, *validation, *(start.domain.seen if start else ())}
    context = FitContext(
        domain=_domain(first, time_indices, tuple(train), tuple(sorted(seen))),
        seed=seed,
        device=device,
        start=start,
        folder=folder,
        deadline=deadline or Deadline.never(),
    )
    examples = [Examples([files[number] for number in numbers], time_indices) for numbers in (train, validation)]
    fitted: FittedPredictor = kinds()[settings.kind].fit(*examples, settings, context)
    return fitted


def _domain(first: Targets, time_indices: tuple[int, ...], train: tuple[int, ...], seen: tuple[int, ...]) -> Domain:
    """What a predictor is fitted to; all files have the liquid and the times of the first."""
    structure = first.structure()
    return Domain(
        temperature=first.temperature,
        times=tuple(first.at(index) for index in time_indices),
        time_indices=time_indices,
        particles=len(structure),
        density=structure.density,
        fraction_of_a=structure.fraction_of_a,
        pair_range=first.settings.pair_range,
        train=train,
        seen=seen,
        replicas=first.replicas,
    )
