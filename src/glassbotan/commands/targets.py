"""The stages that compute targets from ensembles, and use them to check and describe the liquid."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field, PositiveFloat
from pydantic_settings import CliPositionalArg

from glassbotan.commands import Paths, Stage
from glassbotan.errors import StudyError
from glassbotan.files.header import require
from glassbotan.files.plain import write_csv, write_json
from glassbotan.files.targets import read_matching_targets, read_targets, write_targets
from glassbotan.simulate.checks import Check
from glassbotan.simulate.quality import Quality
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

    def judged(self, paths: Sequence[Path], **expected: Any) -> Iterator["Judged"]:
        """The simulations of each temperature with what exceeds the limits."""
        from glassbotan.simulate.checks import checks
        from glassbotan.simulate.quality import limit_violations

        qualities: dict[float, dict[int, Quality]] = {}
        for path in paths:
            found = read_targets(path)
            require(path, found, study=self.study, **expected)
            qualities.setdefault(found.temperature, {})[found.configuration] = found.quality
        for temperature, runs in sorted(qualities.items()):
            violations = {
                number: limit_violations(quality, temperature, self.limits, len(runs))
                for number, quality in sorted(runs.items())
            }
            yield Judged(temperature, runs, violations, checks([*runs.values()], temperature, self.limits))


class Judged(NamedTuple):
    """The simulations at one temperature, compared with the limits."""

    temperature: float
    qualities: dict[int, Quality]
    """of each configuration"""
    violations: dict[int, list[str]]
    """a message for each quantity of each configuration that exceeds its limit"""
    checks: list[Check]
    """what the configurations show together"""

    @property
    def faults(self) -> list[str]:
        """Sentences about everything that exceeds the limits."""
        single = [f"configuration {number}: {'; '.join(found)}" for number, found in self.violations.items() if found]
        together = [
            f"{one.check}: {one.value:.3g} ± {one.error:.2g}, limit {one.limit:g} ({one.remark})"
            for one in self.checks
            if one.state == "failed"
        ]
        return [*together, *single]


class SimulationQuality(Judging):
    """Check the quality of every simulation: write a table with a row for each, and checks.csv with what they show
    together; print what exceeds the limits.
    """

    inputs: CliPositionalArg[Paths] = Field(description="targets files of all configurations")

    @property
    def stage(self) -> str:
        return "quality"

    def cli_cmd(self) -> None:
        import pandas as pd

        provenance = self.provenance(*self.inputs)
        runs: list[dict[str, Any]] = []
        together: list[dict[str, Any]] = []
        for judged in self.judged(self.inputs):
            where = {"target_temperature": judged.temperature}
            for sentence in judged.faults:
                print(f"T = {judged.temperature:g}, {sentence}")
            runs += [
                {**where, "configuration": number, **quality.numbers, "within_limits": not judged.violations[number]}
                for number, quality in sorted(judged.qualities.items())
            ]
            together += [{**where, **check._asdict()} for check in judged.checks]
        record = provenance.finish()
        table, checked = pd.DataFrame(runs), pd.DataFrame(together)
        write_csv(self.output, table, record)
        write_csv(self.output.with_name("checks.csv"), checked, record)
        print(
            f"{self.study}: {table.within_limits.sum()} of {len(table)} runs are within the limits, and "
            f"{(checked.state == 'failed').sum()} of {len(checked)} checks of all runs together failed"
        )


class Accept(Judging):
    """Check the simulations that predictors are fitted to; by default, stop with an error if one exceeds the limits."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of the training and validation configurations")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")

    def cli_cmd(self) -> None:
        provenance = self.provenance(*self.inputs)
        (judged,) = self.judged(self.inputs, temperature=self.temperature)
        print("\n".join(judged.faults))
        if judged.faults and self.limits.enforce:
            raise StudyError(
                f"the simulations at T = {self.temperature:g} exceed the limits in {len(judged.faults)} respects, "
                f"{judged.faults[0]}; see tables/simulation_quality.csv and tables/checks.csv, and simulate longer or "
                "change the limits (with limits.enforce: false, predictors are fitted to them all the same)"
            )
        write_json(self.output, {"faults": judged.faults, "provenance": provenance.finish()})


class Relaxation(Stage):
    """Average F_s(k, t) over the configurations of a state point, and write its relaxation times as JSON."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of one temperature")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")

    def cli_cmd(self) -> None:
        import pandas as pd

        from glassbotan.dynamics.relaxation import outside_the_times, relaxation

        provenance = self.provenance(*self.inputs)
        found = read_matching_targets(self.inputs, study=self.study, temperature=self.temperature)
        curves = {}  # of each configuration; nothing else is kept, since hundreds of files would fill the memory
        for targets in found:
            times = targets.scattering_times
            curves[targets.configuration] = targets.scattering
        try:
            measured = relaxation(times, np.stack(list(curves.values())))
        except (ValueError, RuntimeError) as error:
            raise StudyError(
                f"F_s at T = {self.temperature:g} cannot be fitted ({error}); use later or more sampling times"
            ) from None
        if warning := outside_the_times(measured):
            print(f"T = {self.temperature:g}: {warning}")
        table = pd.concat(
            pd.DataFrame({"configuration": configuration, "time": times, "scattering": curve})
            for configuration, curve in curves.items()
        )
        record = provenance.finish()
        write_csv(self.output, table, record)
        write_json(
            self.output.with_suffix(".json"),
            {"temperature": self.temperature, "n_configurations": len(curves), **measured._asdict()},
        )
