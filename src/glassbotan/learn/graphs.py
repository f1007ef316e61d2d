"""Graphs of the static structure: what the network sees.

A node is a particle and carries its species (0 = A, 1 = B); an edge is an ordered pair of particles within r_e and
carries r_ij in R^3 (Shiba et al., Sec. II C). Pairs come once (i < j) and are doubled here, sorted by receiver, so
that the sum over the neighbours of a particle runs over contiguous memory.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data

from glassbotan.dynamics.pairs import both_ways, minimum_image

SIGNED_PERMUTATIONS = torch.tensor(
    [
        (np.eye(3)[list(axes)] * np.array(signs)[:, None]).tolist()
        for axes in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]
)
"""(48, 3, 3), the symmetries of the cube: every permutation of the axes with every choice of signs."""


@dataclass(frozen=True)
class Normalisation:
    """Units in which a network measures its targets: target = mean + scale x output, for S and for E."""

    propensity_mean: float = 0.0
    propensity_scale: float = 1.0
    pair_mean: float = 0.0
    pair_scale: float = 1.0


def structure_graph(positions: NDArray, species: NDArray, box_length: float, pairs: NDArray) -> Data:
    """The graph of one configuration.

    Parameters
    ----------
    positions : (N, 3) at t = 0
    species : (N,)
    box_length : edge of the cubic box
    pairs : (n_p, 2), i < j, within r_e

    Returns
    -------
    Data
        `species` (N, 1) float32; `edge_index` (2, 2 n_p) int64, sender and receiver, sorted by receiver;
        `separation` (2 n_p, 3) float32, r_receiver - r_sender; `pair` (2 n_p,) int32, the pair that an edge belongs to
    """
    ordered, source = both_ways(pairs)
    receiver, sender = ordered.T
    separation = minimum_image(positions[receiver] - positions[sender], box_length)
    return Data(
        num_nodes=len(positions),
        species=torch.from_numpy(species.astype(np.float32))[:, None],
        edge_index=torch.from_numpy(np.stack([sender, receiver]).astype(np.int64)),
        separation=torch.from_numpy(separation.astype(np.float32)),
        pair=torch.from_numpy((source % len(pairs)).astype(np.int32)),
    )


def with_targets(graph: Data, propensity: NDArray, pair_distance_change: NDArray) -> Data:
    """Add S (N,) to the nodes and E (n_p,) to the edges, both ways, as `propensity` and `pair_distance_change`."""
    graph.propensity = torch.from_numpy(propensity.astype(np.float32))
    graph.pair_distance_change = torch.from_numpy(pair_distance_change.astype(np.float32))[graph.pair]
    return graph


def normalisation_of(graphs: list[Data]) -> Normalisation:
    """Mean and standard deviation of both targets over the given graphs."""
    propensity = torch.cat([graph.propensity for graph in graphs]).double()
    pair = torch.cat([graph.pair_distance_change for graph in graphs]).double()
    return Normalisation(
        propensity_mean=float(propensity.mean()),
        propensity_scale=float(propensity.std()),
        pair_mean=float(pair.mean()),
        pair_scale=float(pair.std()),
    )


def pair_average(graph: Data, edge_values: Tensor) -> Tensor:
    """Mean of the two edges of each pair, shape (n_p,): E_ij knows no direction."""
    pairs = edge_values.new_zeros(graph.pair.numel() // 2)
    return pairs.index_add(0, graph.pair, edge_values) / 2
