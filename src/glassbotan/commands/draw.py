"""The stage that draws a figure from tables, predictions or targets."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import CliPositionalArg

from glassbotan.commands import Stage
from glassbotan.errors import FileError


def _role_and_path(word: Any) -> Any:
    """Split ROLE=PATH, such as `table=tables/pearson.csv`, into the role and the path."""
    if not isinstance(word, str):
        return word
    role, equals, path = word.partition("=")
    if not equals or not path:
        raise ValueError(f"expected ROLE=PATH, such as table=tables/pearson.csv, found {word!r}")
    return role, Path(path)


class Draw(Stage):
    """Draw a figure as PNG, and write beside it the figure as SVG and its numbers as CSV."""

    figure: str = Field(description="name of the figure, such as fig05_pair_pearson or fig04_pair_maps_T0.64")
    settings: dict[str, Any] = Field({}, description="settings of the study that the figure depends on, as JSON")
    inputs: CliPositionalArg[
        Annotated[tuple[Annotated[tuple[str, Path], BeforeValidator(_role_and_path)], ...], Field(min_length=1)]
    ] = Field(description="files that the figure is drawn from, each as ROLE=PATH")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures.contract import FigureFiles
        from glassbotan.evaluate.figures.registry import figures, kind_of
        from glassbotan.evaluate.figures.style import save
        from glassbotan.files.plain import atomic_write

        found = kind_of(self.figure)
        if found is None:
            raise FileError(
                f"there is no figure {self.figure}; the figures are {', '.join(figure.name for figure in figures())}"
            )
        if self.output.suffix != ".png":
            raise FileError(
                f"--output {self.output}: the name of a figure has to end in .png (.svg and .csv are written beside it)"
            )
        provenance = self.provenance(*(path for _, path in self.inputs))
        paths: dict[str, list[Path]] = {}
        for role, path in self.inputs:
            paths.setdefault(role, []).append(path)
        drawing = found[0].draw(FigureFiles(self.study, paths, self.settings))
        for path in (self.output, self.output.with_suffix(".svg")):
            with atomic_write(path) as beside:
                save(drawing.figure, beside, provenance.finish())
        with atomic_write(self.output.with_suffix(".csv")) as beside:
            drawing.data.to_csv(beside, index=False, float_format="%.6g")
