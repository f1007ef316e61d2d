"""BOTAN, the bond-targeting graph network of Shiba et al., J. Chem. Phys. 158, 084503 (2023), and its relatives.

One kind of predictor with different settings: BOTAN learns particles and pairs together (p = 0.4), NT-GNN particles
alone (p = 1), and with p = 0 the network learns pairs alone. Networks with p < 1 may start from one that has learnt
pairs alone at one temperature and time, or from published weights.
"""

from importlib import import_module
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from glassbotan.dynamics.registry import known_particle_targets
from glassbotan.errors import FileError
from glassbotan.predictors.contract import NAME, PredictorSettings, Start
from glassbotan.study.learning import Training as SharedTraining
from glassbotan.study.section import Configurations, Section


class Network(Section):
    """The shape of the graph network."""

    rounds: PositiveInt = Field(7, description="rounds of message passing n, all with the same weights")
    width: PositiveInt = Field(64, description="width of every layer")


class Training(SharedTraining):
    """How the network is trained."""

    augment: bool = Field(True, description="draw one of the 48 signed axis permutations for each graph and step")
    initial_weights: Literal["torch", "spread"] = Field(
        "torch",
        description="random start of a network that is not pretrained: PyTorch's default, or one that tells distances "
        "and neighbours apart from the first step and needs fewer epochs",
    )


AnyTraining = TypeVar("AnyTraining", bound=Training)


class PretrainingTraining(Training):
    """How the network that learns pairs alone is trained."""

    epochs: PositiveInt = Field(2000, description="passes over the training configurations")


class Pretraining(Section):
    """A network of the same shape that learns pairs alone (p = 0) first, or published weights in its place."""

    name: str = Field("pretraining", pattern=NAME, description="name in paths")
    temperature: PositiveFloat = Field(description="state point whose pairs are learnt [epsilon_AA/k_B]")
    time: PositiveFloat = Field(description="sampling time whose pairs are learnt [tau]")
    training: PretrainingTraining = Field(PretrainingTraining(), description="how it is trained")
    weights: str | None = Field(
        None, description="published weights to start from instead, with {seed} for a network's seed"
    )
    weights_learnt_from: Configurations = Field(
        (), description="configurations that the published weights were trained on; none of them may be tested"
    )


class Prediction(Section):
    """How the trained network is used."""

    average_over_symmetries: bool = Field(
        True,
        description="average each prediction over the 48 signed axis permutations of the configuration (the liquid has "
        "that symmetry, the network learns it only in part), and stretch it by what averaging took from its spread",
    )


class Settings(PredictorSettings):
    """A graph network that learns a target of the particles and the pair-distance change E, in a ratio p."""

    has_epochs: ClassVar[bool] = True

    kind: Literal["botan"] = Field(description="kind of predictor")
    name: str = Field("BOTAN", pattern=NAME, description="name in paths and tables")
    p: float = Field(0.4, ge=0, le=1, description="weight of the particles in the loss p MSE(S) + (1 - p) MSE(E)")
    particle_target: str = Field("S", description="target of the particles that is learnt: S, R, C or D")
    network: Network = Field(Network(), description="the shape of the network")
    training: Training = Field(Training(), description="how it is trained")
    pretraining: Pretraining | None = Field(
        None, description="what a network with p < 1 starts from; without it, at random"
    )
    prediction: Prediction = Field(
        Prediction(), description="how it is used; what is set here can be changed without training again"
    )

    @field_validator("particle_target")
    @classmethod
    def _known(cls, symbol: str) -> str:
        return known_particle_targets((symbol,))[0]

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`: what has no weight in the loss is not learnt."""
        return (*((self.particle_target,) if self.p > 0 else ()), *(("E",) if self.p < 1 else ()))

    @property
    def start(self) -> Start | None:
        """See `PredictorSettings.start`: the network that learns pairs alone."""
        if self.pretraining is None or self.p == 1:
            return None
        own = self.pretraining
        training = Training(**own.training.model_dump())
        pairs = Settings(kind="botan", name=own.name, p=0.0, network=self.network, training=training)
        return Start(pairs, own.temperature, own.time, own.weights, own.weights_learnt_from)

    def require_start(self, found: PredictorSettings, path: str) -> None:
        """See `PredictorSettings.require_start`: another BOTAN of the same shape."""
        if not isinstance(found, Settings):
            raise FileError(f"{path} is of kind {found.kind}, but {self.name} can start from kind {self.kind} alone")
        if found.network != self.network:
            raise FileError(
                f"{path} has {found.network.rounds} rounds of width {found.network.width}, but "
                f"{self.network.rounds} of width {self.network.width} were asked for; fit it with these settings"
            )

    def for_fitting(self) -> dict[str, Any]:
        """See `PredictorSettings.for_fitting`: of the pretrained network counts the file that is handed over."""
        return {name: value for name, value in super().for_fitting().items() if name != "pretraining"}

    def with_fewer_configurations(self, before: int, after: int) -> Self:
        """See `PredictorSettings.with_fewer_configurations`: as many steps of the optimiser, in more epochs."""

        def scaled(training: AnyTraining) -> AnyTraining:
            steps, fewer = (-(-number // training.batch_size) for number in (before, after))
            return training.model_copy(update={"epochs": max(1, training.epochs * steps // fewer)})

        changed: dict[str, Any] = {"training": scaled(self.training)}
        if self.pretraining is not None:
            own = self.pretraining
            changed["pretraining"] = own.model_copy(update={"training": scaled(own.training)})
        return self.model_copy(update=changed)


def __getattr__(name: str) -> Any:
    """`fit` and `Fitted`, imported when they are asked for: torch takes seconds."""
    if name in ("fit", "Fitted"):
        return getattr(import_module("glassbotan.predictors.botan.fitting"), name)
    raise AttributeError(f"module {__name__} has no {name}")
