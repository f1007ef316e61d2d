"""What predictors are fitted to, how networks are trained, and which predictors are fitted only for comparison."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from glassbotan.study.section import Configurations, Section


class Split(Section):
    """Which configurations are used for training, validation and testing; each is used for only one of them."""

    train: Configurations = Field(description="configurations that predictors are fitted to, such as 1-400")
    validation: Configurations = Field(
        default=(),
        description="configurations on which the epoch of a network or the strength of a regularisation is chosen",
    )
    test: Configurations = Field(description="configurations that are predicted and scored; nothing is chosen on them")

    @property
    def all(self) -> tuple[int, ...]:
        """Every configuration of the study, in order."""
        return tuple(sorted((*self.train, *self.validation, *self.test)))

    @property
    def learnt_from(self) -> tuple[int, ...]:
        """Every configuration that a fit uses, for training or validation."""
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


TargetScales = Literal["reduced", "training set", "configuration"]
"""Units of the targets in a loss: reduced Lennard-Jones units, or standard deviations over one of two sets."""


class Training(Section):
    """How a network is trained; each kind of network can add its own settings."""

    epochs: PositiveInt = Field(1000, description="passes over the training configurations")
    learning_rate: PositiveFloat = Field(1e-4, description="learning rate of Adam; with one-cycle, its highest value")
    schedule: Literal["constant", "one-cycle"] = Field(
        "constant",
        description="constant learning rate, or one cycle: warm-up, then cosine decay to zero (Adam's beta_1 first "
        "falls, then rises)",
    )
    batch_size: PositiveInt = Field(1, description="graphs per step of the optimiser")
    weight_decay: NonNegativeFloat = Field(
        0.0, description="part of each weight matrix that a step takes away, divided by the learning rate (AdamW)"
    )
    patience: PositiveInt | None = Field(
        None,
        description="number of epochs without a smaller loss on the validation configurations after which training "
        "stops; null: it never stops before `epochs`",
    )
    gradient_clip: PositiveFloat = Field(
        1.0, description="largest norm of the gradient; a larger gradient is scaled down to it"
    )
    target_scaling: TargetScales = Field(
        "reduced",
        description="units of the targets in the fit: reduced Lennard-Jones units, or standard deviations from the "
        "mean of each species, over the training set or within each configuration; within each configuration, "
        "differences between the means of whole configurations are not learnt",
    )
    weight_average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="decay per step of a running average of the weights, which is validated and kept in place of the "
        "weights; with 0, the weights themselves are",
    )

    def with_fewer_configurations(self, before: int, after: int) -> Self:
        """The training with so many more epochs that it has as many steps of the optimiser as with all configurations.

        Parameters
        ----------
        before, after : numbers of training configurations
        """
        steps, fewer = (-(-number // self.batch_size) for number in (before, after))
        return self.model_copy(update={"epochs": max(1, self.epochs * steps // fewer)})


class EdgeTraining(Training):
    """How a network with perceptrons on edges is trained."""

    precision: Literal["float32", "bfloat16", "auto"] = Field(
        "float32",
        description="number format of matrix products in training; auto takes the faster one: float32 on a CPU, where "
        "it has a library of its own (if there is a compiler), and bfloat16 with float32 sums on a GPU",
    )
    fused: bool = Field(
        False,
        description="on a GPU, update edges with two kernels of this package (needs triton and a width of 16, 32, 64 "
        "or, in bfloat16, 128); their results are compared with PyTorch's before training",
    )


class HalfSamples(Section):
    """Fits to random halves of the training configurations, for the error from the choice of these configurations.

    The differences between these fits say how much a score would change with other training configurations
    (docs/statistics.md). Each is a fit with a seed of its own and as many steps of the optimiser as the model's own
    fit. An average of models has no fits of its own; its members can have half samples.
    """

    number: int = Field(6, ge=2, description="number of half samples, and so of further fits of each model")
    models: tuple[str, ...] = Field((), description="names of the models; by default all that are fitted")


class RunSelector(Section):
    """One model of the study at one temperature and sampling time."""

    model: str = Field(description="name of the model")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time: PositiveFloat = Field(description="sampling time [tau]")


class LearningCurve(Section):
    """Models at one state point, fitted to fewer configurations or replicas than the study has.

    A network is trained for as many steps of the optimiser as with all configurations.
    """

    model: str | tuple[str, ...] = Field(description="name of the model, or names of several models")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time: PositiveFloat = Field(description="sampling time [tau]")
    configurations: tuple[PositiveInt, ...] = Field(
        (), description="numbers of training configurations to fit to, with all replicas"
    )
    replicas: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        (), description="numbers of replicas to average over, with all training configurations"
    )

    @property
    def selectors(self) -> list[RunSelector]:
        """Each of the models at the state point."""
        names = (self.model,) if isinstance(self.model, str) else self.model
        return [RunSelector(model=name, temperature=self.temperature, time=self.time) for name in names]


class Ablation(Section):
    """One model at one state point, fitted with different values of one setting."""

    model: str = Field(description="name of the model")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time: PositiveFloat | tuple[PositiveFloat, ...] = Field(description="sampling time, or several of them [tau]")
    setting: str = Field(description="name of the setting, with dots between section and key: network.rounds")
    values: tuple[bool | int | float | str | tuple[str, ...], ...] = Field(
        min_length=1,
        description="values of the setting, a list of lists if it is a list; the value in the study's own model is "
        "added",
    )

    @property
    def times(self) -> tuple[float, ...]:
        """The sampling times, tau."""
        return self.time if isinstance(self.time, tuple) else (self.time,)

    @property
    def selectors(self) -> list[RunSelector]:
        """The model at each of the sampling times."""
        return [RunSelector(model=self.model, temperature=self.temperature, time=time) for time in self.times]


class Transfer(Section):
    """A model fitted at one temperature and sampling time, and scored at another."""

    model: str = Field(description="name of the model")
    between: tuple[tuple[PositiveFloat, PositiveFloat], ...] = Field(
        min_length=2,
        description="pairs of temperature and sampling time; the model fitted at each pair is scored at all pairs",
    )

    @property
    def places(self) -> list[RunSelector]:
        """The model at each pair of temperature and sampling time."""
        return [RunSelector(model=self.model, temperature=t, time=time) for t, time in self.between]
