"""Commands that examine a study without running it."""

import json
import shutil
import sys
from pathlib import Path

from pydantic import Field
from pydantic_settings import CliPositionalArg

from glassbotan.commands import Command
from glassbotan.study.simulation import Device


class Check(Command):
    """Check a study's file, and print the study with all its defaults and a summary."""

    file: CliPositionalArg[Path] = Field(description="file of the study, such as config.yaml")
    output: Path | None = Field(None, description="write the study with all its defaults here instead of printing it")

    def cli_cmd(self) -> None:
        from glassbotan.files.plain import write_text
        from glassbotan.study.reading import read_study, resolved
        from glassbotan.study.summary import summary

        study = read_study(self.file)
        if self.output:
            write_text(self.output, resolved(study))
        else:
            print(resolved(study))
        print(summary(study), file=sys.stderr if self.output is None and not sys.stdout.isatty() else sys.stdout)


class Cost(Command):
    """Predict the GPU-hours or core-hours and the disk space of a study, stage by stage, from measured speeds."""

    file: CliPositionalArg[Path] = Field(description="file of the study, such as config.yaml")
    speeds: Path | None = Field(
        None, description="table of speeds from benchmarks/engines.py --output; if not given, the table in the package"
    )
    device: Device | None = Field(None, description="processor to predict the cost for, if not that of the study")
    card: str = Field("", description="part of the name of the processor whose speeds are used, such as H100")

    def cli_cmd(self) -> None:
        from rich.console import Console

        from glassbotan.cost import cost_table, read_speeds
        from glassbotan.devices import gpu_driver
        from glassbotan.study.reading import read_study

        study = read_study(self.file)
        device = self.device or study.device
        if device == "auto":
            device = "gpu" if gpu_driver() else "cpu"
        console = Console(width=max(100, shutil.get_terminal_size().columns), highlight=False, soft_wrap=True)
        console.print(f"{study.name} on {'GPUs' if device == 'gpu' else 'CPU cores'}")
        for line in cost_table(study, device, read_speeds(self.speeds), self.card):
            console.print(line)


class Doctor(Command):
    """Print what is installed, which engine and processor `auto` uses, and what is missing for a study."""

    file: CliPositionalArg[Path | None] = Field(None, description="file of a study whose requirements are checked")

    def cli_cmd(self) -> None:
        from glassbotan.doctor import diagnosis
        from glassbotan.study.reading import read_study

        lines, missing = diagnosis(read_study(self.file) if self.file else None)
        print("\n".join(lines))
        for sentence in missing:
            print(f"missing: {sentence}")
        if missing:
            sys.exit(1)


class Schema(Command):
    """Print the JSON schema of studies, for editors, or the documentation page that lists every setting."""

    markdown: bool = Field(False, description="print the documentation page instead of the schema")

    def cli_cmd(self) -> None:
        from glassbotan.study.reference import settings_page
        from glassbotan.study.schema import study_schema

        if self.markdown:
            print(settings_page(), end="")
            return
        print(json.dumps(study_schema(), indent=2, ensure_ascii=False))
