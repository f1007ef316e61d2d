"""Pairs of neighbouring particles in a cubic periodic box."""

import numpy as np
from numpy.typing import NDArray


class BoxTooSmallError(ValueError):
    """A box is too small for the minimum-image convention."""


def wrap(positions: NDArray, box_length: float) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Wrap positions into [-L/2, L/2), and give the number of boxes by which each coordinate was moved.

    Returns
    -------
    wrapped : (..., 3) in [-L/2, L/2)
    images : (..., 3) such that wrapped + L x images = positions; where a coordinate is not finite, or too large for an
        image, `wrapped` is NaN
    """
    positions = np.asarray(positions, dtype=np.float64)
    images = np.floor(positions / box_length + 0.5)
    # Coordinates of a run that blew up can be anything. They become NaN, for which the engines look.
    sensible = np.abs(images) < np.iinfo(np.int32).max
    if not sensible.all():
        positions, images = np.where(sensible, positions, np.nan), np.where(sensible, images, 0)
    # By rounding, a coordinate can lie outside by its last digit, or exactly on the upper face.
    wrapped = np.clip(positions - box_length * images, -box_length / 2, np.nextafter(box_length / 2, 0))
    return wrapped, images.astype(np.int32)


def minimum_image(r: NDArray, box_length: float) -> NDArray:
    """The shortest periodic image of each separation vector, shape (..., 3)."""
    images = r / box_length
    np.rint(images, out=images)
    images *= box_length
    return np.subtract(r, images, out=images)


def lengths(vectors: NDArray) -> NDArray[np.float64]:
    """Length of each vector (n, 3), several times as fast as numpy's norm along the short axis."""
    squared: NDArray[np.float64] = np.einsum("nx,nx->n", vectors, vectors)
    return np.sqrt(squared)


def neighbor_pairs(positions: NDArray, box_length: float, within: float) -> NDArray[np.int32]:
    """All pairs no farther apart than `within`, each once.

    Parameters
    ----------
    positions : (N, 3), wrapped or not
    box_length : edge L of the cubic box
    within : largest distance, at most L/2, so that no pair has more than one image in range

    Returns
    -------
    pairs : (n_p, 2) int32, i < j, sorted by i and then by j

    Raises
    ------
    BoxTooSmallError
        if the box is too small for the minimum-image convention
    """
    from scipy.spatial import cKDTree

    if within > box_length / 2:
        raise BoxTooSmallError(
            f"pairs within {within:g} need a box of at least {2 * within:g} (minimum image), "
            f"but it is {box_length:.4g} long"
        )
    inside, _ = wrap(positions, box_length)
    # The tree needs coordinates in [0, L), but adding L/2 can round up to L.
    shifted = np.minimum(inside + box_length / 2, np.nextafter(box_length, 0))
    pairs = cKDTree(shifted, boxsize=np.full(3, box_length)).query_pairs(within, output_type="ndarray")
    n = len(positions)
    order = np.sort(pairs[:, 0] * n + pairs[:, 1])  # one key for both, which is sorted several times as fast
    return np.stack(np.divmod(order, n), axis=1).astype(np.int32)


def per_particle(pairs: NDArray, values: NDArray, particles: int) -> NDArray[np.float64]:
    """For each particle the sum of the values (n_p,) of all pairs that it belongs to, (N,)."""
    sums: NDArray[np.float64] = np.bincount(pairs.T.ravel(), np.tile(values, 2), particles).astype(np.float64)
    return sums


def both_ways(pairs: NDArray) -> tuple[NDArray, NDArray[np.intp]]:
    """Each pair as two ordered pairs, sorted by the first particle and then by the second.

    Returns
    -------
    ordered : (2 n_p, 2), (receiver, sender)
    source : (2 n_p,), index of each in the list of all pairs (i, j) followed by all pairs (j, i)
    """
    ordered = np.concatenate([pairs, pairs[:, ::-1]])
    n = int(ordered.max(initial=0)) + 1
    source = np.argsort(ordered[:, 0].astype(np.int64) * n + ordered[:, 1])
    return ordered[source], source


def opposites(source: NDArray[np.intp]) -> NDArray[np.intp]:
    """The place of (j, i) among the ordered pairs for each (i, j), (2 n_p,); for `source` see `both_ways`."""
    place = np.empty_like(source)
    place[source] = np.arange(len(source))
    return np.roll(place, -(len(source) // 2))[source]
