"""The commands that predict with fitted predictors, and show predictions."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt
from pydantic_settings import CliPositionalArg

from glassbotan.commands import Command, Paths, Stage
from glassbotan.errors import FileError
from glassbotan.study.simulation import Device

VIEWS = (".xyz", ".extxyz", ".gsd")

PredictionSettings = Annotated[dict[str, Any], BeforeValidator(lambda value: value or {})]


class PredictTest(Stage):
    """Predict the test configurations with a fitted predictor, and write the predictions with the simulated values."""

    predictor: Path = Field(description="the fitted predictor")
    inputs: CliPositionalArg[Paths] = Field(
        description="targets files of the test configurations, and their structure files if the predictor needs them"
    )
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time_indices: tuple[PositiveInt, ...] = Field(min_length=1, description="sampling times, counted from 1")
    from_indices: tuple[PositiveInt, ...] = Field(
        (), description="sampling times of the predictor whose predictions are used, if they are others (transfer)"
    )
    prediction: PredictionSettings = Field(
        {}, description="settings of the section prediction of this kind of predictor, as JSON"
    )

    @property
    def stage(self) -> str:
        return "predict"

    def cli_cmd(self) -> None:
        from glassbotan.files.fitted import read_fitted
        from glassbotan.files.header import require
        from glassbotan.files.predictions import write_predictions
        from glassbotan.predictors.testing import predict_tests

        provenance = self.provenance(self.predictor, *self.inputs)
        fitted = read_fitted(self.predictor)
        require(self.predictor, fitted, study=self.study)
        if not self.from_indices and not fitted.predictor.domain.together:
            require(self.predictor, fitted.predictor.domain, temperature=self.temperature)
        predictions = predict_tests(
            fitted.with_prediction(self.prediction),
            self.predictor,
            self.inputs,
            temperature=self.temperature,
            time_indices=self.time_indices,
            from_indices=self.from_indices,
        )
        write_predictions(self.output, predictions, provenance.finish())


class Predict(Command):
    """Predict how much every particle and pair of a snapshot of your own will move.

    If OUTPUT ends in .csv, it is a table of the particles, with a table of the pairs beside it (`-pairs.csv`). If it
    ends in .xyz, .extxyz or .gsd, it has the particles with the predictions as properties, for OVITO. E_sum is E summed
    over the pairs of a particle.
    """

    model: Path = Field(description="the fitted predictor, model.safetensors")
    configuration: Path = Field(description="particles in a cubic periodic box: GSD, LAMMPS dump or extended XYZ")
    frame: int = Field(-1, description="number of the frame in a trajectory, counted from 0; -1 is the last")
    output: Path = Field(description="file to write: .csv, .xyz, .extxyz or .gsd")
    targets: tuple[str, ...] = Field((), description="targets to predict, such as S or E; all if not given")
    prediction: PredictionSettings = Field(
        {}, description="settings of the section prediction of this kind of predictor, as JSON"
    )
    temperature: PositiveFloat | None = Field(
        None,
        description="temperature of the configuration, by default that of the predictor; needed if it was fitted at "
        "several [epsilon_AA/k_B]",
    )
    device: Device = Field("auto", description="processor that makes the structures which the predictor needs")
    threads: PositiveInt = Field(1, description="CPU cores to use for it")

    def cli_cmd(self) -> None:
        from glassbotan.files.fitted import read_fitted, read_fitted_provenance
        from glassbotan.files.snapshots import read_configuration, write_view
        from glassbotan.kob_andersen import Species
        from glassbotan.predictors.application import predict_configuration
        from glassbotan.predictors.testing import require_targets

        if self.output.suffix not in (".csv", *VIEWS):
            raise FileError(f"--output {self.output}: the name has to end in one of .csv, {', '.join(VIEWS)}")
        fitted = read_fitted(self.model).with_prediction(self.prediction)
        require_targets(fitted, self.targets, self.model)
        configuration = read_configuration(self.configuration, self.frame)
        predicted = predict_configuration(
            fitted.predictor, configuration, str(self.configuration), self.device, self.threads, self.temperature
        )
        if self.targets:
            predicted = predicted.only(self.targets)
        if self.output.suffix != ".csv":
            write_view(self.output, configuration, predicted.particle_properties)
        else:
            predicted.write_tables(
                self.output,
                {"predictor": read_fitted_provenance(self.model), "configuration": str(self.configuration)},
            )
        of_a = int((configuration.species == Species.A).sum())
        times = ", ".join(f"{time:g}" for time in predicted.times)
        print(
            f"{len(configuration)} particles, {of_a} of them A, at density {predicted.structure.density:.4g}; "
            f"{fitted.model} predicts at T = {predicted.temperature:g} for t = {times}"
        )


class View(Command):
    """Write a test configuration with simulated and predicted targets as properties of its particles, for OVITO."""

    input: CliPositionalArg[Path] = Field(description="predictions file")
    configuration: PositiveInt | None = Field(None, description="number of the configuration; the first if not given")
    time_index: PositiveInt | None = Field(None, description="sampling time, counted from 1; the first if not given")
    output: Path = Field(description="file to write: .xyz, .extxyz or .gsd")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.views import particle_properties
        from glassbotan.files.predictions import read_predictions
        from glassbotan.files.snapshots import write_view
        from glassbotan.simulate.configurations import Configuration

        predictions = read_predictions(self.input)  # of any study: a view does not belong to one
        time_index = self.time_index or predictions.time_indices[0]
        if time_index not in predictions.time_indices:
            raise FileError(
                f"{self.input} contains the sampling times number {list(predictions.time_indices)}, but number "
                f"{time_index} was asked for; choose one of them"
            )
        by_number = {one.configuration: one for one in predictions.at(time_index)}
        number = self.configuration or min(by_number)
        if number not in by_number:
            raise FileError(
                f"{self.input} contains the configurations {sorted(by_number)}, but {number} was asked for; "
                "choose one of them"
            )
        shown = by_number[number]
        properties = particle_properties(shown)
        structure = shown.structure
        configuration = Configuration.at_rest(structure.positions, structure.species, structure.box_length)
        write_view(self.output, configuration, properties)
        print(f"configuration {number} was written with the properties {', '.join(properties)}")
