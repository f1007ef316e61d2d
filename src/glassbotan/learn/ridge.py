"""Ridge regression for several classes of particles or pairs, from blocks of data that need not be in memory together.

For each class and column y the weights w minimise n^-1 sum_i (y_i - w.x_i - c)^2 + lambda |w|^2 with a constant c,
where x is scaled to standard deviation 1. The ridge parameter lambda of each, and which components of x can have
weights, are those with the smallest error on the validation configurations or, if there are none, in a cross-validation
on the training configurations.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Self

import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import StudyError
from glassbotan.learn.least_squares import Sums, solve, validation_errors

FOLDS = 5
"""Number of parts of the training set in the cross-validation that is done if there is no validation set."""
PARAMETERS = tuple(float(f"{value:.3g}") for value in np.geomspace(1e-4, 1e2, 25))
"""Values of the ridge parameter that are tried by default."""


@dataclass(frozen=True)
class RidgeFit:
    """The fitted weights of each class."""

    weights: NDArray[np.float64]
    """(classes, n_d, n_y)"""
    constants: NDArray[np.float64]
    """(classes, n_y)"""
    spreads: NDArray[np.float64]
    """(classes, n_d), standard deviation of each component of x over the training data of each class"""

    def predict(self, x: NDArray, members: NDArray) -> NDArray[np.float64]:
        """The columns (n, n_y) for x (n, n_d), with the class of each, (n,)."""
        found = np.zeros((len(x), self.weights.shape[2]))
        for number in range(len(self.weights)):
            rows = members == number
            found[rows] = x[rows] @ self.weights[number] + self.constants[number]
        return found

    def as_arrays(self) -> dict[str, NDArray[np.float64]]:
        """The arrays for a file."""
        return {"weights": self.weights, "constants": self.constants, "spreads": self.spreads}

    @classmethod
    def from_arrays(cls, tensors: Mapping[str, NDArray]) -> Self:
        """The fit from the arrays of a file."""
        return cls(tensors["weights"], tensors["constants"], tensors["spreads"])


class RidgeSums:
    """Collects the sums over the data from which ridges are fitted.

    Parameters
    ----------
    classes : number of classes
    """

    def __init__(self, classes: int) -> None:
        self._classes = classes
        # The first mean of each class is subtracted from its data, which reduces rounding errors in the sums.
        self._centers: list[NDArray[np.float64] | None] = [None] * classes
        self._train: dict[int, list[Sums | None]] = {}
        self._validation: list[Sums | None] = [None] * classes

    def add_training(self, number: int, x: NDArray, y: NDArray, members: NDArray) -> None:
        """Add a training configuration: its number, x (n, n_d), y (n, n_y), and the class of each (n,)."""
        part = self._train.setdefault(number % FOLDS, [None] * self._classes)
        self._add(part, x, y, members)

    def add_validation(self, x: NDArray, y: NDArray, members: NDArray) -> None:
        """Add a validation configuration."""
        self._add(self._validation, x, y, members)

    def _add(self, into: list[Sums | None], x: NDArray, y: NDArray, members: NDArray) -> None:
        for number in range(self._classes):
            rows = members == number
            if not rows.any():
                continue
            center = self._centers[number]
            if center is None:
                center = self._centers[number] = x[rows].mean(axis=0)
            sums, before = Sums.over(x[rows] - center, y[rows]), into[number]
            into[number] = sums if before is None else before + sums

    def fit(
        self,
        parameters: Sequence[float],
        names: Sequence[str],
        classes: Sequence[str],
        choices: Sequence[NDArray[np.intp]] = (),
    ) -> tuple[RidgeFit, dict[str, list[float]]]:
        """The fit, and the history of the choice of the ridge parameter: a column of errors for each class and column.

        Parameters
        ----------
        parameters : values of the ridge parameter that are tried
        names, classes : names of the columns and of the classes, for the history
        choices : components of x that are tried, each as the only ones with weights; by default all of them
        """
        weights, constants, spreads = [], [], []
        history: dict[str, list[float]] = {"ridge_parameter": list(parameters)}
        components = next(len(center) for center in self._centers if center is not None)
        for number, name in enumerate(classes):
            parts = [sums for part in self._train.values() if (sums := part[number]) is not None]
            center, judged = self._centers[number], self._validation[number]
            of_class, constant = np.zeros((components, len(names))), np.zeros(len(names))
            weights.append(of_class)
            if not parts or center is None:
                self._say(f"there are no {name} to fit to: their prediction is a constant")
                constants.append(constant)
                spreads.append(np.ones(components))
                continue
            everything = reduce(add, parts)
            spreads.append(everything.spreads)
            if judged is None and len(parts) < 2:
                self._say(f"there are {name} in one configuration only: their prediction is a constant")
                constants.append(everything.y / everything.count)
                continue
            if everything.count < components:
                self._say(
                    f"there are {everything.count} {name} for {components} descriptors; with fewer examples than "
                    "descriptors, use more configurations or fewer descriptors"
                )
            best = np.full(len(names), np.inf)
            for chosen in choices or [np.arange(components)]:
                solutions = solve(everything.only(chosen), parameters)
                if judged is not None:
                    errors = np.stack([judged.only(chosen).error(*solution) for solution in solutions])
                else:
                    errors = validation_errors([sums.only(chosen) for sums in parts], [], parameters)
                if not np.isfinite(errors).all():
                    wrong = names[int(np.flatnonzero(~np.isfinite(errors).all(axis=0))[0])]
                    raise StudyError(
                        f"the fit of {wrong} to {name} has errors that are not finite: a target or a descriptor is "
                        "not a number; make the targets and structures again"
                    )
                for column in np.flatnonzero(errors.min(axis=0) < best).tolist():
                    index = int(errors[:, column].argmin())
                    best[column] = errors[index, column]
                    of_class[:, column] = 0.0
                    of_class[chosen, column] = solutions[index][0][:, column]
                    constant[column] = solutions[index][1][column]
                    history[f"{names[column]}, {name}"] = errors[:, column].tolist()
            constants.append(constant - center @ of_class)
        return RidgeFit(np.stack(weights), np.stack(constants), np.stack(spreads)), history

    @staticmethod
    def _say(what: str) -> None:
        print(f"glassbotan: {what}", file=sys.stderr)
