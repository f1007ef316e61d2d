"""The targets of a configuration from published trajectories or propensities."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.targets import DynamicalTargets, dynamical_targets
from glassbotan.errors import FileError
from glassbotan.published.trajectories import Isoconfiguration
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.quality import Quality, of_structure
from glassbotan.structure.static import StaticStructure
from glassbotan.study.simulation import Liquid
from glassbotan.study.targets import Targets


def measure_published(
    published: Isoconfiguration, times: Sequence[float], settings: Targets, liquid: Liquid, path: Path
) -> tuple[StaticStructure, DynamicalTargets, Quality]:
    """The structure of a published configuration, its targets, and the quality that follows from its positions.

    Parameters
    ----------
    published : the configuration, and its displacements or its propensity
    times : its sampling times, tau
    settings : ranges of the targets
    liquid : the liquid that is expected
    path : path of the published file, for error messages

    Raises
    ------
    FileError
        if the number of particles or times is not the expected one, the configuration cannot be a liquid, or the
        number of replicas is not the same at all times
    """
    if len(published.species) != liquid.particles:
        raise FileError(
            f"{path} has {len(published.species)} particles, but {liquid.particles} were expected; check "
            "liquid.particles"
        )
    found = len(published.propensity) if published.propensity is not None else len(published.displacements)
    if found != len(times):
        raise FileError(f"{path} has {found} sampling times, but {len(times)} were named; name every time")
    structure = StaticStructure.of_positions(
        published.positions, published.species, published.box_length, settings.pair_range, str(path), liquid.mixture
    )
    try:
        measured = _measure(published, np.array(times), structure, settings)
    except ValueError as error:
        raise FileError(f"{path}: {error}") from None
    initial = Configuration.at_rest(published.positions, published.species, published.box_length, liquid.mixture)
    return structure, measured, of_structure(initial)


def _measure(
    published: Isoconfiguration, times: NDArray[np.float64], structure: StaticStructure, settings: Targets
) -> DynamicalTargets:
    """The targets, without those that were not published."""
    if published.propensity is not None:
        return DynamicalTargets.of_propensity(times, structure.pairs, published.propensity)
    replicas = {len(of_time) for of_time in published.displacements}
    if len(replicas) > 1:
        raise ValueError(f"the number of replicas differs between sampling times: {sorted(replicas)}")

    def frames() -> Iterator[tuple[int, int, NDArray]]:
        for index, of_time in enumerate(published.displacements):
            for replica, displacements in enumerate(of_time, start=1):
                yield replica, index, displacements

    measured = dynamical_targets(
        published.positions,
        published.species,
        published.box_length,
        frames(),
        range(len(times)),
        1.0,
        replicas.pop(),
        **settings.model_dump(),
    )
    return replace(measured, times=times, scattering_times=times)
