"""What several kinds of predictors have in common: settings, checks, and how baselines predict."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from glassbotan.dynamics.registry import known_particle_targets
from glassbotan.errors import StudyError
from glassbotan.predictors.contract import Example, FitContext, FittedPredictor, PredictorSettings
from glassbotan.progress import progress
from glassbotan.structure.states import Positions
from glassbotan.structure.static import StaticStructure

AT_ONCE = 8
"""Largest number of configurations that `of_each` works on at once. The pairs of a configuration of N = 4096 take a
quarter of a gigabyte while its descriptors are computed."""
T = TypeVar("T")


def imported_when_used(package: str, **modules: str) -> Callable[[str], Any]:
    """A `__getattr__` of a package that imports what needs torch when it is first used: importing torch takes seconds.

    Parameters
    ----------
    package : full name of the package
    modules : for each name, the module of the package that defines it
    """

    def getattr_(name: str) -> Any:
        if name in modules:
            return getattr(import_module(f"{package}.{modules[name]}"), name)
        raise AttributeError(f"module {package} has no {name}")

    return getattr_


def of_each(work: Callable[[Example], T], examples: Sequence[Example], context: FitContext, label: str) -> list[T]:
    """What a function gives for each configuration, in their order.

    It is called for as many configurations at once as PyTorch has threads, up to `AT_ONCE`.

    Parameters
    ----------
    work : the function; it must not use random numbers
    examples : the configurations
    context : of the fit
    label : name of the work in the display of its progress

    Raises
    ------
    StoppedError
        if the fit has to stop
    """
    from torch import get_num_threads

    from glassbotan.learn.memory import keep_freed_memory

    keep_freed_memory()  # every configuration needs new arrays of pairs, which are large
    pool, found = ThreadPoolExecutor(min(get_num_threads(), AT_ONCE)), []
    try:
        with progress(label, len(examples), "configurations") as advance:
            for one in pool.map(work, examples):
                context.deadline.check()
                found.append(one)
                advance(1)
    finally:
        pool.shutdown(cancel_futures=True)
    return found


class OfParticles(PredictorSettings):
    """Settings of a predictor that can predict any targets of particles."""

    targets: tuple[str, ...] = Field(("S",), min_length=1, description="targets of particles that are predicted")

    _known = field_validator("targets")(known_particle_targets)

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return self.targets


class Joint(PredictorSettings):
    """Settings of a predictor that is fitted for all sampling times of a temperature together."""

    @property
    def joint(self) -> bool:
        """See `PredictorSettings.joint`."""
        return True


class OfOneState(PredictorSettings):
    """Settings of a predictor that predicts from one state of the structure."""

    structure: Positions = Field(description="state of the structure that is used")

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset({self.structure})


class Baseline(Joint):
    """Settings of a predictor that is fitted to nothing and predicts the same for every time."""

    fits: ClassVar[bool] = False
    gives_values: ClassVar[bool] = False


class FittedBaseline(FittedPredictor):
    """A baseline, which predicts one number for each particle or pair, for every target and every time."""

    @abstractmethod
    def values(self, structure: StaticStructure) -> NDArray[np.floating]:
        """The numbers, (N,) for particles or (n_p,) for pairs; only their order has a meaning."""

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`."""
        values = self.values(structure)
        return {symbol: np.tile(values, (len(self.domain.times), 1)) for symbol in self.settings.predicts}


def named_after(setting: str, prefix: str) -> Any:
    """A validator that names a model after one of its settings if it has no name of its own, such as to-cage-0.4.

    Parameters
    ----------
    setting : the setting, whose value ends the name
    prefix : what the name begins with
    """

    def named(cls: type, given: Any) -> Any:
        if isinstance(given, dict) and "name" not in given and isinstance(given.get(setting), (int, float, str)):
            value = given[setting]
            return {**given, "name": prefix + (value if isinstance(value, str) else f"{value:g}")}
        return given

    return model_validator(mode="before")(named)


def require_held_out(model: str, chosen: str, train: int, validation: int) -> None:
    """Raise an error if nothing can be held out of a fit: with one training and no validation configuration.

    Parameters
    ----------
    model : name of the model
    chosen : what it chooses on configurations that are held out
    train, validation : numbers of configurations

    Raises
    ------
    StudyError
        with the name of the model
    """
    if not validation and train < 2:
        raise StudyError(
            f"model {model} chooses its {chosen} on configurations that it is not fitted to; set at "
            "least one validation configuration, or at least two training configurations"
        )
