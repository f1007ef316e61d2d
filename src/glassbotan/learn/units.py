"""The units in which a network measures S and E."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassbotan.kob_andersen import Species


@dataclass(frozen=True)
class Units:
    """What a network gives is (S_i - mean) / scale, with those of the particle's species, and (E_ij - mean) / scale.

    The species apart, since they differ more from each other than the particles of one do: in common units a network
    would earn more by telling A from B, which it is told, than by telling mobile from immobile.
    """

    propensity_mean: tuple[float, float] = (0.0, 0.0)
    propensity_scale: tuple[float, float] = (1.0, 1.0)
    pair_mean: float = 0.0
    pair_scale: float = 1.0

    def measure(self, species: NDArray, propensity: NDArray, pair: NDArray) -> tuple[NDArray, NDArray]:
        """S (N,) and E (n_p,) in these units."""
        mean, scale = (np.array(numbers)[species] for numbers in (self.propensity_mean, self.propensity_scale))
        return (propensity - mean) / scale, (pair - self.pair_mean) / self.pair_scale

    def restore(self, species: NDArray, propensity: NDArray, pair: NDArray) -> tuple[NDArray, NDArray]:
        """S and E in reduced units again."""
        mean, scale = (np.array(numbers)[species] for numbers in (self.propensity_mean, self.propensity_scale))
        return mean + scale * propensity, self.pair_mean + self.pair_scale * pair


REDUCED = Units()
"""Reduced Lennard-Jones, as everywhere else."""


def spread_units(targets: Iterable[tuple[NDArray, NDArray, NDArray]]) -> Units:
    """Units in which the targets of some configurations, taken together, have mean 0 and standard deviation 1.

    Parameters
    ----------
    targets : species (N,), S (N,) and E (n_p,) of each; what is not known keeps reduced units
    """
    species, propensity, pair = (np.concatenate(parts) for parts in zip(*targets, strict=True))
    means, scales = zip(*(_mean_and_spread(propensity[species == kind]) for kind in Species), strict=True)
    return Units(means, scales, *_mean_and_spread(pair))


def _mean_and_spread(values: NDArray) -> tuple[float, float]:
    if not len(values) or not np.isfinite(values).all():
        return 0.0, 1.0
    return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64)) or 1.0


def mean_units(units: Sequence[Units]) -> Units:
    """Mean of the means and of the scales."""

    def mean(name: str) -> tuple[float, ...]:
        return tuple(np.mean([np.atleast_1d(getattr(one, name)) for one in units], axis=0).tolist())

    of_a, of_b = zip(mean("propensity_mean"), mean("propensity_scale"), strict=True)
    (pair_mean,), (pair_scale,) = mean("pair_mean"), mean("pair_scale")
    return Units((of_a[0], of_b[0]), (of_a[1], of_b[1]), pair_mean, pair_scale)
