"""Applying a fitted predictor to a configuration, such as one of the user's own."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import BoxTooSmallError, per_particle
from glassbotan.dynamics.registry import targets
from glassbotan.errors import FileError, StudyError
from glassbotan.files.plain import write_csv
from glassbotan.kob_andersen import Species
from glassbotan.predictors.contract import FittedPredictor
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.structures import engine_for, make_states
from glassbotan.structure.states import THERMAL
from glassbotan.structure.static import StaticStructure
from glassbotan.study.simulation import Device, Integrator
from glassbotan.study.structure import Structure as StructureSettings


@dataclass(frozen=True)
class PredictedTargets:
    """The predictions of one predictor for one configuration."""

    temperature: float
    """temperature for which they are made, epsilon_AA / k_B"""
    times: tuple[float, ...]
    """(n_t,) sampling times of the predictions, tau"""
    structure: StaticStructure
    values: Mapping[str, NDArray[np.floating]]
    """predicted values of each target by its symbol, reduced units: (n_t, N) for particles, (n_t, n_p) for pairs"""
    spreads: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    """standard deviation between the predictors of an average, for the targets for which it is known; as `values`"""

    @property
    def pairs(self) -> NDArray[np.int32]:
        """The neighbouring pairs, (n_p, 2), i < j, up to the pair range that the predictor was fitted with."""
        return self.structure.pairs

    def target(self, symbol: str, time: float | None = None) -> NDArray[np.floating]:
        """Predicted values of one target at one time, (N,) or (n_p,).

        Parameters
        ----------
        symbol : S, R, C, D or E
        time : sampling time, tau; may be left out if the predictor was fitted for one time only

        Raises
        ------
        StudyError
            if the predictor does not predict that target or time
        """
        if symbol not in self.values:
            raise StudyError(f"the predictor predicts {' and '.join(self.values)}, but {symbol} was asked for")
        if time is None and len(self.times) > 1:
            raise StudyError(f"the predictor was fitted for the times {list(self.times)}; name one of them")
        if time is None:
            return self.values[symbol][0]
        found = [values for at, values in zip(self.times, self.values[symbol], strict=True) if math.isclose(at, time)]
        if not found:
            raise StudyError(f"the predictor was fitted for the times {list(self.times)}, but {time:g} was asked for")
        return found[0]

    @property
    def particle_properties(self) -> dict[str, NDArray[np.floating]]:
        """Predictions for each particle by name, (N,): targets of particles, and sums of pair targets over its pairs.

        Targets of particles are named by their symbols, the sums `E_sum`. With several times, the number of the time is
        added to the name: `S_t1` is S at the first of `times`. Averages of several predictors also have the standard
        deviation between them, `S_spread` or `S_spread_t1`.
        """
        found = {}
        for symbol, of_times in self.values.items():
            of_pairs = targets()[symbol].of == "pair"
            spreads = [] if of_pairs else [("spread", self.spreads[symbol])] if symbol in self.spreads else []
            for kind, rows in [("sum" if of_pairs else "", of_times), *spreads]:
                for number, values in enumerate(rows, start=1):
                    name = self._name(symbol, number, kind)
                    found[name] = per_particle(self.pairs, values, len(self.structure)) if of_pairs else values
        return found

    def _name(self, symbol: str, number: int, kind: str = "") -> str:
        """Name of a column: the symbol, what is done with it, and the number of the time if there are several."""
        return "_".join([symbol, *filter(None, [kind]), *([f"t{number}"] if len(self.times) > 1 else [])])

    def only(self, symbols: Sequence[str]) -> "PredictedTargets":
        """The predictions of some of the targets only."""
        spreads = {symbol: values for symbol, values in self.spreads.items() if symbol in symbols}
        return replace(self, values={symbol: self.values[symbol] for symbol in symbols}, spreads=spreads)

    def write_tables(self, path: Path, made: Mapping[str, Any]) -> None:
        """Write a table of the particles and, if targets of pairs are predicted, one of the pairs (`-pairs.csv`).

        Parameters
        ----------
        path : file for the table of the particles; that of the pairs is written to the same folder
        made : record of how the tables were made, written beside each of them
        """
        import pandas as pd

        structure = self.structure
        particles = pd.DataFrame(structure.positions, columns=["x", "y", "z"])
        particles.insert(0, "species", np.array([kind.name for kind in Species])[structure.species])
        write_csv(path, particles.assign(**self.particle_properties), made)
        of_pairs = [symbol for symbol in self.values if targets()[symbol].of == "pair"]
        if of_pairs:
            pairs = pd.DataFrame(self.pairs, columns=["i", "j"])
            for symbol, number in itertools.product(of_pairs, range(len(self.times))):
                pairs[self._name(symbol, number + 1)] = self.values[symbol][number]
                if symbol in self.spreads:
                    pairs[self._name(symbol, number + 1, "spread")] = self.spreads[symbol][number]
            write_csv(path.with_name(f"{path.stem}-pairs.csv"), pairs, made)


def predict_configuration(
    predictor: FittedPredictor,
    configuration: Configuration,
    name: str = "the configuration",
    device: Device = "auto",
    threads: int = 1,
    temperature: float | None = None,
) -> PredictedTargets:
    """Predict how much every particle and pair of a configuration will move, from its structure alone.

    The states behind the structure that the predictor needs, such as cage states, are made here, with the settings of
    those that it was fitted to.

    Parameters
    ----------
    predictor : the fitted predictor
    configuration : positions of the particles; velocities play no part
    name : name of the configuration in messages
    device, threads : processor and number of cores for making the states
    temperature : temperature of the configuration, epsilon_AA / k_B; needed if the predictor was fitted at several

    Raises
    ------
    FileError
        if the configuration is of another liquid, two particles lie in the same place, one has no neighbour, the box is
        too small for the pair range, no inherent structure is found, or the predictor was not fitted at this
        temperature
    EngineError
        if there is no engine that can make a state
    StudyError
        if the predictor was fitted at several temperatures, and none is given
    """
    by = f"the predictor {predictor.settings.name}"
    if temperature is None:
        if predictor.domain.together:
            where = ", ".join(f"{one:g}" for one in sorted(predictor.domain.together))
            raise StudyError(f"{by} was fitted at T = {where}; name the temperature of {name}")
        temperature = predictor.domain.temperature
    predictor.domain.require_temperature(temperature, by)
    structure = StaticStructure.of_positions(
        configuration.positions,
        configuration.species,
        configuration.box_length,
        predictor.domain.pair_range,
        name,
        predictor.domain.mixture,  # files of other programs do not say how their particles interact
    )
    structure = replace(structure, temperature=temperature)
    predictor.domain.require_liquid(structure, by)
    states = sorted({*predictor.settings.needs} - {THERMAL})
    if states:
        engine = engine_for(states, Integrator(), device, threads, len(structure))
        made = make_states(
            structure,
            states,
            StructureSettings.model_validate(predictor.domain.structure or {}),
            engine,
            temperature=temperature,
            timestep=predictor.domain.timestep or Integrator().timestep,
            seed=(0,),
        )
        structure = replace(structure, states=made)
    try:
        estimates = predictor.estimate(structure)
    except BoxTooSmallError as error:  # a box that has room for the pairs can be too small for the forces
        raise FileError(f"{name} cannot be predicted: {error}") from None
    values = {symbol: estimate.values for symbol, estimate in estimates.items()}
    spreads = {symbol: estimate.spread for symbol, estimate in estimates.items() if estimate.spread is not None}
    return PredictedTargets(temperature, predictor.domain.times_at(temperature), structure, values, spreads)
