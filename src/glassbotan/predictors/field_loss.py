"""Configurations with targets of particles and pairs at all times, and the loss of networks that predict them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from glassbotan.kob_andersen import Species
from glassbotan.learn.inputs import Inputs
from glassbotan.learn.training import mean_correlation
from glassbotan.predictors.network_settings import NetworkSettings
from glassbotan.structure.pair_kinds import KINDS


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
