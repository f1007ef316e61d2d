"""Predicting the test configurations of a study, together with the simulated targets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import FileError, StudyError
from glassbotan.files.fitted import FittedFile
from glassbotan.files.predictions import Compared, Origin, Prediction, Predictions
from glassbotan.files.targets import read_matching_targets
from glassbotan.predictors.domain import Domain
from glassbotan.structure.states import by_kind, cost_of


def predict_tests(
    fitted: FittedFile,
    path: Path,
    inputs: Sequence[Path],
    *,
    temperature: float,
    time_indices: tuple[int, ...],
    from_indices: tuple[int, ...] = (),
) -> Predictions:
    """Predict the test configurations.

    Parameters
    ----------
    fitted, path : the fitted predictor and its file
    inputs : targets files of the test configurations, and their structure files if the predictor needs them
    temperature : temperature of the state point, which these files must have
    time_indices : numbers of the sampling times of the truth, counted from 1
    from_indices : if a predictor is tested at another time or temperature than it was fitted for (transfer), for each
        of these times the number of the predictor's own time whose prediction is compared with it

    Raises
    ------
    FileError
        if the predictor was not fitted for one of `from_indices`, a configuration was used to fit it, or a file is of
        another liquid or pair range or lacks a target that it predicts or a structure that it needs
    """
    predictor = fitted.predictor
    domain, settings = predictor.domain, predictor.settings
    own_indices = from_indices or time_indices
    if unknown := sorted({*own_indices} - {*domain.time_indices}):
        raise FileError(
            f"{path} was made with time_indices = {list(domain.time_indices)}, but {unknown} was expected; name a "
            "predictor that was fitted for these times"
        )
    rows = [domain.time_indices.index(index) for index in own_indices]
    at_times: list[list[Prediction]] = [[] for _ in time_indices]
    made: list[Mapping[str, Mapping[str, Any]]] = []
    for found in read_matching_targets(inputs, study=fitted.study, temperature=temperature):
        if found.configuration in domain.seen:
            raise FileError(
                f"{found.path} is configuration {found.configuration}, which was used to fit {path}; "
                "predict configurations that were not used"
            )
        found.require_known(settings.predicts)
        structure = found.structure()
        domain.require_like(found, structure, str(path))
        structure.require_states(settings.needs, str(path))
        made.append({name: state.made for name, state in structure.states.items()})
        estimates = predictor.estimate(structure)
        overlap = found.overlap
        truths = {symbol: found.means[symbol] for symbol in settings.predicts}
        halves = {symbol: found.halves[symbol] for symbol in settings.predicts if symbol in found.halves}
        for at_time, row, index in zip(at_times, rows, time_indices, strict=True):
            found.at(index)
            compared = {
                symbol: Compared(
                    truths[symbol][index - 1],
                    halves[symbol][index - 1] if symbol in halves else None,
                    estimates[symbol].values[row].astype(np.float32),
                    _at(estimates[symbol].spread, row),
                )
                for symbol in settings.predicts
            }
            at_time.append(Prediction(found.configuration, structure, overlap[index - 1], compared))
        times = [found.at(index) for index in time_indices]
    return Predictions(
        study=fitted.study,
        origin=origin_of(fitted, *fitted_at(domain, temperature, times, rows, bool(from_indices)), made),
        temperature=temperature,
        times=tuple(times),
        time_indices=time_indices,
        symbols=settings.predicts,
        at_times=at_times,
    )


def _at(spread: NDArray | None, row: int) -> NDArray | None:
    return None if spread is None else spread[row].astype(np.float32)


def fitted_at(
    domain: Domain, temperature: float, times: Sequence[float], rows: Sequence[int], transferred: bool
) -> tuple[float | None, tuple[float, ...]]:
    """Temperature and times for which predictions were fitted; the temperature is None if it is none of several.

    Parameters
    ----------
    domain : what the predictor was fitted to
    temperature, times : temperature and times of the test
    rows : for each of the times, the row of the predictor's own times
    transferred : whether the predictor is tested elsewhere than it was fitted
    """
    if domain.together and not transferred:
        return temperature if temperature in domain.together else None, tuple(times)
    return domain.temperature, tuple(domain.times[row] for row in rows)


def origin_of(
    fitted: FittedFile,
    temperature: float | None,
    times: tuple[float, ...],
    made: Sequence[Mapping[str, Mapping[str, Any]]],
) -> Origin:
    """Description of the predictor for a predictions file.

    Parameters
    ----------
    fitted : the fitted predictor
    temperature, times : for which the predictions were fitted; see `fitted_at`
    made : for each test configuration, how the states behind its structure were made
    """
    settings, domain = fitted.predictor.settings, fitted.predictor.domain
    particle_steps, core_seconds = (
        float(np.mean([cost_of(states, settings.needs, unit) for states in made]))
        for unit in ("particle_steps", "core_seconds")
    )
    return Origin(
        model=fitted.model,
        kind=settings.kind,
        seed=fitted.seed,
        settings=settings.model_dump(mode="json"),
        fits=settings.fits,
        gives_values=settings.gives_values,
        train_configurations=len(domain.train),
        replicas=domain.replicas,
        temperature=temperature,
        times=times,
        structures=tuple(sorted(settings.needs, key=by_kind)),
        uses_potential=settings.uses_potential,
        particle_steps=particle_steps,
        core_seconds=core_seconds,
    )


def require_targets(fitted: FittedFile, symbols: Sequence[str], path: Path) -> None:
    """Raise an error if a predictor does not predict all of the given targets.

    Raises
    ------
    StudyError
        with the predictor, the targets that were asked for and those that it predicts
    """
    predicts = fitted.predictor.settings.predicts
    if unknown := [symbol for symbol in symbols if symbol not in predicts]:
        raise StudyError(
            f"{path} predicts {' and '.join(predicts)}, but {' and '.join(unknown)} was asked for; name another "
            "predictor or other targets"
        )
