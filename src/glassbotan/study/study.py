"""The whole study: every section of its YAML file, with the defaults of what it does not name."""

from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from glassbotan.errors import StudyError
from glassbotan.predictors.registry import AnyPredictor
from glassbotan.study import checks
from glassbotan.study.evaluation import Scores
from glassbotan.study.learning import Ablation, LearningCurve, Split, Transfer
from glassbotan.study.section import Section
from glassbotan.study.simulation import (
    Device,
    Ensemble,
    Equilibration,
    Integrator,
    Liquid,
    Melt,
    Quench,
    StatePoint,
)
from glassbotan.study.targets import Limits, Targets


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
    temperatures: tuple[StatePoint, ...] = Field(min_length=1, description="the state points")
    configurations: Split
    targets: Targets = Targets()
    limits: Limits = Limits()
    models: tuple[AnyPredictor, ...] = Field(
        min_length=1,
        description="the predictors that are fitted and scored, each of a kind; `like:` names another model of the "
        "list, from which all settings are taken that this one does not name",
    )
    scores: Scores = Scores()
    learning_curve: LearningCurve | None = Field(
        None, description="what figures/learning_curve.png is drawn from, a target of its own"
    )
    ablations: dict[str, Ablation] = Field(
        {},
        description="what figures/ablation_<name>.png are drawn from, each a target of its own; those called rounds "
        "and loss_weight are figures/fig09_rounds.png and fig10_loss_weight.png",
    )
    transfer: Transfer | None = Field(None, description="what figures/transfer.png is drawn from, a target of its own")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for check in checks.ALL:
            check(self)
        return self

    @property
    def simulates(self) -> bool:
        """Whether the trajectories are simulated here, and not published ones."""
        return self.source == "simulation"

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

    def point(self, label: str) -> StatePoint:
        """The state point with this label."""
        for point in self.temperatures:
            if point.label == label:
                return point
        raise StudyError(f"study {self.name} has no state point {label}; it has {[p.label for p in self.temperatures]}")

    def equilibration_time(self, point: StatePoint) -> float:
        """Duration of the equilibration at a state point, tau."""
        return self.equilibration.relaxation_times * point.relaxation_time
