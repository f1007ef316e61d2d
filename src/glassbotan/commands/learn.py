"""From the ensembles to targets, networks and predictions."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import CliPositionalArg

from glassbotan import study
from glassbotan.commands import LongStage, Stage
from glassbotan.dynamics.scattering import fit_relaxation
from glassbotan.dynamics.targets import dynamical_targets
from glassbotan.errors import FileError, StudyError
from glassbotan.files import read_npz, write_csv, write_json, write_npz
from glassbotan.kob_andersen import interactions
from glassbotan.progress import progress
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.quality import Energies, Quality, beyond, measure
from glassbotan.simulate.trajectories import Moment, read_ensemble
from glassbotan.stopping import StoppedError
from glassbotan.study import Configurations, Integrator, Network, Training
from glassbotan.unfinished import unfinished

HISTORY, HISTORY_RECORD = "history.csv", "history.provenance.json"
EPOCHS_BETWEEN_CHECKPOINTS = 10
LONGEST_UNSAVED = 60.0
"""Seconds of training after which a checkpoint is due whatever the epoch: writing one changes nothing."""

Paths = Annotated[tuple[Path, ...], Field(min_length=1)]


def read_targets(stage: Stage, path: Path, **settings: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a targets file of the stage's study, made with these settings, and its provenance."""
    arrays, provenance = read_npz(path)
    stage.require(path, provenance, stage="targets", **settings)
    return arrays, provenance


def read_all_targets(
    stage: Stage, paths: Sequence[Path], **settings: Any
) -> Iterator[tuple[Path, dict[str, np.ndarray], dict[str, Any]]]:
    """Several targets files, one by one, which must have the same times and ranges."""
    first: tuple[dict[str, np.ndarray], dict[str, Any]] | None = None
    for path in paths:
        arrays, made = read_targets(stage, path, **settings)
        first = first or (arrays, made)
        same_times = all(np.array_equal(arrays[name], first[0][name]) for name in ("times", "scattering_times"))
        if not same_times or made["settings"]["targets"] != first[1]["settings"]["targets"]:
            raise FileError(
                f"{path} has other times or ranges than {paths[0]}; make all targets of a study with the same settings"
            )
        yield path, arrays, made


class Targets(Stage):
    """Compute what moved: S, E, R, C, D, the overlap and F_s of one configuration, from its ensemble."""

    input: Path = Field(description="the ensemble")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    targets: study.Targets = study.Targets()

    def cli_cmd(self) -> None:
        provenance = self.provenance(self.input)
        with read_ensemble(self.input) as ensemble:
            made = ensemble.provenance
            self.require(self.input, made, stage="ensemble", temperature=self.temperature)
            integrator = Integrator(**made["settings"]["integrator"])
            initial = ensemble.initial
            steps = integrator.sampling_steps(made["settings"]["times"])
            energies: list[Energies] = []
            ends: list[Configuration] = []

            def moments() -> Iterator[tuple[int, int, NDArray]]:
                for moment in ensemble.moments():
                    energies.append(energies_of(moment, integrator.timestep))
                    if moment.step == steps[-1]:
                        ends.append(replace(initial, positions=initial.positions + moment.displacements))
                    yield moment.replica, moment.step, moment.displacements

            try:
                targets = dynamical_targets(
                    initial.positions,
                    initial.species,
                    initial.box_length,
                    moments(),
                    steps,
                    integrator.timestep,
                    made["settings"]["ensemble"]["replicas"],
                    **self.targets.model_dump(),
                )
            except ValueError as error:
                raise FileError(f"{self.input}: {error}") from None
        equilibration = made["equilibration"]
        quality = measure(initial, ends, energies, (equilibration["time"], equilibration["potential_energy"]))
        record = provenance.finish(configuration=made["settings"]["configuration"], quality=quality._asdict())
        write_npz(
            self.output,
            record,
            species=initial.species,
            positions=initial.positions,
            box_length=initial.box_length,
            potential_energy=interactions(initial.positions, initial.species, initial.box_length).energies,
            **vars(targets),
        )


def energies_of(moment: Moment, timestep: float) -> Energies:
    """What a frame of an ensemble logged."""
    log = {name: float(moment.log[name][0]) for name in ("potential_energy", "kinetic_energy", "pressure")}
    return Energies(
        moment.replica,
        moment.step * timestep,
        log["potential_energy"],
        log["kinetic_energy"],
        moment.log["momentum"],
        log["pressure"],
    )


class Judging(Stage):
    """A stage that reads what simulations say about themselves."""

    limits: study.Limits = study.Limits()

    def judged(self, paths: Sequence[Path], **settings: Any) -> Iterator[tuple[dict[str, Any], Quality, list[str]]]:
        """Of each targets file: the record of its making, the quality, and what is beyond the limits."""
        for path in paths:
            _, made = read_targets(self, path, **settings)
            quality = Quality(**made["quality"])
            yield made, quality, beyond(quality, made["settings"]["temperature"], self.limits)


class SimulationQuality(Judging):
    """Say of every run whether it is the liquid that was meant: a table, and in words what is beyond the limits."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of all configurations")

    @property
    def stage(self) -> str:
        return "quality"

    def cli_cmd(self) -> None:
        import pandas as pd

        provenance = self.provenance(*self.inputs)
        rows = []
        for made, quality, off in self.judged(self.inputs):
            temperature = made["settings"]["temperature"]
            for sentence in off:
                print(f"T = {temperature:g}, configuration {made['configuration']}: {sentence}")
            rows.append(
                {
                    "target_temperature": temperature,
                    "configuration": made["configuration"],
                    **quality._asdict(),
                    "within_limits": not off,
                }
            )
        table = pd.DataFrame(rows).sort_values(["target_temperature", "configuration"])
        write_csv(self.output, table, provenance.finish())
        print(f"{self.study}: {table.within_limits.sum()} of {len(table)} runs are within the limits")


class Accept(Judging):
    """Accept the simulations that networks will learn from, or refuse those beyond the limits by name."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of the configurations that are learnt from")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")

    def cli_cmd(self) -> None:
        provenance = self.provenance(*self.inputs)
        judged = self.judged(self.inputs, temperature=self.temperature)
        faults = {made["configuration"]: "; ".join(off) for made, _, off in judged if off}
        sentences = [f"configuration {number}: {fault}" for number, fault in faults.items()]
        print("\n".join(sentences))
        if faults and self.limits.enforce:
            raise StudyError(
                f"{len(faults)} of {len(self.inputs)} simulations at T = {self.temperature:g} are beyond the limits, "
                f"{sentences[0]}; look at tables/simulation_quality.csv, and simulate longer or set limits "
                "(limits.enforce: false learns from them all the same)"
            )
        write_json(self.output, {"faults": faults, "provenance": provenance.finish()})


class Relaxation(Stage):
    """Average F_s(k, t) over the configurations of a state point and fit tau_alpha (table and JSON beside it)."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of one temperature")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")

    def cli_cmd(self) -> None:
        import pandas as pd

        provenance = self.provenance(*self.inputs)
        curves = {}  # of each configuration; the rest of a file is let go, hundreds of them would fill the memory
        for _, arrays, made in read_all_targets(self, self.inputs, temperature=self.temperature):
            times = arrays["scattering_times"]
            curves[made["configuration"]] = arrays["scattering"]
        try:
            fitted = fit_relaxation(times, np.stack(list(curves.values())))
        except (ValueError, RuntimeError) as error:
            raise StudyError(
                f"F_s at T = {self.temperature:g} cannot be fitted ({error}); sample longer or more times"
            ) from None
        table = pd.concat(
            pd.DataFrame({"configuration": configuration, "time": times, "scattering": curve})
            for configuration, curve in curves.items()
        )
        record = provenance.finish()
        write_csv(self.output, table, record)
        write_json(
            self.output.with_suffix(".json"),
            {"temperature": self.temperature, "n_configurations": len(curves), **fitted._asdict()},
        )


class Train(LongStage):
    """Train one network at one state point and sampling time (a history of the losses is written beside it)."""

    train: Configurations = Field(description="configurations that the network is fitted to")
    validation: Configurations = Field(default=(), description="configurations that choose the epoch")
    inputs: CliPositionalArg[Paths] = Field(description="targets files of all of them")
    model: str = Field(description="name of the model")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time_index: PositiveInt = Field(description="sampling time, counted from 1")
    p: float = Field(0.4, ge=0, le=1, description="weight of S in the loss p MSE(S) + (1 - p) MSE(E)")
    seed: NonNegativeInt = Field(0, description="of the initial weights, the order of the graphs and their turns")
    initial: Path | None = Field(None, description="network to start from, such as the pretrained one")
    network: Network = Network()
    training: Training = Training()

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        if both := set(self.train) & set(self.validation):
            raise ValueError(f"configurations {sorted(both)} are in both train and validation")
        return self

    def cli_cmd(self) -> None:
        from glassbotan.learn.graphs import structure_graph, with_targets
        from glassbotan.learn.models import (
            TrainedNetwork,
            newest_checkpoint,
            read_model,
            require_network,
            write_checkpoint,
            write_model,
        )
        from glassbotan.learn.training import device_name, fit, processor

        provenance = self.provenance(*self.inputs, *([self.initial] if self.initial else []))
        initial_weights = None
        learnt_from = {*self.train, *self.validation}
        if self.initial:
            start = read_model(self.initial)
            require_network(self.initial, start, self.network)
            self.require(self.initial, start.provenance, stage="train")
            initial_weights = start.weights
            learnt_from |= set(start.provenance["learnt_from"])
        graphs = {}
        for path, arrays, made in read_all_targets(self, self.inputs, temperature=self.temperature):
            time = sampling_time(path, arrays, self.time_index)
            graph = structure_graph(
                arrays["positions"], arrays["species"], float(arrays["box_length"]), arrays["pairs"]
            )
            graphs[made["configuration"]] = with_targets(
                graph,
                arrays["propensity"][self.time_index - 1],
                arrays["pair_distance_change"][self.time_index - 1],
            )
        missing = {*self.train, *self.validation} - graphs.keys()
        if missing:
            raise FileError(f"no targets file was given for configurations {sorted(missing)}; add theirs")
        deadline = self.deadline()
        device = processor(self.device)
        with (
            unfinished(self.output, self.stamp(provenance), HISTORY, HISTORY_RECORD) as folder,
            progress(f"Train {self.model}", self.training.epochs, "epochs") as advance,
        ):
            saved = newest_checkpoint(folder)
            if saved:
                print(f"glassbotan: training goes on from epoch {len(saved['rows'])}", file=sys.stderr)
                advance(len(saved["rows"]))
            latest = saved
            last_saved = monotonic()

            def report(state: dict[str, Any]) -> None:
                nonlocal latest, last_saved
                latest = state
                advance(1)
                epoch = len(state["rows"])
                if epoch % EPOCHS_BETWEEN_CHECKPOINTS == 0 or monotonic() - last_saved > LONGEST_UNSAVED:
                    write_checkpoint(folder, epoch, state)
                    last_saved = monotonic()
                    if epoch < self.training.epochs:
                        deadline.saved()

            try:
                fitted = fit(
                    [graphs[number] for number in self.train],
                    [graphs[number] for number in self.validation],
                    self.network,
                    self.training,
                    self.p,
                    self.seed,
                    initial_weights,
                    device,
                    saved,
                    report,
                    deadline.check,
                )
            except StoppedError:
                if latest:
                    write_checkpoint(folder, len(latest["rows"]), latest)
                raise
            record = provenance.finish(
                time=time,
                epoch=fitted.epoch,
                learnt_from=sorted(learnt_from),
                device=device_name(device),
                epochs_before_this_run=len(saved["rows"]) if saved else 0,
            )
            write_csv(self.output.with_name(HISTORY), fitted.history, record)
            write_model(self.output, TrainedNetwork(fitted.weights, self.network, fitted.normalisation, record))


class Predict(Stage):
    """Predict S and E of the test configurations with a trained network, and keep the truth beside it."""

    network_file: Path = Field(description="the trained network")
    inputs: CliPositionalArg[Paths] = Field(description="targets files of the test configurations")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time_index: PositiveInt = Field(description="sampling time, counted from 1")
    network: Network = Network()
    predict: study.Predict = study.Predict()

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.predictions import Prediction, write_predictions
        from glassbotan.learn.graphs import pair_average, structure_graph
        from glassbotan.learn.models import read_model, require_network
        from glassbotan.learn.training import predict

        provenance = self.provenance(self.network_file, *self.inputs)
        trained = read_model(self.network_file)
        require_network(self.network_file, trained, self.network)
        self.require(
            self.network_file,
            trained.provenance,
            stage="train",
            temperature=self.temperature,
            time_index=self.time_index,
        )
        module = trained.module()
        predictions = []
        for path, arrays, made in read_all_targets(self, self.inputs, temperature=self.temperature):
            sampling_time(path, arrays, self.time_index)
            if made["configuration"] in trained.provenance["learnt_from"]:
                raise FileError(
                    f"{path} is configuration {made['configuration']}, which {self.network_file} has learnt from; "
                    "predict configurations that it has not seen"
                )
            graph = structure_graph(
                arrays["positions"], arrays["species"], float(arrays["box_length"]), arrays["pairs"]
            )
            propensity, pair = predict(module, graph, trained.normalisation, self.predict.average_over_symmetries)
            at = self.time_index - 1
            predictions.append(
                Prediction(
                    configuration=made["configuration"],
                    box_length=float(arrays["box_length"]),
                    predicted_propensity=propensity.numpy(),
                    predicted_pair_distance_change=pair_average(graph, pair).numpy(),
                    **{name: arrays[name] for name in ("positions", "species", "potential_energy", "pairs")},
                    **{
                        name: arrays[name][at]
                        for name in (
                            "propensity",
                            "propensity_halves",
                            "pair_distance_change",
                            "pair_distance_change_halves",
                        )
                    },
                )
            )
        settings = trained.provenance["settings"]
        description = {key: settings[key] for key in ("temperature", "time_index", "model", "seed", "p")}
        write_predictions(self.output, predictions, provenance.finish(**description, time=trained.provenance["time"]))


def sampling_time(path: Path, arrays: dict[str, np.ndarray], index: int) -> float:
    """The sampling time of this index, counted from 1, in a targets file."""
    times = arrays["times"]
    if index > len(times):
        raise FileError(f"{path} has {len(times)} sampling times, but number {index} was asked for")
    return float(times[index - 1])
