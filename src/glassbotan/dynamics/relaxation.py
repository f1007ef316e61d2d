"""Relaxation of the liquid as a whole: overlap, self-intermediate scattering function, relaxation time."""

from typing import NamedTuple

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
    """time at which F_s = 1/e; NaN if F_s does not reach it"""
    tau_e_error: float
    tau_alpha: float
    """structural relaxation time, from a double stretched exponential fitted to F_s"""
    tau_alpha_error: float
    f: float
    """height of the plateau in the fit"""
    tau_s: float
    beta_s: float
    beta: float
    beyond_data: bool
    """whether the fitted tau_alpha lies beyond the last time, so that it is an extrapolation"""


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
    about its error. The jackknife repeats everything without one configuration after the other. The times of the fit
    are weighed by the standard errors of F_s between configurations.

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
        beyond_data=shape["tau_alpha"] > float(times[-1]),
        **shape,
    )


def crossing(times: NDArray, curve: NDArray, level: float = 1 / np.e) -> float:
    """Time at which a falling curve first reaches `level`; NaN if it does not.

    Between two times the curve is a monotonic cubic polynomial of ln t (Fritsch and Carlson).

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
