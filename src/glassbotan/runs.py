"""The networks of a study: which there are, what each learns from, and where it starts."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

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

    @property
    def name(self) -> str:
        """The same as one word, for the names of figures."""
        return self.folder.replace("/", "_")


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
    """The networks of the learning curve, those on all that there is among them."""
    curve = study.learning_curve
    if curve is None:
        return
    for run in runs_at(study, curve):
        yield run
        everything = len(run.train)
        for count in curve.configurations:
            if count < everything:
                steps = run.training.model_copy(update={"epochs": run.training.epochs * everything // count})
                yield run._replace(train=run.train[:count], training=steps, variant=f"-n{count:03d}")
        for count in curve.replicas:
            if study.source != "simulation" or count < study.ensemble.replicas:
                yield run._replace(replicas=count, variant=f"-r{count:02d}")


def rounds_runs(study: Study) -> Iterator[TrainingRun]:
    """The networks with other numbers of rounds n, the study's own among them (Fig. 9)."""
    ablations = study.ablations
    if ablations is None or not ablations.rounds:
        return
    for run in runs_at(study, ablations):
        for rounds in sorted({*ablations.rounds, run.network.rounds}):
            yield _varied(run, "network", {"rounds": rounds}, f"-rounds{rounds:02d}")


def loss_weight_runs(study: Study) -> Iterator[TrainingRun]:
    """The networks with other weights p in the loss, the study's own among them (Fig. 10)."""
    ablations = study.ablations
    if ablations is None or not ablations.p:
        return
    for run in runs_at(study, ablations):
        for p in sorted({*ablations.p, run.model.p}):
            yield _varied(run, "model", {"p": p}, f"-p{p:g}")


def transfer_runs(study: Study) -> Iterator[tuple[TrainingRun, TrainingRun]]:
    """Pairs of a network and one of another state point or time, on whose test configurations it is scored too."""
    if study.transfer:
        points = [run for at in study.transfer.points for run in runs_at(study, at)]
        yield from ((run, other) for run in points for other in points if run.seed == other.seed)


def pretraining_run(study: Study, run: TrainingRun) -> TrainingRun | None:
    """The network trained on pairs alone that a network starts from, if it starts from one of the study's own.

    It has as many rounds as the network that starts from it.
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
        training=Training(**settings.model_dump(exclude={"temperature", "time", "weights"})),
        network=study.network,
        train=study.configurations.train,
    )
    rounds = run.network.rounds
    return _varied(start, "network", {"rounds": rounds}, f"-rounds{rounds:02d}")


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


def _varied(run: TrainingRun, what: str, update: dict[str, Any], variant: str) -> TrainingRun:
    """The network with something else, or itself if that is what it has."""
    before = getattr(run, what)
    after = before.model_copy(update=update)
    return run if after == before else run._replace(variant=variant, **{what: after})


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
