"""The stages that compute targets from ensembles, and use them to check and describe the liquid."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, PositiveFloat
from pydantic_settings import CliPositionalArg

from glassbotan.commands import Paths, Stage
from glassbotan.errors import StudyError
from glassbotan.files.header import require
from glassbotan.files.plain import write_csv, write_json
from glassbotan.files.targets import Targets as TargetsFile
from glassbotan.files.targets import read_matching_targets, read_targets, write_targets
from glassbotan.study import targets as settings


class Targets(Stage):
    """Compute the targets S, E, R, C, D, the overlap and F_s of one configuration from its ensemble."""

    input: Path = Field(description="the ensemble")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    targets: settings.Targets = settings.Targets()

    def cli_cmd(self) -> None:
        from glassbotan.files.ensembles import read_ensemble
        from glassbotan.simulate.measurement import measure_ensemble
        from glassbotan.structure.static import StaticStructure

        provenance = self.provenance(self.input)
        with read_ensemble(self.input) as ensemble:
            require(self.input, ensemble.header, study=self.study, temperature=self.temperature)
            measured, quality = measure_ensemble(ensemble, self.targets, self.input)
            initial = ensemble.initial
            write_targets(
                self.output,
                StaticStructure(
                    initial.positions,
                    initial.species,
                    initial.box_length,
                    measured.pairs,
                    mixture=initial.mixture,
                ),
                measured,
                provenance.finish(),
                study=self.study,
                temperature=self.temperature,
                configuration=ensemble.header.configuration,
                settings=self.targets,
                quality=quality,
            )


class Judging(Stage):
    """A stage that compares the quality of simulations with the limits."""

    limits: settings.Limits = settings.Limits()

    def judged(self, paths: Sequence[Path], **expected: Any) -> Iterator[tuple[TargetsFile, list[str]]]:
        """Each targets file, with a message for every quantity of its simulation that exceeds the limits."""
        from glassbotan.simulate.quality import limit_violations

        for path in paths:
            found = read_targets(path)
            require(path, found, study=self.study, **expected)
            yield found, limit_violations(found.quality, found.temperature, self.limits)


class SimulationQuality(Judging):
    """Check the quality of every simulation: write a table, and print what exceeds the limits."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of all configurations")

    @property
    def stage(self) -> str:
        return "quality"

    def cli_cmd(self) -> None:
        import pandas as pd

        provenance = self.provenance(*self.inputs)
        rows = []
        for found, violations in self.judged(self.inputs):
            for sentence in violations:
                print(f"T = {found.temperature:g}, configuration {found.configuration}: {sentence}")
            rows.append(
                {
                    "target_temperature": found.temperature,
                    "configuration": found.configuration,
                    **found.quality._asdict(),
                    "within_limits": not violations,
                }
            )
        table = pd.DataFrame(rows).sort_values(["target_temperature", "configuration"])
        write_csv(self.output, table, provenance.finish())
        print(f"{self.study}: {table.within_limits.sum()} of {len(table)} runs are within the limits")


class Accept(Judging):
    """Check the simulations that predictors are fitted to; by default, stop with an error if one exceeds the limits."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of the training and validation configurations")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")

    def cli_cmd(self) -> None:
        provenance = self.provenance(*self.inputs)
        judged = self.judged(self.inputs, temperature=self.temperature)
        faults = {found.configuration: "; ".join(violations) for found, violations in judged if violations}
        sentences = [f"configuration {number}: {fault}" for number, fault in faults.items()]
        print("\n".join(sentences))
        if faults and self.limits.enforce:
            raise StudyError(
                f"{len(faults)} of {len(self.inputs)} simulations at T = {self.temperature:g} exceed the limits, "
                f"{sentences[0]}; see tables/simulation_quality.csv, and simulate longer or change the limits "
                "(with limits.enforce: false, predictors are fitted to them all the same)"
            )
        write_json(self.output, {"faults": faults, "provenance": provenance.finish()})


class Relaxation(Stage):
    """Average F_s(k, t) over the configurations of a state point and fit tau_alpha; the fit is written as JSON."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of one temperature")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")

    def cli_cmd(self) -> None:
        import pandas as pd

        from glassbotan.dynamics.relaxation import fit_relaxation

        provenance = self.provenance(*self.inputs)
        found = read_matching_targets(self.inputs, study=self.study, temperature=self.temperature)
        curves = {}  # of each configuration; nothing else is kept, since hundreds of files would fill the memory
        for targets in found:
            times = targets.scattering_times
            curves[targets.configuration] = targets.scattering
        try:
            fitted = fit_relaxation(times, np.stack(list(curves.values())))
        except (ValueError, RuntimeError) as error:
            raise StudyError(
                f"F_s at T = {self.temperature:g} cannot be fitted ({error}); use later or more sampling times"
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
