"""All targets of one configuration from one pass over its ensemble."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.neighbor_relative import Neighborhood
from glassbotan.dynamics.pairs import minimum_image, neighbor_pairs
from glassbotan.dynamics.registry import ReplicaMotion, targets
from glassbotan.dynamics.relaxation import overlap, self_scattering


@dataclass(frozen=True)
class DynamicalTargets:
    """The targets of one configuration, averaged over its replicas.

    The half-ensemble averages, over the replicas of even and of odd number, are two independent measurements of the
    same quantity; the best score that a prediction could reach follows from their correlation. Targets that are not
    known are left out.
    """

    times: NDArray[np.float64]
    """(n_t,) sampling times, tau"""
    pairs: NDArray[np.int32]
    """(n_p, 2), i < j, r_ij(0) <= r_e"""
    means: Mapping[str, NDArray[np.float32]]
    """mean of each target over all replicas, by its symbol: (n_t, N) of particles, (n_t, n_p) of pairs"""
    halves: Mapping[str, NDArray[np.float32]]
    """mean of each target over each half of the replicas: (n_t, 2, N) or (n_t, 2, n_p)"""
    mean_displacement: NDArray[np.float32] | None
    """<r_i(t) - r_i(0)>, (n_t, N, 3), sigma_AA; None if not known"""
    overlap: NDArray[np.float64]
    """Q(t) of each replica, (n_t, n_r)"""
    scattering_times: NDArray[np.float64]
    """(n_s,) times of F_s, tau"""
    scattering: NDArray[np.float64]
    """F_s(k, t) of species A, mean over the replicas sampled at that time, (n_s,)"""

    @classmethod
    def of_propensity(cls, times: NDArray, pairs: NDArray, propensity: NDArray) -> Self:
        """Targets that consist of the propensity (n_t, N) alone, if nothing else was published."""
        return cls(
            times=times,
            pairs=pairs,
            means={"S": propensity.astype(np.float32)},
            halves={},
            mean_displacement=None,
            overlap=np.empty((len(times), 0)),
            scattering_times=np.empty(0),
            scattering=np.empty(0),
        )


class _Sums:
    """Sums over each half of the replicas at each sampling time."""

    def __init__(self, times: int, particles: int, pairs: int, replicas: int) -> None:
        size = {"particle": particles, "pair": pairs}
        self.of_targets = {symbol: np.zeros((times, 2, size[target.of])) for symbol, target in targets().items()}
        self.displacement = np.zeros((times, particles, 3))
        self.overlaps = np.full((times, replicas), np.nan)
        self.in_half = np.array([replicas // 2, replicas - replicas // 2])[:, None]
        self.replicas = replicas

    def add(self, time: int, replica: int, motion: ReplicaMotion, overlap_distance: float) -> None:
        """Add a replica, counted from 1, at a sampling time, counted from 0."""
        self.overlaps[time, replica - 1] = overlap(motion.displacements, overlap_distance)
        for symbol, target in targets().items():
            self.of_targets[symbol][time, replica % 2] += target.of_replica(motion)
        self.displacement[time] += motion.displacements

    def means(self) -> dict[str, NDArray[np.float32]]:
        """Mean of each target over all replicas."""
        return {
            symbol: (sums.sum(axis=1) / self.replicas).astype(np.float32) for symbol, sums in self.of_targets.items()
        }

    def halves(self) -> dict[str, NDArray[np.float32]]:
        """Mean of each target over each half of the replicas."""
        return {symbol: (sums / self.in_half).astype(np.float32) for symbol, sums in self.of_targets.items()}


def dynamical_targets(
    positions: NDArray,
    species: NDArray,
    box_length: float,
    frames: Iterable[tuple[int, int, NDArray]],
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
    """Compute every registered target, Q and F_s; time and memory grow linearly with N.

    Parameters
    ----------
    positions, species, box_length : the configuration at t = 0; (N, 3), (N,)
    frames : (replica, counted from 1; step; displacements (N, 3)), in any order; frames at steps that are not sampling
        steps are used for F_s only
    sampling_steps : steps of the sampling times, increasing
    timestep : dt, tau
    replicas : number of replicas, at least 2; a frame of each is needed at every sampling step
    most_replicas : largest number of a replica that is used; by default all replicas are used
    pair_range, neighbor_range : r_e of the pairs, and the range of the neighbours of R, C and D; sigma_AA
    overlap_distance, wave_number : a of Q(t), sigma_AA, and k of F_s(k, t), 1 / sigma_AA

    Raises
    ------
    ValueError
        if a replica is missing at a sampling time, comes twice or has an unknown number, or the box is too small
    """
    replicas = min(replicas, most_replicas or replicas)
    n, n_t = len(positions), len(sampling_steps)
    pairs = neighbor_pairs(positions, box_length, pair_range)
    separations = minimum_image(positions[pairs[:, 1]] - positions[pairs[:, 0]], box_length)
    neighborhood = None
    if any(target.neighbors for target in targets().values()):
        neighborhood = Neighborhood(pairs, separations, n, neighbor_range)

    sums = _Sums(n_t, n, len(pairs), replicas)
    scattering: dict[int, list[float]] = {}
    time_of = {step: index for index, step in enumerate(sampling_steps)}
    for replica, step, displacements in frames:
        if most_replicas and replica > most_replicas:
            continue
        scattering.setdefault(step, []).append(self_scattering(displacements[species == 0], wave_number))
        if (time := time_of.get(step)) is None:
            continue
        if not 1 <= replica <= replicas or not np.isnan(sums.overlaps[time, replica - 1]):
            raise ValueError(f"replica {replica} at step {step} comes twice or is not one of the {replicas} replicas")
        motion = ReplicaMotion(displacements, pairs, separations, box_length, neighborhood)
        sums.add(time, replica, motion, overlap_distance)

    missing = np.argwhere(np.isnan(sums.overlaps))
    if len(missing):
        time, replica = missing[0]
        raise ValueError(f"replica {replica + 1} is missing at step {sampling_steps[time]}")

    scattering_steps = sorted(scattering)
    return DynamicalTargets(
        times=np.array(sampling_steps) * timestep,
        pairs=pairs,
        means=sums.means(),
        halves=sums.halves(),
        mean_displacement=(sums.displacement / replicas).astype(np.float32),
        overlap=sums.overlaps,
        scattering_times=np.array(scattering_steps) * timestep,
        scattering=np.array([np.mean(scattering[step]) for step in scattering_steps]),
    )
