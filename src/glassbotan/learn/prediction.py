"""What a trained network says of any configuration."""

from dataclasses import dataclass
from pathlib import Path

import torch
from numpy.typing import NDArray
from torch import Tensor

from glassbotan.dynamics.pairs import per_particle
from glassbotan.learn.graphs import SIGNED_PERMUTATIONS, Graph, pair_average, structure_graph, turned
from glassbotan.learn.memory import keep_freed_memory
from glassbotan.learn.models import TrainedNetwork
from glassbotan.learn.network import BOTAN
from glassbotan.learn.units import REDUCED, Units
from glassbotan.published.trajectories import checked_pairs
from glassbotan.simulate.configurations import Configuration
from glassbotan.study import SYMBOLS


@dataclass(frozen=True)
class PredictedMotion:
    """The prediction for one configuration; what the network has not learnt is not there."""

    symbol: str
    """of the particles' motion: S, R, C or D"""
    motion: NDArray | None
    """(N,), reduced units"""
    particles: int
    """N"""
    pairs: NDArray
    """(n_p, 2), i < j, within the range of the network's graphs"""
    pair_distance_change: NDArray | None
    """E, (n_p,), sigma_AA"""
    temperature: float
    """where the network was trained"""
    time: float
    """for which the network was trained, tau"""

    @property
    def properties(self) -> dict[str, NDArray]:
        """Per particle: the motion by its symbol, and E summed over a particle's pairs, if the network knows them."""
        found = {} if self.motion is None else {self.symbol: self.motion}
        if self.pair_distance_change is not None:
            found["E_sum"] = per_particle(self.pairs, self.pair_distance_change, self.particles)
        return found


def predict_configuration(
    network: TrainedNetwork,
    configuration: Configuration,
    average_over_symmetries: bool = True,
    name: str = "the configuration",
) -> PredictedMotion:
    """Predict the motion of every particle and pair of a configuration from its structure alone.

    Parameters
    ----------
    network : from `read_model`
    configuration : positions, species and box
    average_over_symmetries : average over the 48 signed axis permutations
    name : what messages call it

    Raises
    ------
    FileError
        if two particles lie in the same place or one has no neighbour
    """
    positions, edge = configuration.positions, configuration.box_length
    pairs = checked_pairs(Path(name), positions, edge, network.provenance["pair_range"])
    graph = structure_graph(positions, configuration.species, edge, pairs, name)
    motion, change = predict(network.module(), graph, network.units, average_over_symmetries)
    settings = network.provenance["settings"]
    return PredictedMotion(
        symbol=SYMBOLS[settings["motion"]],
        motion=motion if settings["p"] > 0 else None,
        particles=len(configuration),
        pairs=pairs,
        pair_distance_change=change if settings["p"] < 1 else None,
        temperature=settings["temperature"],
        time=network.provenance["time"],
    )


def predict(
    model: BOTAN, graph: Graph, units: Units = REDUCED, average_over_symmetries: bool = False
) -> tuple[NDArray, NDArray]:
    """S (N,) and E (n_p,) of one graph from a network with these units, perhaps averaged over the cube's symmetries."""
    keep_freed_memory()
    species = graph.species[:, 0].int()
    with torch.inference_mode():
        if average_over_symmetries:
            outputs = [model(turned(graph, turn)) for turn in range(len(SIGNED_PERMUTATIONS))]
            of_particles, of_edges = (torch.stack(parts) for parts in zip(*outputs, strict=True))
            motion = of_particles.mean(dim=0)
            for kind in species.unique():
                motion[species == kind] = calibrated(motion[species == kind], of_particles[:, species == kind])
            pair = calibrated(pair_average(graph, of_edges.mean(dim=0)), of_edges)
        else:
            motion, of_edges = model(graph)
            pair = pair_average(graph, of_edges)
    return units.restore(species.numpy(), motion.numpy(), pair.numpy())


def calibrated(mean: Tensor, single: Tensor) -> Tensor:
    """A mean of predictions, its deviations from its own mean stretched to what a prediction's should be.

    Squared errors teach a network to say what is expected of the truth given what it saw: where it says 1 more, the
    truth is 1 more on average. What its predictions in different orientations do not share tells nothing of the truth,
    and is in their variance but not in the mean's. So the truth rises faster than the mean, by the ratio of the
    variances. Pearson's coefficient stays as it is.

    Parameters
    ----------
    mean : (n,)
    single : (orientations, m), the predictions that it is the mean of
    """
    level, variance = mean.mean(), mean.var(correction=0)
    stretch = single.var(dim=1, correction=0).mean() / variance if variance > 0 else 1.0
    return level + stretch * (mean - level)
