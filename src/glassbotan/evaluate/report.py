"""One page that shows a study: the question, its answer, the checks, the figures, and how everything was made."""

import base64
import itertools
import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup, escape

from glassbotan import layout
from glassbotan.dynamics.registry import targets
from glassbotan.dynamics.relaxation import Relaxation, outside_the_times
from glassbotan.evaluate.figures.contract import LIQUID, MOVES, PREDICTED
from glassbotan.evaluate.figures.registry import kind_of
from glassbotan.evaluate.figures.style import DOTS_PER_INCH
from glassbotan.evaluate.published import published_beside
from glassbotan.evaluate.readable import (
    PUBLISHED_TARGET,
    cell,
    probability,
    score_tables,
    value_with_error,
    with_error,
)
from glassbotan.evaluate.summary import rows, what_is_left_out
from glassbotan.study.reading import resolved
from glassbotan.study.simulation import StatePoint
from glassbotan.study.study import Study

SCREEN_DPI = 120
"""Resolution of the figures on the page at their full width, dots per inch."""
ORDER = (
    "fig02_relaxation",
    "equilibration",
    "simulation_quality",
    "variants",
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


STATES = {"passed": "passed", "failed": "failed", "not tested": "warned"}
"""State of a line of the table of checks for each state of a check."""


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
    tables: Mapping[str, pd.DataFrame],
    relaxation: Sequence[Mapping[str, Any]],
    figures: Sequence[Path],
    provenance: Mapping[str, Any],
) -> str:
    """The report of a study as one HTML page that needs no other file and no network connection.

    Parameters
    ----------
    study : settings of the study
    tables : its tables by their paths, those of `glassbotan.layout.in_report`
    relaxation : the relaxation times at each temperature, if the study simulates
    figures : PNG files
    provenance : record of how the page was made
    """
    environment = Environment(
        loader=PackageLoader("glassbotan.evaluate", "templates"), autoescape=select_autoescape(default=True)
    )
    environment.filters["symbols"] = symbols
    means = tables[layout.summary("pearson")]
    means = means.assign(leaves_out=means.leaves_out.astype(object).fillna(""))
    paired = tables[layout.differences("pearson")]
    shown = [figure for path in sorted(figures, key=_order) if (figure := _shown(path))]
    headline = next((figure for name in HEADLINES for figure in shown if figure.name == f"{name}.png"), None)
    sections = {
        section: [figure for figure in shown if figure.section == section and figure is not headline]
        for section in (LIQUID, MOVES, PREDICTED)
    }
    shown_tables = {
        "Dynamical heterogeneity": tables[layout.HETEROGENEITY],
        "Quality of every run": tables[layout.QUALITY],
        "Time and memory of the last attempt of each job": tables[layout.COST],
    }
    if layout.VARIANTS in tables:
        shown_tables = {"Variants of the study": tables[layout.VARIANTS], **shown_tables}
    return environment.get_template("report.html.j2").render(
        study=study,
        answer=_answer(study, means, paired),
        verdicts=verdicts(
            study, tables[layout.CHECKS], tables[layout.QUALITY], relaxation, {one.name for one in shown}
        ),
        left_out=what_is_left_out(means),
        score_tables={
            title: _html(table)
            for title, table in score_tables(means, paired, study.liquid.is_the_papers, ratios_of=targets())
        },
        all_scores=_html(tables[layout.SCORES]),
        headline=headline,
        sections={section: found for section, found in sections.items() if found},
        tables={title: _html(table) for title, table in shown_tables.items()},
        settings=resolved(study),
        provenance=provenance,
    )


class Verdict(NamedTuple):
    """A line of the table that says why the results can be believed."""

    temperature: float
    check: str
    value: str
    """the value with its error"""
    limit: str
    state: str
    """passed, failed, or warned: something that a reader should know"""
    remark: str
    figure: str
    """name of the figure that shows it; empty if the page has none"""


def verdicts(
    study: Study,
    checks: pd.DataFrame,
    quality: pd.DataFrame,
    relaxation: Sequence[Mapping[str, Any]],
    figures: Collection[str],
) -> list[Verdict]:
    """The checks of the simulations, for each temperature: single runs, all runs together, relaxation times.

    Parameters
    ----------
    checks, quality : tables of the checks, and of the quality of each run
    relaxation : the relaxation times at each temperature
    figures : names of the figures on the page
    """

    def line(temperature: float, check: str, value: str, limit: str, state: str, remark: str, figure: str) -> Verdict:
        name = f"{figure}.png"
        return Verdict(temperature, check, value, limit, state, remark, name if name in figures else "")

    found = []
    fits = {fit["temperature"]: fit for fit in relaxation}
    for point in study.temperatures:
        temperature = point.temperature
        runs = quality[quality.target_temperature == temperature]
        outside = runs.configuration[~runs.within_limits.astype(bool)].tolist()
        named = f"outside: {', '.join(map(str, outside))}" if outside else "temperatures, drift, momentum, crystals"
        found.append(
            line(temperature, "single runs", f"{len(runs) - len(outside)} of {len(runs)}", "all",
                 "failed" if outside else "passed", named, "simulation_quality")
        )  # fmt: skip
        for one in rows(checks[checks.target_temperature == temperature]):
            figure = "equilibration" if one.check.startswith("ageing") else "simulation_quality"
            found.append(
                line(temperature, one.check, value_with_error(one.value, one.error), f"{one.limit:g}",
                     STATES[one.state], one.remark, figure)
            )  # fmt: skip
        if temperature in fits:
            found += [
                line(temperature, *verdict, "fig02_relaxation") for verdict in _relaxation(point, fits[temperature])
            ]
    return found


def _relaxation(point: StatePoint, fit: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """The relaxation times, and whether the sampled times reach them."""
    last = point.sampling_times[-1]
    reached = math.isfinite(fit["tau_e"])
    outside = outside_the_times(Relaxation.of(fit))
    expected = f"the study expects τ_α = {point.relaxation_time:g}"
    by_fit = "; ".join(filter(None, ["double stretched exponential", outside]))
    return [
        ("time at which F_s = 1/e", value_with_error(fit["tau_e"], fit["tau_e_error"]), f"{last:g}",
         "passed" if reached else "warned", expected if reached else outside),
        ("τ_α of the fit", value_with_error(fit["tau_alpha"], fit["tau_alpha_error"]), f"{last:g}",
         "warned" if outside else "passed", by_fit),
    ]  # fmt: skip


def symbols(text: str) -> Markup:
    """Text as HTML, in which symbols such as N_A, χ_4 and τ_α have a subscript in the place of the underscore."""
    return Markup(re.sub(r"\b([A-Za-zτσεχ])_([A-Za-z0-9α]+)", r"\1<sub>\2</sub>", str(escape(text))))


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


def _answer(study: Study, means: pd.DataFrame, paired: pd.DataFrame) -> list[str]:
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
        best = max(nearest, key=_order_of_scores)
        which = best.label
        if len(nearest) > 1:
            which = f"{best.label}, the best of {len(nearest)} models by this same score,"
        ratio = f"{best.time / point.relaxation_time:.2g} times the study's τ_α = {point.relaxation_time:g}"
        sentence = (
            f"At T = {point.temperature:g} and t = {best.time:g} ({ratio}), {which} predicts the {target.description} "
            f"with ρ = {cell(best)}"
        )
        if np.isfinite(best.ceiling):
            sentence += (
                f", where a perfect prediction would reach {with_error(best.ceiling, best.ceiling_error)} with this "
                "number of replicas"
            )
        same = (means.temperature == best.temperature) & (means.time == best.time) & (means.target == symbol)
        baselines = rows(means[same & ~means.fitted.astype(bool)])
        if baselines:
            baseline = max(baselines, key=_order_of_scores)
            sentence += f", and a baseline that is not fitted to data ({baseline.label}) reaches {cell(baseline)}"
            sentence += _difference_in_words(best, baseline, paired)
        sentence += "."
        if symbol == PUBLISHED_TARGET and study.liquid.is_the_papers:
            beside = published_beside(best.temperature, best.time)
            sentence += (
                f" The published value of BOTAN, full data set, is {beside['BOTAN']:.2f}." if "BOTAN" in beside else ""
            )
        sentences.append(sentence)
    return sentences


def _order_of_scores(row: Any) -> float:
    """The score of a row; the lowest of all if it is not known."""
    return float(row.pearson) if np.isfinite(row.pearson) else -math.inf


def _difference_in_words(best: Any, baseline: Any, paired: pd.DataFrame) -> str:
    """The paired difference between the best model and a baseline; empty if it is not known."""
    names = {best.label, baseline.label}
    for row in rows(paired[(paired.temperature == best.temperature) & (paired.time == best.time)]):
        if row.target == best.target and {row.model, row.other} == names and np.isfinite(row.error):
            which = "the baseline is better" if row.model == baseline.label else "the model is better"
            return (
                f" ({which} by {row.difference:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}] in the same configurations, "
                f"{probability(row.probability)})"
            )
    return ", more than the model" if baseline.pearson > best.pearson else ""


def _html(table: pd.DataFrame) -> str:
    return table.to_html(index=False, border=0, na_rep="", float_format="{:.3g}".format, justify="left")
