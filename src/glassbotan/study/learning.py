"""What predictors are fitted to, how networks are trained, and which predictors are fitted only for comparison."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from glassbotan.study.section import Configurations, Section


class Split(Section):
    """Which configuration serves what; a configuration serves one purpose only."""

    train: Configurations = Field(description="configurations that predictors are fitted to, such as 1-400")
    validation: Configurations = Field(
        default=(),
        description="configurations that choose the epoch of a network or the strength of a regularisation",
    )
    test: Configurations = Field(description="configurations that are predicted and scored, and choose nothing")

    @property
    def all(self) -> tuple[int, ...]:
        """Every configuration of the study, in order."""
        return tuple(sorted((*self.train, *self.validation, *self.test)))

    @property
    def learnt_from(self) -> tuple[int, ...]:
        """Every configuration that fitting sees."""
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
"""Units of the targets in a loss: reduced Lennard-Jones, or standard deviations over one of two sets."""
TARGET_SCALING = (
    "units of the targets in the fit: reduced Lennard-Jones, or standard deviations from the mean (each species by "
    "itself), over the training set or within each configuration; within each configuration nothing is learnt of how "
    "much a configuration moves as a whole"
)


class Training(Section):
    """How a network is trained; networks add settings of their own."""

    epochs: PositiveInt = Field(1000, description="passes over the training configurations")
    learning_rate: PositiveFloat = Field(1e-4, description="learning rate of Adam (its highest value, on a schedule)")
    schedule: Literal["constant", "one-cycle"] = Field(
        "constant",
        description="constant learning rate, or one cycle: warm-up, then cosine decay to zero (and Adam's beta_1 the "
        "other way round)",
    )
    batch_size: PositiveInt = Field(1, description="graphs per step")
    gradient_clip: PositiveFloat = Field(1.0, description="largest norm of the gradient")
    target_scaling: TargetScales = Field("reduced", description=TARGET_SCALING)
    weight_average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="decay per step of a running average of the weights, which is then what is validated and kept; 0 "
        "keeps the weights themselves",
    )
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        "float32",
        description="matrix products in training; auto takes bfloat16 (with float32 sums) where the processor has it",
    )
    fused: bool = Field(
        False,
        description="on a GPU, compute edges in two kernels of our own (needs triton and a width of 16, 32, 64 or, in "
        "bfloat16, 128); they are compared with PyTorch before training",
    )


class RunSelector(Section):
    """One model of the study at one temperature and sampling time."""

    model: str = Field(description="name of the model")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    time: PositiveFloat = Field(description="sampling time [tau]")


class LearningCurve(RunSelector):
    """What more data would buy: one model at one state point, fitted to less than there is.

    A network takes as many steps of the optimiser as it does on all configurations.
    """

    configurations: tuple[PositiveInt, ...] = Field(
        (), description="numbers of training configurations, with all replicas"
    )
    replicas: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        (), description="numbers of replicas in the targets, with all training configurations"
    )


class Ablation(RunSelector):
    """What one setting of a model is worth: the model at one state point, with that setting changed."""

    setting: str = Field(description="the setting, with dots between a section and its key: network.rounds")
    values: tuple[bool | int | float | str, ...] = Field(
        min_length=1, description="values of the setting; that of the study's own model is added"
    )


class Transfer(Section):
    """Models fitted at one state point and sampling time and scored at another."""

    model: str = Field(description="name of the model")
    between: tuple[tuple[PositiveFloat, PositiveFloat], ...] = Field(
        min_length=2, description="temperature and time of each place; every fitted model is scored at all of them"
    )

    @property
    def places(self) -> list[RunSelector]:
        """The places."""
        return [RunSelector(model=self.model, temperature=t, time=time) for t, time in self.between]
