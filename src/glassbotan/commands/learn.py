"""Networks and their predictions."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import CliPositionalArg

from glassbotan import study
from glassbotan.commands import Command, LongStage, Stage
from glassbotan.commands.targets import Paths, read_all_targets, sampling_time
from glassbotan.errors import FileError
from glassbotan.files import read_npz, write_csv
from glassbotan.kob_andersen import Species
from glassbotan.learn.units import REDUCED, Units, mean_units, spread_units
from glassbotan.progress import progress
from glassbotan.stopping import StoppedError
from glassbotan.study import MOTION, Configurations, Motion, Network, Training
from glassbotan.unfinished import unfinished

if TYPE_CHECKING:
    from glassbotan.learn.graphs import Graph

HISTORY, HISTORY_RECORD = "history.csv", "history.provenance.json"
EPOCHS_BETWEEN_CHECKPOINTS = 10
LONGEST_UNSAVED = 60.0
"""Seconds of training after which a checkpoint is due whatever the epoch: writing one changes nothing."""
STRUCTURE = ("positions", "species", "box_length", "pairs")
PAIRS = "pair_distance_change"


class Train(LongStage):
    """Train one network at one state point and sampling time (a history of the losses is written beside it)."""

    train: Configurations = Field(description="configurations that the network is fitted to")
    validation: Configurations = Field(default=(), description="configurations that choose the epoch")
    inputs: CliPositionalArg[Paths] = Field(description="targets files of all of them")
    model: str = Field(description="name of the model")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time_index: PositiveInt = Field(description="sampling time, counted from 1")
    p: float = Field(0.4, ge=0, le=1, description="weight of S in the loss p MSE(S) + (1 - p) MSE(E)")
    motion: Motion = Field("propensity", description=MOTION)
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
        from glassbotan.learn.graphs import Graphs
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
        start = None
        learnt_from = {*self.train, *self.validation}
        if self.initial:
            start = read_model(self.initial)
            require_network(self.initial, start, self.network)
            self.require(self.initial, start.provenance, stage="train")
            learnt_from |= set(start.provenance["learnt_from"])
        files = {}
        for path, arrays, made in read_all_targets(self, self.inputs, ["overlap"], temperature=self.temperature):
            time = sampling_time(path, arrays, self.time_index)
            files[made["configuration"]] = path
            replicas = arrays["overlap"].shape[1]
            pair_range = made["settings"]["targets"]["pair_range"]
        missing = {*self.train, *self.validation} - files.keys()
        if missing:
            raise FileError(f"no targets file was given for configurations {sorted(missing)}; add theirs")
        deadline = self.deadline()
        device = processor(self.device)
        units = self.units([files[number] for number in self.train])
        train, validation = (
            Graphs([partial(self.graph, files[number], units) for number in numbers], device)
            for numbers in (self.train, self.validation)
        )
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
                    train,
                    validation,
                    self.network,
                    self.training,
                    self.p,
                    self.seed,
                    start.weights_in(units) if start else None,
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
                replicas=replicas,
                pair_range=pair_range,
                epoch=fitted.epoch,
                learnt_from=sorted(learnt_from),
                device=device_name(device),
                epochs_before_this_run=len(saved["rows"]) if saved else 0,
            )
            write_csv(self.output.with_name(HISTORY), fitted.history, record)
            write_model(self.output, TrainedNetwork(fitted.weights, self.network, units, record))

    def targets(self, path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Species, motion (S, R, C or D) and E of a file at the sampling time."""
        arrays, _ = read_npz(path, ("species", self.motion, PAIRS))
        motion, pair = (arrays[name][self.time_index - 1] for name in (self.motion, PAIRS))
        if self.p < 1 and np.isnan(pair).all():
            raise FileError(f"{path} holds no pair-distance changes (its source published none); train with p = 1")
        if self.p > 0 and np.isnan(motion).all():
            raise FileError(f"{path} holds no {self.motion} (its source published none); learn another motion")
        return arrays["species"], motion, pair

    def units(self, paths: Sequence[Path]) -> Units:
        """The units in which the network measures, from the training configurations."""
        if self.training.target_units == "reduced":
            return REDUCED
        if self.training.target_units == "training set":
            return spread_units(self.targets(path) for path in paths)
        return mean_units([spread_units([self.targets(path)]) for path in paths])

    def graph(self, path: Path, units: Units) -> "Graph":
        """The graph of a targets file, with its targets at the sampling time."""
        from glassbotan.learn.graphs import with_targets

        structure, _ = read_npz(path, STRUCTURE)
        targets = self.targets(path)
        if self.training.target_units == "configuration":
            units = spread_units([targets])
        return with_targets(graph_of(path, structure), *units.measure(*targets))


def graph_of(path: Path, arrays: dict[str, np.ndarray]) -> "Graph":
    """The graph of the structure in a targets file."""
    from glassbotan.learn.graphs import structure_graph

    positions, species, box_length, pairs = (arrays[name] for name in STRUCTURE)
    return structure_graph(positions, species, float(box_length), pairs, str(path))


class Predict(Command):
    """Predict S (or R, C, D) of every particle, and E of every pair, of a snapshot of your own.

    OUTPUT ending in .csv is a table of the particles, with one of the pairs beside it (`-pairs.csv`); in .xyz or .gsd,
    particles with the prediction as properties, for OVITO. E_sum is E summed over the pairs of a particle.
    """

    model: Path = Field(description="the trained network, model.pt")
    configuration: Path = Field(description="particles in a cubic periodic box: GSD, LAMMPS dump or extended XYZ")
    frame: int = Field(-1, description="which frame of a trajectory, -1 for the last")
    output: Path = Field(description="file to write: .csv, .xyz or .gsd")
    average_over_symmetries: bool = Field(True, description="average over the 48 signed axis permutations")

    def cli_cmd(self) -> None:
        import pandas as pd

        from glassbotan.learn.models import read_model
        from glassbotan.learn.prediction import predict_configuration
        from glassbotan.snapshots import read_configuration, write_view

        if self.output.suffix not in (".csv", ".xyz", ".extxyz", ".gsd"):
            raise FileError(f"--output {self.output}: a prediction is written as .csv, .xyz, .extxyz or .gsd")
        network = read_model(self.model)
        configuration = read_configuration(self.configuration, self.frame)
        predicted = predict_configuration(network, configuration, self.average_over_symmetries, str(self.configuration))
        if self.output.suffix != ".csv":
            write_view(self.output, configuration, predicted.properties)
        else:
            particles = pd.DataFrame(configuration.positions, columns=["x", "y", "z"])
            particles.insert(0, "species", np.array([kind.name for kind in Species])[configuration.species])
            made = {"network": network.provenance, "configuration": str(self.configuration)}
            write_csv(self.output, particles.assign(**predicted.properties), made)
            if predicted.pair_distance_change is not None:
                pairs = pd.DataFrame(predicted.pairs, columns=["i", "j"]).assign(E=predicted.pair_distance_change)
                write_csv(self.output.with_name(f"{self.output.stem}-pairs.csv"), pairs, made)
        of_a = int((configuration.species == Species.A).sum())
        density = len(configuration) / configuration.box_length**3
        print(
            f"{len(configuration)} particles, {of_a} of them A, at density {density:.4g}; "
            f"the network was trained at T = {predicted.temperature:g} for t = {predicted.time:g}"
        )


class PredictTest(Stage):
    """Predict the test configurations with a trained network, and keep the truth beside it."""

    network_file: Path = Field(description="the trained network")
    inputs: CliPositionalArg[Paths] = Field(description="targets files of the test configurations")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time_index: PositiveInt = Field(description="sampling time, counted from 1")
    network: Network = Network()
    predict: study.Predict = study.Predict()
    transferred: bool = Field(False, description="take a network that was trained at another state point or time")

    @property
    def stage(self) -> str:
        return "predict"

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.predictions import Prediction, write_predictions
        from glassbotan.learn.models import read_model, require_network
        from glassbotan.learn.prediction import predict

        provenance = self.provenance(self.network_file, *self.inputs)
        trained = read_model(self.network_file)
        require_network(self.network_file, trained, self.network)
        here = {"temperature": self.temperature, "time_index": self.time_index}
        self.require(self.network_file, trained.provenance, stage="train", **({} if self.transferred else here))
        settings = trained.provenance["settings"]
        motion = settings["motion"]
        module = trained.module()
        predictions = []
        as_in_file = ("positions", "species", "potential_energy", "pairs")
        names = {*STRUCTURE, *as_in_file, "overlap", motion, f"{motion}_halves", PAIRS, f"{PAIRS}_halves"}
        for path, arrays, made in read_all_targets(self, self.inputs, names, temperature=self.temperature):
            time = sampling_time(path, arrays, self.time_index)
            if made["configuration"] in trained.provenance["learnt_from"]:
                raise FileError(
                    f"{path} is configuration {made['configuration']}, which {self.network_file} has learnt from; "
                    "predict configurations that it has not seen"
                )
            graph = graph_of(path, arrays)
            of_particles, of_pairs = predict(module, graph, trained.units, self.predict.average_over_symmetries)
            at = self.time_index - 1
            predictions.append(
                Prediction(
                    configuration=made["configuration"],
                    box_length=float(arrays["box_length"]),
                    overlap=arrays["overlap"][at],
                    motion=arrays[motion][at],
                    motion_halves=arrays[f"{motion}_halves"][at],
                    predicted_motion=of_particles.astype(np.float32),
                    pair_distance_change=arrays[PAIRS][at],
                    pair_distance_change_halves=arrays[f"{PAIRS}_halves"][at],
                    predicted_pair_distance_change=of_pairs.astype(np.float32),
                    **{name: arrays[name] for name in as_in_file},
                )
            )
        description = {key: settings[key] for key in ("model", "seed", "p", "motion")}
        of_network = {
            "rounds": trained.network.rounds,
            # Of published weights less is known.
            "train_configurations": len(settings.get("train", trained.provenance["learnt_from"])),
            "replicas": trained.provenance.get("replicas"),
            "trained_temperature": settings["temperature"],
            "trained_time": trained.provenance["time"],
        }
        record = provenance.finish(**here, time=time, **description, **of_network)
        write_predictions(self.output, predictions, record)
