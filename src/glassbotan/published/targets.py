"""The targets of a configuration from published trajectories or propensities, or from the files of another study."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.targets import DynamicalTargets, dynamical_targets
from glassbotan.errors import FileError
from glassbotan.files.targets import Targets as TargetsFile
from glassbotan.predictors.domain import DENSITY_TOLERANCE
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


def taken_over(
    found: TargetsFile, temperature: float, times: Sequence[float], settings: Targets, liquid: Liquid
) -> DynamicalTargets:
    """The targets of a configuration of another study, at some of its sampling times.

    Parameters
    ----------
    found : targets file of the other study
    temperature, times, settings, liquid : what is expected

    Raises
    ------
    FileError
        if the other study has another temperature, liquid or range of pairs or neighbours, or lacks a sampling time
    """
    structure = found.structure()
    expected = {"temperature": temperature, "particles": liquid.particles, "interactions": liquid.mixture}
    here = {"temperature": found.temperature, "particles": len(structure), "interactions": structure.mixture}
    asked, own = settings.model_dump(exclude={"most_replicas"}), found.settings.model_dump(exclude={"most_replicas"})
    for name, value in (expected | asked).items():
        other = (here | own)[name]
        if other != value:
            raise FileError(f"{found.path} was made with {name} = {other}, but {value} was expected")
    if abs(structure.density / liquid.density - 1) > DENSITY_TOLERANCE:
        raise FileError(
            f"{found.path} has density {structure.density:.4g}, but {liquid.density:.4g} was expected: it is another "
            "liquid"
        )
    at = [np.flatnonzero(np.isclose(found.times, time, rtol=1e-9)) for time in times]
    if missing := [time for time, rows in zip(times, at, strict=True) if not len(rows)]:
        raise FileError(
            f"{found.path} has the sampling times {found.times.tolist()}, but {missing} was asked for; name a study "
            "that has these times"
        )
    rows = np.concatenate(at)
    known = np.isin(found.scattering_times, found.times[rows])
    return DynamicalTargets(
        times=found.times[rows],
        pairs=structure.pairs,
        means={symbol: values[rows] for symbol, values in found.means.items()},
        halves={symbol: values[rows] for symbol, values in found.halves.items()},
        mean_displacement=found.mean_displacement[rows] if found.has_mean_displacement else None,
        overlap=found.overlap[rows],
        scattering_times=found.scattering_times[known],
        scattering=found.scattering[known],
    )
