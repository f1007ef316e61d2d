"""Local quantities of the normal modes of an inherent structure, from its sparse Hessian H.

The eigenvectors e_k and eigenvalues lambda_k of H give, without the three modes of translation, the local Debye-Waller
factor for T = 1 in the harmonic approximation (Tong & Xu, Phys. Rev. E 90, 010401 (2014); measured in short runs by
Widmer-Cooper & Harrowell, Phys. Rev. Lett. 96, 185701 (2006)),

    <u_i^2> = sum_k |e_ki|^2 / lambda_k = trace of the block i of H^+,

and the participation in the lowest n_m modes (Widmer-Cooper et al., Nature Phys. 4, 711 (2008)),

    p_i = 1/n_m sum_{k <= n_m} |e_ki|^2.

The lowest modes are found by subspace iteration with Chebyshev filters (Zhou, Saad, Tiago & Chelikowsky, J. Comput.
Phys. 219, 172 (2006)), four times as fast as ARPACK here. They have the long range: with M = sum_k e_k e_k^T / lambda_k
over them, <u_i^2> is the trace of block i of M and, of what M lacks, an estimate from random vectors z of signs, the
mean of z (H^+ - M) z (Bekas, Kokiopoulou & Saad, Appl. Numer. Math. 57, 1214 (2007)). It has no bias even if the modes
are not exact. Time and memory grow little faster than N.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import FileError
from glassbotan.structure.hessian import hessian
from glassbotan.structure.static import StaticStructure

ACCURACY = 1e-3
"""Relative accuracy of the linear systems, far below the noise of the random vectors."""
MOST_ITERATIONS = 5000
PASSES, DEGREE = 3, 40
"""Passes of the subspace iteration, and degree of its filters."""
EXTRA = 1.25
"""Dimension of the subspace over the number of modes: those at its end are the least accurate."""
FIRST_EDGE = 0.03
"""Eigenvalues above this fraction of the largest one are filtered out in the first pass."""
STABLE = 1e-3
"""Smallest eigenvalue of a minimum other than those of the translations, epsilon_AA / sigma_AA^2."""


@dataclass(frozen=True)
class NormalModes:
    """Local quantities of the normal modes of an inherent structure."""

    debye_waller: NDArray[np.float64]
    """(N,), <u_i^2> for T = 1, sigma_AA^2 / (epsilon_AA / k_B)"""
    participation: NDArray[np.float64]
    """(N,), p_i"""
    eigenvalues: NDArray[np.float64]
    """(n_m,), the lowest eigenvalues of the Hessian, epsilon_AA / sigma_AA^2"""
    products: int
    """products of the Hessian with a vector"""
    error: float
    """standard error of <u_i^2> from the random vectors, relative, root mean square over the particles"""


def normal_modes(structure: StaticStructure, lowest: int, probes: int, seed: int | Sequence[int]) -> NormalModes:
    """The local quantities of the normal modes of an inherent structure.

    Parameters
    ----------
    structure : the inherent structure
    lowest : number n_m of modes that are computed one by one
    probes : number of random vectors
    seed : seed of the random vectors

    Raises
    ------
    FileError
        if the structure is not at a minimum, or has fewer modes than are to be computed
    """
    n = len(structure)
    if 3 * n <= 4 * lowest:
        raise FileError(
            f"{structure.name} has {3 * n} modes, but structure.modes.lowest is {lowest}; set it to less than a quarter"
        )
    matrix = hessian(structure.positions, structure.species, structure.box_length, structure.mixture).tocsr()
    rng = np.random.default_rng(seed)
    eigenvalues, vectors = lowest_modes(matrix, round(EXTRA * lowest) + 4, rng)
    if eigenvalues[0] < STABLE:
        raise FileError(
            f"{structure.name} is not a minimum: its lowest eigenvalue is {eigenvalues[0]:.2g}; use an inherent "
            "structure"
        )
    signs = rng.choice([-1.0, 1.0], size=(3 * n, probes))
    known = vectors @ ((vectors.T @ signs) / eigenvalues[:, None])
    solved, products = _solve(matrix, signs, known)
    sampled = signs * (solved - known)
    of_particles = sampled.reshape(n, 3, probes).sum(axis=1)
    debye_waller = (vectors**2 / eigenvalues).sum(axis=1).reshape(n, 3).sum(axis=1) + of_particles.mean(axis=1)
    errors = of_particles.std(axis=1, ddof=1) / np.sqrt(probes)
    soft = vectors[:, :lowest]
    return NormalModes(
        debye_waller=debye_waller,
        participation=(soft**2).sum(axis=1).reshape(n, 3).sum(axis=1) / lowest,
        eigenvalues=eigenvalues[:lowest],
        products=PASSES * (DEGREE + 1) * vectors.shape[1] + products * probes,
        error=float(np.sqrt(np.mean((errors / debye_waller) ** 2))),
    )


def lowest_modes(
    matrix: Any, dimension: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Approximate lowest eigenvalues (dimension,) and eigenvectors (3 N, dimension) of a Hessian, but the translations.

    Parameters
    ----------
    matrix : the sparse Hessian
    dimension : dimension of the subspace, whose last fifth is not well converged
    rng : random numbers, from which the iteration starts
    """
    from scipy.sparse.linalg import eigsh

    top = 1.05 * float(eigsh(matrix, k=1, tol=0.01, return_eigenvectors=False, v0=rng.normal(size=matrix.shape[0]))[0])
    vectors = rng.normal(size=(matrix.shape[0], dimension))
    edge = FIRST_EDGE * top
    for _ in range(PASSES):
        orthonormal, _ = np.linalg.qr(_without_translations(_filtered(matrix, vectors, edge, top)))
        values, mixture = np.linalg.eigh(orthonormal.T @ (matrix @ orthonormal))
        vectors, edge = orthonormal @ mixture, min(edge, float(values[-1]))
    return values, vectors


def _filtered(matrix: Any, vectors: NDArray, edge: float, top: float) -> NDArray[np.float64]:
    """A Chebyshev polynomial of the matrix times vectors: small for eigenvalues from `edge` to `top`, large below."""
    half, center = (top - edge) / 2, (top + edge) / 2
    first = factor = -half / center  # scaled so that it is 1 at eigenvalue 0
    before, now = vectors, (matrix @ vectors - center * vectors) * (factor / half)
    for _ in range(DEGREE - 1):
        following = 1 / (2 / first - factor)
        before, now = now, (2 * following / half) * (matrix @ now - center * now) - factor * following * before
        factor = following
    return now


def _without_translations(vectors: NDArray) -> NDArray[np.float64]:
    """Columns (3 N, n) without their components along the three translations."""
    of_particles = vectors.reshape(-1, 3, vectors.shape[1])
    projected: NDArray[np.float64] = (of_particles - of_particles.mean(axis=0)).reshape(vectors.shape)
    return projected


def _solve(matrix: Any, right: NDArray, start: NDArray) -> tuple[NDArray[np.float64], int]:
    """H^+ b for each column b of `right` (3 N, n), by conjugate gradients from the columns of `start`, and their steps.

    Raises
    ------
    FileError
        if they do not converge
    """
    right = _without_translations(right)
    wanted = ACCURACY**2 * np.einsum("ij,ij->j", right, right).max()
    x = start.copy()
    residual = right - matrix @ x
    direction = residual.copy()
    norm2 = np.einsum("ij,ij->j", residual, residual)
    for step in range(MOST_ITERATIONS):
        if norm2.max() <= wanted:
            return _without_translations(x), step
        product = matrix @ direction
        length = norm2 / np.einsum("ij,ij->j", direction, product)
        x += length * direction
        residual -= length * product
        before, norm2 = norm2, np.einsum("ij,ij->j", residual, residual)
        direction *= norm2 / before
        direction += residual
    raise FileError(f"the linear systems of the normal modes did not converge in {MOST_ITERATIONS} steps")
