"""Relaxation of the liquid as a whole: overlap, self-intermediate scattering function, relaxation time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import lengths


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
    """The parameters of a double stretched exponential fitted to F_s; times in tau."""

    f: float
    """height of the plateau"""
    tau_s: float
    beta_s: float
    tau_alpha: float
    """structural relaxation time, tau"""
    beta: float
    tau_alpha_error: float
    """standard error of tau_alpha"""
    beyond_data: bool
    """whether tau_alpha lies beyond the last time, so that it is an extrapolation"""


def double_stretched(t: NDArray, f: float, tau_s: float, beta_s: float, tau_alpha: float, beta: float) -> NDArray:
    """F_s(t) = (1 - f) exp[-(t/tau_s)^beta_s] + f exp[-(t/tau_alpha)^beta] (reconstructed from the paper's text)."""
    return (1 - f) * np.exp(-((t / tau_s) ** beta_s)) + f * np.exp(-((t / tau_alpha) ** beta))


_NAMES = ("f", "tau_s", "beta_s", "tau_alpha", "beta")
_LOWER = (0.05, 0.01, 0.5, 0.1, 0.3)
_UPPER = (0.99, 10.0, 3.0, 1e9, 1.0)


def fit_relaxation(times: NDArray, scattering: NDArray) -> Relaxation:
    """Fit the double stretched exponential.

    Parameters
    ----------
    times : (n_t,), at least six times, tau
    scattering : (n_c, n_t), F_s of each configuration

    Returns
    -------
    Relaxation
        the fit to the mean over configurations; the error of tau_alpha is that of the jackknife over configurations,
        which accounts for correlations between the times of one configuration (NaN with a single configuration)

    Raises
    ------
    ValueError
        if there are too few times
    RuntimeError
        if the fit does not converge
    """
    if len(times) <= len(_NAMES):
        raise ValueError(f"a fit with {len(_NAMES)} parameters needs more than {len(_NAMES)} times, found {len(times)}")
    best = _fit(times, scattering.mean(axis=0), None)
    n = len(scattering)
    error = np.nan
    if n > 1:
        left_out = [_fit(times, np.delete(scattering, c, axis=0).mean(axis=0), best)[3] for c in range(n)]
        error = float(np.sqrt((n - 1) * np.var(left_out)))
    shape = dict(zip(_NAMES, map(float, best), strict=True))
    return Relaxation(**shape, tau_alpha_error=error, beyond_data=shape["tau_alpha"] > float(times[-1]))


def _fit(times: NDArray, curve: NDArray, start: NDArray | None) -> NDArray[np.float64]:
    from scipy.optimize import curve_fit

    if start is None:
        start = np.array([0.75, 0.2, 1.5, _crossing(times, curve), 0.8])
    parameters, _ = curve_fit(
        double_stretched, times, curve, p0=np.clip(start, _LOWER, _UPPER), bounds=(_LOWER, _UPPER), max_nfev=20_000
    )
    return np.asarray(parameters)


def _crossing(times: NDArray, curve: NDArray) -> float:
    """Time at which the curve falls to 1/e, else the first or the last: the initial value of tau_alpha in the fit."""
    from scipy.optimize import brentq

    level = 1 / np.e
    if curve[0] < level:
        return float(times[0])
    if curve[-1] > level:
        return float(times[-1])
    return float(np.exp(brentq(lambda x: np.interp(x, np.log(times), curve) - level, *np.log(times[[0, -1]]))))
