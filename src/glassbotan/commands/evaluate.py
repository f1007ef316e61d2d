"""From predictions to tables and figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field
from pydantic_settings import CliPositionalArg

from glassbotan import study
from glassbotan.commands import Stage
from glassbotan.commands.targets import Paths
from glassbotan.errors import FileError
from glassbotan.evaluate.predictions import Prediction, read_predictions
from glassbotan.files import read_csv, read_json, write_csv, written_whole
from glassbotan.provenance import Provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure


class Scored(Stage):
    """A stage that reads predictions."""

    scores: study.Scores = study.Scores()

    def predictions(self, path: Path) -> tuple[list[Prediction], dict[str, Any]]:
        """The predictions in a file of this study, and their provenance."""
        predictions, made = read_predictions(path)
        self.require(path, made, stage="predict")
        return predictions, made


class Score(Scored):
    """Score predictions: the tidy Pearson table, and a readable one beside it that is also printed."""

    inputs: CliPositionalArg[Paths] = Field(description="predictions of every network")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.tables import pearson_table, readable

        provenance = self.provenance(*self.inputs)
        files = map(self.predictions, self.inputs)  # one at a time: a paper-size study's do not fit into memory
        table = pearson_table(files, self.scores)
        write_csv(self.output, table, provenance.finish())
        text = readable(table, self.study)
        with written_whole(self.output.with_suffix(".txt")) as beside:
            beside.write_text(text)
        print(text)


class Figure(Stage):
    """A stage that draws; the output is a PNG, and an SVG beside it."""

    @property
    def stage(self) -> str:
        """All figures share a stage."""
        return "draw"

    def save(self, figure: MatplotlibFigure, provenance: Provenance) -> None:
        """Write the figure in both formats, with its provenance inside."""
        from glassbotan.evaluate.figures import save

        if self.output.suffix != ".png":
            raise FileError(f"--output {self.output}: a figure is written as .png (and .svg beside it)")
        for path in (self.output, self.output.with_suffix(".svg")):
            with written_whole(path) as beside:
                save(figure, beside, provenance.finish())


class DrawRelaxation(Figure):
    """Draw F_s(k, t) with its fit and tau_alpha, for every temperature (Fig. 2)."""

    inputs: CliPositionalArg[Paths] = Field(description="relaxation tables; each has its fit as JSON beside it")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures import draw_relaxation

        fits = [path.with_suffix(".json") for path in self.inputs]
        provenance = self.provenance(*self.inputs, *fits)
        curves = [(read_csv(table), read_json(fit)) for table, fit in zip(self.inputs, fits, strict=True)]
        self.save(draw_relaxation(curves), provenance)


class DrawQuality(Figure):
    """Draw what every run says about itself, with the limits."""

    input: Path = Field(description="the table of simulation quality")
    limits: study.Limits = study.Limits()

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures import draw_quality

        provenance = self.provenance(self.input)
        self.save(draw_quality(read_csv(self.input), self.limits), provenance)


class DrawPearson(Figure):
    """Draw the Pearson coefficients against time with the noise ceiling, for every temperature (Figs. 5 and 8)."""

    input: Path = Field(description="the Pearson table")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures import draw_pearson

        provenance = self.provenance(self.input)
        self.save(draw_pearson(read_csv(self.input)), provenance)


class DrawLearningCurve(Figure):
    """Draw the Pearson coefficients against the number of training configurations and of replicas."""

    input: Path = Field(description="the table of the learning curve")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures import draw_learning_curve

        provenance = self.provenance(self.input)
        self.save(draw_learning_curve(read_csv(self.input)), provenance)


class DrawLosses(Figure):
    """Draw the loss of every network against the epoch (Fig. 3 for pretraining)."""

    inputs: CliPositionalArg[Paths] = Field(description="histories; each has its provenance as JSON beside it")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures import draw_losses

        provenance = self.provenance(*self.inputs)
        made = [read_json(path.with_suffix(".provenance.json")) for path in self.inputs]
        for path, record in zip(self.inputs, made, strict=True):
            self.require(path, record, stage="train")
        self.save(
            draw_losses([(read_csv(path), record) for path, record in zip(self.inputs, made, strict=True)]), provenance
        )


class DrawMap(Figure, Scored):
    """Draw E on the bonds and S on the particles of a slab, truth beside prediction (Figs. 4 and 7)."""

    input: Path = Field(description="the predictions; the first test configuration is drawn")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.maps import draw_map

        provenance = self.provenance(self.input)
        predictions, made = self.predictions(self.input)
        self.save(draw_map(predictions[0], made, self.scores.pair_range), provenance)
