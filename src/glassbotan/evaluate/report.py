"""One page that shows a study: the question, its answer, the checks, the figures, and how everything was made."""

import base64
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup, escape

from glassbotan.dynamics.registry import targets
from glassbotan.evaluate.figures.contract import LIQUID, MOVES, PREDICTED
from glassbotan.evaluate.figures.registry import kind_of
from glassbotan.evaluate.figures.style import DOTS_PER_INCH
from glassbotan.evaluate.published import published_beside
from glassbotan.evaluate.readable import PUBLISHED_TARGET, cell, means_over_seeds, rows, text_table
from glassbotan.study.reading import resolved
from glassbotan.study.study import Study

SCREEN_DPI = 120
"""Resolution of the figures on the page at their full width, dots per inch."""
ORDER = (
    "fig02_relaxation",
    "simulation_quality",
    "fig06_joint_distribution_{point}",
    "fig04_pair_maps_{point}",
    "fig07_propensity_maps_{point}",
    "fig03_pretraining_loss",
    "losses",
    "fig05_pair_pearson",
    "fig08_propensity_pearson",
)
"""Figures that a reader should see in this order; others follow."""
HEADLINES = ("fig08_propensity_pearson", "fig05_pair_pearson")
"""Figures that can be shown with the answer, at the top of the page; the first of them that the study has is taken."""


class Shown(NamedTuple):
    """One figure of the page."""

    section: str
    title: str
    text: str
    name: str
    data: str
    """the PNG as a data URI"""
    width: int
    """width on the page, pixels"""


def report(
    study: Study,
    scores: pd.DataFrame,
    quality: pd.DataFrame,
    relaxation: Sequence[Mapping[str, Any]],
    tables: Mapping[str, pd.DataFrame],
    figures: Sequence[Path],
    provenance: Mapping[str, Any],
) -> str:
    """The report of a study as one HTML page that needs no other file and no network connection.

    Parameters
    ----------
    study : settings of the study
    scores, quality : the Pearson table, and the table of the quality of the simulations
    relaxation : the fit of tau_alpha at each temperature, if the study simulates
    tables : further tables by their title
    figures : PNG files
    provenance : record of how the page was made
    """
    environment = Environment(
        loader=PackageLoader("glassbotan.evaluate", "templates"), autoescape=select_autoescape(default=True)
    )
    environment.filters["symbols"] = symbols
    means = means_over_seeds(scores)
    shown = [figure for path in sorted(figures, key=_order) if (figure := _shown(path))]
    headline = next((figure for name in HEADLINES for figure in shown if figure.name == f"{name}.png"), None)
    sections = {
        section: [figure for figure in shown if figure.section == section and figure is not headline]
        for section in (LIQUID, MOVES, PREDICTED)
    }
    of_target = {
        f"{target.description}, T = {temperature:g}": _html(
            text_table(here, symbol == PUBLISHED_TARGET and study.liquid.is_the_papers)
        )
        for symbol, target in targets().items()
        for temperature, here in means[means.target == symbol].groupby("temperature")
    }
    return environment.get_template("report.html.j2").render(
        study=study,
        answer=_answer(study, means),
        score_tables=of_target,
        all_scores=_html(scores),
        headline=headline,
        sections={section: found for section, found in sections.items() if found},
        liquid=LIQUID,
        runs=len(quality),
        outside=[
            f"configuration {run.configuration} at T = {run.target_temperature:g}"
            for run in rows(quality[~quality.within_limits])
        ],
        relaxation=relaxation,
        tables={title: _html(table) for title, table in tables.items()},
        settings=resolved(study),
        provenance=provenance,
    )


def symbols(text: str) -> Markup:
    """Text as HTML, in which symbols such as N_A and τ_α have a subscript in the place of the underscore."""
    return Markup(re.sub(r"\b([A-Za-zτσ])_([A-Za-zα]+)", r"\1<sub>\2</sub>", str(escape(text))))


def _order(path: Path) -> tuple[int, str]:
    found = kind_of(path.stem)
    name = found[0].name if found else ""
    return ORDER.index(name) if name in ORDER else len(ORDER), path.stem


def _shown(path: Path) -> Shown | None:
    """The figure in a file, with its caption; None if the name of the file is not that of a figure."""
    found = kind_of(path.stem)
    if found is None:
        return None
    figure, place = found
    image = path.read_bytes()
    width = int.from_bytes(image[16:20], "big") * SCREEN_DPI // DOTS_PER_INCH
    data = "data:image/png;base64," + base64.b64encode(image).decode()
    where = [f"T = {float(value[1:]):g}" if name == "point" else value for name, value in place.items()]
    title = ", ".join([figure.title, *where]) + (f" ({figure.paper} of the paper)" if figure.paper else "")
    return Shown(figure.section, title, figure.caption, path.name, data, width)


def _answer(study: Study, means: pd.DataFrame) -> list[str]:
    """Sentences, one for each temperature and target, about the best model at the time nearest to tau_alpha.

    Each compares the model's score with the noise ceiling, the best baseline and the published value, if there are any.
    """
    sentences = []
    fitted = means[means.fitted.astype(bool)]
    for point, (symbol, target) in itertools.product(study.temperatures, targets().items()):
        here = fitted[(fitted.temperature == point.temperature) & (fitted.target == symbol)]
        if here.empty:
            continue
        away = np.log(here.time / point.relaxation_time).abs()
        nearest = rows(here[away == away.min()])
        best = max(nearest, key=lambda row: row.pearson)
        which = best.model
        if len(nearest) > 1:
            which = f"{best.model}, the best of {len(nearest)} models by this same score,"
        ratio = f"{best.time / point.relaxation_time:.2g} times the study's τ_α = {point.relaxation_time:g}"
        sentence = (
            f"At T = {point.temperature:g} and t = {best.time:g} ({ratio}), {which} predicts the {target.description} "
            f"with ρ = {cell(best)}"
        )
        if np.isfinite(best.ceiling):
            sentence += f", where a perfect prediction would reach {best.ceiling:.2f} with this number of replicas"
        same = (means.temperature == best.temperature) & (means.time == best.time) & (means.target == symbol)
        baselines = rows(means[same & ~means.fitted.astype(bool)])
        if baselines:
            baseline = max(baselines, key=lambda row: row.pearson)
            sentence += f", and a baseline that is not fitted to data ({baseline.model}) reaches {baseline.pearson:.2f}"
            sentence += ", more than the model" if baseline.pearson > best.pearson else ""
        sentence += "."
        if symbol == PUBLISHED_TARGET and study.liquid.is_the_papers:
            beside = published_beside(best.temperature, best.time)
            sentence += (
                f" The published value of BOTAN, full data set, is {beside['BOTAN']:.2f}." if "BOTAN" in beside else ""
            )
        sentences.append(sentence)
    return sentences


def _html(table: pd.DataFrame) -> str:
    return table.to_html(index=False, border=0, na_rep="", float_format="{:.3g}".format, justify="left")
