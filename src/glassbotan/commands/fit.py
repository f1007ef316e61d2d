"""The stage that fits a predictor."""

from pathlib import Path
from typing import Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import CliPositionalArg

from glassbotan.commands import LongStage, Paths
from glassbotan.predictors.registry import AnyPredictor
from glassbotan.study.section import Configurations


class Fit(LongStage):
    """Fit one predictor at one state point, for one or more sampling times, and write its history beside it."""

    train: Configurations = Field(min_length=1, description="configurations that the predictor is fitted to")
    validation: Configurations = Field(
        default=(), description="configurations on which its epoch or its regularisation is chosen"
    )
    inputs: CliPositionalArg[Paths] = Field(
        description="targets files of the training and validation configurations, and structure files if the model "
        "needs them"
    )
    model: AnyPredictor = Field(
        description="the kind of predictor and its settings; sections that several kinds have, such as network and "
        "training, have the options of kind botan, and are given in JSON for other kinds"
    )
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time_indices: tuple[PositiveInt, ...] = Field(min_length=1, description="sampling times, counted from 1")
    seed: NonNegativeInt = Field(0, description="seed of the random numbers in the fit")
    initial: tuple[Path, ...] = Field(
        (), description="fitted predictors that the fit starts from, such as the pretrained network"
    )

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        if both := set(self.train) & set(self.validation):
            raise ValueError(f"configurations {sorted(both)} are in both train and validation")
        return self

    def cli_cmd(self) -> None:
        from glassbotan.checkpoint_folder import checkpoint_folder
        from glassbotan.files.fitted import FittedFile, write_fitted, write_history
        from glassbotan.layout import HISTORY
        from glassbotan.predictors.fitting import fit_predictor, read_start

        provenance = self.provenance(*self.inputs, *self.initial)
        starts = [read_start(path, self.study, self.model) for path in self.initial]
        deadline = self.deadline()
        record = HISTORY.replace(".csv", ".provenance.json")
        with checkpoint_folder(self.output, self.stamp(provenance), HISTORY, record) as folder:
            fitted = fit_predictor(
                self.model,
                self.inputs,
                study=self.study,
                temperature=self.temperature,
                time_indices=self.time_indices,
                train=self.train,
                validation=self.validation,
                seed=self.seed,
                device=self.device,
                starts=starts,
                folder=folder,
                deadline=deadline,
            )
            made = provenance.finish(**fitted.remarks)
            write_history(self.output.with_name(HISTORY), fitted, made)
            write_fitted(self.output, FittedFile(self.study, self.model.name, self.seed, fitted), made)
