"""Fitting networks that predict targets of particles and pairs at all sampling times of a temperature together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from glassbotan.predictors.amplitude import as_heterogeneous
from glassbotan.predictors.contract import Example, Examples, FitContext, FittedPredictor
from glassbotan.predictors.domain import Domain
from glassbotan.predictors.field_loss import FieldLoss, KeptSamples, Sample, spreads
from glassbotan.predictors.network_settings import NetworkSettings
from glassbotan.predictors.shared import of_each
from glassbotan.structure.fields import fields_within
from glassbotan.structure.pair_kinds import KINDS, kinds_of_pairs
from glassbotan.structure.static import StaticStructure


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
        inputs = inputs_for(structure, self.settings, self.domain)
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

        def read_from(example: Example) -> tuple[Inputs, Measured, Measured]:
            structure = example.structure()
            of_particles, of_pairs = (
                [example.target(symbol) for symbol in symbols] for symbols in (settings.of_particles, settings.of_pairs)
            )
            inputs = inputs_for(structure, settings, context.domain)
            return inputs, (of_particles, structure.species), (of_pairs, kinds_of_pairs(structure))

        read = of_each(read_from, examples, context, f"Inputs of {settings.name}")
        inputs = [one.to(device) for one, _, _ in read]
        particles, pairs = [one for _, one, _ in read], [one for _, _, one in read]
        temperatures = [example.source.temperature for example in examples]
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
        if settings.amplitude == "heterogeneity" and settings.of_particles:
            network.load_state_dict(trained.weights)
            held_out = range(len(train), len(examples)) if len(validation) else range(len(train))
            judged = [(examples[number], samples[number]) for number in held_out]
            particle_scalings = as_heterogeneous(network.eval(), settings, judged, particle_scalings)
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


Measured = tuple[Sequence[NDArray], NDArray]
"""Targets of the particles or pairs of a configuration, and the class of each particle or pair."""
NETWORK, PARTICLES, PAIRS = "network/", "particles/", "pairs/"
"""Beginnings of the names of the arrays in a file."""


def inputs_for(structure: StaticStructure, settings: NetworkSettings, domain: Domain) -> Inputs:
    """The inputs of a configuration for a network with these settings."""
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
