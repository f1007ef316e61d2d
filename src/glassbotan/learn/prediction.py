"""What a trained network says of any configuration."""

from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from glassbotan.dynamics.pairs import per_particle
from glassbotan.learn.graphs import structure_graph
from glassbotan.learn.models import TrainedNetwork
from glassbotan.learn.training import predict
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
