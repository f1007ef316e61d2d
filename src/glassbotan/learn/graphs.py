"""Graphs of the static structure, which are the input of the network.

A node is a particle and carries its species (0 = A, 1 = B); an edge is an ordered pair of particles within r_e and
carries r_ij in R^3 (Shiba et al., J. Chem. Phys. 158, 084503 (2023), Sec. II C). In a structure each pair is listed
once (i < j); in a graph it is two edges. Edges are sorted by receiver, so that the edges from the neighbours of a
particle are contiguous in memory.
"""

import itertools
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Batch, Data

from glassbotan.dynamics.pairs import both_ways, minimum_image, opposites
from glassbotan.learn.edge_ends import EdgeEndpoints
from glassbotan.structure.static import StaticStructure


class Graph(Data):  # type: ignore[misc] # torch-geometric has no types
    """A graph with the index of the opposite of each edge (`reverse`), which stays correct in a batch of graphs."""

    @property
    def ends(self) -> EdgeEndpoints:
        """The particles at the ends of the edges; made when they are first used, and kept by copies of the graph."""
        kept: EdgeEndpoints | None = self.__dict__.get("_ends")
        if kept is None or kept.sender.device != self.edge_index.device:
            kept = EdgeEndpoints(self.edge_index, self.reverse, len(self.species))
            self.__dict__["_ends"] = kept
        return kept

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        return self.num_edges if key == "reverse" else super().__inc__(key, value, *args, **kwargs)


SIGNED_PERMUTATIONS = torch.tensor(
    [
        (np.eye(3)[list(axes)] * np.array(signs)[:, None]).tolist()
        for axes in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]
)
"""(48, 3, 3), the symmetries of the cube: every permutation of the axes with every choice of signs."""


def structure_graph(structure: StaticStructure, states: Sequence[str] = ()) -> Graph:
    """The graph of one configuration.

    Parameters
    ----------
    structure : the structure
    states : states of the structure, besides the thermal one, whose displacements the graph has

    Returns
    -------
    Graph
        `species` (N, 1) float32; `edge_index` (2, 2 n_p) int32, sender and receiver, sorted by receiver; `reverse`
        (2 n_p,) int32, index of the edge in the opposite direction; `separation` (2 n_p, 3) float32,
        r_receiver - r_sender; `pair` (2 n_p,) int32, index of the pair that an edge belongs to; `displacements`
        (N, 3 n_s) float32, from the thermal position to that in each of the states; `name`, the name of the
        configuration in messages
    """
    positions, pairs = structure.positions, structure.pairs
    ordered, source = both_ways(pairs)
    receiver, sender = ordered.T
    separation = minimum_image(positions[receiver] - positions[sender], structure.box_length)
    return Graph(
        num_nodes=len(positions),
        species=torch.from_numpy(structure.species.astype(np.float32))[:, None],
        edge_index=torch.from_numpy(np.stack([sender, receiver]).astype(np.int32)),
        reverse=torch.from_numpy(opposites(source).astype(np.int32)),
        name=structure.name,
        separation=torch.from_numpy(separation.astype(np.float32)),
        pair=torch.from_numpy((source % len(pairs)).astype(np.int32)),
        displacements=torch.from_numpy(
            np.concatenate([np.zeros((len(positions), 0)), *map(structure.displacement, states)], axis=1).astype(
                np.float32
            )
        ),
    )


def with_targets(graph: Graph, of_particles: NDArray | None, of_pairs: NDArray | None) -> Graph:
    """Add targets of particles (N, n_t) as `particle_target`, and of pairs (n_p, n_t) as `pair_target` of edges."""
    if of_particles is not None:
        graph.particle_target = torch.from_numpy(of_particles.astype(np.float32))
    if of_pairs is not None:
        graph.pair_target = torch.from_numpy(of_pairs.astype(np.float32))[graph.pair]
    return graph


def apply_symmetry(graph: Graph, operation: Tensor) -> Graph:
    """The graph after a symmetry operation of the cube, one of SIGNED_PERMUTATIONS."""
    result = copy(graph)
    result.separation = graph.separation @ operation
    result.displacements = (graph.displacements.unflatten(1, (-1, 3)) @ operation).flatten(1)
    return result


class Graphs:
    """Graphs that are read when they are first used, and then stay in the memory of the processor that trains.

    They are the `Samples` of a training.

    Parameters
    ----------
    read : function for each graph that reads it
    device : the processor; default is the CPU
    augment : whether graphs are transformed by a symmetry operation of the cube in training
    """

    def __init__(
        self, read: Sequence[Callable[[], Graph]], device: torch.device | None = None, augment: bool = True
    ) -> None:
        self._read = read
        self._device = device or torch.device("cpu")
        self._augment = augment
        self._kept: dict[int, Graph] = {}
        self._symmetries = SIGNED_PERMUTATIONS.to(self._device)
        self._operations: list[Tensor] = []

    @classmethod
    def of(cls, graphs: Sequence[Graph], augment: bool = True) -> Self:
        """Graphs that are in memory already."""
        return cls([lambda graph=graph: graph for graph in graphs], augment=augment)  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self._read)

    def __getitem__(self, index: int) -> Graph:
        if index not in self._kept:
            graph = self._read[index]().to(self._device)
            _ = graph.ends  # which are made here, and not in each step
            self._kept[index] = graph
        return self._kept[index]

    def name(self, index: int) -> str:
        """See `Samples.name`."""
        return str(self[index].name)

    def orient(self, orientations: Sequence[int]) -> None:
        """See `Samples.orient`; each number is one of the 48 symmetry operations of the cube."""
        if not self._augment:
            return
        while len(self._operations) < len(orientations):
            self._operations.append(torch.empty_like(self._symmetries[0]))
        for operation, number in zip(self._operations, orientations, strict=False):
            operation.copy_(self._symmetries[number])  # in place, where a recorded step reads it

    def batch(self, indices: Sequence[int]) -> Graph:
        """See `Samples.batch`."""
        graphs = [self[index] for index in indices]
        if self._operations:
            graphs = [apply_symmetry(*both) for both in zip(graphs, self._operations, strict=False)]
        return graphs[0] if len(graphs) == 1 else Batch.from_data_list(graphs)


def pair_average(graph: Graph, edge_values: Tensor) -> Tensor:
    """Mean of the values (n_e, n_t) of both edges of each pair, (n_p, n_t); E_ij is the same in both directions."""
    pairs = edge_values.new_zeros(graph.pair.numel() // 2, *edge_values.shape[1:])
    return pairs.index_add(0, graph.pair, edge_values) / 2
