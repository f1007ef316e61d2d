"""Fitting networks that predict targets of particles and pairs at all sampling times of a temperature together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from glassbotan.errors import FileError
from glassbotan.kob_andersen import Species, box_length
from glassbotan.learn.columns import (
    as_arrays,
    columns_at_temperatures,
    from_arrays,
    reliabilities,
    restored_targets,
)
from glassbotan.learn.inputs import Inputs, Widths, inputs_of
from glassbotan.learn.processors import processor
from glassbotan.learn.resumable import train_resumably, weights_from
from glassbotan.learn.scaling import TargetScaling
from glassbotan.learn.structural import StructuralNetwork
from glassbotan.learn.training import mean_correlation
from glassbotan.predictors.contract import Example, Examples, FitContext, FittedPredictor
from glassbotan.predictors.domain import Domain
from glassbotan.predictors.network_settings import NetworkSettings
from glassbotan.progress import progress
from glassbotan.structure.fields import fields_within
from glassbotan.structure.pair_kinds import KINDS, kinds_of_pairs
from glassbotan.structure.static import StaticStructure


class Sample(NamedTuple):
    """A configuration with its targets."""

    inputs: Inputs
    precomputed: Any
    of_particles: Tensor
    """(N, n_y), all times of the first target, then of the next, scaled"""
    of_pairs: Tensor
    """(n_p, n_z)"""
    spreads: tuple[Tensor, Tensor]
    """(species, n_y) and (kinds, n_z), standard deviations of these targets without the noise of few replicas"""


class KeptSamples:
    """Samples in the memory of the processor that trains; see `glassbotan.learn.training.Samples`."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def name(self, index: int) -> str:
        """See `Samples.name`."""
        return self._samples[index].inputs.name

    def orient(self, orientations: Sequence[int]) -> None:
        """See `Samples.orient`; the orientation has no effect on these networks."""

    def batch(self, indices: Sequence[int]) -> list[Sample]:
        """See `Samples.batch`."""
        return [self._samples[index] for index in indices]


class FittedNetwork(FittedPredictor):
    """A trained network.

    Parameters
    ----------
    weights : state dictionary of the network, with the scales of its inputs
    widths : numbers of its inputs
    particle_scalings, pair_scalings : at each temperature of the training, the scale of each column: all times of the
        first target, then of the next
    epoch : the epoch of the training whose weights these are
    """

    settings: NetworkSettings
    network_type: ClassVar[type[StructuralNetwork]]
    """the network"""

    def __init__(
        self,
        settings: NetworkSettings,
        domain: Domain,
        weights: Mapping[str, Tensor],
        widths: Widths,
        particle_scalings: Sequence[Sequence[TargetScaling]],
        pair_scalings: Sequence[Sequence[TargetScaling]],
        epoch: int = 0,
        history: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(settings, domain, history)
        self.weights, self.widths, self.epoch = dict(weights), widths, epoch
        self.particle_scalings, self.pair_scalings = particle_scalings, pair_scalings

    @classmethod
    def untrained(cls, settings: Any, domain: Domain, widths: Widths) -> StructuralNetwork:
        """The network before training."""
        times = len(domain.times)
        outputs = times * len(settings.of_particles), times * len(settings.of_pairs)
        return cls.network_type(settings.network, widths, *outputs, domain.pair_range)

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`."""
        network = self.untrained(self.settings, self.domain, self.widths)
        network.load_state_dict(self.weights)
        inputs = _inputs(structure, self.settings, self.domain)
        known = sorted(self.domain.together) or [self.domain.temperature]
        with torch.inference_mode():
            of_particles, of_pairs = network.eval()(inputs, network.precompute(inputs))
        found: dict[str, NDArray[np.floating]] = {}
        for outputs, members, scalings, symbols in (
            (of_particles, structure.species, self.particle_scalings, self.settings.of_particles),
            (of_pairs, kinds_of_pairs(structure), self.pair_scalings, self.settings.of_pairs),
        ):
            if symbols:
                here = [
                    TargetScaling.between(of_column, known, structure.temperature or known[0])
                    for of_column in zip(*scalings, strict=True)
                ]
                found |= restored_targets(outputs.numpy(), members, here, symbols)
        return {symbol: found[symbol] for symbol in self.settings.predicts}

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """See `FittedPredictor.tensors`."""
        weights: dict[str, NDArray[Any]] = {f"{NETWORK}{name}": value.numpy() for name, value in self.weights.items()}
        for prefix, at_temperatures in ((PARTICLES, self.particle_scalings), (PAIRS, self.pair_scalings)):
            for number, scalings in enumerate(at_temperatures):
                weights |= as_arrays(scalings, f"{prefix}{number}/")
        return weights

    def details(self) -> dict[str, Any]:
        """See `FittedPredictor.details`."""
        return {"widths": asdict(self.widths), "epoch": self.epoch}

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> Self:
        """See `FittedPredictor.restore`."""
        widths = Widths(**details["widths"])
        of_network = {name.removeprefix(NETWORK): value for name, value in tensors.items()}
        weights = weights_from(of_network, cls.untrained(settings, domain, widths))
        temperatures = range(max(1, len(domain.together)))
        particle_scalings, pair_scalings = (
            [from_arrays(tensors, f"{prefix}{number}/") for number in temperatures] for prefix in (PARTICLES, PAIRS)
        )
        return cls(settings, domain, weights, widths, particle_scalings, pair_scalings, details["epoch"])

    @classmethod
    def trained_on(cls, train: Examples, validation: Examples, settings: Any, context: FitContext) -> Self:
        """Train a network; see `glassbotan.predictors.contract`.

        Raises
        ------
        TrainingError
            if training diverges
        StoppedError
            if the training has to stop before its end; the checkpoints are kept
        """
        device, examples = processor(context.device), (*train, *validation)
        inputs, particles, pairs, temperatures = [], [], [], []
        with progress(f"Inputs of {settings.name}", len(examples), "configurations") as advance:
            for example in examples:
                context.deadline.check()
                structure = example.structure()
                inputs.append(_inputs(structure, settings, context.domain).to(device))
                particles.append(([example.target(symbol) for symbol in settings.of_particles], structure.species))
                pairs.append(([example.target(symbol) for symbol in settings.of_pairs], kinds_of_pairs(structure)))
                temperatures.append(example.source.temperature)
                advance(1)
        torch.manual_seed(context.seed)
        network = cls.untrained(settings, context.domain, inputs[0].widths).to(device)
        precomputed = [network.precompute(one) for one in inputs]
        network.measure(list(zip(inputs, precomputed, strict=True))[: len(train)])
        scale = settings.training.target_scaling
        of_particles, particle_scalings = columns_at_temperatures(
            particles, temperatures, len(Species), scale, len(train)
        )
        of_pairs, pair_scalings = columns_at_temperatures(pairs, temperatures, len(KINDS), scale, len(train))
        columns = (
            [torch.as_tensor(one, dtype=torch.float32, device=device) for one in of_all]
            for of_all in (of_particles, of_pairs)
        )
        samples = [
            Sample(one, sums, particle, pair, _spreads(example, settings, one, particle, pair))
            for example, one, sums, particle, pair in zip(examples, inputs, precomputed, *columns, strict=True)
        ]
        trained, remarks = train_resumably(
            settings.name,
            network,
            (KeptSamples(samples[: len(train)]), KeptSamples(samples[len(train) :])),
            FieldLoss(settings, device),
            settings.training,
            seed=context.seed,
            device=device,
            folder=context.folder,
            deadline=context.deadline,
        )
        fitted = cls(
            settings,
            context.domain,
            trained.weights,
            inputs[0].widths,
            particle_scalings,
            pair_scalings,
            trained.epoch,
            trained.history,
        )
        fitted.remarks = remarks
        return fitted


NETWORK, PARTICLES, PAIRS = "network/", "particles/", "pairs/"
"""Beginnings of the names of the arrays in a file."""


def _inputs(structure: StaticStructure, settings: NetworkSettings, domain: Domain) -> Inputs:
    """The inputs of a configuration."""
    edge = box_length(domain.particles, domain.density)
    if settings.descriptors == "none":
        described = np.zeros((len(structure), 0))
    elif settings.descriptors == "fields":
        described = fields_within(structure, settings.structures, edge)
    else:
        from glassbotan.predictors.ridges import Descriptors

        described = Descriptors().within(edge).compute(structure, settings.structures)
    if settings.temperatures:
        if structure.temperature is None:
            raise FileError(f"{structure.name} has no temperature, which {settings.name} needs; name it")
        described = np.column_stack([described, np.full(len(structure), 1 / structure.temperature)])
    return inputs_of(structure, described, settings.structures, settings.seen_frames)


def _spreads(
    example: Example, settings: NetworkSettings, inputs: Inputs, of_particles: Tensor, of_pairs: Tensor
) -> tuple[Tensor, Tensor]:
    """`Sample.spreads` of one configuration."""
    found = []
    for symbols, columns, members, classes in (
        (settings.of_particles, of_particles, inputs.species, len(Species)),
        (settings.of_pairs, of_pairs, inputs.kinds, len(KINDS)),
    ):
        halves = [example.half_targets(symbol) for symbol in symbols] if settings.variance_weight else []
        reliable = reliabilities(halves, members.cpu().numpy(), classes, columns.shape[1])
        found.append(spreads(columns, members, classes) * torch.as_tensor(reliable).sqrt().to(columns))
    return found[0], found[1]


class FieldLoss:
    """The mean squared errors of particles and pairs, and of the spreads of the predicted fields; see `Objective`.

    For each column y of targets, predicted as x, the loss of the particles of a configuration is

        <(x - y)^2> + w (sigma_x - sigma_y)^2

    with the standard deviations sigma within each species (w is `variance_weight`; Jung, Biroli & Berthier, Phys. Rev.
    Lett. 130, 238202 (2023)), and the same for the pairs of each kind, of which those that are not near have a smaller
    weight. sigma_y is that of the targets without the noise of the average over few replicas.
    """

    names = ("loss", "particle_loss", "pair_loss")

    def __init__(self, settings: NetworkSettings, device: torch.device) -> None:
        self.pair_weight, self.variance_weight = settings.pair_weight, settings.variance_weight
        of_kinds = [1.0 if kind.endswith("near") else settings.far_weight for kind in KINDS]
        self.of_species, self.of_kinds = torch.ones(len(Species), device=device), torch.tensor(of_kinds, device=device)

    def losses(self, model: Any, batch: Sequence[Sample]) -> Tensor:
        """See `Objective.losses`."""
        of_samples = [self._losses(sample, *model(sample.inputs, sample.precomputed)) for sample in batch]
        return torch.stack(of_samples).mean(dim=0)

    def judge(self, model: Any, batch: Sequence[Sample]) -> dict[str, float]:
        """See `Objective.judge`: the losses, and Pearson coefficients averaged over targets and times.

        The coefficients are those of A particles, and of A-A pairs that are near.
        """
        (sample,) = batch
        of_particles, of_pairs = model(sample.inputs, sample.precomputed)
        found = dict(zip(self.names, self._losses(sample, of_particles, of_pairs).tolist(), strict=True))
        of_a, near = sample.inputs.species == Species.A, sample.inputs.kinds == 0
        for name, outputs, targets, among in (
            ("particle", of_particles, sample.of_particles, of_a),
            ("pair", of_pairs, sample.of_pairs, near),
        ):
            known = outputs is not None
            found[f"{name}_pearson"] = mean_correlation(outputs[among], targets[among]) if known else float("nan")
        return found

    def _losses(self, sample: Sample, of_particles: Tensor | None, of_pairs: Tensor | None) -> Tensor:
        total, parts = sample.of_particles.new_zeros(()), []
        for outputs, targets, true_spreads, members, of_classes, weight in (
            (of_particles, sample.of_particles, sample.spreads[0], sample.inputs.species, self.of_species, 1.0),
            (of_pairs, sample.of_pairs, sample.spreads[1], sample.inputs.kinds, self.of_kinds, self.pair_weight),
        ):
            if outputs is None:
                parts.append(torch.full_like(total, torch.nan))
                continue
            of_rows = of_classes[members][:, None]
            part = ((outputs - targets).square() * of_rows).sum() / (of_rows.sum() * outputs.shape[1])
            if self.variance_weight:
                part = part + self.variance_weight * _lacking(outputs, true_spreads, members, of_classes)
            parts.append(part)
            total = total + weight * part
        return torch.stack([total, *parts])


def _lacking(outputs: Tensor, true_spreads: Tensor, members: Tensor, weights: Tensor) -> Tensor:
    """Mean of (sigma_x - sigma_y)^2 over columns and classes, each class with its weight times its number."""
    counts = nn.functional.one_hot(members, len(weights)).sum(dim=0)
    of_classes = (spreads(outputs, members, len(weights)) - true_spreads).square().mean(dim=1)
    shares = weights * counts
    return (of_classes * shares).sum() / shares.sum()


def spreads(values: Tensor, members: Tensor, classes: int) -> Tensor:
    """Standard deviation of each column of values (n, n_y) within each class of rows, (classes, n_y)."""
    in_classes = nn.functional.one_hot(members, classes).to(values)
    counts = in_classes.sum(dim=0).clamp(min=1)[:, None]
    deviations = values - (in_classes.T @ values / counts)[members]
    return (in_classes.T @ deviations.square() / counts + 1e-12).sqrt()
