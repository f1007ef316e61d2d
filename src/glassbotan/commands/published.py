"""The commands that import published data and export predictions."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt
from pydantic_settings import CliApp, CliPositionalArg, CliSubCommand

from glassbotan.commands import Paths, Stage
from glassbotan.errors import FileError, StudyError
from glassbotan.predictors.botan import PUBLISHED
from glassbotan.predictors.registry import AnyPredictor, kinds
from glassbotan.study import targets as settings
from glassbotan.study.section import Configurations
from glassbotan.study.simulation import Liquid

if TYPE_CHECKING:
    from glassbotan.dynamics.targets import DynamicalTargets
    from glassbotan.simulate.quality import Quality
    from glassbotan.structure.static import StaticStructure


class ToTargets(Stage):
    """Make a targets file from something else than simulated ensembles of the study."""

    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    configuration: PositiveInt = Field(description="number of the configuration in the study")
    times: tuple[PositiveFloat, ...] = Field(min_length=1, description="the sampling times of the study [tau]")
    liquid: Liquid = Liquid()
    targets: settings.Targets = settings.Targets()

    @property
    def stage(self) -> str:
        return "targets"

    def write(
        self,
        structure: "StaticStructure",
        measured: "DynamicalTargets",
        provenance: Mapping[str, Any],
        quality: "Quality",
    ) -> None:
        """Write the targets file of this configuration; for the arguments see `write_targets`."""
        from glassbotan.files.targets import write_targets

        write_targets(
            self.output,
            structure,
            measured,
            provenance,
            study=self.study,
            temperature=self.temperature,
            configuration=self.configuration,
            settings=self.targets,
            quality=quality,
        )


class ImportTrajectories(ToTargets):
    """Make a targets file from one configuration of a published ensemble."""

    format: ClassVar[str]
    inputs: CliPositionalArg[Paths] = Field(description="files of one configuration, in order of the sampling times")

    def cli_cmd(self) -> None:
        from glassbotan.published.targets import measure_published
        from glassbotan.published.trajectories import READERS

        provenance = self.provenance(*self.inputs)
        published = READERS[self.format](self.inputs, self.liquid.density)
        structure, measured, quality = measure_published(
            published, self.times, self.targets, self.liquid, self.inputs[0]
        )
        self.write(structure, measured, provenance.finish(format=self.format), quality)


class Botan(ImportTrajectories):
    """Import the release of Shiba et al., J. Chem. Phys. 158, 084503: npz files, one for each sampling time."""

    format = "botan"


class GlassyDynamics(ImportTrajectories):
    """Import the release of Bapst et al., Nature Phys. 16, 448: a pickle with all times; no code in it is executed."""

    format = "glassy-dynamics"


class GlassBench(ImportTrajectories):
    """Import GlassBench (Jung et al., arXiv:2311.14752): an npz file with the propensity at all times, without E."""

    format = "glassbench"


class OtherTargets(ToTargets):
    """Take over the targets of a configuration of another study, for training."""

    input: CliPositionalArg[Path] = Field(description="targets file of the other study")

    def cli_cmd(self) -> None:
        from glassbotan.files.targets import read_targets
        from glassbotan.published.targets import taken_over

        provenance = self.provenance(self.input)
        found = read_targets(self.input)
        measured = taken_over(found, self.temperature, self.times, self.targets, self.liquid)
        origin = provenance.finish(study=found.study, configuration=found.configuration)
        self.write(found.structure(), measured, origin, found.quality)


class Weights(Stage):
    """Make a fitted predictor from published weights, for predictions or as the start of another fit."""

    input: CliPositionalArg[Path] = Field(description="state dictionary of the published network, such as model1.pth")
    model: AnyPredictor = Field(
        PUBLISHED, description="the kind of predictor and its settings, as far as the weights depend on them"
    )
    temperature: PositiveFloat = Field(0.44, description="temperature that it was trained at [epsilon_AA/k_B]")
    time_index: PositiveInt = Field(3, description="sampling time that it was trained at, counted from 1")
    time: PositiveFloat = Field(13.0, description="the sampling time [tau]")
    seed: int = Field(0, description="number that distinguishes several networks of the same name")
    liquid: Liquid = Liquid()
    pair_range: PositiveFloat = Field(2.0, description="range of the pairs in its graphs [sigma_AA]")
    learnt_from: Configurations = Field(default=(), description="configurations that it was trained on, if known")

    @property
    def stage(self) -> str:
        return "fit"

    def cli_cmd(self) -> None:
        from glassbotan.files.fitted import FittedFile, write_fitted
        from glassbotan.predictors.domain import Domain

        provenance = self.provenance(self.input)
        from_weights = {
            kind: module.published_predictor
            for kind, module in kinds().items()
            if hasattr(module, "published_predictor")
        }
        if self.model.kind not in from_weights:
            raise StudyError(
                f"a model of kind {self.model.kind} cannot be made from published weights; the kinds that can are "
                f"{', '.join(from_weights)}"
            )
        domain = Domain(
            temperature=self.temperature,
            times=(self.time,),
            time_indices=(self.time_index,),
            particles=self.liquid.particles,
            density=self.liquid.density,
            fraction_of_a=self.liquid.fraction_of_a,
            pair_range=self.pair_range,
            train=self.learnt_from,
            seen=self.learnt_from,
            replicas=None,
            mixture=self.liquid.mixture,
        )
        fitted = from_weights[self.model.kind](self.input, self.model, domain)
        write_fitted(self.output, FittedFile(self.study, self.model.name, self.seed, fitted), provenance.finish())


class Import(BaseModel):
    """Convert published data: trajectories to targets files, and weights to a fitted predictor."""

    botan: CliSubCommand[Botan]
    glassy_dynamics: CliSubCommand[GlassyDynamics]
    glassbench: CliSubCommand[GlassBench]
    targets: CliSubCommand[OtherTargets]
    weights: CliSubCommand[Weights]

    def cli_cmd(self) -> None:
        """Run the subcommand that was named."""
        CliApp.run_subcommand(self)


class Export(Stage):
    """Write predictions in the format of GlassBench, one file for each test configuration; OUTPUT is their folder."""

    inputs: CliPositionalArg[Paths] = Field(description="predictions files of a model, in order of the sampling times")
    name: str = Field("BOTAN", description="name of the array with the prediction in the files")

    def cli_cmd(self) -> None:
        from glassbotan.files.header import require
        from glassbotan.files.predictions import read_predictions
        from glassbotan.published.glassbench import benchmark_files, export

        files = []
        for path in self.inputs:
            files.append(read_predictions(path))
            require(path, files[-1], study=self.study)
            if "S" not in files[-1].symbols:
                raise FileError(f"{path} predicts {' and '.join(files[-1].symbols)}, but not S; name a file with S")
        count = 0
        for name, arrays in benchmark_files(files, self.name):
            export(self.output, name, arrays)
            count += 1
        print(f"wrote {count} files to {self.output}, each with {sum(len(one.times) for one in files)} sampling times")
