"""BOTAN, the bond-targeting graph network of Shiba et al., J. Chem. Phys. 158, 084503 (2023), and its relatives.

All of them are one kind of predictor with different settings: BOTAN is trained on particles and pairs together
(p = 0.4), NT-GNN on particles only (p = 1), and with p = 0 the network is trained on pairs only. Networks with p < 1
can start from a network that was trained on the pairs of one temperature and sampling time, or from published weights.
"""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from glassbotan.dynamics.registry import known_particle_targets
from glassbotan.errors import FileError
from glassbotan.predictors.contract import NAME, PredictorSettings, Start
from glassbotan.predictors.shared import imported_when_used
from glassbotan.structure.states import THERMAL, Positions
from glassbotan.study.learning import EdgeTraining
from glassbotan.study.section import Configurations, Section


class Network(Section):
    """The shape of the graph network."""

    rounds: PositiveInt = Field(7, description="number n of rounds of message passing, which all use the same weights")
    width: PositiveInt = Field(64, description="width of every hidden layer")


class Training(EdgeTraining):
    """How the network is trained."""

    augment: bool = Field(
        True, description="transform each graph in each step by a random one of the 48 signed permutations of the axes"
    )
    initial_weights: Literal["torch", "spread"] = Field(
        "torch",
        description="random initial weights of a network that is not pretrained: torch takes PyTorch's default; spread "
        "takes weights that distinguish distances and neighbours from the first step and need fewer epochs",
    )


class PretrainingTraining(Training):
    """How the pretrained network, which learns only pairs, is trained."""

    epochs: PositiveInt = Field(2000, description="passes over the training configurations")


class Pretraining(Section):
    """A network of the same shape that is trained first, on pairs only (p = 0), or published weights instead of it."""

    name: str = Field("pretraining", pattern=NAME, description="name of the pretrained network in paths")
    temperature: PositiveFloat = Field(
        description="temperature of the state point whose pairs are learnt [epsilon_AA/k_B]"
    )
    time: PositiveFloat = Field(description="sampling time at which the pairs are learnt [tau]")
    training: PretrainingTraining = Field(PretrainingTraining(), description="how the pretrained network is trained")
    weights: str | None = Field(
        None,
        description="file of published weights to start from instead of training a network; {seed} in its name stands "
        "for the seed of the fit",
    )
    weights_learnt_from: Configurations = Field(
        (),
        description="configurations that the published weights were trained on; none of them may be used as a test",
    )


class Prediction(Section):
    """How the trained network is used."""

    average_over_symmetries: bool = Field(
        True,
        description="average predictions over the 48 signed permutations of the axes (the liquid has this symmetry, "
        "but the network learns it only in part), then scale its deviations from the mean to correct for the variance "
        "that the averaging removed",
    )


class Settings(PredictorSettings):
    """A graph network trained on a target of the particles (weight p) and the pair-distance change E (weight 1 - p)."""

    has_epochs: ClassVar[bool] = True

    kind: Literal["botan"] = Field(description="kind of predictor")
    times: Literal["all", "joint"] | tuple[PositiveFloat, ...] = Field(  # type: ignore[assignment]
        "all",
        description="sampling times for which the network is trained [tau]: all, one training for each; joint, one "
        "training for all of them together; or a list",
    )
    structures: tuple[Positions, ...] = Field(
        (),
        description="states of the structure, besides the thermal one, that the network sees: each edge has the "
        "displacements of its two particles from their thermal positions to the positions in these states as further "
        "inputs; the paper has none",
    )
    name: str = Field("BOTAN", pattern=NAME, description="name in paths and tables")
    p: float = Field(0.4, ge=0, le=1, description="weight of the particles in the loss p MSE(S) + (1 - p) MSE(E)")
    particle_target: str = Field("S", description="target of the particles that is learnt, such as S, R, C or D")
    network: Network = Field(Network(), description="the shape of the network")
    training: Training = Field(Training(), description="how the network is trained")
    pretraining: Pretraining | None = Field(
        None, description="network that a network with p < 1 starts from; without it, initial weights are random"
    )
    prediction: Prediction = Field(
        Prediction(),
        description="how the trained network is used; these settings can be changed without training again",
    )

    @field_validator("particle_target")
    @classmethod
    def _known(cls, symbol: str) -> str:
        return known_particle_targets((symbol,))[0]

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`: the targets whose weight in the loss is not zero."""
        return (*((self.particle_target,) if self.p > 0 else ()), *(("E",) if self.p < 1 else ()))

    @property
    def joint(self) -> bool:
        """See `PredictorSettings.joint`."""
        return self.times == "joint"

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset({THERMAL, *self.structures})

    @property
    def starts(self) -> tuple[Start, ...]:
        """See `PredictorSettings.starts`: the network that is trained on pairs only."""
        if self.pretraining is None or self.p == 1:
            return ()
        own = self.pretraining
        training = Training(**own.training.model_dump())
        pairs = Settings(
            kind="botan", name=own.name, p=0.0, network=self.network, training=training, structures=self.structures
        )
        return (Start(pairs, own.temperature, own.time, None, own.weights, own.weights_learnt_from),)

    def require_start(self, found: PredictorSettings, path: str) -> None:
        """See `PredictorSettings.require_start`: it has to be a BOTAN of the same shape."""
        if not isinstance(found, Settings):
            raise FileError(f"{path} is of kind {found.kind}, but {self.name} can only start from kind {self.kind}")
        if found.network != self.network:
            raise FileError(
                f"{path} has {found.network.rounds} rounds of width {found.network.width}, but "
                f"{self.network.rounds} of width {self.network.width} were asked for; use the same network "
                "settings for both"
            )
        if found.structures != self.structures:
            raise FileError(
                f"{path} sees the states {list(found.structures)}, but {self.name} sees {list(self.structures)}; use "
                "the same `structures` for both"
            )

    def for_fitting(self) -> dict[str, Any]:
        """See `PredictorSettings.for_fitting`: without `pretraining`, whose result is an input file of the fit."""
        return {name: value for name, value in super().for_fitting().items() if name != "pretraining"}

    def with_fewer_configurations(self, before: int, after: int) -> Self:
        """See `PredictorSettings.with_fewer_configurations`: more epochs, and so as many steps of the optimiser."""
        changed: dict[str, Any] = {"training": self.training.with_fewer_configurations(before, after)}
        if self.pretraining is not None:
            own = self.pretraining
            changed["pretraining"] = own.model_copy(
                update={"training": own.training.with_fewer_configurations(before, after)}
            )
        return self.model_copy(update=changed)


PUBLISHED = Settings(kind="botan", name="pretraining", p=0, network=Network(rounds=7, width=64))
"""The networks whose weights Shiba et al. published; they were trained on pairs alone."""


__getattr__ = imported_when_used(__name__, fit="fitting", Fitted="fitting", published_predictor="weights")
