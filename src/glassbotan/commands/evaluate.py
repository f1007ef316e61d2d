"""The stages that make tables from predictions, and the report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PositiveFloat, model_validator
from pydantic_settings import CliPositionalArg

from glassbotan import layout
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
    """Score predictions: write tables of Pearson coefficients as CSV, Markdown and text, and print the text.

    Beside the table itself, which has a row for each fit, there are <name>_configurations.csv with a row for each test
    configuration, <name>_summary.csv with means over the seeds and intervals, and <name>_differences.csv with the
    differences between models.
    """

    scores: Scores = Scores()
    published: bool = Field(False, description=PUBLISHED)
    setting: str | None = Field(None, description="setting that an ablation varies, such as network.rounds")
    values: tuple[Any, ...] = Field((), description="its value for each of the files")
    times: tuple[PositiveFloat, ...] = Field((), description="sampling times to score; all if not given [tau]")
    half_samples: Path | None = Field(
        None,
        description="table <comparison>_configurations.csv of fits to half samples of the training configurations, so "
        "that intervals cover the choice of these",
    )

    @model_validator(mode="after")
    def _one_value_for_each(self) -> Self:
        if (self.setting is not None or self.values) and len(self.values) != len(self.inputs):
            raise ValueError(
                f"an ablation needs a value for each file, but {len(self.values)} values and {len(self.inputs)} files "
                "were given"
            )
        return self

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.pearson import OF_CONFIGURATIONS, score_tables
        from glassbotan.evaluate.readable import markdown, readable
        from glassbotan.evaluate.summary import differences, summary

        provenance = self.provenance(*self.inputs, *filter(None, [self.half_samples]))
        halves = None if self.half_samples is None else read_csv(self.half_samples)
        if halves is not None and (missing := {*OF_CONFIGURATIONS} - {*halves.columns}):
            raise FileError(
                f"{self.half_samples} has no columns {sorted(missing)}; give the table half_samples_configurations.csv"
            )
        scored, of_configurations = score_tables(self.predictions(), self.scores, self.values, self.times or None)
        compared = of_configurations, self.scores.confidence, halves, self.setting
        means, paired = summary(scored, *compared), differences(*compared)
        record = provenance.finish()
        for name, table in (
            ("", scored),
            ("_configurations", of_configurations),
            ("_summary", means),
            ("_differences", paired),
        ):
            write_csv(self.output.with_name(f"{self.output.stem}{name}.csv"), table, record)
        text = readable(means, paired, self.study, self.published)
        write_text(self.output.with_suffix(".txt"), text)
        write_text(self.output.with_suffix(".md"), markdown(means, paired, self.study, self.published))
        print(text)


class Heterogeneity(OfPredictions):
    """Compare dynamical heterogeneity in simulation and prediction: chi_4, and how much whole configurations differ."""

    scores: Scores = Scores()

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.pearson import heterogeneity_table

        provenance = self.provenance(*self.inputs)
        write_csv(self.output, heterogeneity_table(self.predictions(), self.scores), provenance.finish())


class Variants(Stage):
    """Compare a study with its variants: relaxation times, chi_4, thermodynamics and scores, each with its error."""

    folders: CliPositionalArg[Paths] = Field(description="folder of the study, then those of its variants")
    scores: Scores = Scores()

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.variants import OWN, StudyTables, readable, variants_table

        studies = {}
        read: list[Path] = []
        for folder in self.folders:
            tables = [folder / path for path in (layout.HETEROGENEITY, layout.QUALITY, layout.summary("pearson"))]
            fits = sorted(folder.glob("T*/relaxation.json"))
            read += [*tables, *fits]
            heterogeneity, quality, summary = map(read_csv, tables)
            known = {*quality.target_temperature}  # a folder can hold files of temperatures that a study once had
            relaxation = {fit["temperature"]: fit for fit in map(read_json, fits) if fit["temperature"] in known}
            name = OWN if folder.name == self.study else folder.name.removeprefix(f"{self.study}-")
            studies[name] = StudyTables(relaxation, heterogeneity, quality, summary)
        provenance = self.provenance(*read)
        table = variants_table(studies)
        write_csv(self.output, table, provenance.finish())
        text = readable(table, self.study)
        write_text(self.output.with_suffix(".txt"), text)
        print(text)


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
    folder: Path = Field(description="folder of the study, in which its tables are")
    inputs: CliPositionalArg[Paths] = Field(description="figures to show (PNG)")
    on_request: tuple[Path, ...] = Field(
        (), description="figures to show if they are not older than the table of scores"
    )

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.report import report
        from glassbotan.study.reading import read_study

        study = read_study(self.settings)
        files = {path: self.folder / path for path in layout.in_report(study)}
        made = files[layout.SCORES].stat().st_mtime
        up_to_date = [path for path in self.on_request if path.stat().st_mtime >= made]
        provenance = self.provenance(self.settings, *files.values(), *self.inputs, *up_to_date)
        page = report(
            study,
            {name: read_csv(path) for name, path in files.items() if path.suffix == ".csv"},
            [read_json(path) for path in files.values() if path.suffix == ".json"],
            [*self.inputs, *up_to_date],
            provenance.finish(),
        )
        write_text(self.output, page)
