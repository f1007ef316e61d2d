"""Softness: the distance from a hyperplane that separates mobile from immobile particles.

Schoenholz et al., Nature Phys. 12, 469 (2016): a linear support-vector machine (scikit-learn) on the structure
functions of a particle (`glassbotan.structure.functions`). Here a particle is mobile if its propensity is among the
highest of its species and configuration, and immobile if it is among the lowest. Each species and sampling time has its
own plane.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from glassbotan.kob_andersen import Species
from glassbotan.predictors.contract import (
    NAME,
    Examples,
    FitContext,
    FittedPredictor,
)
from glassbotan.predictors.domain import Domain
from glassbotan.predictors.shared import Joint, OfOneState, require_held_out
from glassbotan.progress import progress
from glassbotan.structure.functions import StructureFunctions
from glassbotan.structure.states import INHERENT, Positions
from glassbotan.structure.static import StaticStructure


class Settings(Joint, OfOneState):
    """Softness: a linear classifier of mobile and immobile particles on their structure functions."""

    gives_values: ClassVar[bool] = False
    random: ClassVar[bool] = False

    kind: Literal["softness"] = Field(description="kind of predictor")
    name: str = Field("softness", pattern=NAME, description="name in paths and tables")
    structure: Positions = Field(INHERENT, description="state of the structure that is described")
    smallest_radius: PositiveFloat = Field(0.7, description="smallest radius of the radial functions [sigma_AA]")
    largest_radius: PositiveFloat = Field(2.5, description="largest radius of the radial functions [sigma_AA]")
    radial_step: PositiveFloat = Field(0.1, description="distance between their radii, and their width [sigma_AA]")
    angular_range: PositiveFloat = Field(2.0, description="range of the neighbours in angular functions [sigma_AA]")
    fraction: float = Field(
        0.1, gt=0, le=0.5, description="fraction of the particles that count as mobile, and as immobile"
    )
    penalties: tuple[PositiveFloat, ...] = Field(
        (1e-4, 1e-3, 1e-2, 0.1, 1.0),
        min_length=1,
        description="penalties C of the support-vector machine that are tried (the larger, the less regularised); the "
        "one that tells apart most particles of the validation configurations is taken (without validation, the last "
        "training configuration is held out)",
    )

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return ("S",)

    @property
    def functions(self) -> StructureFunctions:
        """The structure functions."""
        count = 1 + round((self.largest_radius - self.smallest_radius) / self.radial_step)
        radii = (self.smallest_radius + self.radial_step * np.arange(count)).round(6).tolist()
        return StructureFunctions(tuple(radii), self.radial_step, self.angular_range)


class Fitted(FittedPredictor):
    """The planes.

    Parameters
    ----------
    weights : (2, n_t, n_d), normal vector of the plane of each species and time, for the functions as they are
    constants : (2, n_t)
    """

    settings: Settings

    def __init__(
        self,
        settings: Settings,
        domain: Domain,
        weights: NDArray[np.float64],
        constants: NDArray[np.float64],
        history: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(settings, domain, history)
        self.weights, self.constants = weights, constants

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`: the softness, of which only the order of the values has a meaning."""
        x = self.settings.functions.compute(structure.at(self.settings.structure))
        softness = np.zeros((len(self.domain.times), len(structure)))
        for species in Species:
            rows = structure.species == species
            softness[:, rows] = self.weights[species] @ x[rows].T + self.constants[species][:, None]
        return {"S": softness}

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """See `FittedPredictor.tensors`."""
        return {"weights": self.weights, "constants": self.constants}

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> "Fitted":
        """See `FittedPredictor.restore`."""
        return cls(settings, domain, tensors["weights"], tensors["constants"])


def extremes(values: NDArray, fraction: float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Indices of the lowest and the highest values (n,), a fraction of each, and whether each is among the highest."""
    count = max(1, round(fraction * len(values)))
    order = np.argsort(values, kind="stable")
    return np.concatenate([order[:count], order[-count:]]), np.repeat([False, True], count)


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Fit a plane for each species and time; see `glassbotan.predictors.contract`.

    Raises
    ------
    StudyError
        if the penalty cannot be chosen, because there is one training configuration only and no validation
        configuration
    """
    require_held_out(settings.name, "penalty", len(train), len(validation))
    functions, n_t = settings.functions, len(context.domain.times)
    # The examples of both classes for each species and time, configuration by configuration.
    chosen: dict[tuple[int, int], list[tuple[NDArray, NDArray]]] = {}
    with progress(f"Fit {settings.name}", len(train) + len(validation), "configurations") as advance:
        for example in (*train, *validation):
            context.deadline.check()
            structure = example.structure()
            x, propensity = functions.compute(structure.at(settings.structure)), example.target("S")
            for species in Species:
                rows = np.flatnonzero(structure.species == species)
                for time in range(n_t):
                    found, mobile = extremes(propensity[time][rows], settings.fraction)
                    chosen.setdefault((species, time), []).append((x[rows[found]], mobile))
            advance(1)

    fitted_to = len(train) if validation else len(train) - 1
    weights, constants = np.zeros((len(Species), n_t, 0)), np.zeros((len(Species), n_t))
    history: dict[str, list[float]] = {"penalty": list(settings.penalties)}
    for (number, time), examples in chosen.items():
        context.deadline.check()
        judged = examples[fitted_to:]
        accuracies = [
            float(np.mean([plane.score(x, mobile) for x, mobile in judged]))
            for plane in (_plane(examples[:fitted_to], penalty, context.seed) for penalty in settings.penalties)
        ]
        history[f"accuracy_{Species(number).name}_t{context.domain.time_indices[time]:02d}"] = accuracies
        plane = _plane(examples[: len(train)], settings.penalties[int(np.argmax(accuracies))], context.seed)
        scaler, machine = plane[0], plane[1]
        if not weights.shape[2]:
            weights = np.zeros((len(Species), n_t, len(scaler.scale_)))
        weights[number, time] = machine.coef_[0] / scaler.scale_
        constants[number, time] = machine.intercept_[0] - weights[number, time] @ scaler.mean_
    return Fitted(settings, context.domain, weights, constants, history)


def _plane(examples: Sequence[tuple[NDArray, NDArray]], penalty: float, seed: int) -> Any:
    """The support-vector machine on scaled structure functions, fitted to examples of some configurations."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    x = np.concatenate([of_configuration for of_configuration, _ in examples])
    mobile = np.concatenate([of_configuration for _, of_configuration in examples])
    return make_pipeline(StandardScaler(), LinearSVC(C=penalty, dual=False, random_state=seed)).fit(x, mobile)
