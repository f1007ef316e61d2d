"""The subcommands of the program, thin: parse, call, write.

The options of a stage are the sections of a study (`glassbotan.study`), so their names, units, bounds and defaults are
those of the configuration file. A section can be given whole as JSON (`--liquid '{"particles": 1000}'`) or setting by
setting (`--liquid.particles 1000`).
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
"""One file or more."""


class Command(BaseModel):
    """A subcommand: its fields are its options, its docstring is its help."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def cli_cmd(self) -> None:
        """Do it."""
        raise NotImplementedError


class Stage(Command):
    """A subcommand that makes one product of a study."""

    study: str = Field(description="name of the study that the product belongs to")
    output: Path = Field(description="file to write; it appears when it is finished")

    @property
    def stage(self) -> str:
        """Name of the stage in records."""
        return type(self).__name__.lower()

    def provenance(self, *inputs: Path) -> Provenance:
        """Start the record of the product's making."""
        return Provenance(self.stage, self.study, self.model_dump(mode="json"), inputs)


class LongStage(Stage):
    """A stage that takes long enough to be interrupted: when it is run again, it goes on from where it was."""

    device: Device = Field(
        default_factory=lambda: os.environ.get(DEVICE, "auto"),
        validate_default=True,
        description=f"processor; auto takes a GPU where there is one, gpu fails without one; ${DEVICE} where not given",
    )
    walltime: PositiveFloat | None = Field(
        None,
        description="minutes after which the stage has stopped by itself, with exit status 75, so that it can be run "
        "again to go on; without it the end of the SLURM job counts, if it runs in one",
    )

    def deadline(self) -> Deadline:
        """When the stage has to stop; from here on signals are heard."""
        listen()
        return Deadline(self.walltime)

    def stamp(self, provenance: Provenance, **more: str) -> dict[str, Any]:
        """What unfinished work has to agree in to be continued: everything but where files lie and on what it runs."""
        record = provenance.record
        machine = {name for name, value in self if isinstance(value, Path)} | {"device", "walltime", "inputs"}
        return {
            **{name: record[name] for name in ("stage", "stage_version", "study")},
            "settings": {name: value for name, value in record["settings"].items() if name not in machine},
            "inputs": sorted(record["inputs"].values()),
            **more,
        }
