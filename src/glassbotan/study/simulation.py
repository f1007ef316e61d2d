"""The liquid, the protocol that prepares it, and how its equations of motion are integrated."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Self, get_args

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from glassbotan.errors import StudyError
from glassbotan.kob_andersen import KOB_ANDERSEN, Mixture, box_length
from glassbotan.study.section import Configurations, Section

Device = Literal["auto", "gpu", "cpu"]
"""Processor of a job; auto uses a GPU if there is one."""
Engine = Literal["auto", "fused", "hoomd", "lammps"]
"""Molecular-dynamics engine; auto uses the fastest that works on the processor."""
ENGINES: tuple[str, ...] = tuple(name for name in get_args(Engine) if name != "auto")
"""Every engine; each is a module of `glassbotan.simulate.engines`."""

SMALLEST_SKIN = 0.2
"""Buffer of neighbour lists that has to fit into the box, sigma_AA."""


PairNumbers = tuple[PositiveFloat, PositiveFloat, PositiveFloat]


class Liquid(Section):
    """The liquid: by default that of Kob and Andersen, or any other of two species with Lennard-Jones forces."""

    particles: PositiveInt = Field(4096, description="number of particles N")
    density: PositiveFloat = Field(1.2, description="number density rho [sigma_AA^-3]")
    fraction_of_a: float = Field(0.8, gt=0, lt=1, description="fraction of particles of species A")
    epsilon: PairNumbers = Field((1.0, 1.5, 0.5), description="well depths AA, AB and BB [epsilon_AA]")
    sigma: PairNumbers = Field((1.0, 0.8, 0.88), description="diameters AA, AB and BB [sigma_AA]")
    cutoff: PairNumbers = Field((2.5, 2.5, 2.5), description="cutoff radii AA, AB and BB [sigma of the pair]")
    mass: tuple[PositiveFloat, PositiveFloat] = Field((1.0, 1.0), description="masses of A and B [m]")

    @property
    def mixture(self) -> Mixture:
        """How the particles interact."""
        return Mixture(self.epsilon, self.sigma, self.cutoff, self.mass)

    @property
    def box_length(self) -> float:
        """Edge of the cubic box, sigma_AA."""
        return box_length(self.particles, self.density)

    @property
    def is_the_papers(self) -> bool:
        """Whether it has the density and composition of the paper's liquid, for which results are published."""
        return (self.density, self.fraction_of_a, self.mixture) == (1.2, 0.8, KOB_ANDERSEN)

    @model_validator(mode="after")
    def _box_holds_the_interaction(self) -> Self:
        cutoff = self.mixture.largest_cutoff
        needed = 2 * (cutoff + SMALLEST_SKIN)
        if self.box_length <= needed:
            raise ValueError(
                f"{self.particles} particles at density {self.density:g} make a box {self.box_length:.3f} long, but "
                f"the cutoff and the neighbour-list buffer ({cutoff:g} + {SMALLEST_SKIN}) need more than "
                f"{needed:g}, twice their sum; use more particles"
            )
        return self


class Integrator(Section):
    """How the equations of motion are integrated."""

    # Up to 0.005, propensities, F_s and energies do not depend on the time step within their errors (docs/engines.md).
    timestep: PositiveFloat = Field(
        0.005, description="time step dt; the paper's is 0.001, but the results are the same [tau]"
    )
    # With a slow Nose-Hoover thermostat the energy keeps oscillating: with coupling time 0.5, the energy of 256
    # particles has six times its canonical variance even 25 tau after a quench. With 0.1 the thermostat is in resonance
    # with the vibrations of the liquid, which damp the oscillation within 10 tau.
    thermostat_time: PositiveFloat = Field(0.1, description="Nose-Hoover coupling time [tau]")
    engine: Engine = Field(
        "auto",
        description="molecular-dynamics engine; auto uses the fastest that works: on a GPU fused, or HOOMD-blue for "
        "systems that are too large for it; on a CPU fused, or LAMMPS where there is no compiler for it",
    )
    systems_per_launch: PositiveInt | None = Field(
        None, description="number of independent systems that are advanced together; by default, the engine chooses it"
    )
    neighbor_buffer: PositiveFloat | None = Field(
        None, description="buffer of the neighbour lists; by default, the engine chooses it [sigma_AA]"
    )
    neighbor_check_delay: PositiveInt = Field(
        1, description="steps from one check of HOOMD-blue's neighbour list to the next"
    )
    # A setting of the study, since the results depend on it: each checkpoint restarts the engine from the saved state.
    checkpoint_steps: PositiveInt = Field(100_000, description="steps from one checkpoint to the next")

    def steps(self, time: float) -> int:
        """Number of time steps nearest to `time`, at least one."""
        return max(1, round(time / self.timestep))

    def sampling_steps(self, times: Sequence[float]) -> list[int]:
        """Numbers of the time steps at which the sampling times are reached.

        Raises
        ------
        ValueError
            if the times do not increase, or are not multiples of the time step
        """
        for earlier, later in pairwise(times):
            if later <= earlier:
                raise ValueError(f"sampling times must increase, but {later:g} follows {earlier:g}")
        for time in times:
            if abs(time / self.timestep - self.steps(time)) > 1e-6:
                raise ValueError(f"sampling time {time:g} is not a multiple of the time step {self.timestep:g}")
        return [self.steps(time) for time in times]


class Melt(Section):
    """Step 1 of the protocol: a run at high temperature, until no trace of the initial lattice is left."""

    temperature: PositiveFloat = Field(5.0, description="temperature of the melt [epsilon_AA/k_B]")
    time: PositiveFloat = Field(1e4, description="duration t_h [tau]")


class Quench(Section):
    """Step 2 of the protocol: a linear ramp from the temperature of the melt to the target temperature."""

    time: PositiveFloat = Field(20.0, description="duration t_cool [tau]")


class Equilibration(Section):
    """Step 3 of the protocol: Nose-Hoover dynamics at the target temperature."""

    relaxation_times: PositiveFloat = Field(40.0, description="duration in units of tau_alpha")


@dataclass(frozen=True)
class Batches:
    """Configurations in batches, each of which one job simulates; batches are counted from 1."""

    configurations: tuple[int, ...]
    size: int

    @property
    def numbers(self) -> range:
        """Numbers of the batches."""
        return range(1, -(-len(self.configurations) // self.size) + 1)

    def members(self, number: int) -> tuple[int, ...]:
        """The configurations of a batch."""
        return self.configurations[(number - 1) * self.size : number * self.size]

    def of(self, configuration: int) -> int:
        """Number of the batch that a configuration is in.

        Raises
        ------
        StudyError
            if there is no such configuration
        """
        if configuration not in self.configurations:
            raise StudyError(f"the study has no configuration {configuration}")
        return self.configurations.index(configuration) // self.size + 1


class Ensemble(Section):
    """Step 4 of the protocol: runs from one configuration with fresh Maxwell-Boltzmann momenta, by default NVE."""

    replicas: int = Field(32, ge=2, description="number of runs from each configuration")
    relaxation_replicas: PositiveInt = Field(
        1, description="number of replicas that are also sampled at the closely spaced times of F_s(k, t)"
    )
    relaxation_points_per_decade: PositiveInt = Field(
        8, description="number of times of F_s(k, t) per factor of ten in time"
    )

    # Left out where it has its default, so that files made before there was this setting need not be made again.
    dynamics: Literal["NVE", "NVT"] = Field(
        "NVE",
        exclude_if=lambda value: value == "NVE",
        description="dynamics of the runs: constant energy, or a Nose-Hoover thermostat at the target temperature",
    )

    def relaxation_steps(self, sampling_steps: Sequence[int]) -> list[int]:
        """Time steps at which F_s(k, t) is sampled: evenly spaced in log t, and those of the sampling times."""
        first, last = sampling_steps[0], sampling_steps[-1]
        count = 1 + round(math.log10(last / first) * self.relaxation_points_per_decade)
        between = (
            [round(first * (last / first) ** (index / (count - 1))) for index in range(count)] if count > 1 else []
        )
        return sorted({*between, *sampling_steps})


class Further(Section):
    """Configurations whose targets another study has measured, such as one's own ensembles beside published ones."""

    configurations: Configurations = Field(description="their numbers in this study; none of them can be a test")
    targets: str = Field(
        description="path of the targets files of the other study, with {number} in place of the number there, such as "
        "results/mine/T0.44/targets/c{number:04d}.npz; numbers there count from 1"
    )

    def path_of(self, configuration: int) -> str:
        """Path of the targets file of a configuration."""
        return self.targets.format(number=self.configurations.index(configuration) + 1)

    @field_validator("targets")
    @classmethod
    def _names_each(cls, pattern: str) -> str:
        try:
            if pattern.format(number=1) == pattern.format(number=2):
                raise ValueError("it does not contain {number}, which stands for the number of the configuration")
        except (KeyError, IndexError) as error:
            raise ValueError(f"it may contain no other braces than {{number}}, but has {error}") from None
        return pattern


class StatePoint(Section):
    """One temperature of the study, and the times at which the dynamics is measured."""

    temperature: PositiveFloat = Field(description="target temperature [epsilon_AA/k_B]")
    relaxation_time: PositiveFloat = Field(
        description="expected tau_alpha, the unit of equilibration.relaxation_times [tau]"
    )
    sampling_times: tuple[PositiveFloat, ...] = Field(
        min_length=1, description="times at which targets are computed, increasing [tau]"
    )
    files: tuple[str, ...] = Field(
        (),
        description="paths of published trajectories, with {configuration} in place of the configuration's number and "
        "* for any folder: one path for each sampling time in the format botan, one path in the other formats",
    )

    further: tuple[Further, ...] = Field(
        (), description="further configurations of published studies, for training and validation, from other studies"
    )
    timestep: PositiveFloat | None = Field(
        None,
        description="time step at this temperature, by default `integrator.timestep`; sampling times have to be "
        "multiples of it [tau]",
    )
    starts: tuple[str, ...] = Field(
        (),
        description="files of configurations that the ensembles start from, instead of melt, quench and equilibration; "
        "configuration 1 is the first. {1-10} in a path stands for ten paths; a published ensemble or a trajectory "
        "followed by #1-4 gives the last positions of replicas 1 to 4, or frames 1 to 4",
    )

    def integrator(self, default: Integrator) -> Integrator:
        """How the equations of motion are integrated at this temperature."""
        return default if self.timestep is None else default.model_copy(update={"timestep": self.timestep})

    def starting_points(self) -> list[tuple[str, int | None]]:
        """Path of each initial configuration in `starts`, and number of the replica or frame after #, if any."""
        found: list[tuple[str, int | None]] = []
        for entry in self.starts:
            pattern, _, chosen = entry.partition("#")
            paths = [pattern]
            if numbered := re.search(r"\{(\d+)-(\d+)\}", pattern):
                numbers = range(int(numbered[1]), int(numbered[2]) + 1)
                paths = [pattern.replace(numbered[0], str(number)) for number in numbers]
            frames: Sequence[int | None] = (None,)
            if chosen:
                begin, _, last = chosen.partition("-")
                frames = range(int(begin), int(last or begin) + 1)
            found += [(path, frame) for path in paths for frame in frames]
        return found

    def files_of(self, configuration: int) -> list[str]:
        """Paths of the published files of one configuration, in order of the sampling times; they may contain *."""
        return [pattern.replace("{configuration}", str(configuration)) for pattern in self.files]

    def further_targets(self, configuration: int) -> str | None:
        """Path of the targets file of another study that has a configuration; None if this study makes its targets."""
        for further in self.further:
            if configuration in further.configurations:
                return further.path_of(configuration)
        return None

    def time_index(self, time: float) -> int:
        """The number of a sampling time, counted from 1 as in the paper's Table I."""
        return self.sampling_times.index(time) + 1

    @property
    def label(self) -> str:
        """Name of the state point in paths, such as T0.44."""
        return f"T{self.temperature:.2f}"

    @model_validator(mode="after")
    def _names_a_folder(self) -> Self:
        if round(self.temperature, 2) != self.temperature:
            raise ValueError(
                f"temperature can have at most two decimals, since it is in folder names, found {self.temperature!r}"
            )
        return self
