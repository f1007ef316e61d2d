"""Looking at a configuration file without running it."""

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import CliPositionalArg
from rich.console import Console
from rich.table import Table

from glassbotan.commands import Command
from glassbotan.cost import read_speeds, speed, stage_costs
from glassbotan.devices import gpu_driver
from glassbotan.doctor import diagnosis
from glassbotan.runs import training_runs
from glassbotan.study import Device, Study
from glassbotan.study_file import read_study

Files = Annotated[tuple[Path, ...], Field(min_length=1)]


class Check(Command):
    """Check a configuration file (later files override earlier ones) and say what the study consists of."""

    files: CliPositionalArg[Files] = Field(
        description="configuration files, such as config.yaml workflow/studies/paper.yaml"
    )

    def cli_cmd(self) -> None:
        study = read_study(*self.files)
        split = study.configurations
        runs = list(training_runs(study))
        liquid = study.liquid
        print(f"{study.name}: N = {liquid.particles}, rho = {liquid.density:g}, L = {liquid.box_length:.5f}")
        print(
            f"  {len(split.all)} configurations at each temperature ({len(split.train)} train, "
            f"{len(split.validation)} validation, {len(split.test)} test), "
            + (f"{study.ensemble.replicas} replicas" if study.source == "simulation" else f"published ({study.source})")
        )
        for point in study.temperatures:
            times = ", ".join(f"{time:g}" for time in point.sampling_times)
            print(f"  T = {point.temperature:g}: sampling times {times}")
        print(f"  {len(runs)} networks: {', '.join(model.name for model in study.models)}")


class Cost(Command):
    """Predict the GPU-hours or core-hours and the disk space of a study, stage by stage, from measured speeds."""

    files: CliPositionalArg[Files] = Field(description="configuration files, later ones overriding earlier ones")
    speeds: Path | None = Field(
        None, description="table of benchmarks/engines.py --output; without it, the one that comes with the package"
    )
    device: Device | None = Field(None, description="processor to count for, if not the study's")

    def cli_cmd(self) -> None:
        study = read_study(*self.files)
        device = self.device or study.device
        if device == "auto":
            device = "gpu" if gpu_driver() else "cpu"
        unit = "GPU-hours" if device == "gpu" else "core-hours"
        table = read_speeds(self.speeds)
        known = {
            activity: speed(table, activity, device, study.integrator.engine) for activity in ("simulate", "train")
        }
        shown = Table("T", "stage", box=None, pad_edge=False)
        for column in ("jobs", "particle-steps", unit, "GB"):
            shown.add_column(column, justify="right")
        totals = {"hours": 0.0, "bytes": 0.0}
        for cost in stage_costs(study):
            measured = known.get(cost.activity)
            hours = "" if not cost.activity else "not known"
            if measured is not None:
                totals["hours"] += cost.particle_steps / measured["median"] / 3600
                hours = f"{cost.particle_steps / measured['median'] / 3600:,.2f}"
            totals["bytes"] += cost.bytes
            shown.add_row(
                f"{cost.temperature:g}",
                cost.stage,
                str(cost.jobs),
                f"{cost.particle_steps:.2g}" if cost.activity else "",
                hours,
                f"{cost.bytes / 1e9:,.2f}" if cost.bytes else "",
            )
        shown.add_row("", "all", "", "", f"{totals['hours']:,.1f}", f"{totals['bytes'] / 1e9:,.1f}")
        console = Console(width=max(100, shutil.get_terminal_size().columns), highlight=False, soft_wrap=True)
        console.print(f"{study.name} on {'GPUs' if device == 'gpu' else 'CPU cores'}")
        console.print(shown)
        for activity, measured in known.items():
            if measured is None:
                console.print(f"{activity}: no speed is known on this device; the sum is without it")
            else:
                console.print(
                    f"{activity}: {measured['median']:.3g} particle-steps per second, {measured['engine']} "
                    f"{measured['version']} on {measured['processor']} ({measured['source']})"
                )


class Doctor(Command):
    """Say what is installed, what `auto` would take, and what is missing for a study."""

    files: CliPositionalArg[tuple[Path, ...]] = Field((), description="configuration files of a study, if there is one")

    def cli_cmd(self) -> None:
        lines, missing = diagnosis(read_study(*self.files) if self.files else None)
        print("\n".join(lines))
        for sentence in missing:
            print(f"missing: {sentence}")
        if missing:
            sys.exit(1)


class Schema(Command):
    """Print the JSON schema of configuration files, for editors."""

    def cli_cmd(self) -> None:
        print(json.dumps(Study.model_json_schema(), indent=2, ensure_ascii=False))
