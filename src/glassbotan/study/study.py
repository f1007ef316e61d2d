"""A whole study: every section of its YAML file, with defaults for settings that the file does not give."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from glassbotan.errors import StudyError
from glassbotan.predictors.registry import AnyPredictor
from glassbotan.structure.states import THERMAL
from glassbotan.study import checks
from glassbotan.study.evaluation import Scores
from glassbotan.study.learning import Ablation, HalfSamples, LearningCurve, Split, Transfer
from glassbotan.study.section import Section
from glassbotan.study.simulation import (
    Batches,
    Device,
    Ensemble,
    Equilibration,
    Integrator,
    Liquid,
    Melt,
    Quench,
    StatePoint,
)
from glassbotan.study.structure import Structure
from glassbotan.study.targets import Limits, Targets


class Study(Section):
    """A whole study, from the simulations to the table of scores."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="name of the study, and of its folder in results/"
    )
    device: Device = Field(
        "auto",
        description="processor of simulations and training; auto uses a GPU if there is one, gpu stops with an error "
        "if there is none",
    )
    source: Literal["simulation", "botan", "glassy-dynamics", "glassbench"] = Field(
        "simulation",
        description="where trajectories come from: simulation by this program, or published files in this format",
    )
    seed: NonNegativeInt = Field(0, description="seed from which all random numbers of the simulations are derived")
    liquid: Liquid = Liquid()
    integrator: Integrator = Integrator()
    melt: Melt = Melt()
    quench: Quench = Quench()
    equilibration: Equilibration = Equilibration()
    ensemble: Ensemble = Ensemble()
    simulation_batch: PositiveInt = Field(
        16, description="number of configurations that one job melts, quenches or equilibrates"
    )
    ensemble_batch: PositiveInt = Field(
        1,
        description="number of configurations whose ensembles one job runs; a GPU is busy with as many systems as it "
        "has multiprocessors, and each configuration has `ensemble.replicas` of them",
    )
    temperatures: tuple[StatePoint, ...] = Field(min_length=1, description="the state points")
    configurations: Split
    targets: Targets = Targets()
    structure: Structure = Structure()
    limits: Limits = Limits()
    models: tuple[AnyPredictor, ...] = Field(
        min_length=1,
        description="the predictors that are fitted and scored; with `like:`, a model takes all settings that it does "
        "not give from an earlier model of the list",
    )
    scores: Scores = Scores()
    half_samples: HalfSamples | None = Field(
        None,
        description="fits to halves of the training configurations, so that intervals of scores cover the choice of "
        "these configurations; null: none are made",
    )
    learning_curve: LearningCurve | None = Field(
        None, description="learning curve in figures/learning_curve.png, which is made only when requested"
    )
    ablations: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")], Ablation] = Field(
        {},
        description="ablations in figures/ablation_<name>.png, which are made only when requested; those called rounds "
        "and loss_weight are in figures/fig09_rounds.png and fig10_loss_weight.png",
    )
    transfer: Transfer | None = Field(
        None, description="transfer in figures/transfer.png, which is made only when requested"
    )
    variants: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*$")], dict[str, Any]] = Field(
        {},
        description="studies that differ from this one in the settings that are given, such as the number of particles "
        "or the time step; they run as studies of their own in results/<name>-<variant>, and tables/variants.csv "
        "compares relaxation time, chi_4 and scores",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for check in checks.ALL:
            check(self)
        return self

    @property
    def simulates(self) -> bool:
        """Whether the trajectories are simulated, and not read from published files."""
        return self.source == "simulation"

    @property
    def simulation_batches(self) -> Batches:
        """The configurations that are melted, quenched and equilibrated together."""
        return Batches(self.configurations.all, self.simulation_batch)

    @property
    def ensemble_batches(self) -> Batches:
        """The configurations whose ensembles run together."""
        return Batches(self.configurations.all, self.ensemble_batch)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states behind the thermal structure that models of the study need."""
        return tuple(
            sorted(set().union(*(model.needs for model in (*self.models, *checks.varied_models(self)))) - {THERMAL})
        )

    def point(self, label: str) -> StatePoint:
        """The state point with this label."""
        for point in self.temperatures:
            if point.label == label:
                return point
        raise StudyError(
            f"study {self.name} has no state point {label}; its state points are {[p.label for p in self.temperatures]}"
        )

    def equilibration_time(self, point: StatePoint) -> float:
        """Duration of the equilibration at a state point, tau."""
        return self.equilibration.relaxation_times * point.relaxation_time
