"""The configuration of a study: names, units, bounds and defaults, said once.

Every model below is both a section of config.yaml and a group of options of the stages that need it, so that the
file, the command line and its help, the JSON schema for editors and the checks cannot drift apart.
"""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    WithJsonSchema,
    model_validator,
)

from glassbotan.errors import StudyError
from glassbotan.kob_andersen import LARGEST_CUTOFF, box_length

SKIN = 0.2
"""Neighbour-list buffer of the engines where none is given, sigma_AA."""
SYSTEMS_PER_LAUNCH = 16
"""Systems that an engine advances together; the pair kernel's parameters outgrow a GPU's shared memory soon after."""
Device = Literal["auto", "gpu", "cpu"]
"""Processor of a job; auto takes a GPU where there is one."""

FEWEST_RELAXATION_TIMES = 6
"""Times of F_s(k, t) without which tau_alpha cannot be fitted: one more than the fit has parameters."""
PRETRAINING = "pretraining"
"""Name of the pretrained network in paths."""


class Section(BaseModel):
    """A group of settings: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _configuration_ranges(value: Any) -> Any:
    """Read `"1-8, 11"` (or a list of such strings and integers) as a tuple of configuration numbers."""
    if value in (None, ""):
        return ()
    items = value if isinstance(value, (list, tuple)) else [value]
    numbers: list[int] = []
    for item in items:
        for part in str(item).split(","):
            bounds = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
            if bounds is None:
                raise ValueError(f"expected configurations such as 1-8 or [1, 2, 11-12], found {part.strip()!r}")
            first = int(bounds[1])
            last = int(bounds[2] or first)
            if last < first or first < 1:
                raise ValueError(f"a range of configurations counts upwards from 1 or more, found {part.strip()!r}")
            numbers.extend(range(first, last + 1))
    if len(set(numbers)) < len(numbers):
        raise ValueError("a configuration is named twice")
    return tuple(sorted(numbers))


Configurations = Annotated[
    tuple[int, ...],
    BeforeValidator(_configuration_ranges),
    WithJsonSchema({"type": ["string", "integer", "array"], "items": {"type": ["string", "integer"]}}),
]


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
        """Whether it is the liquid of which others have published results, whatever its size."""
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
    engine: Literal["auto", "hoomd", "lammps"] = Field(
        "auto", description="molecular-dynamics engine; auto takes HOOMD-blue where it is installed, else LAMMPS"
    )
    systems_per_launch: PositiveInt = Field(
        SYSTEMS_PER_LAUNCH, description="independent systems that HOOMD-blue advances together"
    )
    neighbor_buffer: PositiveFloat = Field(SKIN, description="buffer of the neighbour lists [sigma_AA]")
    neighbor_check_delay: PositiveInt = Field(
        1, description="steps between two looks of HOOMD-blue at whether a neighbour list is still good"
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
    """Step 1 of the protocol: a hot liquid that has forgotten its start."""

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


class Temperature(Section):
    """One state point."""

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

    @property
    def label(self) -> str:
        """Name of the state point in paths: T0.44."""
        return f"T{self.temperature:.2f}"

    @model_validator(mode="after")
    def _names_a_folder(self) -> Self:
        if round(self.temperature, 2) != self.temperature:
            raise ValueError(f"temperature is given to two decimals (it names folders), found {self.temperature!r}")
        return self


class Split(Section):
    """Which configuration serves what; a configuration serves one purpose only."""

    train: Configurations = Field(description="configurations that the network is fitted to, such as 1-400")
    validation: Configurations = Field(
        default=(), description="configurations that choose the epoch; with none, the last epoch is kept"
    )
    test: Configurations = Field(description="configurations that are predicted and scored, and choose nothing")

    @property
    def all(self) -> tuple[int, ...]:
        """Every configuration of the study, in order."""
        return tuple(sorted((*self.train, *self.validation, *self.test)))

    @property
    def learnt_from(self) -> tuple[int, ...]:
        """Every configuration that training sees."""
        return (*self.train, *self.validation)

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        if not self.train or not self.test:
            raise ValueError("train and test each need at least one configuration")
        purposes = {"train": self.train, "validation": self.validation, "test": self.test}
        owner: dict[int, str] = {}
        for purpose, configurations in purposes.items():
            for configuration in configurations:
                if configuration in owner:
                    raise ValueError(f"configuration {configuration} is in both {owner[configuration]} and {purpose}")
                owner[configuration] = purpose
        return self


class Targets(Section):
    """What is computed from an ensemble."""

    pair_range: PositiveFloat = Field(2.0, description="r_e: pairs up to this distance have an E_ij [sigma_AA]")
    neighbor_range: PositiveFloat = Field(1.6, description="neighbours of R_i, D_i and the local strain [sigma_AA]")
    overlap_distance: PositiveFloat = Field(0.3, description="a in the overlap Q(t) [sigma_AA]")
    wave_number: PositiveFloat = Field(6.283185307179586, description="k of F_s(k, t), 2 pi / sigma_AA [1/sigma_AA]")
    most_replicas: int | None = Field(None, ge=2, description="take the first so many replicas, if not all")

    @model_validator(mode="after")
    def _neighbors_are_pairs(self) -> Self:
        if self.neighbor_range > self.pair_range:
            raise ValueError(f"neighbor_range {self.neighbor_range:g} exceeds pair_range {self.pair_range:g}")
        return self


class Limits(Section):
    """How far a simulation may be from what it was meant to be; beyond, nothing is learnt from it."""

    enforce: bool = Field(True, description="whether a run beyond the limits keeps its temperature from training")
    energy_drift: PositiveFloat = Field(1e-4, description="of a replica, from a straight line [epsilon_AA/(N tau)]")
    momentum: PositiveFloat = Field(1e-6, description="total momentum per particle [sqrt(m epsilon_AA)]")
    temperature: PositiveFloat = Field(0.1, description="kinetic temperature, relative to the target's")
    configurational_temperature: PositiveFloat = Field(0.1, description="relative to the target temperature")
    potential_energy_trend: PositiveFloat = Field(
        4.0, description="change over the second half of the equilibration, in standard deviations about the trend"
    )
    crystal_fraction: PositiveFloat = Field(0.05, description="fraction of crystal-like particles")


class Network(Section):
    """The graph network."""

    rounds: PositiveInt = Field(7, description="rounds of message passing n, all with the same weights")
    width: PositiveInt = Field(64, description="width of every layer")


class Training(Section):
    """How a network is fitted."""

    epochs: PositiveInt = Field(1000, description="passes over the training configurations")
    learning_rate: PositiveFloat = Field(1e-4, description="learning rate of Adam (its highest value, on a schedule)")
    schedule: Literal["constant", "one-cycle"] = Field(
        "constant",
        description="constant learning rate, or one cycle: warm-up, then cosine decay to zero (and Adam's beta_1 the "
        "other way round)",
    )
    batch_size: PositiveInt = Field(1, description="graphs per step")
    gradient_clip: PositiveFloat = Field(1.0, description="largest norm of the gradient")
    target_units: Literal["reduced", "training set", "configuration"] = Field(
        "reduced",
        description="units of S and E in the loss: reduced Lennard-Jones, or standard deviations from the mean (S of "
        "each species by itself), over the training set or within each configuration; within each, nothing is "
        "spent on how much a configuration moves as a whole (p weighs errors in these units)",
    )
    weight_average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="decay per step of a running average of the weights, which is then what is validated and kept; 0 "
        "keeps the weights themselves",
    )
    augment: bool = Field(True, description="draw one of the 48 signed axis permutations for each graph and step")
    initial_weights: Literal["torch", "spread"] = Field(
        "torch",
        description="random start of a network that is not pretrained: PyTorch's default, or one that feels distances "
        "and neighbours from the first step and needs fewer epochs",
    )
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        "float32",
        description="matrix products in training; auto takes bfloat16 (with float32 sums) where the processor has it",
    )
    fused: bool = Field(
        False, description="on a GPU, compute edges in two kernels of our own (needs triton; checked against PyTorch before training)"
    )


class Pretraining(Training):
    """Training on pairs alone (p = 0) at one state point, the start of every network with p < 1."""

    epochs: PositiveInt = Field(2000, description="passes over the training configurations")
    weights: str | None = Field(
        None, description="published weights to start from instead of pretraining, with {seed} for a network's seed"
    )
    weights_learnt_from: Configurations = Field(
        (), description="configurations that the published weights were trained on; none of them may be tested"
    )
    temperature: PositiveFloat = Field(0.44, description="state point whose pairs are learnt [epsilon_AA/k_B]")
    time: PositiveFloat = Field(13.0, description="sampling time whose pairs are learnt [tau]")


Motion = Literal["propensity", "neighbor_relative", "cage_relative", "nonaffine"]
"""What can be learnt of a particle: S, R, C or D."""
SYMBOLS: Mapping[Motion, str] = {"propensity": "S", "neighbor_relative": "R", "cage_relative": "C", "nonaffine": "D"}
MOTION = "what is learnt of a particle: propensity S, or in its place neighbor_relative R, cage_relative C, nonaffine D"


class Model(Section):
    """One kind of network: its loss and where it is trained."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", description="name in paths and tables")
    p: float = Field(ge=0, le=1, description="weight of S in the loss p MSE(S) + (1 - p) MSE(E)")
    motion: Motion = Field("propensity", description=MOTION)
    times: Literal["all"] | tuple[PositiveFloat, ...] = Field(
        "all", description="sampling times at which it is trained [tau], or all"
    )
    pretrained: bool = Field(True, description="start from the pretrained network (p < 1)")
    epochs: PositiveInt | None = Field(None, description="epochs, where they differ from training")
    batch_size: PositiveInt | None = Field(None, description="graphs per step, where it differs from training")
    seeds: tuple[NonNegativeInt, ...] = Field((0,), min_length=1, description="one training for each seed")

    @property
    def starts_from_pretrained(self) -> bool:
        """Whether training starts from the network that knows pairs."""
        return self.pretrained and self.p < 1


class StatePoint(Section):
    """One model at one state point and sampling time."""

    model: str = Field(description="name of the model")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time: PositiveFloat = Field(description="sampling time [tau]")


class LearningCurve(StatePoint):
    """What more data would buy: one model at one state point, trained on less than there is.

    Every training takes as many steps as the one on all configurations.
    """

    configurations: tuple[PositiveInt, ...] = Field(
        (), description="numbers of training configurations, with all replicas"
    )
    replicas: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        (), description="numbers of replicas in the targets, with all training configurations"
    )


class Ablations(StatePoint):
    """What the network's settings are worth: one model at one state point, with one of them changed at a time."""

    rounds: tuple[PositiveInt, ...] = Field((), description="numbers of rounds of message passing n (Fig. 9)")
    p: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (), description="weights of the particles in the loss (Fig. 10)"
    )


class Transfer(Section):
    """Networks trained at one state point and sampling time and scored at another."""

    model: str = Field(description="name of the model")
    between: tuple[tuple[PositiveFloat, PositiveFloat], ...] = Field(
        min_length=2, description="temperature and time of each place, every network is scored at all of them"
    )

    @property
    def points(self) -> list[StatePoint]:
        """The places."""
        return [StatePoint(model=self.model, temperature=t, time=time) for t, time in self.between]


class Predict(Section):
    """How a trained network is used."""

    average_over_symmetries: bool = Field(
        False,
        description="average each prediction over the 48 signed axis permutations of the configuration (the liquid has "
        "that symmetry, a network learns it only in part), and stretch it by what averaging took from its spread",
    )


class Scores(Section):
    """How predictions are judged."""

    pair_range: PositiveFloat = Field(1.35, description="A-A pairs up to this distance are scored [sigma_AA]")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the interval of a mean over the test configurations")


class Study(Section):
    """A whole study, from the melt to the table."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="name of the folder under results/")
    device: Device = Field(
        "auto",
        description="processor of simulations and training; auto takes a GPU where there is one, gpu fails without one",
    )
    source: Literal["simulation", "botan", "glassy-dynamics", "glassbench"] = Field(
        "simulation",
        description="where trajectories come from: our simulation, or published files in one of the formats",
    )
    seed: NonNegativeInt = Field(0, description="root of the random numbers of the simulations")
    liquid: Liquid = Liquid()
    integrator: Integrator = Integrator()
    melt: Melt = Melt()
    quench: Quench = Quench()
    equilibration: Equilibration = Equilibration()
    ensemble: Ensemble = Ensemble()
    simulation_batch: PositiveInt = Field(
        16, description="configurations that are melted, quenched and equilibrated by one job"
    )
    temperatures: tuple[Temperature, ...] = Field(min_length=1, description="the state points")
    configurations: Split
    targets: Targets = Targets()
    limits: Limits = Limits()
    network: Network = Network()
    training: Training = Training()
    pretraining: Pretraining = Pretraining()
    models: tuple[Model, ...] = Field(min_length=1, description="the networks that are trained")
    predict: Predict = Predict()
    scores: Scores = Scores()
    learning_curve: LearningCurve | None = Field(
        None, description="what figures/learning_curve.png is drawn from, a target of its own"
    )
    ablations: Ablations | None = Field(
        None, description="what figures/fig09_rounds.png and fig10_loss_weight.png are drawn from, targets of their own"
    )
    transfer: Transfer | None = Field(None, description="what figures/transfer.png is drawn from, a target of its own")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_ranges()
        self._check_times()
        self._check_models()
        self._check_variations()
        return self

    def _check_ranges(self) -> None:
        if self.liquid.box_length <= 2 * (LARGEST_CUTOFF + self.integrator.neighbor_buffer):
            raise ValueError(
                f"integrator.neighbor_buffer {self.integrator.neighbor_buffer:g} and the cutoff {LARGEST_CUTOFF} need "
                f"a box of more than twice their sum, but {self.liquid.particles} particles make one "
                f"{self.liquid.box_length:.3f} long"
            )
        if 2 * self.targets.pair_range > self.liquid.box_length:
            raise ValueError(
                f"targets.pair_range {self.targets.pair_range:g} needs a box of at least twice that length (minimum "
                f"image), but {self.liquid.particles} particles make one {self.liquid.box_length:.3f} long"
            )
        if self.scores.pair_range > self.targets.pair_range:
            raise ValueError(
                f"scores.pair_range {self.scores.pair_range:g} exceeds targets.pair_range {self.targets.pair_range:g}"
            )
        if self.ensemble.relaxation_replicas > self.ensemble.replicas:
            raise ValueError("ensemble.relaxation_replicas exceeds ensemble.replicas")

    def _check_times(self) -> None:
        labels = [point.label for point in self.temperatures]
        if len(set(labels)) < len(labels):
            raise ValueError("a temperature is listed twice")
        for point in self.temperatures:
            try:
                steps = self.integrator.sampling_steps(point.sampling_times)
            except ValueError as error:
                raise ValueError(f"at T = {point.temperature:g}: {error}") from None
            if self.source != "simulation":
                needed = len(steps) if self.source == "botan" else 1
                if len(point.files) != needed or not all("{configuration}" in pattern for pattern in point.files):
                    raise ValueError(
                        f"at T = {point.temperature:g} source {self.source} needs {needed} entries in files, each with "
                        f"{{configuration}} for the number of the configuration, found {list(point.files)}"
                    )
                continue
            times = len(self.ensemble.relaxation_steps(steps))
            if times < FEWEST_RELAXATION_TIMES:
                raise ValueError(
                    f"at T = {point.temperature:g} F_s would be known at {times} times, but the fit of tau_alpha needs "
                    f"{FEWEST_RELAXATION_TIMES}; sample over a longer range or raise relaxation_points_per_decade"
                )

    def _check_models(self) -> None:
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError("two models have the same name")
        if PRETRAINING in names:
            raise ValueError(f"a model cannot be called {PRETRAINING}: that folder is the pretrained network's")
        for model in self.models:
            if model.times != "all":
                known = {time for point in self.temperatures for time in point.sampling_times}
                for time in model.times:
                    if time not in known:
                        raise ValueError(f"model {model.name} is trained at t = {time:g}, which is no sampling time")
        varied = [
            model.model_copy(update={"p": p})
            for model in self.models
            for p in (self.ablations.p if self.ablations and self.ablations.model == model.name else ())
        ]
        seeds = {seed for model in (*self.models, *varied) if model.starts_from_pretrained for seed in model.seeds}
        if self.source == "glassbench" and any(model.p < 1 for model in (*self.models, *varied)):
            raise ValueError("source glassbench has no pair-distance changes to learn from; give every model p = 1")
        if self.pretraining.weights is not None:
            if len(seeds) > 1 and "{seed}" not in self.pretraining.weights:
                raise ValueError(f"pretraining.weights is one file for seeds {sorted(seeds)}; put {{seed}} in its name")
            if seen := {*self.configurations.test} & {*self.pretraining.weights_learnt_from}:
                raise ValueError(f"pretraining.weights were trained on configurations {sorted(seen)}; test others")
        elif seeds:
            at = [point for point in self.temperatures if point.temperature == self.pretraining.temperature]
            if not at or self.pretraining.time not in at[0].sampling_times:
                raise ValueError(
                    f"pretraining is set at T = {self.pretraining.temperature:g}, t = {self.pretraining.time:g}, "
                    "which is no state point and sampling time of this study"
                )

    def _check_variations(self) -> None:
        curve, ablations = self.learning_curve, self.ablations
        everything = len(self.configurations.train)
        if curve is not None and max(curve.configurations, default=1) > everything:
            raise ValueError(f"learning_curve.configurations go beyond the {everything} training configurations")
        if curve is not None and curve.replicas and self.source == "glassbench":
            raise ValueError("source glassbench has no replicas; leave learning_curve.replicas empty")
        if ablations is not None and ablations.rounds and self.pretraining.weights is not None:
            raise ValueError(
                "ablations.rounds need pretrained networks with as many rounds, but pretraining.weights names "
                "published ones; leave one of the two out"
            )
        named: list[tuple[str, StatePoint | None]] = [("learning_curve", curve), ("ablations", ablations)]
        named += [("transfer", point) for point in (self.transfer.points if self.transfer else ())]
        for section, at in named:
            if at is not None and not self._trains(at):
                raise ValueError(
                    f"{section} is set for model {at.model} at T = {at.temperature:g}, t = {at.time:g}, "
                    "where this study trains no such network"
                )

    def _trains(self, at: StatePoint) -> bool:
        """Whether the study has a network there."""
        there = [point for point in self.temperatures if point.temperature == at.temperature]
        models = [model for model in self.models if model.name == at.model]
        known = bool(there and models) and at.time in there[0].sampling_times
        return known and (models[0].times == "all" or at.time in models[0].times)

    def batch(self, number: int) -> tuple[int, ...]:
        """The configurations of simulation batch `number`, counted from 1."""
        return self.configurations.all[(number - 1) * self.simulation_batch : number * self.simulation_batch]

    @property
    def batches(self) -> range:
        """Numbers of the simulation batches."""
        return range(1, -(-len(self.configurations.all) // self.simulation_batch) + 1)

    def batch_of(self, configuration: int) -> int:
        """Number of the simulation batch that a configuration is in."""
        if configuration not in self.configurations.all:
            raise StudyError(f"study {self.name} has no configuration {configuration}")
        return self.configurations.all.index(configuration) // self.simulation_batch + 1

    def point(self, label: str) -> Temperature:
        """The state point with this label."""
        for point in self.temperatures:
            if point.label == label:
                return point
        raise StudyError(f"study {self.name} has no state point {label}; it has {[p.label for p in self.temperatures]}")

    def equilibration_time(self, point: Temperature) -> float:
        """Duration of the equilibration at a state point, tau."""
        return self.equilibration.relaxation_times * point.relaxation_time
