"""GlassMLP: a small network on coarse-grained physical fields.

Jung, Biroli & Berthier, Phys. Rev. Lett. 130, 238202 (2023). The fields (`glassbotan.structure.fields`) of a particle,
scaled to mean 0 and standard deviation 1, go through a bottleneck of few nodes and two small hidden layers. The loss is
the mean squared error, and in each configuration the square of what the standard deviation of the predictions lacks of
that of the targets, so that the network keeps dynamical heterogeneity. Each species has its own network, which predicts
all targets and times. The predictions of several networks with other initial weights are averaged.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from glassbotan.errors import StudyError
from glassbotan.kob_andersen import Species, box_length
from glassbotan.learn.columns import (
    SCALE,
    Scale,
    as_arrays,
    from_arrays,
    means_over_configurations,
    restored_targets,
    scaled_columns,
)
from glassbotan.learn.scaling import TargetScaling
from glassbotan.predictors.contract import NAME, Example, Examples, FitContext, FittedPredictor
from glassbotan.predictors.domain import Domain
from glassbotan.predictors.shared import Joint, OfParticles, of_each
from glassbotan.progress import progress
from glassbotan.structure.fields import SCALES, fields_within
from glassbotan.structure.states import DESCRIBED, Positions
from glassbotan.structure.static import StaticStructure

if TYPE_CHECKING:
    from torch import nn


class Settings(Joint, OfParticles):
    """GlassMLP, a small network on coarse-grained physical fields."""

    kind: Literal["glass-mlp"] = Field(description="kind of predictor")
    name: str = Field("GlassMLP", pattern=NAME, description="name in paths and tables")
    structures: tuple[Positions, ...] = Field(
        DESCRIBED,
        min_length=1,
        description="states of the structure of which the fields are used; Jung et al. use the inherent structure",
    )
    scales: tuple[PositiveFloat, ...] = Field(
        SCALES,
        min_length=1,
        description="lengths L over which fields are averaged; those beyond half of the box are left out [sigma_AA]",
    )
    bottleneck: PositiveInt = Field(8, description="nodes of the first layer; Jung et al. have 2")
    width: PositiveInt = Field(16, description="nodes of each hidden layer after it; Jung et al. have 10")
    networks: PositiveInt = Field(8, description="number of networks whose predictions are averaged")
    epochs: PositiveInt = Field(400, description="passes over the training configurations")
    learning_rate: PositiveFloat = Field(0.005, description="highest learning rate of Adam; it decays to zero")
    weight_decay: NonNegativeFloat = Field(1e-3, description="decay of the weights (AdamW)")
    variance_weight: NonNegativeFloat = Field(
        0.1,
        description="weight in the loss of the squared difference between the spreads of predictions and targets",
    )
    target_scaling: Scale = Field("configuration", description=SCALE)

    @property
    def needs(self) -> frozenset[str]:
        """See `PredictorSettings.needs`."""
        return frozenset(self.structures)

    @property
    def uses_potential(self) -> bool:
        """See `PredictorSettings.uses_potential`: energies are among its descriptors."""
        return True


class Fitted(FittedPredictor):
    """The networks of each species, and the scale of each target at each time.

    Parameters
    ----------
    arrays : `field_means`, `field_scales` (2, n_d), and weights `A/0/0.weight` of each species, network and layer
    scalings : scale of each column: all times of the first target, then of the next
    """

    settings: Settings

    def __init__(
        self,
        settings: Settings,
        domain: Domain,
        arrays: Mapping[str, NDArray],
        scalings: Sequence[TargetScaling],
        history: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(settings, domain, history)
        self.arrays, self.scalings = arrays, scalings

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`."""
        import torch

        x = _fields(structure, self.settings, self.domain)
        columns = np.zeros((len(structure), len(self.scalings)))
        for species in Species:
            rows = structure.species == species
            scaled = (x[rows] - self.arrays["field_means"][species]) / self.arrays["field_scales"][species]
            inputs = torch.as_tensor(scaled, dtype=torch.float32)
            for number in range(self.settings.networks):
                network = _network(self.settings, x.shape[1], len(self.scalings))
                prefix = f"{species.name}/{number}/"
                weights = {
                    name.removeprefix(prefix): torch.as_tensor(values)
                    for name, values in self.arrays.items()
                    if name.startswith(prefix)
                }
                network.load_state_dict(weights)
                with torch.inference_mode():
                    columns[rows] += network(inputs).numpy() / self.settings.networks
        return restored_targets(columns, structure.species, self.scalings, self.settings.targets)

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """See `FittedPredictor.tensors`."""
        return {**self.arrays, **as_arrays(self.scalings)}

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> "Fitted":
        """See `FittedPredictor.restore`."""
        scalings = from_arrays(tensors)
        arrays = {name: values for name, values in tensors.items() if not name.startswith("target_")}
        return cls(settings, domain, arrays, scalings)


def _fields(structure: StaticStructure, settings: Settings, domain: Domain) -> NDArray[np.float64]:
    """The fields of all states that are used, (N, n_d)."""
    return fields_within(structure, settings.structures, box_length(domain.particles, domain.density), settings.scales)


def _network(settings: Settings, inputs: int, outputs: int) -> "nn.Sequential":
    from torch import nn

    layers: list[nn.Module] = [nn.Linear(inputs, settings.bottleneck)]
    width = settings.bottleneck
    for _ in range(2):
        layers += [nn.ELU(), nn.Linear(width, settings.width)]
        width = settings.width
    return nn.Sequential(*layers, nn.ELU(), nn.Linear(width, outputs))


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Train the networks; see `glassbotan.predictors.contract`. With validation, the best epoch of each is kept."""
    half = box_length(context.domain.particles, context.domain.density) / 2
    if min(settings.scales) > half:
        raise StudyError(
            f"model {settings.name}: the smallest of its scales is {min(settings.scales):g}, but half of the box is "
            f"{half:.4g}; use smaller scales"
        )

    def read_from(example: Example) -> tuple[NDArray[np.float64], NDArray, NDArray[np.uint8], list[TargetScaling]]:
        """Fields, scaled targets, species, and the scales of the targets."""
        structure = example.structure()
        targets = [example.target(symbol) for symbol in settings.targets]
        y, scaling = scaled_columns(targets, structure.species, len(Species), settings.target_scaling)
        return _fields(structure, settings, context.domain), y, structure.species, scaling

    read = of_each(read_from, (*train, *validation), context, f"Fields for {settings.name}")
    arrays: dict[str, NDArray] = {}
    means, spreads = [], []
    history: dict[str, list[float]] = {"epoch": [float(epoch) for epoch in range(1, settings.epochs + 1)]}
    with progress(f"Fit {settings.name}", len(Species) * settings.networks, "networks") as advance:
        for species in Species:
            blocks = [(x[kinds == species], y[kinds == species]) for x, y, kinds, _ in read]
            inputs = np.concatenate([x for x, _ in blocks[: len(train)]])
            means.append(inputs.mean(axis=0))
            spread = inputs.std(axis=0)
            spreads.append(np.where(spread > 1e-9 * spread.max(), spread, 1.0))
            scaled = [((x - means[-1]) / spreads[-1], y) for x, y in blocks]
            for number in range(settings.networks):
                weights, losses = _train(
                    scaled[: len(train)], scaled[len(train) :], settings, (context.seed, species, number), context
                )
                arrays |= {f"{species.name}/{number}/{name}": values for name, values in weights.items()}
                history |= {f"{name}_{species.name}_{number}": values for name, values in losses.items()}
                advance(1)
    arrays |= {"field_means": np.stack(means), "field_scales": np.stack(spreads)}
    scaling = means_over_configurations([scaling for *_, scaling in read[: len(train)]])
    return Fitted(settings, context.domain, arrays, scaling, history)


def _train(
    train: Sequence[tuple[NDArray, NDArray]],
    validation: Sequence[tuple[NDArray, NDArray]],
    settings: Settings,
    seed: Sequence[int],
    context: FitContext,
) -> tuple[dict[str, NDArray], dict[str, list[float]]]:
    """Weights of one network of one species, and its losses in each epoch; each step takes one configuration."""
    import torch

    def as_tensors(blocks: Sequence[tuple[NDArray, NDArray]]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [tuple(torch.as_tensor(one, dtype=torch.float32) for one in block) for block in blocks]  # type: ignore[misc]

    random = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    fitted_to, judged = as_tensors(train), as_tensors(validation)
    network = _network(settings, fitted_to[0][0].shape[1], fitted_to[0][1].shape[1])
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, torch.nn.Linear):
                bound = (3 / layer.in_features) ** 0.5
                layer.weight.uniform_(-bound, bound, generator=random)
                layer.bias.zero_()
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    steps = settings.epochs * len(fitted_to)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=max(steps, 10))

    def loss_of(block: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        x, y = block
        found = network(x)
        lacking = (y.std(dim=0) - found.std(dim=0)) ** 2
        return ((found - y) ** 2).mean() + settings.variance_weight * lacking.mean()

    best, kept = float("inf"), dict(network.state_dict())
    losses: dict[str, list[float]] = {"train_loss": []}
    if judged:
        losses["validation_loss"] = []
    for _ in range(settings.epochs):
        context.deadline.check()
        total = 0.0
        for index in torch.randperm(len(fitted_to), generator=random).tolist():
            optimizer.zero_grad()
            loss = loss_of(fitted_to[index])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        losses["train_loss"].append(total / len(fitted_to))
        if judged:
            with torch.inference_mode():
                losses["validation_loss"].append(sum(float(loss_of(block)) for block in judged) / len(judged))
        score = losses["validation_loss"][-1] if judged else -len(losses["train_loss"])
        if score < best:
            best, kept = score, {name: values.clone() for name, values in network.state_dict().items()}
    return {name: values.numpy() for name, values in kept.items()}, losses
