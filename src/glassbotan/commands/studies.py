"""Looking at a configuration file without running it."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import CliPositionalArg

from glassbotan.commands import Command
from glassbotan.study import Study, read_study


class Check(Command):
    """Check a configuration file (later files override earlier ones) and say what the study consists of."""

    files: CliPositionalArg[Annotated[tuple[Path, ...], Field(min_length=1)]] = Field(
        description="configuration files, such as config.yaml workflow/studies/paper.yaml"
    )

    def cli_cmd(self) -> None:
        study = read_study(*self.files)
        split = study.configurations
        runs = list(study.training_runs())
        liquid = study.liquid
        print(f"{study.name}: N = {liquid.particles}, rho = {liquid.density:g}, L = {liquid.box_length:.5f}")
        print(
            f"  {len(split.all)} configurations at each temperature ({len(split.train)} train, "
            f"{len(split.validation)} validation, {len(split.test)} test), {study.ensemble.replicas} replicas"
        )
        for point in study.temperatures:
            times = ", ".join(f"{time:g}" for time in point.sampling_times)
            print(f"  T = {point.temperature:g}: sampling times {times}")
        print(f"  {len(runs)} networks: {', '.join(model.name for model in study.models)}")


class Schema(Command):
    """Print the JSON schema of configuration files, for editors."""

    def cli_cmd(self) -> None:
        print(json.dumps(Study.model_json_schema(), indent=2, ensure_ascii=False))
