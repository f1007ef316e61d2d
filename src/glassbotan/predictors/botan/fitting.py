"""Fitting BOTAN to the targets of one temperature, and predicting with it.

Shiba et al., J. Chem. Phys. 158, 084503 (2023), Sec. II C: Adam on p MSE(S) + (1 - p) MSE(E) over all particles and
pairs of both species, with each graph transformed by a random element of the symmetry group of the cube. The paper
trains a network for each sampling time; one that is trained for several times has as many outputs, and the errors are
averaged over the times.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from glassbotan.kob_andersen import Species
from glassbotan.learn.columns import (
    as_arrays,
    from_arrays,
    means_over_configurations,
    measured_columns,
    restored_targets,
)
from glassbotan.learn.edge_update import Arithmetic
from glassbotan.learn.graphs import Graph, Graphs, structure_graph, with_targets
from glassbotan.learn.processors import arithmetic_of, processor
from glassbotan.learn.resumable import train_resumably, weights_from
from glassbotan.learn.scaling import TargetScaling
from glassbotan.learn.training import mean_correlation
from glassbotan.predictors.botan import Settings
from glassbotan.predictors.botan.network import BOTAN
from glassbotan.predictors.botan.prediction import predict_graph
from glassbotan.predictors.contract import Example, Examples, FitContext, FittedPredictor
from glassbotan.predictors.domain import Domain
from glassbotan.structure.static import StaticStructure

SMALL_START = 0.05
"""Factor on a pretrained network's weights of the last layer for particles, on which it was not trained."""

PARTICLES, PAIRS = "particles/", "pairs/"
"""Beginnings of the names of the scales in a file."""

Scalings = tuple[Sequence[TargetScaling], Sequence[TargetScaling]]
"""Scales of the target of the particles, by species, and of E, at each sampling time."""


def reduced(times: int = 1) -> Scalings:
    """Scales with which both targets stay in reduced Lennard-Jones units."""
    return [TargetScaling.reduced(len(Species))] * times, [TargetScaling.reduced(1)] * times


class Fitted(FittedPredictor):
    """A trained network.

    Parameters
    ----------
    weights : state dictionary of `BOTAN`
    scalings : scales of the network's outputs for particles and for pairs at each sampling time
    epoch : the epoch of the training whose weights these are
    """

    settings: Settings

    def __init__(
        self,
        settings: Settings,
        domain: Domain,
        weights: Mapping[str, Tensor],
        scalings: Scalings,
        epoch: int = 0,
        history: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(settings, domain, history)
        self.weights = dict(weights)
        self.scalings = scalings
        self.epoch = epoch

    def network(self) -> BOTAN:
        """The network with its trained weights, in evaluation mode."""
        model = untrained(self.settings, len(self.scalings[0]))
        model.load_state_dict(self.weights)
        return model.eval()

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`."""
        graph = structure_graph(structure, self.settings.structures)
        of_particles, of_pairs = predict_graph(self.network(), graph, self.settings.prediction.average_over_symmetries)
        restored = {
            **restored_targets(of_particles, structure.species, self.scalings[0], [self.settings.particle_target]),
            **restored_targets(of_pairs, None, self.scalings[1], ["E"]),
        }
        return {symbol: restored[symbol] for symbol in self.settings.predicts}

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """See `FittedPredictor.tensors`."""
        arrays = {name: value.numpy() for name, value in self.weights.items()}
        for prefix, scalings in zip((PARTICLES, PAIRS), self.scalings, strict=True):
            arrays |= as_arrays(scalings, prefix)
        return arrays

    def details(self) -> dict[str, Any]:
        """See `FittedPredictor.details`."""
        return {"epoch": self.epoch}

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> "Fitted":
        """See `FittedPredictor.restore`."""
        scalings = from_arrays(tensors, PARTICLES), from_arrays(tensors, PAIRS)
        weights = weights_from(tensors, untrained(settings, len(scalings[0])))
        return cls(settings, domain, weights, scalings, details["epoch"])

    def weights_to_start_from(self, scalings: Scalings) -> dict[str, Tensor]:
        """Weights with which a network that has the given output scales starts from this one.

        A network for several times starts at each of them from the outputs for the only time of this one. If both
        networks predict in standard deviations, or both in reduced units, the weights are taken as they are. If one
        does and the other does not, the last layer for pairs is rescaled so that the network predicts the same E, and
        the last layer for particles is made small, so that its outputs start near zero: a network that was trained on
        pairs only has learnt nothing about them.
        """
        times, own = len(scalings[1]), self.scalings[1][0]
        last = {
            name: self.weights[name].expand(times, *self.weights[name].shape[1:]).clone()
            for decoder in ("edge", "node")
            for name in (f"{decoder}_decoder.last.weight", f"{decoder}_decoder.last.bias")
        }
        in_reduced_units = reduced()[1][0]
        for time, wanted in enumerate(scalings[1]):
            if (own == in_reduced_units) == (wanted == in_reduced_units):
                continue
            last["edge_decoder.last.weight"][time] *= own.scale[0] / wanted.scale[0]
            last["edge_decoder.last.bias"][time] *= own.scale[0] / wanted.scale[0]
            last["edge_decoder.last.bias"][time] += (own.mean[0] - wanted.mean[0]) / wanted.scale[0]
            last["node_decoder.last.weight"][time] *= SMALL_START
            last["node_decoder.last.bias"][time] = 0
        return self.weights | last


def untrained(settings: Settings, times: int) -> BOTAN:
    """The network before training."""
    return BOTAN(settings.network, len(settings.structures), times)


class WeightedLoss:
    """The loss p MSE(S) + (1 - p) MSE(E), its two parts, and the correlations of both targets; see `Objective`."""

    names = ("loss", "particle_loss", "pair_loss")

    def __init__(self, p: float, arithmetic: Arithmetic) -> None:
        self.p = p
        self.arithmetic = arithmetic

    def losses(self, model: nn.Module, graph: Graph) -> Tensor:
        """See `Objective.losses`."""
        return self._losses(graph, *model(graph, self.arithmetic))

    def judge(self, model: nn.Module, graph: Graph) -> dict[str, float]:
        """See `Objective.judge`: the losses, and Pearson coefficients of S over A particles and of E over all pairs.

        The coefficients are averaged over the times.
        """
        of_particles, of_pairs = model(graph, self.arithmetic)
        found = dict(zip(self.names, self._losses(graph, of_particles, of_pairs).tolist(), strict=True))
        of_a = graph.species[:, 0] == Species.A
        for name, output, target, among in (
            ("particle", of_particles, graph.get("particle_target"), of_a),
            ("pair", of_pairs, graph.get("pair_target"), slice(None)),
        ):
            found[f"{name}_pearson"] = (
                float("nan") if target is None else mean_correlation(output[among], target[among])
            )
        return found

    def _losses(self, graph: Graph, of_particles: Tensor, of_pairs: Tensor) -> Tensor:
        weighted, parts = [], []
        for weight, output, name in (
            (self.p, of_particles, "particle_target"),
            (1 - self.p, of_pairs, "pair_target"),
        ):
            parts.append(mse_loss(output, graph[name]) if weight > 0 else output.new_full((), torch.nan))
            weighted += [weight * parts[-1]] if weight > 0 else []
        return torch.stack([sum(weighted[1:], weighted[0]), *parts])


def fit(train: Examples, validation: Examples, settings: Settings, context: FitContext) -> Fitted:
    """Train a network; see `glassbotan.predictors.contract`.

    Raises
    ------
    TrainingError
        if training diverges
    StoppedError
        if the training has to stop before its end; the checkpoints are kept
    """
    device = processor(context.device)
    scalings = _prediction_scalings(train, settings)
    read = partial(_graph_with_targets, settings=settings, scalings=scalings)
    train_graphs, validation_graphs = (
        Graphs([partial(read, example) for example in examples], device, settings.training.augment)
        for examples in (train, validation)
    )
    torch.manual_seed(context.seed)
    model = untrained(settings, len(context.domain.times))
    if context.starts:
        (start,) = context.starts
        assert isinstance(start, Fitted)
        model.load_state_dict(start.weights_to_start_from(scalings))
    elif settings.training.initial_weights == "spread":
        model.spread_initial_weights()
    training = settings.training
    trained, remarks = train_resumably(
        settings.name,
        model,
        (train_graphs, validation_graphs),
        WeightedLoss(settings.p, arithmetic_of(training, settings.network.width, device)),
        training,
        seed=context.seed,
        device=device,
        folder=context.folder,
        deadline=context.deadline,
    )
    fitted = Fitted(settings, context.domain, trained.weights, scalings, trained.epoch, trained.history)
    fitted.remarks = remarks
    return fitted


def _targets(example: Example, settings: Settings) -> tuple[NDArray | None, NDArray | None]:
    """The particle target (n_t, N) and E (n_t, n_p) of a configuration; None for one without weight in the loss."""
    of_particles, of_pairs = (
        example.target(symbol) if symbol in settings.predicts else None for symbol in (settings.particle_target, "E")
    )
    return of_particles, of_pairs


def _scalings_of(examples: Sequence[Example], settings: Settings) -> Scalings:
    """Scales on which the targets of some configurations, taken together, have mean 0 and standard deviation 1."""
    times = len(examples[0].time_indices)
    species = np.concatenate([example.structure().species for example in examples])
    of_particles, of_pairs = (
        [values for values in of_examples if values is not None]
        for of_examples in zip(*(_targets(example, settings) for example in examples), strict=True)
    )
    particle, pair = reduced(times)
    if of_particles:
        together = np.concatenate(of_particles, axis=1)
        particle = [TargetScaling.of_values(values, species, len(Species)) for values in together]
    if of_pairs:
        pair = [TargetScaling.of_values(values) for values in np.concatenate(of_pairs, axis=1)]
    return particle, pair


def _prediction_scalings(train: Examples, settings: Settings) -> Scalings:
    """The scales of the network's predictions, according to `training.target_scaling`."""
    if settings.training.target_scaling == "reduced":
        return reduced(len(train.time_indices))
    if settings.training.target_scaling == "training set":
        return _scalings_of(train, settings)
    particle, pair = zip(*(_scalings_of([example], settings) for example in train), strict=True)
    return means_over_configurations(particle), means_over_configurations(pair)


def _graph_with_targets(example: Example, settings: Settings, scalings: Scalings) -> Graph:
    """The graph of a configuration, with its targets scaled as the loss needs them."""
    structure = example.structure()
    if settings.training.target_scaling == "configuration":
        scalings = _scalings_of([example], settings)
    measured = [
        None if values is None else measured_columns(values, members, of_times)
        for values, members, of_times in zip(
            _targets(example, settings), (structure.species, None), scalings, strict=True
        )
    ]
    return with_targets(structure_graph(structure, settings.structures), *measured)
