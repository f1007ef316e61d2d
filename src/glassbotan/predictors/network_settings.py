"""Settings of networks that predict targets of particles and pairs at all sampling times of a temperature together."""

from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from glassbotan.dynamics.registry import pair_targets, particle_targets, targets
from glassbotan.learn.columns import SCALE, Scale
from glassbotan.predictors.shared import Joint
from glassbotan.structure.states import DESCRIBED, THERMAL, Positions
from glassbotan.study.learning import Training as SharedTraining
from glassbotan.study.section import Section


class NetworkSizes(Section):
    """Sizes of the parts of a network that see descriptors and give outputs."""

    reduced: PositiveInt = Field(16, description="number of numbers to which the descriptors of a particle are reduced")
    hidden: PositiveInt = Field(64, description="width of the hidden layers of all perceptrons")
    dropout: float = Field(0.1, ge=0, lt=1, description="fraction of hidden values left out at random in each step")
    descriptor_dropout: float = Field(
        0.1, ge=0, lt=1, description="fraction of the descriptors that are left out at random in each step"
    )
    linear_path: bool = Field(
        True, description="whether a linear function of the descriptors is added to the predictions of particles"
    )


class Training(SharedTraining):
    """How the network is trained."""

    epochs: PositiveInt = Field(30, description="passes over the training configurations")
    learning_rate: PositiveFloat = Field(0.004, description="learning rate of Adam; with one-cycle, its highest value")
    schedule: Literal["constant", "one-cycle"] = Field(
        "one-cycle",
        description="constant learning rate, or one cycle: warm-up, then cosine decay to zero (Adam's beta_1 first "
        "falls, then rises)",
    )
    weight_average: float = Field(
        0.98,
        ge=0,
        lt=1,
        description="decay per step of a running average of the weights, which is validated and kept in place of the "
        "weights; with 0, the weights themselves are",
    )
    weight_decay: NonNegativeFloat = Field(
        0.01, description="part of each weight matrix that a step takes away, divided by the learning rate (AdamW)"
    )
    target_scaling: Scale = Field("configuration", description=SCALE)


class NetworkSettings(Joint):
    """Settings of every network that predicts particles and pairs at all times together."""

    has_epochs: ClassVar[bool] = True

    targets: tuple[str, ...] = Field(
        ("S", "E"), min_length=1, description="targets of particles and pairs that are predicted"
    )
    structures: tuple[Positions, ...] = Field(
        DESCRIBED,
        min_length=1,
        description="states of the structure whose descriptors, displacements and distances are used",
    )
    frames: tuple[Positions, ...] | None = Field(
        None,
        min_length=1,
        description="states of the structure in which directions between neighbours are used, the first of them for "
        "messages; by default the last of `structures`, and the thermal one if it is among them",
    )
    descriptors: Literal["fields", "shells", "none"] = Field(
        "fields",
        description="descriptors of each particle: the coarse-grained fields of GlassMLP, the shell averages of the "
        "ridges, or none",
    )
    pair_weight: float = Field(
        0.5, gt=0, description="weight in the loss of the pairs, relative to that of the particles"
    )
    far_weight: float = Field(
        0.3,
        gt=0,
        le=1,
        description="weight in the loss of a pair that is farther apart than the first coordination shell, relative to "
        "that of a near pair",
    )
    temperatures: tuple[PositiveFloat, ...] = Field(
        (),
        description="temperatures at which one network is trained, with the temperature as a further descriptor; it "
        "then predicts at all temperatures of the study. By default there is a network for each [epsilon_AA/k_B]",
    )
    variance_weight: NonNegativeFloat = Field(
        0.0,
        description="weight in the loss of the squared difference between the standard deviations of predictions and "
        "targets within each species or kind of pair of a configuration",
    )
    amplitude: Literal["error", "heterogeneity"] = Field(
        "error",
        description="size of the predicted differences between particles: that of the smallest error, or that with "
        "which they fluctuate over long waves as much as the simulation, on the validation configurations or, without "
        "any, on the training configurations; the correlation within a configuration does not depend on it",
    )
    training: Training = Field(Training(), description="how the network is trained")

    @field_validator("temperatures")
    @classmethod
    def _different(cls, temperatures: tuple[float, ...]) -> tuple[float, ...]:
        if len({*temperatures}) < len(temperatures):
            raise ValueError(f"a temperature is named twice: {', '.join(f'{one:g}' for one in temperatures)}")
        return temperatures

    @field_validator("targets")
    @classmethod
    def _known(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [symbol for symbol in symbols if symbol not in targets()]:
            raise ValueError(f"{', '.join(unknown)} is not a target; known: {', '.join(targets())}")
        return symbols

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`."""
        return self.targets

    @property
    def together(self) -> tuple[float, ...]:
        """See `PredictorSettings.together`."""
        return self.temperatures

    @property
    def of_particles(self) -> tuple[str, ...]:
        """The targets of particles among those that are predicted."""
        return tuple(symbol for symbol in self.targets if symbol in particle_targets())

    @property
    def of_pairs(self) -> tuple[str, ...]:
        """The targets of pairs among those that are predicted."""
        return tuple(symbol for symbol in self.targets if symbol in pair_targets())

    @property
    def seen_frames(self) -> tuple[str, ...]:
        """States in which directions between neighbours are used, the first of them for messages."""
        if self.frames is not None:
            return self.frames
        return tuple(dict.fromkeys((self.structures[-1], *(state for state in self.structures if state == THERMAL))))

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset({*self.structures, *self.seen_frames})

    def with_fewer_configurations(self, before: int, after: int) -> Self:
        """See `PredictorSettings.with_fewer_configurations`: more epochs, and so as many steps of the optimiser."""
        return self.model_copy(update={"training": self.training.with_fewer_configurations(before, after)})

    @property
    def uses_potential(self) -> bool:
        """See `PredictorSettings.uses_potential`: energies are among the descriptors."""
        return super().uses_potential or self.descriptors != "none"
