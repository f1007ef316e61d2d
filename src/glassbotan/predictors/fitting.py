"""Fitting a predictor of any kind to targets files of a study."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from glassbotan.errors import FileError
from glassbotan.files.fitted import read_fitted
from glassbotan.files.header import require
from glassbotan.files.targets import Targets, read_matching_targets
from glassbotan.predictors.contract import Examples, FitContext, FittedPredictor, PredictorSettings
from glassbotan.predictors.domain import Domain
from glassbotan.predictors.registry import kinds
from glassbotan.stopping import Deadline
from glassbotan.study.simulation import Device


def read_start(path: Path, study: str, settings: PredictorSettings) -> FittedPredictor:
    """Read the fitted predictor from which a fit with these settings is to start.

    Raises
    ------
    FileError
        if the file is missing or damaged, or its predictor is of another study, kind or shape
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
    starts: Sequence[FittedPredictor] = (),
    folder: Path | None = None,
    deadline: Deadline | None = None,
) -> FittedPredictor:
    """Fit a predictor.

    Parameters
    ----------
    settings : the settings of the predictor, which include its kind
    paths : targets files of the training and validation configurations, and structure files if the predictor needs them
    study, temperature : name of the study and temperature of the state point, which the files must have; if the
        settings name several temperatures, the files are of each of these
    time_indices : numbers of the sampling times that the predictor is fitted for, counted from 1
    train : numbers of the configurations that the predictor is fitted to
    validation : numbers of the configurations with which its epoch or regularisation is chosen
    seed, device, starts, folder, deadline : see `FitContext`

    Raises
    ------
    FileError
        if a file is missing, is of another study, temperature, liquid or pair range, or lacks a target that the
        predictor is fitted to
    """
    temperatures = settings.together or (temperature,)
    expected = {} if settings.together else {"temperature": temperature}
    files = {
        (found.temperature, found.configuration): found
        for found in read_matching_targets(paths, study=study, **expected)
    }
    sources = [[(at, number) for at in temperatures for number in numbers] for numbers in (train, validation)]
    for at in temperatures:
        if missing := sorted(number for number in (*train, *validation) if (at, number) not in files):
            raise FileError(f"no targets file was given for configurations {missing} at T = {at:g}; add their files")
    seen = {*train, *validation}.union(*(start.domain.seen for start in starts))
    firsts = [files[at, train[0]] for at in temperatures]
    domain = _domain(firsts, time_indices, tuple(train), tuple(sorted(seen)), settings.together)
    for source in itertools.chain(*sources):
        found = files[source]
        found.at(max(time_indices))
        found.require_known(settings.predicts)
        structure = found.structure()
        domain.require_like(found, structure, f"model {settings.name}")
        if settings.fits:
            structure.require_states(settings.needs, f"model {settings.name}")
        for start in starts:
            by = f"the predictor that {settings.name} starts from"
            start.domain.require_like(found, structure, by)
    context = FitContext(
        domain=domain,
        seed=seed,
        device=device,
        starts=starts,
        folder=folder,
        deadline=deadline or Deadline.never(),
    )
    examples = [Examples([files[source] for source in of_set], time_indices) for of_set in sources]
    module = kinds()[settings.kind]
    fitted: FittedPredictor = (
        module.fit(*examples, settings, context) if settings.fits else module.Fitted(settings, domain)
    )
    return fitted


def _domain(
    firsts: Sequence[Targets],
    time_indices: tuple[int, ...],
    train: tuple[int, ...],
    seen: tuple[int, ...],
    together: tuple[float, ...],
) -> Domain:
    """The domain of the fit, from the first file at each temperature: liquid and times are the same in all others."""
    first, structure = firsts[0], firsts[0].structure()
    times = [tuple(one.at(index) for index in time_indices) for one in firsts]
    return Domain(
        temperature=first.temperature,
        times=times[0],
        time_indices=time_indices,
        particles=len(structure),
        density=structure.density,
        fraction_of_a=structure.fraction_of_a,
        pair_range=first.settings.pair_range,
        train=train,
        seen=seen,
        replicas=first.replicas,
        mixture=structure.mixture,
        structure=None if first.behind is None else first.behind.settings.model_dump(mode="json"),
        timestep=None if first.behind is None else first.behind.timestep,
        together=together,
        times_together=tuple(times) if together else (),
    )
