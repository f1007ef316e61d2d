"""The interface that every kind of predictor implements.

A predictor predicts from the static structure of a configuration how much its particles or pairs will move. Each kind
of predictor is a module of `glassbotan.predictors`, or a module of another package that is declared as an entry point
in the group `glassbotan.predictors`. It defines three names:

    Settings    a subclass of `PredictorSettings`: its settings in a study's `models:`, with `kind: Literal["..."]`
    fit         fit(train, validation, settings, context) -> FittedPredictor; a baseline, which fits nothing, has none
    Fitted      a subclass of `FittedPredictor`: makes predictions, and can be written to a file and restored from it

If its fits can start from published weights, it also defines

    published_predictor     published_predictor(path, settings, domain) -> FittedPredictor

Every command imports the module, so the import has to be quick: import torch and similar packages inside functions.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat

from glassbotan.errors import FileError, StudyError
from glassbotan.files.targets import Targets
from glassbotan.predictors.domain import Domain
from glassbotan.stopping import Deadline
from glassbotan.structure.states import THERMAL, uses_potential
from glassbotan.structure.static import StaticStructure
from glassbotan.study.section import Section
from glassbotan.study.simulation import Device

NAME = r"^[A-Za-z][A-Za-z0-9.-]*$"
"""Pattern of the names that a model can have; the name is part of paths."""


class Start(NamedTuple):
    """A predictor that another fit needs: one that is fitted first, or published weights."""

    settings: "PredictorSettings"
    temperature: float | None = None
    """temperature of the state point that it is fitted at, epsilon_AA / k_B; None if it is that of the other fit"""
    time: float | None = None
    """sampling time that it is fitted for, tau; None if it is fitted for those of the other fit"""
    seeds: tuple[int, ...] | None = None
    """seeds with which it is fitted; None if it is fitted with that of the other fit"""
    weights: str | None = None
    """file of published weights, in which {seed} stands for the seed; if given, nothing is fitted first"""
    weights_learnt_from: tuple[int, ...] = ()
    """configurations that the published weights were trained on"""


class PredictorSettings(Section):
    """Settings that every kind of predictor has, and the properties that the rest of the program uses."""

    fits: ClassVar[bool] = True
    """whether the predictor is fitted to targets; one that is not is a baseline"""
    gives_values: ClassVar[bool] = True
    """whether predictions are estimates of the target's values; otherwise only their order has a meaning"""
    random: ClassVar[bool] = True
    """whether fits with different seeds differ"""
    has_epochs: ClassVar[bool] = False
    """whether it is trained in epochs: then its settings have `training.epochs`, and the history of its fit has a row
    for each epoch, with the columns `epoch`, `train_loss` and `validation_loss`"""

    kind: str = Field(description="kind of predictor")
    name: str = Field(pattern=NAME, description="name in paths and tables")
    times: Literal["all"] | tuple[PositiveFloat, ...] = Field(
        "all", description="sampling times for which the predictor is fitted [tau], or all"
    )
    seeds: tuple[NonNegativeInt, ...] = Field(
        (0,), min_length=1, description="seeds of random numbers; the predictor is fitted once for each"
    )

    @property
    def predicts(self) -> tuple[str, ...]:
        """Symbols of the targets that the predictor predicts."""
        raise NotImplementedError

    @property
    def has_spread(self) -> bool:
        """Whether its predictions have an uncertainty; see `Estimate`."""
        return False

    @property
    def fits_itself(self) -> bool:
        """Whether it is fitted to data, and not made of other models that are."""
        return self.fits

    @property
    def joint(self) -> bool:
        """Whether one fit covers all sampling times of a temperature; otherwise there is a fit for each time."""
        return False

    @property
    def together(self) -> tuple[float, ...]:
        """Temperatures of the state points to which one fit is made together, epsilon_AA / k_B.

        If there are any, the fit is made at the first of them, and predicts at every temperature of the study.
        Otherwise there is a fit for each temperature.
        """
        return ()

    def fitted_at(self, time: float) -> bool:
        """Whether the predictor is fitted for a sampling time [tau]."""
        return isinstance(self.times, str) or time in self.times

    @property
    def needs(self) -> frozenset[str]:
        """The states of the structure from which it predicts; see `glassbotan.structure.states`."""
        return frozenset({THERMAL})

    @property
    def uses_potential(self) -> bool:
        """Whether it predicts from the potential as well, and not only from the positions of the particles."""
        return uses_potential(self.needs)

    @property
    def starts(self) -> tuple[Start, ...]:
        """The predictors that have to exist before this one can be fitted."""
        return ()

    def require_start(self, found: "PredictorSettings", path: str) -> None:
        """Raise an error if a fit with these settings cannot start from a given fitted predictor.

        Parameters
        ----------
        found : settings of the fitted predictor
        path : its file, for the message

        Raises
        ------
        FileError
            with the file, the predictor that it holds and what was expected
        """
        raise FileError(f"{path} cannot be used: a model of kind {self.kind} does not start from another predictor")

    def for_fitting(self) -> dict[str, Any]:
        """The settings on which the fit depends, as plain data; those that only affect predictions are left out."""
        return self.model_dump(mode="json", exclude={"prediction", "times", "seeds"})

    def for_prediction(self) -> dict[str, Any]:
        """The settings that only affect predictions, as plain data; changing them requires no new fit."""
        prediction: dict[str, Any] = self.model_dump(mode="json").get("prediction", {})
        return prediction

    def with_fewer_configurations(self, before: int, after: int) -> Self:
        """The settings for a fit to `after` instead of `before` configurations that takes as much computation."""
        return self

    def with_setting(self, setting: str, value: Any) -> Self:
        """The same predictor with one setting changed.

        Parameters
        ----------
        setting : name of the setting, with a dot between a section and its key, such as network.rounds
        value : its new value

        Raises
        ------
        StudyError
            if there is no such setting
        ValueError
            if the setting cannot have this value
        """
        content = self.model_dump()
        *sections, key = setting.split(".")
        section: Any = content
        for name in sections:
            section = section.get(name) if isinstance(section, dict) else None
        if not isinstance(section, dict) or key not in section:
            raise StudyError(f"a model of kind {self.kind} has no setting {setting}")
        section[key] = value
        return type(self).model_validate(content)

    def setting(self, setting: str) -> Any:
        """The value of a setting, whose name has a dot between a section and its key."""
        value: Any = self
        for name in setting.split("."):
            value = getattr(value, name)
        return value


@dataclass(frozen=True)
class Example:
    """One configuration: its static structure and its targets at the sampling times that a predictor is fitted for."""

    source: Targets
    """its targets file"""
    time_indices: tuple[int, ...]
    """(n_t,) numbers of the sampling times, counted from 1"""

    @property
    def name(self) -> str:
        """Name of the configuration in messages: the path of its file."""
        return str(self.source.path)

    def structure(self) -> StaticStructure:
        """Its static structure at t = 0."""
        return self.source.structure()

    def target(self, symbol: str) -> NDArray[np.float32]:
        """One target at each sampling time: (n_t, N) for particles, (n_t, n_p) for pairs."""
        return self.source.means[symbol][self._rows]

    def half_targets(self, symbol: str) -> NDArray[np.float32] | None:
        """One target averaged over each half of the replicas, (n_t, 2, N) or (n_t, 2, n_p); None if not known."""
        return self.source.halves[symbol][self._rows] if symbol in self.source.halves else None

    @property
    def _rows(self) -> list[int]:
        return [index - 1 for index in self.time_indices]


@dataclass(frozen=True)
class Examples(Sequence[Example]):
    """A sequence of examples, whose files are read only when their data are used."""

    sources: Sequence[Targets]
    """targets files of the configurations"""
    time_indices: tuple[int, ...]
    """(n_t,) numbers of the sampling times, counted from 1"""

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Examples(self.sources[index], self.time_indices)
        return Example(self.sources[index], self.time_indices)

    def __len__(self) -> int:
        return len(self.sources)

    def __iter__(self) -> Iterator[Example]:
        return (Example(source, self.time_indices) for source in self.sources)


@dataclass(frozen=True)
class FitContext:
    """What a fit gets in addition to its settings and its data; a fit that takes seconds needs only the domain."""

    domain: Domain
    seed: int = 0
    """seed of all random numbers of the fit"""
    device: Device = "auto"
    """processor for fits that can use a GPU"""
    starts: "Sequence[FittedPredictor]" = ()
    """the fitted predictors that `PredictorSettings.starts` describes"""
    folder: Path | None = None
    """folder for the checkpoints of an unfinished fit; without it, none are written"""
    deadline: Deadline = field(default_factory=Deadline.never)
    """`check` has to be called before each step, and `saved` after each checkpoint"""


class Estimate(NamedTuple):
    """Predicted values of one target and their uncertainty."""

    values: NDArray[np.floating]
    """(n_t, N) for particles and (n_t, n_p) for pairs, reduced units"""
    spread: NDArray[np.floating] | None
    """of the same shape, standard deviation between predictors that were fitted with different random numbers; None
    if there is only one"""


class FittedPredictor(ABC):
    """A predictor that has been fitted.

    Parameters
    ----------
    settings : settings with which it was fitted
    domain : what it was fitted to
    history : table of the progress of the fit, by column: a row for each epoch, or for each value of a parameter that
        was tried
    """

    def __init__(
        self, settings: PredictorSettings, domain: Domain, history: Mapping[str, Sequence[float]] | None = None
    ) -> None:
        self.settings = settings
        self.domain = domain
        self.history = history or {}
        self.remarks: dict[str, Any] = {}
        """additional entries for the record of how the file was made, such as the processor"""

    @abstractmethod
    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """Predict every target for one structure.

        Returns
        -------
        predictions : values of each target by its symbol at the times of the domain, in reduced units: (n_t, N) for
            particles and (n_t, n_p) for pairs
        """

    def estimate(self, structure: StaticStructure) -> Mapping[str, Estimate]:
        """The predictions with their uncertainty, where it is known; see `predict`."""
        return {symbol: Estimate(values, None) for symbol, values in self.predict(structure).items()}

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """The arrays from which `restore` rebuilds the predictor; they are written to its file."""
        return {}

    def details(self) -> dict[str, Any]:
        """Everything else that `restore` needs, as plain data; it is written to the file."""
        return {}

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> Self:
        """Rebuild the predictor from the content of its file."""
        return cls(settings, domain)

    def with_prediction(self, prediction: Mapping[str, Any]) -> Self:
        """The same predictor with other values of the settings that `PredictorSettings.for_prediction` returns.

        Raises
        ------
        StudyError
            if this kind has no such setting, or the setting cannot have the value
        """
        changed = copy(self)
        for name, value in prediction.items():
            try:
                changed.settings = changed.settings.with_setting(f"prediction.{name}", value)
            except ValueError as error:
                reason = str(error).splitlines()[-2].strip() if "\n" in str(error) else error
                raise StudyError(f"the setting prediction.{name} cannot be {value!r}: {reason}") from None
        return changed
