"""The liquid, the protocol that prepares it, and how its equations of motion are integrated."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, Self, get_args

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from glassbotan.kob_andersen import LARGEST_CUTOFF, box_length
from glassbotan.study.section import Section

Device = Literal["auto", "gpu", "cpu"]
"""Processor of a job; auto takes a GPU where there is one."""
Engine = Literal["auto", "hoomd", "lammps"]
"""Molecular-dynamics engine; auto takes the first of `ENGINES` that is installed."""
ENGINES: tuple[str, ...] = tuple(name for name in get_args(Engine) if name != "auto")
"""Every engine, in the order in which `auto` tries them; each is a module of `glassbotan.simulate.engines`."""

SKIN = 0.2
"""Neighbour-list buffer of the engines where none is given, sigma_AA."""
SYSTEMS_PER_LAUNCH = 16
"""Systems that an engine advances together; the pair kernel's parameters outgrow a GPU's shared memory soon after."""


class Liquid(Section):
    """The Kob-Andersen liquid."""

    particles: PositiveInt = Field(4096, description="number of particles N")
    density: PositiveFloat = Field(1.2, description="number density rho [sigma_AA^-3]")
    fraction_of_a: float = Field(0.8, gt=0, lt=1, description="fraction of particles of species A")

    @property
    def box_length(self) -> float:
        """Edge of the cubic box, sigma_AA."""
        return box_length(self.particles, self.density)

    @property
    def is_the_papers(self) -> bool:
        """Whether it has the density and composition of the liquid that the published results are of."""
        return (self.density, self.fraction_of_a) == (1.2, 0.8)

    @model_validator(mode="after")
    def _box_holds_the_interaction(self) -> Self:
        needed = 2 * (LARGEST_CUTOFF + SKIN)
        if self.box_length <= needed:
            raise ValueError(
                f"{self.particles} particles at density {self.density:g} make a box {self.box_length:.3f} long, but "
                f"cutoff plus neighbour-list skin ({LARGEST_CUTOFF} + {SKIN}) need more than {needed:g}; "
                "take more particles"
            )
        return self


class Integrator(Section):
    """How the equations of motion are integrated."""

    timestep: PositiveFloat = Field(1e-3, description="time step dt [tau]")
    # A slow Nose-Hoover thermostat rings: after a quench at coupling time 0.5 the energy of 256 particles still
    # oscillates with six times its canonical variance after 25 tau. At 0.1 it resonates with the liquid's own
    # vibrations, which damp it within 10 tau.
    thermostat_time: PositiveFloat = Field(0.1, description="Nose-Hoover coupling time [tau]")
    engine: Engine = Field(
        "auto", description="molecular-dynamics engine; auto takes HOOMD-blue where it is installed, else LAMMPS"
    )
    systems_per_launch: PositiveInt = Field(
        SYSTEMS_PER_LAUNCH, description="independent systems that HOOMD-blue advances together"
    )
    neighbor_buffer: PositiveFloat = Field(SKIN, description="buffer of the neighbour lists [sigma_AA]")
    neighbor_check_delay: PositiveInt = Field(
        1, description="steps from one check of HOOMD-blue's neighbour list to the next"
    )
    # Part of the study, since a run goes through every checkpoint, whether or not it is interrupted.
    checkpoint_steps: PositiveInt = Field(100_000, description="steps from one checkpoint to the next")

    def steps(self, time: float) -> int:
        """Number of time steps nearest to `time`, at least one."""
        return max(1, round(time / self.timestep))

    def sampling_steps(self, times: Sequence[float]) -> list[int]:
        """Steps of the sampling times.

        Raises
        ------
        ValueError
            unless the times increase and are multiples of the time step
        """
        for earlier, later in pairwise(times):
            if later <= earlier:
                raise ValueError(f"sampling times must increase, but {later:g} follows {earlier:g}")
        for time in times:
            if abs(time / self.timestep - self.steps(time)) > 1e-6:
                raise ValueError(f"sampling time {time:g} is no multiple of the time step {self.timestep:g}")
        return [self.steps(time) for time in times]


class Melt(Section):
    """Step 1 of the protocol: a hot liquid that keeps no memory of the lattice it started from."""

    temperature: PositiveFloat = Field(5.0, description="temperature of the melt [epsilon_AA/k_B]")
    time: PositiveFloat = Field(1e4, description="duration t_h [tau]")


class Quench(Section):
    """Step 2 of the protocol: a linear ramp from the melt to the target temperature."""

    time: PositiveFloat = Field(20.0, description="duration t_cool [tau]")


class Equilibration(Section):
    """Step 3 of the protocol: Nose-Hoover dynamics at the target temperature."""

    relaxation_times: PositiveFloat = Field(40.0, description="duration in units of tau_alpha")


class Ensemble(Section):
    """Step 4 of the protocol: NVE runs from one configuration with fresh Maxwell-Boltzmann momenta."""

    replicas: int = Field(32, ge=2, description="runs from each configuration")
    relaxation_replicas: PositiveInt = Field(
        1, description="how many of them are also sampled at the closely spaced times of F_s(k, t)"
    )
    relaxation_points_per_decade: PositiveInt = Field(8, description="density of the times of F_s(k, t)")

    def relaxation_steps(self, sampling_steps: Sequence[int]) -> list[int]:
        """Steps of the times of F_s(k, t): evenly spaced in log t over the sampling times, and those themselves."""
        first, last = sampling_steps[0], sampling_steps[-1]
        count = 1 + round(math.log10(last / first) * self.relaxation_points_per_decade)
        between = (
            [round(first * (last / first) ** (index / (count - 1))) for index in range(count)] if count > 1 else []
        )
        return sorted({*between, *sampling_steps})


class StatePoint(Section):
    """One temperature of the study, and the times at which its dynamics is looked at."""

    temperature: PositiveFloat = Field(description="target temperature [epsilon_AA/k_B]")
    relaxation_time: PositiveFloat = Field(description="tau_alpha expected there, the unit of the equilibration [tau]")
    sampling_times: tuple[PositiveFloat, ...] = Field(
        min_length=1, description="times at which targets are computed, increasing [tau]"
    )
    files: tuple[str, ...] = Field(
        (),
        description="where published trajectories lie, with {configuration} for its number and * for any folder: one "
        "pattern for each sampling time in the format botan, else one",
    )

    def files_of(self, configuration: int) -> list[str]:
        """Patterns of the published files of one configuration, in order of the sampling times."""
        return [pattern.replace("{configuration}", str(configuration)) for pattern in self.files]

    def time_index(self, time: float) -> int:
        """The number of a sampling time, counted from 1 as in the paper's Table I."""
        return self.sampling_times.index(time) + 1

    @property
    def label(self) -> str:
        """Name of the state point in paths: T0.44."""
        return f"T{self.temperature:.2f}"

    @model_validator(mode="after")
    def _names_a_folder(self) -> Self:
        if round(self.temperature, 2) != self.temperature:
            raise ValueError(f"temperature is given to two decimals (it names folders), found {self.temperature!r}")
        return self
