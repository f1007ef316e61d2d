"""Fitting BOTAN to the targets of one temperature and sampling time, and predicting with it.

Shiba et al., J. Chem. Phys. 158, 084503 (2023), Sec. II C: Adam on p MSE(S) + (1 - p) MSE(E) over all particles and
pairs of both species, with each graph transformed by a random element of the symmetry group of the cube.
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
from glassbotan.learn.checkpoints import EpochCheckpoints
from glassbotan.learn.edge_update import Arithmetic
from glassbotan.learn.graphs import Graph, Graphs, structure_graph, with_targets
from glassbotan.learn.processors import arithmetic_of, processor, processor_name
from glassbotan.learn.scaling import TargetScaling
from glassbotan.learn.training import train_network
from glassbotan.predictors.botan import Settings
from glassbotan.predictors.botan.network import BOTAN
from glassbotan.predictors.botan.prediction import predict_graph
from glassbotan.predictors.contract import Example, Examples, FitContext, FittedPredictor
from glassbotan.predictors.domain import Domain
from glassbotan.progress import progress
from glassbotan.statistics import correlation
from glassbotan.stopping import StoppedError
from glassbotan.structure.static import StaticStructure

SMALL_START = 0.05
"""Factor on a pretrained network's weights of the last layer for particles, on which it was not trained."""

Scalings = tuple[TargetScaling, TargetScaling]
"""Scales of the target of the particles, by species, and of E."""
REDUCED: Scalings = (TargetScaling.reduced(len(Species)), TargetScaling.reduced(1))
"""Scales with which both targets stay in reduced Lennard-Jones units."""


class Fitted(FittedPredictor):
    """A trained network.

    Parameters
    ----------
    weights : state dictionary of `BOTAN`
    particle_scaling, pair_scaling : scales of the network's two outputs
    epoch : the epoch of the training whose weights these are
    """

    settings: Settings

    def __init__(
        self,
        settings: Settings,
        domain: Domain,
        weights: Mapping[str, Tensor],
        particle_scaling: TargetScaling,
        pair_scaling: TargetScaling,
        epoch: int = 0,
        history: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(settings, domain, history)
        self.weights = dict(weights)
        self.particle_scaling, self.pair_scaling = particle_scaling, pair_scaling
        self.epoch = epoch

    def network(self) -> BOTAN:
        """The network with its trained weights, in evaluation mode."""
        model = BOTAN(self.settings.network)
        model.load_state_dict(self.weights)
        return model.eval()

    def predict(self, structure: StaticStructure) -> Mapping[str, NDArray[np.floating]]:
        """See `FittedPredictor.predict`."""
        graph = structure_graph(structure)
        of_particles, of_pairs = predict_graph(self.network(), graph, self.settings.prediction.average_over_symmetries)
        restored = {
            self.settings.particle_target: self.particle_scaling.restore(of_particles, structure.species),
            "E": self.pair_scaling.restore(of_pairs),
        }
        return {symbol: restored[symbol][None] for symbol in self.settings.predicts}

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """See `FittedPredictor.tensors`."""
        return {name: value.numpy() for name, value in self.weights.items()}

    def details(self) -> dict[str, Any]:
        """See `FittedPredictor.details`."""
        return {
            "particle_scaling": vars(self.particle_scaling),
            "pair_scaling": vars(self.pair_scaling),
            "epoch": self.epoch,
        }

    @classmethod
    def restore(
        cls, settings: Any, domain: Domain, tensors: Mapping[str, NDArray[Any]], details: Mapping[str, Any]
    ) -> "Fitted":
        """See `FittedPredictor.restore`."""
        particle, pair = (
            TargetScaling(tuple(details[name]["mean"]), tuple(details[name]["scale"]))
            for name in ("particle_scaling", "pair_scaling")
        )
        expected = BOTAN(settings.network).state_dict()
        for name, value in expected.items():
            if name not in tensors or tensors[name].shape != tuple(value.shape):
                raise ValueError(f"its weight {name} is missing or has another shape")
        weights = {name: torch.from_numpy(tensors[name].copy()) for name in expected}
        return cls(settings, domain, weights, particle, pair, details["epoch"])

    def weights_to_start_from(self, particle_scaling: TargetScaling, pair_scaling: TargetScaling) -> dict[str, Tensor]:
        """Weights with which a network that has the given output scales starts from this one.

        If both networks predict in standard deviations, or both in reduced units, the weights are taken as they are. If
        one does and the other does not, the last layer for pairs is rescaled so that the network predicts the same E,
        and the last layer for particles is made small, so that its outputs start near zero: a network that was trained
        on pairs only has learnt nothing about them.
        """
        if (self.pair_scaling == REDUCED[1]) == (pair_scaling == REDUCED[1]):
            return self.weights
        scale = self.pair_scaling.scale[0] / pair_scaling.scale[0]
        shift = (self.pair_scaling.mean[0] - pair_scaling.mean[0]) / pair_scaling.scale[0]
        weight, bias = (self.weights[f"edge_decoder.last.{name}"] for name in ("weight", "bias"))
        of_particles = self.weights["node_decoder.last.weight"], self.weights["node_decoder.last.bias"]
        return self.weights | {
            "edge_decoder.last.weight": scale * weight,
            "edge_decoder.last.bias": scale * bias + shift,
            "node_decoder.last.weight": SMALL_START * of_particles[0],
            "node_decoder.last.bias": 0 * of_particles[1],
        }


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
        """See `Objective.judge`: the losses, and Pearson coefficients of S over A particles and of E over all pairs."""
        of_particles, of_pairs = model(graph, self.arithmetic)
        found = dict(zip(self.names, self._losses(graph, of_particles, of_pairs).tolist(), strict=True))
        of_a = graph.species[:, 0] == Species.A
        for name, output, target, among in (
            ("particle", of_particles, graph.get("particle_target"), of_a),
            ("pair", of_pairs, graph.get("pair_target"), slice(None)),
        ):
            known = target is not None
            found[f"{name}_pearson"] = (
                correlation(output[among].cpu().numpy(), target[among].cpu().numpy()) if known else float("nan")
            )
        return found

    def _losses(self, graph: Graph, of_particles: Tensor, of_pairs: Tensor) -> Tensor:
        weighted, parts = [], []
        for weight, output, name in (
            (self.p, of_particles, "particle_target"),
            (1 - self.p, of_pairs, "pair_target"),
        ):
            parts.append(mse_loss(output, graph[name]) if weight > 0 else output.new_tensor(torch.nan))
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
    particle_scaling, pair_scaling = _prediction_scalings(train, settings)
    read = partial(_graph_with_targets, settings=settings, scalings=(particle_scaling, pair_scaling))
    train_graphs, validation_graphs = (
        Graphs([partial(read, example) for example in examples], device, settings.training.augment)
        for examples in (train, validation)
    )
    torch.manual_seed(context.seed)
    model = BOTAN(settings.network)
    start = context.start
    if start is not None:
        assert isinstance(start, Fitted)
        model.load_state_dict(start.weights_to_start_from(particle_scaling, pair_scaling))
    elif settings.training.initial_weights == "spread":
        model.spread_initial_weights()
    training = settings.training
    checkpoints = EpochCheckpoints(context.folder, training.epochs, context.deadline)
    with progress(f"Train {settings.name}", training.epochs, "epochs") as advance:
        before = checkpoints.epochs_done
        advance(before)

        def report(state: dict[str, Any]) -> None:
            advance(1)
            checkpoints.report(state)

        try:
            trained = train_network(
                model,
                train_graphs,
                validation_graphs,
                WeightedLoss(settings.p, arithmetic_of(training, settings.network.width, device)),
                training,
                context.seed,
                device=device,
                saved=checkpoints.newest,
                report=report,
                check=context.deadline.check,
            )
        except StoppedError:
            checkpoints.write()
            raise
    fitted = Fitted(
        settings, context.domain, trained.weights, particle_scaling, pair_scaling, trained.epoch, trained.history
    )
    fitted.remarks = {"processor": processor_name(device), "epoch": trained.epoch, "epochs_before_this_run": before}
    return fitted


def _targets(example: Example, settings: Settings) -> tuple[NDArray | None, NDArray | None]:
    """The particle target (N,) and E (n_p,) of a configuration; None for one that has no weight in the loss."""
    of_particles, of_pairs = (
        example.target(symbol)[0] if symbol in settings.predicts else None for symbol in (settings.particle_target, "E")
    )
    return of_particles, of_pairs


def _scalings_of(examples: Sequence[Example], settings: Settings) -> Scalings:
    """Scales on which the targets of some configurations, taken together, have mean 0 and standard deviation 1."""
    species = np.concatenate([example.structure().species for example in examples])
    of_particles, of_pairs = (
        [values for values in of_examples if values is not None]
        for of_examples in zip(*(_targets(example, settings) for example in examples), strict=True)
    )
    particle, pair = REDUCED
    if of_particles:
        particle = TargetScaling.of_values(np.concatenate(of_particles), species, len(Species))
    if of_pairs:
        pair = TargetScaling.of_values(np.concatenate(of_pairs))
    return particle, pair


def _prediction_scalings(train: Examples, settings: Settings) -> Scalings:
    """The scales of the network's predictions, according to `training.target_scaling`."""
    if settings.training.target_scaling == "reduced":
        return REDUCED
    if settings.training.target_scaling == "training set":
        return _scalings_of(train, settings)
    particle, pair = zip(*(_scalings_of([example], settings) for example in train), strict=True)
    return TargetScaling.mean_of(particle), TargetScaling.mean_of(pair)


def _graph_with_targets(example: Example, settings: Settings, scalings: Scalings) -> Graph:
    """The graph of a configuration, with its targets scaled as the loss needs them."""
    structure = example.structure()
    of_particles, of_pairs = _targets(example, settings)
    if settings.training.target_scaling == "configuration":
        scalings = _scalings_of([example], settings)
    particle, pair = scalings
    return with_targets(
        structure_graph(structure),
        None if of_particles is None else particle.measure(of_particles, structure.species),
        None if of_pairs is None else pair.measure(of_pairs),
    )
