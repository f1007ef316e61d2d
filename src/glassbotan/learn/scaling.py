"""Scales to which targets are converted before a predictor is fitted to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TargetScaling:
    """Scaled values are (x - mean) / scale, with the mean and scale of the class that a value belongs to.

    The classes of particles are their species. Typical values of the two species differ more than those of particles of
    the same species, so that on a common scale the loss would mainly depend on the difference between A and B, which is
    known from the input, and less on the difference between mobile and immobile particles. All pairs are one class; the
    argument `members` of the methods is then None.
    """

    mean: tuple[float, ...]
    """mean of each class, in the target's reduced unit"""
    scale: tuple[float, ...]
    """scale of each class, in the target's reduced unit"""

    @classmethod
    def reduced(cls, classes: int) -> Self:
        """The scale that leaves values in reduced Lennard-Jones units."""
        return cls((0.0,) * classes, (1.0,) * classes)

    @classmethod
    def of_values(cls, values: NDArray, members: NDArray | None = None, classes: int = 1) -> Self:
        """The scale on which the values of each class have mean 0 and standard deviation 1.

        Parameters
        ----------
        values : (n,); a class that is empty or has a value that is not finite keeps reduced units
        members : (n,), class of each value; None if all are in one class
        classes : number of classes
        """
        parts = [values] if members is None else [values[members == one] for one in range(classes)]
        means, scales = zip(*map(_mean_and_spread, parts), strict=True)
        return cls(means, scales)

    @classmethod
    def mean_of(cls, scalings: Sequence["TargetScaling"]) -> Self:
        """The scale whose means and scales are the averages of those of several scales."""
        means, scales = (
            tuple(np.mean([getattr(one, name) for one in scalings], axis=0).tolist()) for name in ("mean", "scale")
        )
        return cls(means, scales)

    @classmethod
    def pooled(cls, scalings: Sequence["TargetScaling"]) -> Self:
        """The scale of several sets of values together, from the scale of each; all sets count the same."""
        means, scales = (np.array([getattr(one, name) for one in scalings]) for name in ("mean", "scale"))
        spread = np.sqrt((scales**2).mean(axis=0) + means.var(axis=0))
        return cls(tuple(means.mean(axis=0).tolist()), tuple(spread.tolist()))

    @classmethod
    def between(cls, scalings: Sequence["TargetScaling"], places: Sequence[float], place: float) -> Self:
        """The scale at a place, linearly between those at other places; outside of them, that of the nearest.

        Parameters
        ----------
        scalings : the scales at the places
        places : increasing
        place : where it is wanted
        """
        means, scales = (
            tuple(float(np.interp(place, places, of_class)) for of_class in zip(*columns, strict=True))
            for columns in ([one.mean for one in scalings], [one.scale for one in scalings])
        )
        return cls(means, scales)

    def measure(self, values: NDArray, members: NDArray | None = None) -> NDArray:
        """Convert values (n,) from reduced units to this scale."""
        mean, scale = self._of(members)
        scaled: NDArray = (values - mean) / scale
        return scaled

    def restore(self, values: NDArray, members: NDArray | None = None) -> NDArray:
        """Convert values (n,) from this scale to reduced units."""
        mean, scale = self._of(members)
        restored: NDArray = mean + scale * values
        return restored

    def _of(self, members: NDArray | None) -> tuple[Any, Any]:
        """Mean and scale for each value, (n,) each, or one of each if all values are in one class."""
        if members is None:
            return self.mean[0], self.scale[0]
        return np.array(self.mean)[members], np.array(self.scale)[members]


def _mean_and_spread(values: NDArray) -> tuple[float, float]:
    if not len(values) or not np.isfinite(values).all():
        return 0.0, 1.0
    return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64)) or 1.0
