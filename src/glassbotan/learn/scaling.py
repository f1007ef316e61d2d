"""The scale on which a predictor measures its targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TargetScaling:
    """Scaled values are (x - mean) / scale, with the mean and scale of the class that a value belongs to.

    The classes of particles are their species, which differ more from each other than the particles of one do: on a
    common scale a network would earn more by telling A from B, which it is told, than by telling mobile from immobile.
    Pairs are one class; `members`, below, is then None.
    """

    mean: tuple[float, ...]
    """of each class, in the target's reduced unit"""
    scale: tuple[float, ...]

    @classmethod
    def reduced(cls, classes: int) -> Self:
        """Values as they are, in reduced Lennard-Jones units."""
        return cls((0.0,) * classes, (1.0,) * classes)

    @classmethod
    def of_values(cls, values: NDArray, members: NDArray | None = None, classes: int = 1) -> Self:
        """The scale on which the values of each class have mean 0 and standard deviation 1.

        Parameters
        ----------
        values, members : (n,), and which class each belongs to; a class without finite values keeps reduced units
        """
        parts = [values] if members is None else [values[members == one] for one in range(classes)]
        means, scales = zip(*map(_mean_and_spread, parts), strict=True)
        return cls(means, scales)

    @classmethod
    def mean_of(cls, scalings: Sequence["TargetScaling"]) -> Self:
        """The mean of several means and scales."""
        means, scales = (
            tuple(np.mean([getattr(one, name) for one in scalings], axis=0).tolist()) for name in ("mean", "scale")
        )
        return cls(means, scales)

    def measure(self, values: NDArray, members: NDArray | None = None) -> NDArray:
        """Values (n,) on this scale."""
        mean, scale = self._of(members)
        scaled: NDArray = (values - mean) / scale
        return scaled

    def restore(self, values: NDArray, members: NDArray | None = None) -> NDArray:
        """Values (n,) in the target's own unit again."""
        mean, scale = self._of(members)
        restored: NDArray = mean + scale * values
        return restored

    def _of(self, members: NDArray | None) -> tuple[Any, Any]:
        """Mean and scale of each value, or of all."""
        if members is None:
            return self.mean[0], self.scale[0]
        return np.array(self.mean)[members], np.array(self.scale)[members]


def _mean_and_spread(values: NDArray) -> tuple[float, float]:
    if not len(values) or not np.isfinite(values).all():
        return 0.0, 1.0
    return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64)) or 1.0
