"""From tables and predictions to figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt
from pydantic_settings import CliPositionalArg

from glassbotan import study
from glassbotan.commands import Stage
from glassbotan.commands.evaluate import PUBLISHED, OfPredictions, Scored
from glassbotan.commands.targets import Paths, read_all_targets, sampling_time
from glassbotan.errors import FileError
from glassbotan.files import read_csv, read_json, written_whole
from glassbotan.provenance import Provenance

if TYPE_CHECKING:
    import pandas as pd

    from glassbotan.evaluate.figures import Drawing


def read_scores(path: Path) -> pd.DataFrame:
    """A table of scores."""
    from glassbotan.evaluate.tables import COLUMNS

    table = read_csv(path)
    if missing := set(COLUMNS) - set(table.columns):
        raise FileError(
            f"{path} has no columns {sorted(missing)}, so it is no table of scores; name one, or make it again"
        )
    return table


class Draw(Stage):
    """A stage that draws; the output is a PNG, and beside it an SVG and the numbers as CSV."""

    @property
    def stage(self) -> str:
        """All figures share a stage."""
        return "draw"

    def save(self, drawing: Drawing, provenance: Provenance) -> None:
        """Write the figure in both formats, with its provenance inside, and its numbers."""
        from glassbotan.evaluate.figures import save

        if self.output.suffix != ".png":
            raise FileError(f"--output {self.output}: a figure is written as .png (and .svg and .csv beside it)")
        for path in (self.output, self.output.with_suffix(".svg")):
            with written_whole(path) as beside:
                save(drawing.figure, beside, provenance.finish())
        with written_whole(self.output.with_suffix(".csv")) as beside:
            drawing.data.to_csv(beside, index=False, float_format="%.6g")


class DrawRelaxation(Draw):
    """Draw F_s(k, t) with its fit and tau_alpha, for every temperature (Fig. 2)."""

    inputs: CliPositionalArg[Paths] = Field(description="relaxation tables; each has its fit as JSON beside it")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures import draw_relaxation

        fits = [path.with_suffix(".json") for path in self.inputs]
        provenance = self.provenance(*self.inputs, *fits)
        curves = [(read_csv(table), read_json(fit)) for table, fit in zip(self.inputs, fits, strict=True)]
        self.save(draw_relaxation(curves), provenance)


class DrawQuality(Draw):
    """Draw what every run says about itself, with the limits."""

    input: Path = Field(description="the table of simulation quality")
    limits: study.Limits = study.Limits()

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures import draw_quality

        provenance = self.provenance(self.input)
        self.save(draw_quality(read_csv(self.input), self.limits), provenance)


class DrawLosses(Draw):
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


class DrawPearson(Draw):
    """Draw the Pearson coefficients against time with the noise ceiling, for every temperature (Figs. 5 and 8)."""

    input: Path = Field(description="the Pearson table")
    targets: tuple[Literal["S", "R", "C", "D", "E"], ...] = Field(description="what is drawn, such as E or S,R,C,D")
    published: bool = Field(False, description=PUBLISHED)

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures import draw_pearson

        provenance = self.provenance(self.input)
        table = read_scores(self.input)
        if not table.target.isin(self.targets).any():
            raise FileError(f"{self.input} has no scores of {' or '.join(self.targets)}: no network predicts them")
        self.save(draw_pearson(table, self.targets, self.published), provenance)


class DrawAgainst(Draw):
    """Draw the Pearson coefficients of one model against what was varied (Figs. 9 and 10, the learning curve)."""

    input: Path = Field(description="table of the networks' scores")
    varied: tuple[Literal["train_configurations", "replicas", "rounds", "p"], ...] = Field(
        description="columns of the table"
    )

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures import draw_against

        provenance = self.provenance(self.input)
        self.save(draw_against(read_scores(self.input), self.varied), provenance)


class DrawTransfer(Draw):
    """Draw how networks do where they were not trained."""

    input: Path = Field(description="table of the networks' scores")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.figures import draw_transfer

        provenance = self.provenance(self.input)
        self.save(draw_transfer(read_scores(self.input)), provenance)


class DrawHeterogeneity(Draw, OfPredictions):
    """Draw how whole configurations differ and how far motion is correlated, in truth and prediction."""

    table: Path = Field(description="the table of heterogeneity")
    inputs: CliPositionalArg[Paths] = Field(description="predictions of every model at one temperature and time")

    def cli_cmd(self) -> None:
        import pandas as pd

        from glassbotan.evaluate.figures import draw_heterogeneity
        from glassbotan.evaluate.heterogeneity import dynamic_correlation

        provenance = self.provenance(self.table, *self.inputs)
        table, correlations = read_csv(self.table), {}
        place: dict[str, Any] = {}
        for path in self.inputs:
            predictions, made = self.of_particles(path, **place)
            place = {name: made[name] for name in ("temperature", "time")}
            curve = dynamic_correlation(predictions)
            correlations[made["model"]] = pd.DataFrame(dict(zip(("r", "truth", "predicted"), curve, strict=True)))
        here = table[(table.temperature == made["temperature"]) & table.model.isin(correlations)]
        self.save(draw_heterogeneity(here, correlations, (made["temperature"], made["time"])), provenance)


class DrawMap(Draw, Scored):
    """Draw a slab of the first test configuration, truth beside prediction, a row for each prediction (Fig. 4)."""

    inputs: CliPositionalArg[Paths] = Field(description="predictions of the networks")
    quantities: tuple[Literal["pair_distance_change", "motion"], ...] = Field(
        ("pair_distance_change", "motion"), description="E on the bonds, S (or R, C, D) on the particles"
    )

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.maps import draw_map

        provenance = self.provenance(*self.inputs)
        drawn = [(predictions[0], made) for predictions, made in map(self.predictions, self.inputs)]
        self.save(draw_map(drawn, self.quantities, self.scores.pair_range), provenance)


class DrawPropensityMaps(Draw, OfPredictions):
    """Draw S in a slab of the first test configuration: both networks, truth, flow and errors (Fig. 7)."""

    inputs: CliPositionalArg[Annotated[tuple[Path, ...], Field(min_length=2, max_length=2)]] = Field(
        description="predictions of two networks at one temperature and time"
    )
    targets: Path = Field(description="targets of the first test configuration")

    def cli_cmd(self) -> None:
        from glassbotan.evaluate.maps import draw_propensity_maps

        provenance = self.provenance(*self.inputs, self.targets)
        networks = [(predictions[0], made) for predictions, made in map(self.of_particles, self.inputs)]
        first, made = networks[0]
        self.require(self.inputs[1], networks[1][1], **{name: made[name] for name in ("temperature", "time")})
        ((_, arrays, _),) = read_all_targets(
            self,
            [self.targets],
            ["mean_displacement"],
            temperature=made["temperature"],
            configuration=first.configuration,
        )
        moved = arrays["mean_displacement"][made["time_index"] - 1]
        self.save(draw_propensity_maps(networks, moved), provenance)


class DrawJointDistribution(Draw, Scored):
    """Draw the joint distribution of E_ij and r_ij(0) of A-A pairs, a panel for each time (Fig. 6)."""

    inputs: CliPositionalArg[Paths] = Field(description="targets of some configurations of one temperature")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time_indices: tuple[PositiveInt, ...] = Field(description="sampling times, counted from 1")

    def cli_cmd(self) -> None:
        import numpy as np

        from glassbotan.dynamics.pairs import lengths, minimum_image
        from glassbotan.evaluate.maps import draw_joint_distribution

        provenance = self.provenance(*self.inputs)
        names = ("positions", "species", "box_length", "pairs", "pair_distance_change")
        distances, changes = [], []
        for path, arrays, _ in read_all_targets(self, self.inputs, names, temperature=self.temperature):
            times = [sampling_time(path, arrays, index) for index in self.time_indices]
            i, j = arrays["pairs"].T
            of_a = (arrays["species"][arrays["pairs"]] == 0).all(axis=1)
            r = lengths(minimum_image(arrays["positions"][j] - arrays["positions"][i], float(arrays["box_length"])))
            distances.append(r[of_a])
            changes.append(arrays["pair_distance_change"][[index - 1 for index in self.time_indices]][:, of_a])
            if np.isnan(changes[-1]).all():
                raise FileError(f"{path} holds no pair-distance changes: its source published none")
        drawing = draw_joint_distribution(
            times, np.concatenate(distances), np.concatenate(changes, axis=1), self.temperature, self.scores.pair_range
        )
        self.save(drawing, provenance)
