"""From predictions to tables, the report, and files to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, PositiveInt
from pydantic_settings import CliPositionalArg

from glassbotan import study
from glassbotan.commands import Command, Stage
from glassbotan.commands.targets import Paths
from glassbotan.errors import FileError
from glassbotan.evaluate.predictions import Prediction, read_predictions
from glassbotan.files import read_csv, read_json, read_npz, write_csv, write_text
from glassbotan.provenance import STAGE_VERSIONS
from glassbotan.study_file import study_from

PUBLISHED = "show published values beside ours, which are of the liquid at density 1.2 with 80 per cent A"


class OfPredictions(Stage):
    """A stage that reads predictions."""

    def predictions(self, path: Path, **expected: Any) -> tuple[list[Prediction], dict[str, Any]]:
        """The predictions in a file of this study, with these settings, and their provenance."""
        _, made = read_npz(path, ())  # first: a file of another stage or version has other arrays
        self.require(path, made, stage="predict", **expected)
        return read_predictions(path)

    def of_particles(self, path: Path, **expected: Any) -> tuple[list[Prediction], dict[str, Any]]:
        """The same, of a network that has learnt S."""
        predictions, made = self.predictions(path, motion="propensity", **expected)
        if made["p"] == 0:
            raise FileError(f"{path} is of a network with p = 0, which has not learnt particles; name another")
        return predictions, made


class Scored(OfPredictions):
    """A stage that judges predictions, or what the study scores of them."""

    scores: study.Scores = study.Scores()


class Score(Scored):
    """Score predictions: the tidy Pearson table, and beside it as Markdown and as text, which is also printed."""

    inputs: CliPositionalArg[Paths] = Field(description="predictions of every network")
    published: bool = Field(False, description=PUBLISHED)

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.tables import markdown, pearson_table, readable

        provenance = self.provenance(*self.inputs)
        files = map(self.predictions, self.inputs)  # one at a time: a paper-size study's do not fit into memory
        table = pearson_table(files, self.scores)
        write_csv(self.output, table, provenance.finish())
        text = readable(table, self.study, self.published)
        write_text(self.output.with_suffix(".txt"), text)
        write_text(self.output.with_suffix(".md"), markdown(table, self.study, self.published))
        print(text)


class Heterogeneity(OfPredictions):
    """Compare dynamical heterogeneity in truth and prediction: chi_4, and how much whole configurations differ."""

    inputs: CliPositionalArg[Paths] = Field(description="predictions of every network")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.tables import heterogeneity_table

        provenance = self.provenance(*self.inputs)
        table = heterogeneity_table(map(self.predictions, self.inputs))
        write_csv(self.output, table, provenance.finish())


class CostTable(Stage):
    """Add up what each stage of the study took, from the records that Snakemake keeps of its jobs."""

    folder: Path = Field(description="folder of Snakemake's benchmark files, results/<study>/benchmarks")

    @property
    def stage(self) -> str:
        return "cost"

    def cli_cmd(self) -> None:
        import pandas as pd

        files = sorted(self.folder.rglob("*.tsv"))
        if not files:
            raise FileError(f"{self.folder} holds no benchmark files; Snakemake writes them as it runs the study")
        provenance = self.provenance(*files)
        jobs = pd.concat(
            pd.read_csv(path, sep="\t", na_values="-").assign(
                stage=path.relative_to(self.folder).parts[0].split("-")[0]
            )
            for path in files
        )
        stages = jobs.groupby("stage")
        table = pd.DataFrame(
            {
                "jobs": stages.size(),
                "wall_seconds": stages["s"].sum().round(1),
                "cpu_seconds": stages["cpu_time"].sum().round(1),
                "longest_job_seconds": stages["s"].max().round(1),
                "peak_memory_mb": stages["max_rss"].max().round(),
            }
        ).reset_index()
        order = [name for name in STAGE_VERSIONS if name in set(table.stage)]
        table = table.set_index("stage").loc[order].reset_index()
        write_csv(self.output, table, provenance.finish())


class Report(Stage):
    """Write the study's page: question, answer, checks, figures and provenance in one HTML file."""

    settings: str = Field(description="the study's settings as JSON")
    tables: Path = Field(description="folder of the study's tables")
    inputs: CliPositionalArg[Paths] = Field(description="figures to show (PNG), and fits of tau_alpha (JSON)")
    asked: tuple[Path, ...] = Field((), description="figures to show unless the table of scores is newer than they are")

    def cli_cmd(self) -> None:
        import json

        from glassbotan.evaluate.report import report

        try:
            described = study_from(json.loads(self.settings), source="--settings")
        except ValueError as error:
            raise FileError(f"--settings is no JSON ({error}); give the study's settings") from None
        files = [self.tables / f"{name}.csv" for name in ("pearson", "simulation_quality", "heterogeneity", "cost")]
        asked = [path for path in self.asked if path.stat().st_mtime >= files[0].stat().st_mtime]
        provenance = self.provenance(*files, *self.inputs, *asked)
        scores, quality, heterogeneity, cost = map(read_csv, files)
        page = report(
            described,
            scores,
            quality,
            [read_json(path) for path in self.inputs if path.suffix == ".json"],
            {"Dynamical heterogeneity": heterogeneity, "What the last attempt of each job took": cost},
            [path for path in (*self.inputs, *asked) if path.suffix == ".png"],
            provenance.finish(),
        )
        write_text(self.output, page)


class View(Command):
    """Write a test configuration with what it did and what a network said as properties of its particles, for OVITO."""

    input: CliPositionalArg[Path] = Field(description="predictions")
    configuration: PositiveInt | None = Field(
        None, description="number of the configuration; the first where not given"
    )
    output: Path = Field(description="file to write: .xyz, .extxyz or .gsd")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.predictions import particle_properties
        from glassbotan.simulate.configurations import Configuration
        from glassbotan.snapshots import write_view

        predictions, made = read_predictions(self.input)  # of any study
        by_number = {prediction.configuration: prediction for prediction in predictions}
        number = self.configuration or predictions[0].configuration
        if number not in by_number:
            raise FileError(f"{self.input} has configurations {sorted(by_number)}, but {number} was asked for")
        shown = by_number[number]
        properties = particle_properties(shown, study.SYMBOLS[made["motion"]], made["p"])
        configuration = Configuration.at_rest(shown.positions, shown.species, shown.box_length)
        write_view(self.output, configuration, properties)
        print(f"configuration {number}: {', '.join(properties)}")
