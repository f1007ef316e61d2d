"""Between a study and what others have published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, PositiveFloat, PositiveInt
from pydantic_settings import CliApp, CliPositionalArg, CliSubCommand

from glassbotan import study
from glassbotan.commands import Stage
from glassbotan.commands.evaluate import OfPredictions
from glassbotan.commands.targets import Paths, targets_content
from glassbotan.dynamics.targets import DynamicalTargets, dynamical_targets
from glassbotan.errors import FileError
from glassbotan.files import write_npz
from glassbotan.published.trajectories import READERS, Isoconfiguration, checked_pairs
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.quality import of_structure
from glassbotan.study import Configurations, Liquid


class ImportTrajectories(Stage):
    """Make a targets file from one configuration of a published ensemble."""

    format: ClassVar[str]
    inputs: CliPositionalArg[Paths] = Field(description="files of one configuration, in order of the sampling times")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    configuration: PositiveInt = Field(description="number that the configuration has in the study")
    times: tuple[PositiveFloat, ...] = Field(min_length=1, description="the sampling times in the files [tau]")
    liquid: Liquid = Liquid()
    targets: study.Targets = study.Targets()

    @property
    def stage(self) -> str:
        return "targets"

    def cli_cmd(self) -> None:
        provenance = self.provenance(*self.inputs)
        published = READERS[self.format](self.inputs, self.liquid.density)
        path, particles = self.inputs[0], len(published.species)
        if particles != self.liquid.particles:
            raise FileError(
                f"{path} has {particles} particles, but {self.liquid.particles} were "
                "expected; is liquid.particles right?"
            )
        found = len(published.propensity) if published.propensity is not None else len(published.displacements)
        if found != len(self.times):
            raise FileError(f"{path} has {found} sampling times, but {len(self.times)} were named; name all of them")
        pairs = checked_pairs(path, published.positions, published.box_length, self.targets.pair_range)
        try:
            targets = self.made_of(published, pairs)
        except ValueError as error:
            raise FileError(f"{path}: {error}") from None
        initial = Configuration.at_rest(published.positions, published.species, published.box_length)
        record = provenance.finish(
            format=self.format, configuration=self.configuration, quality=of_structure(initial)._asdict()
        )
        write_npz(self.output, record, **targets_content(initial, targets))

    def made_of(self, published: Isoconfiguration, pairs: NDArray) -> DynamicalTargets:
        """What moved; what was not published is not a number."""
        times = np.array(self.times)
        if published.propensity is not None:
            return DynamicalTargets.of_propensity(times, pairs, published.propensity)
        replicas = {len(of_time) for of_time in published.displacements}
        if len(replicas) > 1:
            raise ValueError(f"there are {sorted(replicas)} replicas at different times")

        def moments() -> Iterator[tuple[int, int, NDArray]]:
            for index, of_time in enumerate(published.displacements):
                for replica, displacements in enumerate(of_time, start=1):
                    yield replica, index, displacements

        made = dynamical_targets(
            published.positions,
            published.species,
            published.box_length,
            moments(),
            range(len(times)),
            1.0,
            replicas.pop(),
            **self.targets.model_dump(),
        )
        return replace(made, times=times, scattering_times=times)


class Botan(ImportTrajectories):
    """From the release of Shiba et al., J. Chem. Phys. 158, 084503: npz files, one for each sampling time."""

    format = "botan"


class GlassyDynamics(ImportTrajectories):
    """From the release of Bapst et al., Nature Phys. 16, 448: a pickle with all times, read without executing it."""

    format = "glassy-dynamics"


class GlassBench(ImportTrajectories):
    """From GlassBench (Jung et al., arXiv:2311.14752): an npz file with the propensity at all times, and no E."""

    format = "glassbench"


class Weights(Stage):
    """Make a network from the weights of a published one, to train it further or to predict with it."""

    input: CliPositionalArg[Path] = Field(description="state dictionary of the published network, such as model1.pth")
    temperature: PositiveFloat = Field(0.44, description="state point that it was trained at [epsilon_AA/k_B]")
    time_index: PositiveInt = Field(3, description="sampling time that it was trained at, counted from 1")
    time: PositiveFloat = Field(13.0, description="the sampling time [tau]")
    model: str = Field(study.PRETRAINING, description="name of the model")
    p: float = Field(0.0, ge=0, le=1, description="weight of S in the loss that it was trained on")
    motion: study.Motion = Field("propensity", description=study.MOTION)
    seed: int = Field(0, description="number that tells several of them apart")
    pair_range: PositiveFloat = Field(2.0, description="range of the pairs in its graphs [sigma_AA]")
    learnt_from: Configurations = Field(default=(), description="configurations that it was trained on, if known")

    @property
    def stage(self) -> str:
        return "train"

    def cli_cmd(self) -> None:
        from glassbotan.learn.models import TrainedNetwork, write_model
        from glassbotan.learn.units import REDUCED
        from glassbotan.published.weights import PUBLISHED, read_weights

        provenance = self.provenance(self.input)
        weights = read_weights(self.input)
        record = provenance.finish(
            time=self.time, pair_range=self.pair_range, learnt_from=list(self.learnt_from), device="unknown"
        )
        write_model(self.output, TrainedNetwork(weights, PUBLISHED, REDUCED, record))


class Import(BaseModel):
    """Start from what others have published: trajectories become targets files, weights a network."""

    botan: CliSubCommand[Botan]
    glassy_dynamics: CliSubCommand[GlassyDynamics]
    glassbench: CliSubCommand[GlassBench]
    weights: CliSubCommand[Weights]

    def cli_cmd(self) -> None:
        """Run the subcommand that was named."""
        CliApp.run_subcommand(self)


class Export(OfPredictions):
    """Write predictions in the form of GlassBench, a file for each test configuration (OUTPUT is their folder)."""

    inputs: CliPositionalArg[Paths] = Field(description="predictions of one model, in order of the sampling times")
    name: str = Field("BOTAN", description="name of the prediction in the files")

    def cli_cmd(self) -> None:
        from glassbotan.published.glassbench import benchmark_files, export

        files, made = zip(*map(self.of_particles, self.inputs), strict=True)
        of: dict[str, Any] = {name: {record[name] for record in made} for name in ("temperature", "model", "seed")}
        for name, values in of.items():
            if len(values) > 1:
                raise FileError(f"the predictions have several values of {name} ({values}); name those of one")
        for name, arrays in benchmark_files(files, self.name, made[0]["temperature"]):
            export(self.output, name, arrays)
        print(f"{len(files[0])} files in {self.output}, {len(files)} sampling times each")
