"""The stages that make tables from predictions, and the report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PositiveFloat, model_validator
from pydantic_settings import CliPositionalArg

from glassbotan.commands import Paths, Stage
from glassbotan.errors import FileError
from glassbotan.files.plain import read_csv, read_json, write_csv, write_text
from glassbotan.files.predictions import Predictions
from glassbotan.study.evaluation import Scores

PUBLISHED = "show published values beside those of the study; they are for density 1.2 and 80 per cent A particles"


class OfPredictions(Stage):
    """A stage that reads predictions of a study."""

    inputs: CliPositionalArg[Paths] = Field(description="predictions files of all models")

    def predictions(self) -> Iterator[Predictions]:
        """The predictions, one file at a time, since those of a large study do not fit into memory together."""
        from glassbotan.files.header import require
        from glassbotan.files.predictions import read_predictions

        for path in self.inputs:
            found = read_predictions(path)
            require(path, found, study=self.study)
            yield found


class Score(OfPredictions):
    """Score predictions: write a table of Pearson coefficients as CSV, Markdown and text, and print the text."""

    scores: Scores = Scores()
    published: bool = Field(False, description=PUBLISHED)
    setting: str | None = Field(None, description="setting that an ablation varies, such as network.rounds")
    values: tuple[Any, ...] = Field((), description="its value for each of the files")
    time: PositiveFloat | None = Field(None, description="the only sampling time to score; all if not given [tau]")

    @model_validator(mode="after")
    def _one_value_for_each(self) -> Self:
        if (self.setting is not None or self.values) and len(self.values) != len(self.inputs):
            raise ValueError(
                f"an ablation needs a value for each file, but {len(self.values)} values and {len(self.inputs)} files "
                "were given"
            )
        return self

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.pearson import pearson_table
        from glassbotan.evaluate.readable import markdown, readable

        provenance = self.provenance(*self.inputs)
        table = pearson_table(self.predictions(), self.scores, self.values, self.time)
        write_csv(self.output, table, provenance.finish())
        text = readable(table, self.study, self.published, self.setting)
        write_text(self.output.with_suffix(".txt"), text)
        write_text(self.output.with_suffix(".md"), markdown(table, self.study, self.published, self.setting))
        print(text)


class Heterogeneity(OfPredictions):
    """Compare dynamical heterogeneity in simulation and prediction: chi_4, and how much whole configurations differ."""

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.pearson import heterogeneity_table

        provenance = self.provenance(*self.inputs)
        write_csv(self.output, heterogeneity_table(self.predictions()), provenance.finish())


class CostTable(Stage):
    """Tabulate the time and memory that the jobs of each stage took, from Snakemake's benchmark files."""

    folder: Path = Field(description="folder of Snakemake's benchmark files, results/<study>/benchmarks")

    @property
    def stage(self) -> str:
        return "cost"

    def cli_cmd(self) -> None:
        from glassbotan.cost import cost_of_jobs

        files = sorted(self.folder.rglob("*.tsv"))
        if not files:
            raise FileError(
                f"{self.folder} contains no benchmark files (*.tsv); Snakemake writes them when it runs a study"
            )
        provenance = self.provenance(*files)
        write_csv(self.output, cost_of_jobs(self.folder, files), provenance.finish())


class Report(Stage):
    """Write the report of a study as one HTML file: results, checks of the liquid, figures, and how they were made."""

    settings: Path = Field(description="the study with all its defaults, study.yaml")
    tables: Path = Field(description="folder of the study's tables")
    inputs: CliPositionalArg[Paths] = Field(description="figures to show (PNG), and fits of tau_alpha (JSON)")
    on_request: tuple[Path, ...] = Field(
        (), description="figures to show if they are not older than the table of scores"
    )

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.report import report
        from glassbotan.study.reading import read_study

        files = [self.tables / f"{name}.csv" for name in ("pearson", "simulation_quality", "heterogeneity", "cost")]
        up_to_date = [path for path in self.on_request if path.stat().st_mtime >= files[0].stat().st_mtime]
        provenance = self.provenance(self.settings, *files, *self.inputs, *up_to_date)
        scores, quality, heterogeneity, cost = map(read_csv, files)
        page = report(
            read_study(self.settings),
            scores,
            quality,
            [read_json(path) for path in self.inputs if path.suffix == ".json"],
            {"Dynamical heterogeneity": heterogeneity, "Time and memory of the last attempt of each job": cost},
            [path for path in (*self.inputs, *up_to_date) if path.suffix == ".png"],
            provenance.finish(),
        )
        write_text(self.output, page)
