"""The targets of an ensemble and the quality of its simulation, from one pass over its frames."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from numpy.typing import NDArray

from glassbotan.dynamics.targets import DynamicalTargets, dynamical_targets
from glassbotan.errors import FileError
from glassbotan.files.ensembles import Ensemble, ReplicaFrame
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.quality import Energies, Quality, measure
from glassbotan.study.simulation import Integrator
from glassbotan.study.targets import Targets


def measure_ensemble(ensemble: Ensemble, settings: Targets, path: Path) -> tuple[DynamicalTargets, Quality]:
    """The targets of an ensemble and the quality of its simulation.

    Parameters
    ----------
    ensemble : the open ensemble
    settings : ranges of the targets
    path : path of the ensemble, for error messages

    Raises
    ------
    FileError
        if a replica is missing or comes twice, or the box is too small for the ranges
    """
    header, initial = ensemble.header, ensemble.initial
    steps = Integrator(timestep=header.timestep).sampling_steps(header.times)
    energies: list[Energies] = []
    ends: list[Configuration] = []

    def frames() -> Iterator[tuple[int, int, NDArray]]:
        for frame in ensemble.frames():
            energies.append(_energies_of(frame, header.timestep))
            if frame.step == steps[-1]:
                ends.append(replace(initial, positions=initial.positions + frame.displacements))
            yield frame.replica, frame.step, frame.displacements

    try:
        measured = dynamical_targets(
            initial.positions,
            initial.species,
            initial.box_length,
            frames(),
            steps,
            header.timestep,
            header.replicas,
            **settings.model_dump(),
        )
    except ValueError as error:
        raise FileError(f"{path}: {error}") from None
    conserved = header.dynamics == "NVE"
    return measured, measure(initial, ends, energies, header.equilibration, conserves_energy=conserved)


def _energies_of(frame: ReplicaFrame, timestep: float) -> Energies:
    """The energies, momentum and pressure that a frame of an ensemble holds."""
    potential, kinetic, pressure = (
        float(frame.log[name][0]) for name in ("potential_energy", "kinetic_energy", "pressure")
    )
    return Energies(frame.replica, frame.step * timestep, potential, kinetic, frame.log["momentum"], pressure)
