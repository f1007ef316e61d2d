"""The fits of a study: which predictors are fitted, to which data, and which predictor each starts from."""

import itertools
import math
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from glassbotan.errors import StudyError
from glassbotan.predictors.contract import PredictorSettings, Start
from glassbotan.study.learning import LearningCurve, RunSelector
from glassbotan.study.simulation import StatePoint
from glassbotan.study.study import Study


class Run(NamedTuple):
    """One fit of the study: a model at a state point, for one sampling time or all of them at once, with a seed.

    A model that is fitted to several temperatures together has a run at each temperature of the study, but they share
    one fit.
    """

    point: StatePoint
    """where its predictions are tested, and where it is fitted unless `together` says otherwise"""
    time_indices: tuple[int, ...]
    """numbers of the sampling times that it is fitted for, counted from 1"""
    model: PredictorSettings
    seed: int
    train: tuple[int, ...]
    """the training configurations"""
    replicas: int | None = None
    """number of replicas that the targets are averaged over; None for all"""
    variant: str = ""
    """how it differs from the study's own fit, for its path: +n002 (configurations), +r04 (replicas), +rounds3"""
    together: tuple[StatePoint, ...] = ()
    """the state points to which it is fitted together; empty if it is fitted at `point` alone"""

    @property
    def fitted_to(self) -> tuple[StatePoint, ...]:
        """The state points to which it is fitted."""
        return self.together or (self.point,)

    @property
    def times(self) -> tuple[float, ...]:
        """The sampling times that it is fitted for, tau."""
        return tuple(self.point.sampling_times[index - 1] for index in self.time_indices)

    @property
    def folder(self) -> str:
        """Folder of its files in the study's folder: T0.44/t07/BOTAN/seed0, or T0.44/all/ridge/seed0."""
        return self._folder(self.point)

    @property
    def fit_folder(self) -> str:
        """Folder of the fitted predictor, which is that of another run if the fit is shared."""
        return self._folder(self.fitted_to[0])

    def _folder(self, point: StatePoint) -> str:
        time = "all" if self.model.joint else f"t{self.time_indices[0]:02d}"
        return f"{point.label}/{time}/{self.model.name}{self.variant}/seed{self.seed}"

    @property
    def targets(self) -> str:
        """Folder of the targets that it is fitted to, in the folder of the state point."""
        return "targets" if self.replicas is None else f"targets-r{self.replicas:02d}"


def runs_of(study: Study) -> Iterator[Run]:
    """Every fit of the study itself, without fits that others start from and fits that are only for comparisons."""
    for point in study.temperatures:
        for model in study.models:
            indices = [index for index, time in enumerate(point.sampling_times, start=1) if model.fitted_at(time)]
            of_fits = [tuple(indices)] if model.joint else [(index,) for index in indices]
            for time_indices, seed in itertools.product(of_fits, model.seeds):
                if time_indices:
                    together = _together(study, model)
                    yield Run(point, time_indices, model, seed, study.configurations.train, together=together)


def _together(study: Study, model: PredictorSettings) -> tuple[StatePoint, ...]:
    """The state points to which a model is fitted together."""
    return tuple(_at(study, temperature) for temperature in model.together)


def _at(study: Study, temperature: float) -> StatePoint:
    return next(point for point in study.temperatures if point.temperature == temperature)


def runs_at(study: Study, at: RunSelector) -> list[Run]:
    """The fits of one model at one temperature and sampling time, one for each seed."""
    return [
        run
        for run in runs_of(study)
        if run.model.name == at.model and run.point.temperature == at.temperature and at.time in run.times
    ]


def learning_curve_runs(study: Study) -> list[Run]:
    """The fits of the learning curve, also those to all data."""
    curve = study.learning_curve
    return [] if curve is None else [run for at in curve.selectors for run in _learning_curve_of(study, curve, at)]


def _learning_curve_of(study: Study, curve: LearningCurve, at: RunSelector) -> list[Run]:
    """The fits of one model of the learning curve."""
    runs = runs_at(study, at)
    fewer = [count for count in curve.configurations if count < len(study.configurations.train)]
    known = [study.targets.most_replicas, study.ensemble.replicas if study.simulates else None]
    most = min((count for count in known if count is not None), default=math.inf)
    replicas = [count for count in curve.replicas if count < most]
    return [
        *runs,
        *(_with_fewer(run, count) for count in fewer for run in runs),
        *(run._replace(replicas=count, variant=f"+r{count:02d}") for count in replicas for run in runs),
    ]


def ablation_runs(study: Study, name: str) -> list[Run]:
    """The fits of an ablation, including the study's own, in order of the setting's value and then of the seed."""
    ablation = study.ablations[name]
    runs = list(dict.fromkeys(run for at in ablation.selectors for run in runs_at(study, at)))
    own = runs[0].model.setting(ablation.setting)
    values = {*ablation.values, own}
    ordered = sorted(values) if all(isinstance(value, (int, float)) for value in values) else sorted(values, key=str)
    key = ablation.setting.rpartition(".")[2]
    found = []
    for value in ordered:
        text = f"{key}{value:g}" if isinstance(value, (int, float)) else f"{key}-{value_in_words(value)}"
        variant = "+" + re.sub("[^A-Za-z0-9.]+", "-", text)
        for run in runs:
            model = run.model.with_setting(ablation.setting, value)
            found.append(run if model == run.model else run._replace(model=model, variant=variant))
    return found


def value_in_words(value: Any) -> Any:
    """The value of a setting as it stands in tables: numbers as they are, lists as words with + between them."""
    if value is None:
        return "null"
    return " + ".join(value) if isinstance(value, (tuple, list)) else value


def half_sample_runs(study: Study) -> list[tuple[int, Run]]:
    """The fits to half samples of the training configurations, each with the number of its half sample.

    All models have the same half samples. The seed of a fit is the first seed of its model plus that number, unless it
    starts from published weights, which there are only for certain seeds.
    """
    if study.half_samples is None:
        return []
    everything = study.configurations.train
    random = np.random.default_rng([study.seed, len(everything)])
    halves: dict[tuple[int, ...], None] = {}
    while len(halves) < study.half_samples.number:
        chosen = random.choice(everything, len(everything) // 2, replace=False)
        halves[tuple(sorted(int(number) for number in chosen))] = None
    found = []
    for run in runs_of(study):
        model = run.model
        named = model.name in study.half_samples.models if study.half_samples.models else model.fits_itself
        if not named or run.seed != model.seeds[0]:
            continue
        for number, half in enumerate(halves, start=1):
            fewer = model.with_fewer_configurations(len(everything), len(half))
            variant = f"+half{number:02d}"
            seed = run.seed if any(start.weights for start in model.starts) else run.seed + number
            found.append((number, run._replace(train=half, model=fewer, seed=seed, variant=variant)))
    return found


class TransferredRun(NamedTuple):
    """A fit, and a state point and sampling time at which it is scored."""

    run: Run
    from_index: int
    """number of the fit's sampling time whose prediction is used, counted from 1"""
    point: StatePoint
    """state point at which it is scored"""
    time_index: int


def transfer_runs(study: Study) -> Iterator[TransferredRun]:
    """Each fit of a transfer with each state point and sampling time at which it is scored."""
    places = study.transfer.places if study.transfer else []
    seen = set()
    for fitted_for, scored_at in itertools.product(places, places):
        point = _at(study, scored_at.temperature)
        for run in runs_at(study, fitted_for):
            from_index, time_index = run.point.time_index(fitted_for.time), point.time_index(scored_at.time)
            key = run.fit_folder, from_index, point.label, time_index
            if key not in seen:  # one fit for several temperatures comes once
                seen.add(key)
                yield TransferredRun(run._replace(point=run.fitted_to[0]), from_index, point, time_index)


def starts_of(study: Study, run: Run) -> list[Run]:
    """The fits of this study that `run` starts from; published weights are none of them.

    They have the same settings where they must agree, and the same training configurations and replicas.
    """
    found = []
    for start in run.model.starts:
        if start.weights is not None:
            continue
        point, indices = run.point, run.time_indices
        if start.temperature is not None:
            point = _at(study, start.temperature)
        if start.time is not None:
            indices = (point.time_index(start.time),)
        variant = run.variant if _start_is_varied(study, run, start) else ""
        for seed in (run.seed,) if start.seeds is None else start.seeds:
            together = _together(study, start.settings)
            found.append(Run(point, indices, start.settings, seed, run.train, run.replicas, variant, together))
    return found


def _start_is_varied(study: Study, run: Run, start: Start) -> bool:
    """Whether the start of a fit differs from the start of the study's own fits of this model."""
    if run.replicas is not None or run.train != study.configurations.train:
        return True
    own = next((model for model in study.models if model.name == run.model.name), None)
    return own is not None and start not in own.starts


def with_starts(study: Study, runs: Iterable[Run]) -> Iterator[Run]:
    """The fits and all that they start from, each after those that it starts from; some of them several times."""
    for run in runs:
        yield from with_starts(study, starts_of(study, run))
        yield run


def fits_of(runs: Iterable[Run]) -> list[Run]:
    """The runs without those whose fit another of them shares."""
    found: dict[str, Run] = {}
    for run in runs:
        found.setdefault(run.fit_folder, run)
    return list(found.values())


def every_start(study: Study) -> list[Run]:
    """Every fit that a fit of the study itself starts from, without the fits of the study itself."""
    own = {run.folder: run for run in runs_of(study)}
    found = {run.folder: run for run in with_starts(study, own.values())}
    return [run for folder, run in found.items() if folder not in own]


def every_run(study: Study) -> dict[str, Run]:
    """Every fit that can be made in the study, including comparisons, by its folder.

    Raises
    ------
    StudyError
        if two different fits would have the same folder
    """
    runs: list[Run] = [*runs_of(study), *learning_curve_runs(study), *(run for _, run in half_sample_runs(study))]
    for name in study.ablations:
        runs += ablation_runs(study, name)
    found: dict[str, Run] = {}
    for run in with_starts(study, runs):
        found.setdefault(run.fit_folder, run._replace(point=run.fitted_to[0]))
        if found.setdefault(run.folder, run) != run:
            raise StudyError(
                f"study {study.name} has two different fits that would both be written to {run.folder}, since "
                "ablations vary settings with the same last name, or values that agree in six digits; remove one"
            )
    return found


def first_seeds(study: Study, point: StatePoint) -> list[Run]:
    """The fits at a state point with the first seed of each model."""
    return [run for run in runs_of(study) if run.point == point and run.seed == run.model.seeds[0]]


def estimates_of(study: Study, point: StatePoint, symbol: str) -> list[Run]:
    """The fits at a state point, with the first seed of each model, that estimate the values of a target."""
    return [run for run in first_seeds(study, point) if run.model.gives_values and symbol in run.model.predicts]


def nearest_times(times: Collection[float], aims: Iterable[float]) -> list[float]:
    """The times among `times` that are nearest to one of `aims` each, on a logarithmic scale, in order."""
    return sorted({min(times, key=lambda time: abs(math.log(time / aim))) for aim in aims})


def nearest_relaxation(point: StatePoint, times: Collection[float]) -> float:
    """The time among `times` that is nearest to tau_alpha, on a logarithmic scale."""
    return nearest_times(times, [point.relaxation_time])[0]


def mapped_times(point: StatePoint, times: Collection[float]) -> list[float]:
    """The times among `times` at which maps are drawn: the nearest to tau_alpha/32, and the nearest to tau_alpha.

    At T = 0.44 these are those of the paper's maps, t = 130 and 4120.
    """
    return nearest_times(times, (point.relaxation_time / 32, point.relaxation_time))


def _with_fewer(run: Run, count: int) -> Run:
    """The same fit to only the first `count` training configurations."""
    model = run.model.with_fewer_configurations(len(run.train), count)
    return run._replace(train=run.train[:count], model=model, variant=f"+n{count:03d}")
