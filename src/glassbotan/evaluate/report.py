"""One page that shows a study: the question, its answer, the checks, the figures, and how everything was made."""

import base64
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup, escape

from glassbotan.evaluate.figures import STYLE
from glassbotan.evaluate.tables import (
    DISTANCE,
    ENERGY,
    TARGETS,
    cell,
    means_over_seeds,
    published_beside,
    rows,
    text_table,
)
from glassbotan.study import Study


class Caption(NamedTuple):
    """What a figure is called and what there is to see in it."""

    section: str
    title: str
    text: str


LIQUID, MOVES, NETWORKS = "Is it the liquid?", "What moves", "How well it is predicted"
CAPTIONS: Mapping[str, Caption] = {
    "fig02_relaxation": Caption(
        LIQUID,
        "Relaxation (Fig. 2 of the paper)",
        "Self-intermediate scattering function of species A at k = 2π/σ_AA. Grey: single configurations, whose "
        "spread says how much one of this size differs from another; points: their mean; line: the fitted double "
        "stretched exponential; dashed: τ_α with its jackknife error over configurations.",
    ),
    "simulation_quality": Caption(
        LIQUID,
        "Quality of every run",
        "Kinetic and configurational temperature over the target temperature, pressure, drift of the total energy "
        "in the ensemble, change of the potential energy over the second half of the equilibration, crystal-like "
        "particles. Dashed: the study's limits, beyond which nothing is learnt from a run.",
    ),
    "fig06_joint_distribution": Caption(
        MOVES,
        "Pair-distance change and initial distance (Fig. 6)",
        "Joint distribution of E_ij(t) and r_ij(0) of A-A pairs; ρ: their Pearson coefficient among near pairs. A band "
        "that tilts downwards says that pairs close together part and pairs at the far side of the first shell come "
        "closer; at long times the cloud fans out, and distance alone says little.",
    ),
    "fig04_pair_maps": Caption(
        MOVES,
        "Maps of E (Fig. 4)",
        "Bonds (pairs of any species that are near enough to be scored) in a slab of the first test configuration, "
        "coloured by the pair-distance change, at the first sampling time and the nearest to τ_α: simulation on the "
        "left, prediction on the right, the same colours. Orange bonds lengthen, purple ones shorten. ρ in the "
        "titles is of this slab alone; the tables have whole configurations.",
    ),
    "fig07_propensity_maps": Caption(
        MOVES,
        "Maps of S (Fig. 7)",
        "Propensity in a slab of the first test configuration. Above: the two networks and the simulation in the "
        "same colours. Below: their errors, and the displacement field d_i, averaged over neighbours and replicas, "
        "its arrows drawn longer by the factor above them. ρ in the titles is of this slab alone. Look for whether "
        "errors come in patches like the motion itself.",
    ),
    "fig03_pretraining_loss": Caption(
        NETWORKS,
        "Pretraining (Fig. 3)",
        "Loss of the network that learns pairs alone, against the epoch. Solid: training set; dashed: validation "
        "set, if there is one; dot: the epoch that was kept.",
    ),
    "losses": Caption(
        NETWORKS,
        "Losses of every network",
        "Solid: training set; dashed: validation set, if there is one, and a dot at the epoch that was kept, the "
        "best on it. A dashed line that rises again says that the training set is too small.",
    ),
    "fig05_pair_pearson": Caption(
        NETWORKS,
        "Pairs against time (Fig. 5)",
        "Pearson coefficient of E over near A-A pairs (scores.pair_range). Bars: confidence interval of the "
        "mean over the test configurations; dashed: the noise ceiling, which no prediction could exceed against this "
        "many replicas; grey crosses: minus the initial distance, no network.",
    ),
    "fig08_propensity_pearson": Caption(
        NETWORKS,
        "Particles against time (Fig. 8)",
        "Pearson coefficient of S (and of R, C or D, where networks learnt them) over A particles. Bars: confidence "
        "interval of the mean over the test configurations; dashed: the noise ceiling; grey crosses: the potential "
        "energy of the particle, no network. Open marks are published values of networks trained on 400 configurations "
        "of N = 4096.",
    ),
    "fig09_rounds": Caption(
        NETWORKS,
        "Rounds of message passing (Fig. 9)",
        "Each network was trained, and where it starts from pairs pretrained, with its own number of rounds.",
    ),
    "fig10_loss_weight": Caption(
        NETWORKS,
        "Weight p in the loss (Fig. 10)",
        "p = 1 learns particles alone and starts at random, p = 0 learns pairs alone. The paper's p is that of "
        "training.target_units: reduced; in other units the same p gives particles more weight.",
    ),
    "learning_curve": Caption(
        NETWORKS,
        "What more data would buy",
        "Against the number of training configurations, with all replicas, and of replicas in the training targets, "
        "with all configurations, in as many steps of the optimiser; pretraining saw no more either, unless its "
        "weights are published ones. Where a curve still rises, more data would help.",
    ),
    "heterogeneity": Caption(
        NETWORKS,
        "Dynamical heterogeneity",
        "Left: standard deviation of S of A particles within a configuration. Middle, from four test configurations "
        "on: variance between configurations of their mean, times N_A; a network can order the particles of each "
        "configuration well and miss how configurations differ. Right: spatial correlation of the deviations of S of A "
        "particles from the mean of their configuration. Black: simulation, from the two halves of the ensemble, so "
        "that its noise drops out.",
    ),
    "transfer": Caption(
        NETWORKS,
        "Transfer",
        "Networks trained at one temperature and time (rows) and scored at another (columns).",
    ),
}
"""By the beginning of the figure's file name, in the order of the page within each section."""


SCREEN_DPI = 120
"""Figures have this resolution on the page at their full width."""


class Shown(NamedTuple):
    """One figure of the page."""

    title: str
    text: str
    name: str
    data: str
    """the PNG as a data URI"""
    width: int
    """on the page, pixels"""


def report(
    study: Study,
    scores: pd.DataFrame,
    quality: pd.DataFrame,
    relaxation: Sequence[Mapping[str, Any]],
    tables: Mapping[str, pd.DataFrame],
    figures: Sequence[Path],
    provenance: Mapping[str, Any],
) -> str:
    """The page as HTML that needs no other file and no network.

    Parameters
    ----------
    study : its settings
    scores, quality : the Pearson table and that of the simulations' quality
    relaxation : the fit of tau_alpha at each temperature, if the study simulates
    tables : further tables by their title
    figures : PNG files
    provenance : record of the page's making
    """
    environment = Environment(
        loader=PackageLoader("glassbotan.evaluate", "templates"), autoescape=select_autoescape(default=True)
    )
    environment.filters["symbols"] = symbols
    means = means_over_seeds(scores)
    shown = {title: _shown(study, figures, title) for title in (LIQUID, MOVES, NETWORKS)}
    of_scores = [figure for figure in shown[NETWORKS] if figure.name.startswith(("fig05", "fig08"))]
    headline = of_scores[-1] if of_scores else None  # S rather than E
    return environment.get_template("report.html.j2").render(
        study=study,
        answer=_answer(study, means),
        score_tables={
            what: _html(text_table(means[means.target == target], target == "S" and study.liquid.is_the_papers))
            for target, what in TARGETS.items()
            if target in set(means.target)
        },
        all_scores=_html(scores),
        headline=headline,
        sections={
            title: [figure for figure in found if figure is not headline] for title, found in shown.items() if found
        },
        liquid=LIQUID,
        runs=len(quality),
        beyond=[
            f"configuration {run.configuration} at T = {run.target_temperature:g}"
            for run in rows(quality[~quality.within_limits])
        ],
        relaxation=relaxation,
        tables={title: _html(table) for title, table in tables.items()},
        settings=yaml.safe_dump(study.model_dump(mode="json", exclude_none=True), sort_keys=False, width=100),
        provenance=provenance,
    )


def symbols(text: str) -> Markup:
    """Text with what follows an underscore set as a subscript."""
    return Markup(re.sub(r"\b([A-Za-zτσ])_([A-Za-zα]+)", r"\1<sub>\2</sub>", str(escape(text))))


def _shown(study: Study, figures: Sequence[Path], section: str) -> list[Shown]:
    """The figures of a section, in the order of the captions and of the temperatures."""
    found = []
    for beginning, caption in CAPTIONS.items():
        for path in sorted(path for path in figures if re.fullmatch(f"{beginning}(_T.*)?", path.stem)):
            if caption.section == section:
                text = caption.text
                if beginning == "heterogeneity" and study.training.target_units == "configuration":
                    text += " These networks learnt differences within configurations alone: χ says nothing of them."
                image = path.read_bytes()
                width = int.from_bytes(image[16:20], "big") * SCREEN_DPI // STYLE["savefig.dpi"]
                data = "data:image/png;base64," + base64.b64encode(image).decode()
                place = path.stem.removeprefix(beginning).removeprefix("_T")
                title = f"{caption.title}, T = {float(place):g}" if place else caption.title
                found.append(Shown(title, text, path.name, data, width))
    return found


def _answer(study: Study, means: pd.DataFrame) -> list[str]:
    """For each temperature and target a sentence: the best network nearest to tau_alpha, and what to measure it by."""
    sentences = []
    networks = means[~means.model.isin([ENERGY, DISTANCE])]
    for point, (target, what) in itertools.product(study.temperatures, TARGETS.items()):
        here = networks[(networks.temperature == point.temperature) & (networks.target == target)]
        if here.empty:
            continue
        away = np.log(here.time / point.relaxation_time).abs()
        nearest = rows(here[away == away.min()])
        best = max(nearest, key=lambda row: row.pearson)
        which = best.model
        if len(nearest) > 1:
            which = f"the best of {len(nearest)} networks by this very score, {best.model},"
        ratio = f"{best.time / point.relaxation_time:.2g} of the study's τ_α = {point.relaxation_time:g}"
        sentence = (
            f"At T = {point.temperature:g} and t = {best.time:g} ({ratio}), {which} predicts the {what} with "
            f"ρ = {cell(best)}"
        )
        if np.isfinite(best.ceiling):
            sentence += f", where a perfect prediction could reach {best.ceiling:.2f} against this many replicas"
        same = (means.temperature == best.temperature) & (means.time == best.time) & (means.target == target)
        simple = means[same & means.model.isin([ENERGY, DISTANCE])]
        if len(simple):
            sentence += f", and no network at all ({simple.model.iloc[0]}) reaches {simple.pearson.iloc[0]:.2f}"
            sentence += ", more than the network" if simple.pearson.iloc[0] > best.pearson else ""
        sentence += "."
        if target == "S" and study.liquid.is_the_papers:
            beside = published_beside(best.temperature, best.time)
            sentence += (
                f" BOTAN on the full data set was published with {beside['BOTAN']:.2f}." if "BOTAN" in beside else ""
            )
        sentences.append(sentence)
    return sentences


def _html(table: pd.DataFrame) -> str:
    return table.to_html(index=False, border=0, na_rep="", float_format="{:.3g}".format, justify="left")
