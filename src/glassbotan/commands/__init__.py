"""The subcommands of the program, thin: parse, call, write.

The options of a stage are the sections of `glassbotan.study`, so their names, units, bounds and defaults are those of
the configuration file. A section can be given whole as JSON (`--liquid '{"particles": 1000}'`) or setting by setting
(`--liquid.particles 1000`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from glassbotan.errors import FileError
from glassbotan.provenance import Provenance


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

    def require(self, path: Path, provenance: Mapping[str, Any], **expected: Any) -> None:
        """Refuse an input that another study or stage made, or the same with other settings.

        Raises
        ------
        FileError
            names the file, what it says and what was expected
        """
        found = {**provenance.get("settings", {}), **provenance}
        for name, value in {"study": self.study, **expected}.items():
            if found.get(name) != value:
                raise FileError(
                    f"{path} was made with {name} = {found.get(name)!r}, but {value!r} was expected; "
                    "name the file that belongs here, or make it again"
                )
