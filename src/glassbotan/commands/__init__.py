"""The subcommands of the program. Each parses its options, calls the package, and writes its output.

The options of a stage are the sections of a study (`glassbotan.study`), so their names, units, bounds and defaults are
those of the configuration file. A section can be given as a whole in JSON (`--liquid '{"particles": 1000}'`), or
setting by setting (`--liquid.particles 1000`).
"""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from glassbotan.devices import DEVICE
from glassbotan.provenance import Provenance
from glassbotan.stopping import Deadline, listen
from glassbotan.study.simulation import Device

Paths = Annotated[tuple[Path, ...], Field(min_length=1)]
"""One or more files."""


class Command(BaseModel):
    """A subcommand: its fields are its options, its docstring is its help."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def cli_cmd(self) -> None:
        """Run the subcommand."""
        raise NotImplementedError


class Stage(Command):
    """A subcommand that makes one output file of a study."""

    study: str = Field(description="name of the study that the output belongs to")
    output: Path = Field(description="file to write; it appears only when it is complete")

    @property
    def stage(self) -> str:
        """Name of the stage in headers and provenance records."""
        return type(self).__name__.lower()

    def provenance(self, *inputs: Path) -> Provenance:
        """Start the record of how the output is made, with the settings and the hashes of the inputs."""
        return Provenance(self.stage, self.study, self.model_dump(mode="json"), inputs)


class OnProcessor(Stage):
    """A stage that can use a GPU."""

    device: Device = Field(
        default_factory=lambda: os.environ.get(DEVICE, "auto"),
        validate_default=True,
        description="processor; auto uses a GPU if there is one, gpu stops with an error if there is none; if not "
        f"given, the environment variable {DEVICE} is used, or else auto",
    )


class LongStage(OnProcessor):
    """A stage that can take long: if it is interrupted and run again, it continues from its last checkpoint."""

    walltime: PositiveFloat | None = Field(
        None,
        description="minutes within which the stage stops by itself, with exit status 75; run it again to continue; if "
        "not given, the stage stops before the end of the SLURM job that it runs in, if any",
    )

    def deadline(self) -> Deadline:
        """The time at which the stage has to stop; from this call on, SIGTERM and SIGINT also stop it."""
        listen()
        return Deadline(self.walltime)

    def stamp(self, provenance: Provenance, **more: str) -> dict[str, Any]:
        """What must be the same for unfinished work to be continued: all but paths, processor, threads and walltime."""
        record = provenance.record
        machine = {name for name, value in self if isinstance(value, Path)} | {
            "device",
            "walltime",
            "threads",
            "inputs",
            "initial",
        }
        return {
            **{name: record[name] for name in ("stage", "stage_version", "study")},
            "settings": {name: value for name, value in record["settings"].items() if name not in machine},
            "inputs": sorted(record["inputs"].values()),
            **more,
        }
