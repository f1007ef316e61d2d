"""Comparison of a study with its variants: relaxation times, chi_4, thermodynamics and scores, each with its error."""

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glassbotan.dynamics.registry import targets
from glassbotan.evaluate.readable import value_with_error
from glassbotan.evaluate.summary import rows
from glassbotan.statistics import Estimate

COLUMNS = [
    "variant", "temperature", "time", "quantity", "model", "value", "error", "ci_low", "ci_high", "n_configurations",
    "difference", "difference_error", "standard_errors",
]  # fmt: skip
OWN = "the study itself"
"""Name of the study itself in the column `variant`."""


@dataclass(frozen=True)
class StudyTables:
    """The tables of a study that are compared."""

    relaxation: Mapping[float, Mapping[str, Any]]
    """relaxation times (`glassbotan.dynamics.relaxation.Relaxation`) at each temperature; empty for published data"""
    heterogeneity: pd.DataFrame
    quality: pd.DataFrame
    summary: pd.DataFrame


def variants_table(studies: Mapping[str, StudyTables]) -> pd.DataFrame:
    """A row for each variant, quantity, temperature, time and model.

    Parameters
    ----------
    studies : the tables of the study itself, and of each variant by its name

    Returns
    -------
    table : the columns `COLUMNS`; `difference` is that to the study itself, with the error of two independent values,
        and `standard_errors` is how many of these errors it is. A variant that starts from the same configurations is
        not independent of the study, and its differences are known better than this error says.
    """
    table = pd.DataFrame([{"variant": name, **row} for name, one in studies.items() for row in _rows(one)])
    keys = ["temperature", "time", "quantity", "model"]
    own = table[table.variant == OWN].set_index(keys)[["value", "error"]]
    others = table.join(own.rename(columns={"value": "value_own", "error": "error_own"}), on=keys)
    itself = others.variant == OWN
    table["difference"] = (others.value - others.value_own).mask(itself)
    table["difference_error"] = (others.error**2 + others.error_own**2).pow(0.5).mask(itself)
    table["standard_errors"] = table.difference.abs() / table.difference_error
    return table[COLUMNS]


def _rows(study: StudyTables) -> Iterator[dict[str, Any]]:
    """Every compared quantity of a study."""
    nothing = {"time": math.nan, "model": "", "ci_low": math.nan, "ci_high": math.nan}
    for temperature, fit in study.relaxation.items():
        for name in ("tau_e", "tau_alpha"):
            yield {**nothing, "temperature": temperature, "quantity": name, "value": fit[name],
                   "error": fit[f"{name}_error"], "n_configurations": fit["n_configurations"]}  # fmt: skip
    for temperature in study.quality.target_temperature.unique():
        runs = study.quality[study.quality.target_temperature == temperature]
        for name in ("potential_energy", "pressure", "temperature"):
            values = runs[name].dropna()
            if len(values):
                mean = Estimate.of_mean(values)
                yield {**nothing, "temperature": temperature, "quantity": name, "value": mean.value,
                       "error": mean.error, "n_configurations": len(values)}  # fmt: skip
    for one in rows(study.heterogeneity.drop_duplicates(["temperature", "time"])):
        if not np.isnan(one.chi_4):
            yield {"temperature": one.temperature, "time": one.time, "quantity": "chi_4", "model": "",
                   "value": one.chi_4, "error": one.chi_4_error, "ci_low": one.chi_4_low, "ci_high": one.chi_4_high,
                   "n_configurations": one.n_configurations}  # fmt: skip
    for row in rows(study.summary):
        # A variant has no half samples, so what the training configurations contribute is left out of the study, too.
        errors = [row.error_configurations, row.error_seeds]
        error = float(np.sqrt(np.nansum(np.square(errors)))) if np.isfinite(errors).any() else math.nan
        yield {"temperature": row.temperature, "time": row.time, "quantity": f"rho_{row.target}", "model": row.label,
               "value": row.pearson, "error": error, "ci_low": row.ci_low, "ci_high": row.ci_high,
               "n_configurations": row.n_configurations}  # fmt: skip
    for one in rows(study.summary.drop_duplicates(["temperature", "time", "target"])):
        yield {**nothing, "temperature": one.temperature, "time": one.time, "quantity": f"ceiling_{one.target}",
               "value": one.ceiling, "error": one.ceiling_error, "n_configurations": one.n_configurations}  # fmt: skip


WORDS = {
    "tau_e": "time at which F_s = 1/e",
    "tau_alpha": "τ_α of the fit",
    "potential_energy": "U/N",
    "pressure": "pressure",
    "temperature": "kinetic temperature",
    "chi_4": "χ_4",
}


def name_of(quantity: str, model: str = "") -> str:
    """The name of a quantity in words."""
    kind, _, symbol = quantity.partition("_")
    if kind == "rho":
        return f"ρ({symbol}), {model}"
    if kind == "ceiling":
        return f"noise ceiling of {symbol}"
    return WORDS[quantity]


def readable(table: pd.DataFrame, title: str) -> str:
    """The comparison as text: a block for each temperature and time, a line for each quantity, a column per variant."""
    text = io.StringIO()
    console = Console(file=text, width=240, markup=False, highlight=False)
    for one in rows(table.sort_values(["temperature", "time"]).drop_duplicates(["temperature", "time"])):
        of_time = table.time.isna() if np.isnan(one.time) else table.time == one.time
        where = f"T = {one.temperature:g}" + ("" if np.isnan(one.time) else f", t = {one.time:g}")
        console.print(f"{title}: {where}\n")
        console.print(_as_lines(table[(table.temperature == one.temperature) & of_time]), "")
    console.print(
        "Each value with its standard error over configurations and, for scores, seeds.\n"
        "In brackets: difference to the study itself, in standard errors of it as if both were independent."
    )
    return "".join(line.rstrip() + "\n" for line in text.getvalue().splitlines())


def _as_lines(here: pd.DataFrame) -> Table:
    variants = list(dict.fromkeys(here.variant))
    view = Table(box=SIMPLE, show_edge=False, pad_edge=False)
    view.add_column("", justify="left")
    for variant in variants:
        view.add_column(variant, justify="right")
    order = [*WORDS, *(f"{kind}_{symbol}" for symbol in targets() for kind in ("ceiling", "rho"))]
    ordered = here.assign(place=[order.index(name) for name in here.quantity]).sort_values("place", kind="stable")
    for (quantity, model), of_line in ordered.groupby(["quantity", "model"], sort=False):
        cells = {row.variant: _cell(row) for row in rows(of_line)}
        if len(cells) < 2:
            continue  # nothing to compare, such as a model that the variants do not have
        view.add_row(name_of(str(quantity), str(model)), *(cells.get(variant, "") for variant in variants))
    return view


def _cell(row: Any) -> str:
    away = "" if np.isnan(row.standard_errors) else f" ({math.copysign(row.standard_errors, row.difference):+.1f})"
    return value_with_error(row.value, row.error) + away
