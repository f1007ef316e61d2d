"""What every predictor is.

A predictor says from the static structure of a configuration how much its particles or pairs will move. A module of
`glassbotan.predictors`, or one that another package announces as an entry point in the group `glassbotan.predictors`,
adds a kind of predictor with three names:

    Settings    a `PredictorSettings`: what a study's `models:` says of it, with `kind: Literal["..."]`
    fit         fit(train, validation, settings, context) -> FittedPredictor
    Fitted      a `FittedPredictor`: predicts a structure, and goes into one file and comes out of it

Importing the module has to be quick, since every command does it: import torch and its like inside the functions.
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
from glassbotan.stopping import Deadline
from glassbotan.structure.static import State, StaticStructure
from glassbotan.study.section import Section
from glassbotan.study.simulation import Device

NAME = r"^[A-Za-z][A-Za-z0-9-]*$"
"""What a model may be called: its name is part of paths."""
DENSITY_TOLERANCE, COMPOSITION_TOLERANCE = 0.01, 0.02
"""Relative difference of the density, and difference of the fraction of A, up to which a liquid is the same."""


class Start(NamedTuple):
    """The predictor that another one starts from: one that is fitted first, or published weights."""

    settings: "PredictorSettings"
    temperature: float
    time: float
    """sampling time that it is fitted for, tau"""
    weights: str | None = None
    """pattern of published files with {seed}; nothing is fitted then"""
    weights_learnt_from: tuple[int, ...] = ()
    """configurations that the published weights were trained on"""


class PredictorSettings(Section):
    """Settings that every kind of predictor has, and what the rest of the program asks of them."""

    fits: ClassVar[bool] = True
    """whether it is fitted to anything; a predictor that is not is a baseline"""
    joint: ClassVar[bool] = False
    """whether it is fitted for all sampling times of a temperature at once, or for each by itself"""
    gives_values: ClassVar[bool] = True
    """whether its prediction is meant to have the target's values, and not their order alone"""
    has_epochs: ClassVar[bool] = False
    """whether the history of its fit has a row for each epoch, with the columns `train_loss` and `validation_loss`"""

    kind: str = Field(description="kind of predictor")
    name: str = Field(pattern=NAME, description="name in paths and tables")
    times: Literal["all"] | tuple[PositiveFloat, ...] = Field(
        "all", description="sampling times for which it is fitted [tau], or all"
    )
    seeds: tuple[NonNegativeInt, ...] = Field((0,), min_length=1, description="it is fitted once for each seed")

    @property
    def predicts(self) -> tuple[str, ...]:
        """Symbols of the targets that it predicts."""
        raise NotImplementedError

    @property
    def needs(self) -> frozenset[State]:
        """The structures that it looks at."""
        return frozenset({"thermal"})

    @property
    def start(self) -> Start | None:
        """The predictor that has to be there before this one can be fitted, if there is one."""
        return None

    def require_start(self, found: "PredictorSettings", path: str) -> None:
        """Refuse to start from a fitted predictor with these settings, if it does not fit.

        Raises
        ------
        FileError
            names the file, what it holds and what was expected
        """
        raise FileError(f"{path} cannot be started from: a model of kind {self.kind} starts from no other")

    def for_fitting(self) -> dict[str, Any]:
        """The settings on which the fit depends, as plain data; those of the prediction alone are left out."""
        return self.model_dump(mode="json", exclude={"prediction", "times", "seeds"})

    def for_prediction(self) -> dict[str, Any]:
        """The settings of the prediction alone, as plain data; changing them fits nothing again."""
        prediction: dict[str, Any] = self.model_dump(mode="json").get("prediction", {})
        return prediction

    def with_fewer_configurations(self, before: int, after: int) -> Self:
        """The settings for a fit to so many configurations instead of so many, with as much work as before."""
        return self

    def with_setting(self, setting: str, value: Any) -> Self:
        """The same predictor with one setting changed.

        Parameters
        ----------
        setting : its name, with dots between a section and its key: network.rounds

        Raises
        ------
        StudyError
            if there is no such setting
        ValueError
            if it cannot have this value
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
        """The value of a setting; its name has dots between a section and its key."""
        value: Any = self
        for name in setting.split("."):
            value = getattr(value, name)
        return value


@dataclass(frozen=True)
class Domain:
    """What a predictor was fitted to, and so what it knows about."""

    temperature: float
    """of the state point, epsilon_AA / k_B"""
    times: tuple[float, ...]
    """(n_t,) sampling times that it predicts, tau"""
    time_indices: tuple[int, ...]
    """(n_t,) their numbers, counted from 1"""
    particles: int
    """N of its configurations"""
    density: float
    """sigma_AA^-3"""
    fraction_of_a: float
    pair_range: float
    """range of the pairs of its structures, sigma_AA"""
    train: tuple[int, ...]
    """configurations that it was fitted to"""
    seen: tuple[int, ...]
    """all configurations that it, or what it started from, has seen: none of them may test it"""
    replicas: int | None
    """over which its targets were averaged, where that is known"""

    def require_liquid(self, structure: StaticStructure, predictor: str) -> None:
        """Refuse a structure of another liquid.

        Raises
        ------
        FileError
            names both liquids
        """
        same_density = abs(structure.density / self.density - 1) <= DENSITY_TOLERANCE
        if not same_density or abs(structure.fraction_of_a - self.fraction_of_a) > COMPOSITION_TOLERANCE:
            raise FileError(
                f"{structure.name} is another liquid than the one that {predictor} was fitted to: density "
                f"{structure.density:.4g} and {100 * structure.fraction_of_a:.3g} % A, but {self.density:.4g} and "
                f"{100 * self.fraction_of_a:.3g} % A were expected; name a predictor of this liquid"
            )


@dataclass(frozen=True)
class Example:
    """One configuration and what happened in it, at the sampling times that a predictor is fitted for."""

    source: Targets
    time_indices: tuple[int, ...]
    """counted from 1"""

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.source.path)

    def structure(self) -> StaticStructure:
        """Its static structure."""
        return self.source.structure()

    def target(self, symbol: str) -> NDArray[np.float32]:
        """What happened, (n_t, N) or (n_t, n_p)."""
        rows = [index - 1 for index in self.time_indices]
        return self.source.means[symbol][rows]


@dataclass(frozen=True)
class Examples(Sequence[Example]):
    """Examples whose files are read when they are asked for."""

    sources: Sequence[Targets]
    time_indices: tuple[int, ...]

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
    """What a fit is given besides its settings and its data; one that takes seconds needs the domain alone."""

    domain: Domain
    seed: int = 0
    device: Device = "auto"
    """processor for what can use a GPU"""
    start: "FittedPredictor | None" = None
    """the predictor that `PredictorSettings.start` asks for"""
    folder: Path | None = None
    """where checkpoints of an unfinished fit are kept, if anywhere"""
    deadline: Deadline = field(default_factory=Deadline.never)
    """asked before each step whether it is time to stop, and told of each checkpoint"""


class FittedPredictor(ABC):
    """A predictor that has been fitted.

    Parameters
    ----------
    settings : with which it was fitted
    domain : what it was fitted to
    history : how the fit went, by column: a row for each epoch, or for each value of a parameter that was tried
    """

    def __init__(
        self, settings: PredictorSettings, domain: Domain, history: Mapping[str, Sequence[float]] | None = None
    ) -> None:
        self.settings = settings
        self.domain = domain
        self.history = history or {}
        self.remarks: dict[str, Any] = {}
        """what the record of the fit should say, such as the processor"""

    @abstractmethod
    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """Each target that it predicts by its symbol, in reduced units.

        Returns
        -------
        predictions : (n_t, N) of particles and (n_t, n_p) of pairs, at the times of its domain
        """

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """The numbers that it consists of, for its file."""
        return {}

    def details(self) -> dict[str, Any]:
        """Whatever else it consists of, as plain data, for its file."""
        return {}

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> Self:
        """The predictor from what its file holds."""
        return cls(settings, domain)

    def with_prediction(self, prediction: Mapping[str, Any]) -> Self:
        """The same predictor with other settings of the prediction, as `PredictorSettings.for_prediction` gives them.

        Raises
        ------
        StudyError
            if this kind has no such setting
        """
        changed = copy(self)
        for name, value in prediction.items():
            try:
                changed.settings = changed.settings.with_setting(f"prediction.{name}", value)
            except ValueError as error:
                reason = str(error).splitlines()[-2].strip() if "\n" in str(error) else error
                raise StudyError(f"the setting prediction.{name} cannot be {value!r}: {reason}") from None
        return changed
