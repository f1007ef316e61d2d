"""Checks of the simulations at one temperature, which need many runs together: temperature, ageing, conservation laws.

Whether a liquid is in equilibrium shows only in its dynamics: the configurational temperature of an ageing liquid is
right within a fraction of a relaxation time. So two waiting times are compared: the potential energy U and F_s(k, t) in
the first and in the second half of the equilibration. Each run gives a difference, and the standard error of their mean
comes from how much they differ between the runs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from glassbotan.simulate.quality import Quality
from glassbotan.statistics import Estimate
from glassbotan.study.targets import Limits

LEVEL = 1 / np.e
"""Ageing is measured where F_s, averaged over both halves, is nearest to this value."""


class Check(NamedTuple):
    """A quantity of the simulations at one temperature, compared with its limit."""

    check: str
    """what was checked, in words"""
    value: float
    error: float
    """standard error between runs; NaN if it is not known"""
    limit: float
    """largest absolute value that is allowed"""
    passed: bool
    remark: str
    """what the numbers mean, in words; why the check failed, if it did"""


class Ageing(NamedTuple):
    """Change from the first to the second half of the equilibration, mean over the runs."""

    energy: Estimate
    """of the potential energy, epsilon_AA per particle"""
    relaxation: Estimate | None
    """of ln tau_alpha; None if F_s was not measured"""
    time: float | None
    """time at which F_s is compared, tau"""


def ageing(qualities: Sequence[Quality]) -> Ageing | None:
    """How much the liquid changed in the equilibration; None if it was not equilibrated here.

    The change of ln tau_alpha is that of F_s at one time over -dF_s/d ln t at this time, since F_s depends on
    t/tau_alpha alone after the first decay.
    """
    known = [one for one in qualities if one.energy_first is not None and one.energy_second is not None]
    if not known:
        return None
    energy = Estimate.of_mean(one.energy_second - one.energy_first for one in known)  # type: ignore[operator]
    curves = [one for one in known if len(one.scattering_time) > 2]
    if not curves or len({tuple(one.scattering_time) for one in curves}) > 1:
        return Ageing(energy, None, None)
    times = np.array(curves[0].scattering_time)
    first, second = (np.array([getattr(one, f"scattering_{half}") for one in curves]) for half in ("first", "second"))
    mean = (first + second).mean(axis=0) / 2
    at = int(np.abs(mean - LEVEL).argmin())
    slope = float(-np.gradient(mean, np.log(times))[at])
    change = Estimate.of_mean(second[:, at] - first[:, at])
    relaxation = Estimate(change.value / slope, change.error / slope, change.degrees)
    return Ageing(energy, relaxation, float(times[at]))


def checks(qualities: Sequence[Quality], temperature: float, limits: Limits) -> list[Check]:
    """Every check of the simulations at one temperature for which there are data.

    Parameters
    ----------
    qualities : quality of each run
    temperature : target temperature, epsilon_AA / k_B
    limits : limits of the study
    """
    found = []
    for name, words in (
        ("temperature", "kinetic temperature"),
        ("configurational_temperature", "configurational temperature"),
    ):
        values = [value / temperature - 1 for one in qualities if (value := getattr(one, name)) is not None]
        if values:
            mean = Estimate.of_mean(values)
            remark = f"relative deviation from T = {temperature:g}, mean of {len(values)} runs"
            found.append(_significant(words, mean, limits.temperature, limits, remark))
    for name, words in (
        ("energy_drift", "drift of the total energy, ε_AA per particle"),
        ("momentum", "momentum per particle"),
        ("crystal_fraction", "crystal-like particles"),
        ("largest_cluster", "largest crystal-like cluster"),
    ):
        values = [value for one in qualities if (value := getattr(one, name)) is not None]
        if values:
            limit = getattr(limits, name)
            found.append(
                Check(words, max(values), np.nan, limit, max(values) <= limit, f"the largest of {len(values)} runs")
            )
    change = ageing(qualities)
    if change is None:
        return found
    halves = "second less first half of the equilibration"
    remark = f"{halves}, ε_AA per particle"
    found.append(_significant("ageing: potential energy", change.energy, limits.energy_change, limits, remark))
    if change.relaxation is not None:
        remark = f"{halves}, from F_s at t = {change.time:.3g}"
        found.append(_significant("ageing: ln τ_α", change.relaxation, limits.relaxation_change, limits, remark))
    return found


def _significant(name: str, found: Estimate, limit: float, limits: Limits, remark: str) -> Check:
    """Check of a mean over runs, which has to be both larger than its limit and significant to fail."""
    if np.isnan(found.error):
        return Check(
            name, found.value, found.error, limit, True, f"{remark}; one run does not show whether it is chance"
        )
    significant = limits.standard_errors * found.error
    if limit < significant:
        remark += f"; so few runs do not show a deviation below {significant:.2g}"
    return Check(name, found.value, found.error, limit, abs(found.value) <= max(limit, significant), remark)
