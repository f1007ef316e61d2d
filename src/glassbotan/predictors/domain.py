"""What a predictor was fitted to, and with which liquids and pairs it can therefore be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassbotan.errors import FileError
from glassbotan.files.targets import Targets
from glassbotan.kob_andersen import KOB_ANDERSEN, Mixture
from glassbotan.structure.static import StaticStructure

DENSITY_TOLERANCE, COMPOSITION_TOLERANCE = 0.01, 0.02
"""Relative difference of densities and difference of fractions of A up to which two liquids count as the same."""
TEMPERATURE_TOLERANCE = 1e-6
"""Relative difference up to which two temperatures are the same."""


@dataclass(frozen=True)
class Domain:
    """The data that a predictor was fitted to, and so the liquid and the times for which it can predict."""

    temperature: float
    """temperature of the state point, epsilon_AA / k_B"""
    times: tuple[float, ...]
    """(n_t,) sampling times for which it was fitted, tau"""
    time_indices: tuple[int, ...]
    """(n_t,) numbers of these sampling times in the study, counted from 1"""
    particles: int
    """number of particles N in each configuration"""
    density: float
    """number density, sigma_AA^-3"""
    fraction_of_a: float
    """fraction of particles of species A"""
    pair_range: float
    """largest distance of neighbouring pairs, sigma_AA"""
    train: tuple[int, ...]
    """numbers of the configurations that it was fitted to"""
    seen: tuple[int, ...]
    """numbers of all configurations that were used to fit, validate or pretrain it, and so cannot be used to test it"""
    replicas: int | None
    """number of replicas over which its targets were averaged, where that is known"""
    mixture: Mixture = KOB_ANDERSEN
    """how the particles of the liquid interact"""
    structure: Mapping[str, Any] | None = None
    """settings with which the states behind its structures were made, as plain data; None if it saw no such states"""
    timestep: float | None = None
    """time step of the short ensembles among them, tau"""
    together: tuple[float, ...] = ()
    """temperatures of all state points to which it was fitted together; empty if it was fitted to one"""
    times_together: tuple[tuple[float, ...], ...] = ()
    """the sampling times at each of them, tau"""

    def times_at(self, temperature: float) -> tuple[float, ...]:
        """The sampling times for which it predicts at a temperature, tau; between those of the fit, log t is linear."""
        if not self.together:
            return self.times
        order = np.argsort(self.together)
        known, logarithms = np.array(self.together)[order], np.log(np.array(self.times_together)[order])
        exact = dict(zip(self.together, self.times_together, strict=True))
        between = tuple(float(np.exp(np.interp(temperature, known, column))) for column in logarithms.T)
        return exact.get(temperature, between)

    def require_temperature(self, temperature: float, predictor: str) -> None:
        """Raise an error if a predictor of this domain cannot predict at a temperature.

        Parameters
        ----------
        temperature : the temperature that is asked for, epsilon_AA / k_B
        predictor : name of the predictor in the message

        Raises
        ------
        FileError
            with the temperatures at which it was fitted
        """
        known = self.together or (self.temperature,)
        if not min(known) * (1 - TEMPERATURE_TOLERANCE) <= temperature <= max(known) * (1 + TEMPERATURE_TOLERANCE):
            where = ", ".join(f"{one:g}" for one in sorted(known))
            raise FileError(
                f"{predictor} was fitted at T = {where}, but T = {temperature:g} was asked for; name "
                + ("a temperature between these" if len(known) > 1 else "a predictor of that temperature")
            )

    def require_like(self, targets: Targets, structure: StaticStructure, predictor: str) -> None:
        """Raise an error if a targets file differs from what the predictor was fitted to in its liquid or pairs.

        Parameters
        ----------
        targets, structure : the targets file, and the structure that was read from it
        predictor : name of the predictor in the message

        Raises
        ------
        FileError
            if the liquid is another one, or the pairs have another range
        """
        if targets.settings.pair_range != self.pair_range:
            raise FileError(
                f"{targets.path} has pairs up to {targets.settings.pair_range:g}, but {predictor} is fitted to pairs "
                f"up to {self.pair_range:g}; make the targets again with targets.pair_range = {self.pair_range:g}, or "
                "fit again"
            )
        behind = targets.behind
        if behind is not None and self.structure not in (None, behind.settings.model_dump(mode="json")):
            raise FileError(
                f"{behind.path} was made with other settings of `structure` than the structures that "
                f"{predictor} is fitted to; make it again with the same settings"
            )
        self.require_liquid(structure, predictor)

    def require_liquid(self, structure: StaticStructure, predictor: str) -> None:
        """Raise an error if a structure is of another liquid than the predictor was fitted to.

        Parameters
        ----------
        structure : the structure
        predictor : name of the predictor in the message

        Raises
        ------
        FileError
            with density and composition of both liquids
        """
        same_density = abs(structure.density / self.density - 1) <= DENSITY_TOLERANCE
        if not same_density or abs(structure.fraction_of_a - self.fraction_of_a) > COMPOSITION_TOLERANCE:
            raise FileError(
                f"{structure.name} is another liquid than the one that {predictor} is fitted to: density "
                f"{structure.density:.4g} and {100 * structure.fraction_of_a:.3g} % A, but {self.density:.4g} and "
                f"{100 * self.fraction_of_a:.3g} % A were expected; use configurations and a predictor of one liquid"
            )
        if structure.mixture != self.mixture:
            raise FileError(
                f"{structure.name} is another liquid than the one that {predictor} is fitted to: its particles "
                f"interact by {structure.mixture}, but {self.mixture} was expected"
            )
