"""All targets of one configuration from one pass over its ensemble."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.neighbor_relative import Neighborhood
from glassbotan.dynamics.pair_distance import pair_distance_changes
from glassbotan.dynamics.pairs import minimum_image, neighbor_pairs
from glassbotan.dynamics.propensity import displacement_lengths, overlap
from glassbotan.dynamics.scattering import self_scattering


@dataclass(frozen=True)
class DynamicalTargets:
    """What moved, on average over the replicas of one configuration.

    `halves` are the averages over the replicas of odd and of even number: two independent measurements of the same
    thing, whose correlation says how well anything could be predicted.
    """

    times: NDArray[np.float64]
    """(n_t,) sampling times, tau"""
    pairs: NDArray[np.int32]
    """(n_p, 2), i < j, r_ij(0) <= r_e"""
    propensity: NDArray[np.float32]
    """S_i(t), (n_t, N)"""
    propensity_halves: NDArray[np.float32]
    """(n_t, 2, N)"""
    pair_distance_change: NDArray[np.float32]
    """E_ij(t), (n_t, n_p)"""
    pair_distance_change_halves: NDArray[np.float32]
    """(n_t, 2, n_p)"""
    neighbor_relative: NDArray[np.float32]
    """R_i(t), (n_t, N)"""
    neighbor_relative_halves: NDArray[np.float32]
    """(n_t, 2, N)"""
    cage_relative: NDArray[np.float32]
    """C_i(t), (n_t, N), the limit of R_i without local strain"""
    cage_relative_halves: NDArray[np.float32]
    """(n_t, 2, N)"""
    nonaffine: NDArray[np.float32]
    """D_i(t), (n_t, N)"""
    nonaffine_halves: NDArray[np.float32]
    """(n_t, 2, N)"""
    mean_displacement: NDArray[np.float32]
    """<r_i(t) - r_i(0)>, (n_t, N, 3)"""
    overlap: NDArray[np.float64]
    """Q(t) of each replica, (n_t, n_r)"""
    scattering_times: NDArray[np.float64]
    """(n_s,) times of F_s, tau"""
    scattering: NDArray[np.float64]
    """F_s(k, t) of species A, mean over the replicas sampled at that time, (n_s,)"""

    @classmethod
    def of_propensity(cls, times: NDArray, pairs: NDArray, propensity: NDArray) -> Self:
        """The propensity (n_t, N) alone, where nothing else is known: the rest is not a number."""
        n_t, n = propensity.shape

        def unknown(*shape: int) -> NDArray[np.float32]:
            return np.full((n_t, *shape), np.nan, np.float32)

        return cls(
            times=times,
            pairs=pairs,
            propensity=propensity.astype(np.float32),
            propensity_halves=unknown(2, n),
            pair_distance_change=unknown(len(pairs)),
            pair_distance_change_halves=unknown(2, len(pairs)),
            neighbor_relative=unknown(n),
            neighbor_relative_halves=unknown(2, n),
            cage_relative=unknown(n),
            cage_relative_halves=unknown(2, n),
            nonaffine=unknown(n),
            nonaffine_halves=unknown(2, n),
            mean_displacement=unknown(n, 3),
            overlap=np.full((n_t, 1), np.nan),
            scattering_times=times,
            scattering=np.full(n_t, np.nan),
        )


def dynamical_targets(
    positions: NDArray,
    species: NDArray,
    box_length: float,
    moments: Iterable[tuple[int, int, NDArray]],
    sampling_steps: Sequence[int],
    timestep: float,
    replicas: int,
    *,
    pair_range: float,
    neighbor_range: float,
    overlap_distance: float,
    wave_number: float,
    most_replicas: int | None = None,
) -> DynamicalTargets:
    """Compute S, E, R, C, D, Q and F_s; time and memory grow linearly with N.

    Parameters
    ----------
    positions, species, box_length : the configuration at t = 0; (N, 3), (N,)
    moments : (replica from 1, step, displacements (N, 3)) in any order; steps that are no sampling steps serve F_s
    sampling_steps : steps of the sampling times, increasing
    timestep : dt, tau
    replicas : number of replicas that must be there at every sampling step, at least 2
    most_replicas : take the first so many of them and leave out the others
    pair_range, neighbor_range : r_e of the pairs, and the range of the neighbours of R, C and D; sigma_AA
    overlap_distance, wave_number : a of Q(t), sigma_AA, and k of F_s(k, t), 1 / sigma_AA

    Raises
    ------
    ValueError
        if a replica is missing at a sampling time or comes twice, or the box is too small
    """
    replicas = min(replicas, most_replicas or replicas)
    n, n_t = len(positions), len(sampling_steps)
    pairs = neighbor_pairs(positions, box_length, pair_range)
    separations = minimum_image(positions[pairs[:, 1]] - positions[pairs[:, 0]], box_length)
    neighborhood = Neighborhood(pairs, separations, n, neighbor_range)

    lengths = np.zeros((n_t, 2, n))
    changes = np.zeros((n_t, 2, len(pairs)))
    relative = np.zeros((n_t, 2, 3, n))
    moved = np.zeros((n_t, n, 3))
    overlaps = np.full((n_t, replicas), np.nan)
    scattering: dict[int, list[float]] = {}

    time_of = {step: index for index, step in enumerate(sampling_steps)}
    for replica, step, displacements in moments:
        if most_replicas and replica > most_replicas:
            continue
        scattering.setdefault(step, []).append(self_scattering(displacements[species == 0], wave_number))
        if (time := time_of.get(step)) is None:
            continue
        if not 1 <= replica <= replicas or not np.isnan(overlaps[time, replica - 1]):
            raise ValueError(f"replica {replica} of {replicas} at step {step} is unknown or comes twice")
        half = replica % 2
        overlaps[time, replica - 1] = overlap(displacements, overlap_distance)
        lengths[time, half] += displacement_lengths(displacements)
        changes[time, half] += pair_distance_changes(pairs, separations, displacements, box_length)
        relative[time, half] += neighborhood.relative_motion(displacements)
        moved[time] += displacements

    missing = np.argwhere(np.isnan(overlaps))
    if len(missing):
        time, replica = missing[0]
        raise ValueError(f"replica {replica + 1} is missing at step {sampling_steps[time]}")

    in_half = np.array([replicas // 2, replicas - replicas // 2])[:, None]

    def mean(sums: NDArray) -> NDArray[np.float32]:
        return (sums.sum(axis=1) / replicas).astype(np.float32)

    def mean_of_halves(sums: NDArray) -> NDArray[np.float32]:
        return (sums / in_half).astype(np.float32)

    neighbor_relative, cage_relative, nonaffine = relative.transpose(2, 0, 1, 3)
    scattering_steps = sorted(scattering)
    return DynamicalTargets(
        times=np.array(sampling_steps) * timestep,
        pairs=pairs,
        propensity=mean(lengths),
        propensity_halves=mean_of_halves(lengths),
        pair_distance_change=mean(changes),
        pair_distance_change_halves=mean_of_halves(changes),
        neighbor_relative=mean(neighbor_relative),
        neighbor_relative_halves=mean_of_halves(neighbor_relative),
        cage_relative=mean(cage_relative),
        cage_relative_halves=mean_of_halves(cage_relative),
        nonaffine=mean(nonaffine),
        nonaffine_halves=mean_of_halves(nonaffine),
        mean_displacement=(moved / replicas).astype(np.float32),
        overlap=overlaps,
        scattering_times=np.array(scattering_steps) * timestep,
        scattering=np.array([np.mean(scattering[step]) for step in scattering_steps]),
    )
