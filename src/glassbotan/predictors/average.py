"""The average of several fitted predictors, such as networks with different seeds, and how much they differ.

The predictions of networks that were trained with different random numbers differ by what the data did not determine.
Their average has a smaller error than each of them, and the standard deviation between them says how uncertain a single
one is (Lakshminarayanan, Pritzel & Blundell, NeurIPS 2017). The members can also be of different kinds.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny, field_validator, model_validator

from glassbotan.errors import FileError
from glassbotan.predictors.contract import (
    NAME,
    Estimate,
    Examples,
    FitContext,
    FittedPredictor,
    PredictorSettings,
    Start,
)
from glassbotan.predictors.domain import Domain
from glassbotan.structure.static import StaticStructure


class Settings(PredictorSettings):
    """The average of the predictions of other models of the study, over their seeds."""

    kind: Literal["average"] = Field(description="kind of predictor")
    name: str = Field("average", pattern=NAME, description="name in paths and tables")
    of: tuple[str, ...] = Field(
        min_length=1, description="names of models that stand before it in the study; each is averaged over its seeds"
    )
    members: tuple[SerializeAsAny[PredictorSettings], ...] = Field(
        (), description="settings of these models, which are filled in when the study is read"
    )

    @field_validator("members", mode="before")
    @classmethod
    def _of_their_kinds(cls, members: Any) -> Any:
        from glassbotan.predictors.registry import kinds

        return tuple(
            kinds()[member["kind"]].Settings.model_validate(member) if isinstance(member, Mapping) else member
            for member in members
        )

    @model_validator(mode="after")
    def _can_be_averaged(self) -> Self:
        if not self.members:
            raise ValueError("a model of kind average needs the models of which it is the average, by their names: of")
        for member in self.members:
            if not member.gives_values:
                raise ValueError(
                    f"the predictions of {member.name} have no units, so that they cannot be averaged with others"
                )
        if len({member.joint for member in self.members}) > 1:
            each = ", ".join(f"{one.name} {'all times' if one.joint else 'each time'}" for one in self.members)
            raise ValueError(f"models that are averaged have to be fitted for the same times, but there are: {each}")
        if len({member.together for member in self.members}) > 1:
            raise ValueError("models that are averaged have to be fitted at the same temperatures together")
        if not self.predicts:
            raise ValueError(f"there is no target that all of {', '.join(self.of)} predict")
        if len(self.seeds) > 1:
            raise ValueError("an average is over all seeds of its members, and has only one seed itself")
        return self

    @property
    def fits_itself(self) -> bool:
        """See `PredictorSettings.fits_itself`: its members are fitted."""
        return False

    @property
    def has_spread(self) -> bool:
        """See `PredictorSettings.has_spread`: if there are several members."""
        return sum(len(member.seeds) for member in self.members) > 1

    @property
    def joint(self) -> bool:
        """See `PredictorSettings.joint`: as its members."""
        return self.members[0].joint

    @property
    def together(self) -> tuple[float, ...]:
        """See `PredictorSettings.together`: as its members."""
        return self.members[0].together

    def fitted_at(self, time: float) -> bool:
        """See `PredictorSettings.fitted_at`: where all its members are."""
        return super().fitted_at(time) and all(member.fitted_at(time) for member in self.members)

    @property
    def predicts(self) -> tuple[str, ...]:
        """See `PredictorSettings.predicts`: what all members predict."""
        first, *others = (member.predicts for member in self.members)
        return tuple(symbol for symbol in first if all(symbol in other for other in others))

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset().union(*(member.needs for member in self.members))

    @property
    def uses_potential(self) -> bool:
        """See `PredictorSettings.uses_potential`."""
        return any(member.uses_potential for member in self.members)

    @property
    def starts(self) -> tuple[Start, ...]:
        """See `PredictorSettings.starts`: its members, with all their seeds."""
        return tuple(Start(member, seeds=member.seeds) for member in self.members)

    def require_start(self, found: PredictorSettings, path: str) -> None:
        """See `PredictorSettings.require_start`: it has to be one of the members."""
        if found.name not in [member.name for member in self.members]:
            raise FileError(f"{path} holds the model {found.name}, but {self.name} is the average of {self.of}")

    def for_fitting(self) -> dict[str, Any]:
        """See `PredictorSettings.for_fitting`: the members as they are fitted."""
        return {
            **super().for_fitting(),
            "members": [{**member.for_fitting(), "seeds": member.seeds} for member in self.members],
        }

    def with_fewer_configurations(self, before: int, after: int) -> Self:
        """See `PredictorSettings.with_fewer_configurations`."""
        members = tuple(member.with_fewer_configurations(before, after) for member in self.members)
        return self.model_copy(update={"members": members})


class Fitted(FittedPredictor):
    """The fitted members.

    Parameters
    ----------
    members : the fitted predictors
    """

    settings: Settings

    def __init__(self, settings: Settings, domain: Domain, members: Sequence[FittedPredictor]) -> None:
        super().__init__(settings, domain)
        self.members = members

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`."""
        return {symbol: estimate.values for symbol, estimate in self.estimate(structure).items()}

    def estimate(self, structure: StaticStructure) -> Mapping[str, Estimate]:
        """See `FittedPredictor.estimate`: mean over the members, and standard deviation between them."""
        of_members = [member.predict(structure) for member in self.members]
        found = {}
        for symbol in self.settings.predicts:
            values = np.stack([predicted[symbol] for predicted in of_members])
            spread = values.std(axis=0, ddof=1) if len(values) > 1 else None
            found[symbol] = Estimate(values.mean(axis=0), spread)
        return found

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """See `FittedPredictor.tensors`: those of each member, whose names begin with its number."""
        return {
            f"{number}/{name}": values
            for number, member in enumerate(self.members)
            for name, values in member.tensors().items()
        }

    def details(self) -> dict[str, Any]:
        """See `FittedPredictor.details`."""
        return {
            "members": [
                {"settings": member.settings.model_dump(mode="json"), "details": member.details()}
                for member in self.members
            ]
        }

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> Self:
        """See `FittedPredictor.restore`."""
        from glassbotan.predictors.registry import kinds

        members = []
        for number, content in enumerate(details["members"]):
            prefix = f"{number}/"
            own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            module = kinds()[content["settings"]["kind"]]
            of_kind = module.Settings.model_validate(content["settings"])
            members.append(module.Fitted.restore(of_kind, domain, own, content["details"]))
        return cls(settings, domain, members)


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Put the fitted members together; see `glassbotan.predictors.contract`."""
    return Fitted(settings, context.domain, context.starts)
