"""Checks of the simulations at one temperature, which need many runs together: temperature, ageing, conservation laws.

Whether a liquid is in equilibrium shows only in its dynamics: the configurational temperature of an ageing liquid is
right within a fraction of a relaxation time. So two waiting times are compared: the potential energy U and F_s(k, t) in
the first and in the second half of the equilibration. Each run gives a difference, and the standard error of their mean
comes from how much they differ between the runs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.relaxation import crossing
from glassbotan.simulate.quality import Quality
from glassbotan.statistics import Estimate, jackknife
from glassbotan.study.targets import Limits

LEVELS = (0.1, 0.8)
"""Values of F_s between which it says how fast the liquid relaxes."""
PASSED, FAILED, NOT_TESTED = "passed", "failed", "not tested"


class Check(NamedTuple):
    """A quantity of the simulations at one temperature, compared with its limit."""

    check: str
    """what was checked, in words"""
    value: float
    error: float
    """standard error between runs; NaN if it is not known"""
    limit: float
    """largest absolute value that is allowed"""
    state: str
    """passed, failed, or not tested: the runs are too few to tell"""
    remark: str
    """what the numbers mean, in words"""


class Ageing(NamedTuple):
    """Change from the first to the second half of the equilibration, mean over the runs."""

    energy: Estimate
    """of the potential energy, epsilon_AA per particle"""
    relaxation: Estimate
    """of ln tau_alpha; NaN if F_s does not tell"""
    level: float
    """value of F_s at which the times of both halves are compared"""


def ageing(qualities: Sequence[Quality]) -> Ageing | None:
    """How much the liquid changed in the equilibration; None if it was not equilibrated here.

    The change of ln tau_alpha is the difference of the ln t at which the mean F_s of each half falls to one common
    level: to 1/e, or to the value nearest to 1/e that both reach. Its error is that of the jackknife over the runs.
    """
    known = [one for one in qualities if one.energy_first is not None and one.energy_second is not None]
    if not known:
        return None
    energy = Estimate.of_mean(one.energy_second - one.energy_first for one in known)  # type: ignore[operator]
    unknown = Estimate(np.nan, np.nan, np.nan)
    curves = [one for one in known if len(one.scattering_time) > 2]
    if not curves or len({tuple(one.scattering_time) for one in curves}) > 1:
        return Ageing(energy, unknown, np.nan)
    times = np.array(curves[0].scattering_time)
    both = np.array([[one.scattering_first, one.scattering_second] for one in curves])
    # The level has to be reached also by the means without any one of the runs, which the jackknife takes.
    means = both[None].mean(axis=1) if len(both) < 2 else (both.sum(axis=0) - both) / (len(both) - 1)
    low, high = max(means.min(axis=2).max(), LEVELS[0]), min(means[:, :, 0].min(), LEVELS[1])
    if not low < high:
        return Ageing(energy, unknown, np.nan)
    level = float(np.clip(1 / np.e, low, high))

    def change(runs: NDArray) -> float:
        first, second = (crossing(times, curve, level) for curve in runs.mean(axis=0))
        return float(np.log(second / first))

    value, error = jackknife(change, both)
    return Ageing(energy, Estimate(float(value), float(error), len(curves) - 1), level)


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
            state = PASSED if max(values) <= limit else FAILED
            found.append(Check(words, max(values), np.nan, limit, state, f"the largest of {len(values)} runs"))
    change = ageing(qualities)
    if change is None:
        return found
    halves = "second less first half of the equilibration"
    remark = f"{halves}, ε_AA per particle"
    found.append(_significant("ageing: potential energy", change.energy, limits.energy_change, limits, remark))
    remark = f"{halves}, from the times at which F_s = {change.level:.2f}"
    if np.isnan(change.relaxation.value):
        remark = "F_s of both halves is not known where it falls from 0.8 to 0.1"
    found.append(_significant("ageing: ln τ_α", change.relaxation, limits.relaxation_change, limits, remark))
    return found


def _significant(name: str, found: Estimate, limit: float, limits: Limits, remark: str) -> Check:
    """Check of a mean over runs, which has to be both larger than its limit and significant to fail.

    Significant is what chance exceeds as rarely as a normal quantity exceeds `limits.standard_errors`, by Student's
    distribution. If that is more than the limit, a mean below it has not been tested.
    """
    from scipy.stats import norm
    from scipy.stats import t as student

    if np.isnan(found.error):
        if not np.isnan(found.value):
            remark += "; one run does not show whether it is chance"
        return Check(name, found.value, found.error, limit, NOT_TESTED, remark)
    significant = found.error * float(student.isf(norm.sf(limits.standard_errors), found.degrees))
    if abs(found.value) > max(limit, significant):
        return Check(name, found.value, found.error, limit, FAILED, remark)
    if significant > limit:
        remark += f"; so few runs do not show a deviation below {significant:.2g}"
        return Check(name, found.value, found.error, limit, NOT_TESTED, remark)
    return Check(name, found.value, found.error, limit, PASSED, remark)
