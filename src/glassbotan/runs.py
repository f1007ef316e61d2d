"""The networks of a study: which there are, what each learns from, and where it starts."""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

from glassbotan.study import PRETRAINING, Model, Network, StatePoint, Study, Temperature, Training


class TrainingRun(NamedTuple):
    """One network of the study: a model at a state point, a sampling time and a seed."""

    point: Temperature
    time_index: int
    """of the sampling time, from 1"""
    model: Model
    seed: int
    training: Training
    network: Network
    train: tuple[int, ...]
    """the training configurations"""
    replicas: int | None = None
    """how many replicas the targets are averaged over, if not all"""
    variant: str = ""
    """what differs from the study's own: -n002 configurations, -r04 replicas, -rounds03 or -p0.2"""

    @property
    def time(self) -> float:
        """The sampling time, tau."""
        return self.point.sampling_times[self.time_index - 1]

    @property
    def folder(self) -> str:
        """Where its files are, under the study's folder: T0.44/t07/BOTAN/seed0."""
        return f"{self.point.label}/t{self.time_index:02d}/{self.model.name}/seed{self.seed}{self.variant}"

    @property
    def targets(self) -> str:
        """Folder of the targets that it learns from, under the state point's."""
        return "targets" if self.replicas is None else f"targets-r{self.replicas:02d}"


def training_runs(study: Study) -> Iterator[TrainingRun]:
    """Every network of the study, the pretrained ones apart."""
    for point in study.temperatures:
        for index, time in enumerate(point.sampling_times, start=1):
            for model in study.models:
                if model.times == "all" or time in model.times:
                    own = model.model_dump(include={"epochs", "batch_size"}, exclude_none=True)
                    training = study.training.model_copy(update=own)
                    for seed in model.seeds:
                        yield TrainingRun(
                            point, index, model, seed, training, study.network, study.configurations.train
                        )


def runs_at(study: Study, at: StatePoint) -> Iterator[TrainingRun]:
    """The networks of one model at one state point and sampling time, one for each seed."""
    for run in training_runs(study):
        if (run.model.name, run.point.temperature, run.time) == (at.model, at.temperature, at.time):
            yield run


def learning_curve_runs(study: Study) -> Iterator[TrainingRun]:
    """The networks of the learning curve, those on all that there is among them; seeds innermost."""
    curve = study.learning_curve
    if curve is None:
        return
    runs = list(runs_at(study, curve))
    yield from runs
    for count in curve.configurations:
        if count < len(study.configurations.train):
            yield from (_with_fewer(run, count) for run in runs)
    for count in curve.replicas:
        if study.source != "simulation" or count < study.ensemble.replicas:
            yield from (run._replace(replicas=count, variant=f"-r{count:02d}") for run in runs)


def rounds_runs(study: Study) -> Iterator[TrainingRun]:
    """The networks with other numbers of rounds n, the study's own among them (Fig. 9); seeds innermost."""
    ablations = study.ablations
    if ablations is None or not ablations.rounds:
        return
    for rounds in sorted({*ablations.rounds, study.network.rounds}):
        yield from (_with_rounds(run, rounds) for run in runs_at(study, ablations))


def loss_weight_runs(study: Study) -> Iterator[TrainingRun]:
    """The networks with other weights p in the loss, the study's own among them (Fig. 10); seeds innermost."""
    ablations = study.ablations
    if ablations is None or not ablations.p:
        return
    runs = list(runs_at(study, ablations))
    for p in sorted({*ablations.p, runs[0].model.p}):
        for run in runs:
            other = run.model.model_copy(update={"p": p})
            yield run if other == run.model else run._replace(model=other, variant=f"-p{p:g}")


def transfer_runs(study: Study) -> Iterator[tuple[TrainingRun, TrainingRun]]:
    """Each network, with each of those on whose test configurations it is scored; seeds innermost."""
    if study.transfer:
        points = [list(runs_at(study, at)) for at in study.transfer.points]
        yield from (pair for of, on in itertools.product(points, points) for pair in zip(of, on, strict=True))


def pretraining_run(study: Study, run: TrainingRun) -> TrainingRun | None:
    """The network trained on pairs alone that a network starts from, if it starts from one of the study's own.

    It has as many rounds, and has seen no more configurations or replicas, than the network that starts from it.
    """
    settings = study.pretraining
    if not run.model.starts_from_pretrained or settings.weights is not None:
        return None
    point = next(point for point in study.temperatures if point.temperature == settings.temperature)
    start = TrainingRun(
        point,
        time_index=point.sampling_times.index(settings.time) + 1,
        model=Model(name=PRETRAINING, p=0, pretrained=False),
        seed=run.seed,
        training=Training(**settings.model_dump(include={*Training.model_fields})),
        network=study.network,
        train=study.configurations.train,
    )
    if run.network != study.network:
        return _with_rounds(start, run.network.rounds)
    if len(run.train) < len(start.train):
        return _with_fewer(start, len(run.train))
    return start._replace(replicas=run.replicas, variant=run.variant) if run.replicas is not None else start


def pretraining_runs(study: Study) -> list[TrainingRun]:
    """Every pretrained network that some network of the study itself starts from."""
    starts = {start.folder: start for run in training_runs(study) if (start := pretraining_run(study, run)) is not None}
    return list(starts.values())


def every_run(study: Study) -> dict[str, TrainingRun]:
    """Every network that the study could ask for, by its folder."""
    runs = [
        *training_runs(study),
        *learning_curve_runs(study),
        *rounds_runs(study),
        *loss_weight_runs(study),
    ]
    starts = [start for run in runs if (start := pretraining_run(study, run)) is not None]
    return {run.folder: run for run in (*starts, *runs)}


def _with_rounds(run: TrainingRun, rounds: int) -> TrainingRun:
    """The network with so many rounds, or itself if it has them."""
    if run.network.rounds == rounds:
        return run
    return run._replace(network=run.network.model_copy(update={"rounds": rounds}), variant=f"-rounds{rounds:02d}")


def _with_fewer(run: TrainingRun, count: int) -> TrainingRun:
    """The network on the first so many training configurations, in as many steps of the optimiser."""
    before, after = (-(-number // run.training.batch_size) for number in (len(run.train), count))
    training = run.training.model_copy(update={"epochs": max(1, run.training.epochs * before // after)})
    return run._replace(train=run.train[:count], training=training, variant=f"-n{count:03d}")


def drawn_pairs(study: Study, point: Temperature) -> list[TrainingRun]:
    """The networks whose pairs are drawn (Fig. 4): one model's, at its first time and nearest to tau_alpha."""
    of_pairs = [run for run in _first_seeds(study, point) if run.model.p < 1]
    of_model = [run for run in of_pairs if run.model == of_pairs[0].model]
    if not of_model:
        return []
    first, last = of_model[0], _nearest_relaxation(of_model)
    return [first] if first == last else [first, last]


def drawn_particles(study: Study, point: Temperature) -> list[TrainingRun]:
    """The two networks whose S is drawn (Fig. 7): one without pairs in its loss and one with, nearest to tau_alpha."""
    runs = [run for run in _first_seeds(study, point) if run.model.p > 0 and run.model.motion == "propensity"]
    alone = {run.time: run for run in runs if run.model.p == 1}
    together = {run.time: run for run in reversed(runs) if run.model.p < 1}
    both = [alone[time] for time in alone.keys() & together.keys()]
    if not both:
        return []
    time = _nearest_relaxation(both).time
    return [alone[time], together[time]]


def drawn_correlations(study: Study, point: Temperature) -> list[TrainingRun]:
    """The networks whose S is looked at in space: one of each model that learns S, nearest to tau_alpha."""
    runs = [run for run in _first_seeds(study, point) if run.model.p > 0 and run.model.motion == "propensity"]
    if not runs:
        return []
    time = _nearest_relaxation(runs).time
    return [run for run in runs if run.time == time]


def drawn_times(point: Temperature, count: int = 4) -> tuple[int, ...]:
    """So many sampling times, counted from 1, evenly over those that there are (Fig. 6)."""
    last = len(point.sampling_times)
    return tuple(sorted({1 + round(step * (last - 1) / (count - 1)) for step in range(count)}))


def _first_seeds(study: Study, point: Temperature) -> list[TrainingRun]:
    return [run for run in training_runs(study) if run.point == point and run.seed == run.model.seeds[0]]


def _nearest_relaxation(runs: list[TrainingRun]) -> TrainingRun:
    return min(runs, key=lambda run: abs(math.log(run.time / run.point.relaxation_time)))
