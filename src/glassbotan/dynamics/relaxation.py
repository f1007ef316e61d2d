"""Relaxation of the liquid as a whole: overlap, self-intermediate scattering function, relaxation time."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import lengths
from glassbotan.statistics import jackknife


def overlap(displacements: NDArray, distance: float) -> float:
    """Q(t) = N^-1 sum_i Theta(a - |r_i(t) - r_i(0)|) of one replica, with a = `distance`.

    Parameters
    ----------
    displacements : (N, 3), unwrapped, sigma_AA
    """
    return float((lengths(displacements) < distance).mean())


def self_scattering(displacements: NDArray, wave_number: float) -> float:
    """F_s(k, t) of the given particles in one replica, averaged over the three axes.

    F_s(k, t) = N^-1 sum_i exp(i k.(r_i(t) - r_i(0))), whose imaginary part vanishes on average.

    Parameters
    ----------
    displacements : (n, 3), unwrapped, of the particles of one species
    wave_number : k, 1 / sigma_AA
    """
    return float(np.cos(wave_number * displacements).mean())


class Relaxation(NamedTuple):
    """Relaxation times of F_s, by two definitions; times in tau, errors are standard errors."""

    tau_e: float
    """time at which F_s = 1/e; NaN if F_s is below it at the first time, or does not fall to it by the last"""
    tau_e_error: float
    tau_alpha: float
    """structural relaxation time, from a double stretched exponential fitted to F_s"""
    tau_alpha_error: float
    f: float
    """height of the plateau in the fit"""
    tau_s: float
    beta_s: float
    beta: float
    first_time: float
    """first and last time at which F_s is known"""
    last_time: float
    starts_below: bool
    """whether F_s is below 1/e at the first time"""

    @classmethod
    def of(cls, fit: Mapping[str, Any]) -> "Relaxation":
        """The relaxation times from the content of the JSON file of a state point."""
        return cls(**{name: fit[name] for name in cls._fields})

    @property
    def extrapolated(self) -> bool:
        """Whether the fitted tau_alpha lies outside the times at which F_s is known."""
        return not self.first_time <= self.tau_alpha <= self.last_time


def outside_the_times(found: Relaxation) -> str:
    """A message if the sampled times do not contain the relaxation times; empty if they do."""
    if found.starts_below:
        return f"F_s is below 1/e at the first time, t = {found.first_time:g}; use earlier sampling times"
    if np.isnan(found.tau_e):
        return f"F_s does not fall to 1/e by the last time, t = {found.last_time:g}; use later sampling times"
    if found.extrapolated:
        which, when = ("earlier", "first") if found.tau_alpha < found.first_time else ("later", "last")
        time = found.first_time if which == "earlier" else found.last_time
        return (
            f"the fitted τ_α = {found.tau_alpha:.3g} is {which} than the {when} time, t = {time:g}; use {which} times"
        )
    return ""


def double_stretched(t: NDArray, f: float, tau_s: float, beta_s: float, tau_alpha: float, beta: float) -> NDArray:
    """F_s(t) = (1 - f) exp[-(t/tau_s)^beta_s] + f exp[-(t/tau_alpha)^beta] (reconstructed from the paper's text)."""
    return (1 - f) * np.exp(-((t / tau_s) ** beta_s)) + f * np.exp(-((t / tau_alpha) ** beta))


SMALLEST_ERROR = 0.005
"""Errors of F_s that are smaller count as this much in the fit, since the fitted form is not more exact."""
_NAMES = ("f", "tau_s", "beta_s", "tau_alpha", "beta")
_LOWER = (0.05, 0.01, 0.5, 0.1, 0.3)
_UPPER = (0.99, 10.0, 3.0, 1e9, 1.0)


def relaxation(times: NDArray, scattering: NDArray) -> Relaxation:
    """Both relaxation times, with errors from the jackknife over configurations.

    Values of one configuration at different times are correlated, so that the covariance matrix of a fit says nothing
    about its error. The jackknife repeats the interpolation and the fit without one configuration after the other. The
    times of the fit are weighed by the standard errors of F_s between all configurations; with one configuration, all
    times have the same weight and no errors are known.

    Parameters
    ----------
    times : (n_t,), at least six times, tau
    scattering : (n_c, n_t), F_s of each configuration

    Raises
    ------
    ValueError
        if there are too few times
    RuntimeError
        if the fit does not converge
    """
    if len(times) <= len(_NAMES):
        raise ValueError(f"a fit with {len(_NAMES)} parameters needs more than {len(_NAMES)} times, found {len(times)}")
    n = len(scattering)
    errors = None
    if n > 1:
        errors = np.maximum(scattering.std(axis=0, ddof=1) / np.sqrt(n), SMALLEST_ERROR)
    first = _fit(times, scattering.mean(axis=0), errors, None)
    values, spread = jackknife(
        lambda curves: np.array(
            [crossing(times, curves.mean(axis=0)), *_fit(times, curves.mean(axis=0), errors, first)]
        ),
        scattering,
    )
    shape = dict(zip(_NAMES, map(float, values[1:]), strict=True))
    return Relaxation(
        tau_e=float(values[0]),
        tau_e_error=float(spread[0]),
        tau_alpha_error=float(spread[1 + _NAMES.index("tau_alpha")]),
        first_time=float(times[0]),
        last_time=float(times[-1]),
        starts_below=bool(scattering[:, 0].mean() < 1 / np.e),
        **shape,
    )


def crossing(times: NDArray, curve: NDArray, level: float = 1 / np.e) -> float:
    """Time at which a falling curve first reaches `level`; NaN if it does not, or is below it from the beginning.

    Between two times the curve is a monotonic cubic polynomial of ln t (F. N. Fritsch and J. Butland, SIAM J. Sci.
    Stat. Comput. 5, 300 (1984)).

    Parameters
    ----------
    times, curve : (n_t,)
    """
    from scipy.interpolate import PchipInterpolator

    below = np.flatnonzero(curve <= level)
    if not len(below) or below[0] == 0:
        return float(times[0]) if len(below) and curve[0] == level else float("nan")
    at = below[0]
    found = PchipInterpolator(np.log(times), curve).solve(level, extrapolate=False)
    inside = [x for x in found if np.log(times[at - 1]) <= x <= np.log(times[at]) * (1 + 1e-12)]
    return float(np.exp(inside[0])) if inside else float(times[at])


def _fit(times: NDArray, curve: NDArray, errors: NDArray | None, start: NDArray | None) -> NDArray[np.float64]:
    from scipy.optimize import curve_fit

    if start is None:
        reached = crossing(times, curve)
        if np.isnan(reached):
            reached = float(times[0] if curve[0] < 1 / np.e else times[-1])
        start = np.array([0.75, 0.2, 1.5, reached, 0.8])
    parameters, _ = curve_fit(
        double_stretched,
        times,
        curve,
        sigma=errors,
        p0=np.clip(start, _LOWER, _UPPER),
        bounds=(_LOWER, _UPPER),
        max_nfev=20_000,
    )
    return np.asarray(parameters)
