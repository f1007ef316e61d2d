"""What networks of `glassbotan.predictors.networks` see of a configuration.

All of it follows from the static structure and the states behind it: descriptors of each particle, its displacements
from the thermal position to each state, its neighbours with their distances and directions, and numbers for each pair.
The neighbours are those at thermal positions; distances and directions can be those of other states, the frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glassbotan.dynamics.pairs import lengths
from glassbotan.learn.neighbors import Neighbors
from glassbotan.structure.pair_kinds import kinds_of_pairs
from glassbotan.structure.states import THERMAL
from glassbotan.structure.static import StaticStructure

TYPICAL_DISPLACEMENT = 0.15
"""Unit of displacements in networks, sigma_AA."""


@dataclass(frozen=True)
class Widths:
    """Numbers of inputs, which are the same for all configurations."""

    descriptors: int
    """n_d"""
    displacements: int
    """n_u"""
    frames: int
    """n_f"""
    pair_numbers: int
    """n_q"""


@dataclass(frozen=True)
class Inputs:
    """The inputs of one configuration with N particles, n_p pairs, and up to K neighbours of a particle."""

    name: str
    """name of the configuration in messages"""
    species: Tensor
    """(N,) int64"""
    descriptors: Tensor
    """(N, n_d), descriptors of each particle"""
    displacements: Tensor
    """(N, 3, n_u), from the thermal position to the position in each other state, sigma_AA"""
    neighbors: Neighbors
    distances: Tensor
    """(N, K, n_f), distance of each neighbour in each frame, sigma_AA; infinite in places that are not used"""
    directions: Tensor
    """(N, K, n_f, 3), unit vector from the particle to each neighbour in each frame; 0 in places that are not used"""
    pair_numbers: Tensor
    """(n_p, n_q), numbers that describe each pair: its distances in all states, and sums and absolute differences of
    what the states say of its two particles"""
    pair_distances: Tensor
    """(n_p, n_f), distance of each pair in each frame, sigma_AA"""
    pair_directions: Tensor
    """(n_p, 3), unit vector from the first to the second particle in the first frame"""
    kinds: Tensor
    """(n_p,) int64, kind of each pair; see `glassbotan.structure.pair_kinds`"""

    @property
    def widths(self) -> Widths:
        """The numbers of inputs."""
        return Widths(
            self.descriptors.shape[1], self.displacements.shape[2], self.distances.shape[2], self.pair_numbers.shape[1]
        )

    def to(self, device: torch.device) -> "Inputs":
        """The same inputs in the memory of a processor."""
        moved: dict[str, Any] = {
            one.name: getattr(self, one.name).to(device) for one in fields(self) if one.name != "name"
        }
        return replace(self, **moved)


def inputs_of(structure: StaticStructure, descriptors: NDArray, states: Sequence[str], frames: Sequence[str]) -> Inputs:
    """The inputs of a configuration.

    Parameters
    ----------
    structure : the structure, with the states
    descriptors : (N, n_d)
    states : names of the states whose displacements and distances are used
    frames : names of the states whose directions are used
    """
    n, pairs = len(structure), structure.pairs
    neighbors = Neighbors.of_pairs(pairs, n)
    displaced = [structure.displacement(state) for state in states if state != THERMAL]
    at_frames = [_separations(structure, frame) for frame in frames]
    distances = np.stack([lengths(separation) for separation in at_frames], axis=1)
    directions = np.stack(at_frames, axis=1) / distances[:, :, None]
    of_ends = neighbors.over_neighbors
    return Inputs(
        name=structure.name,
        species=torch.from_numpy(structure.species.astype(np.int64)),
        descriptors=_single(descriptors),
        displacements=_single(np.stack(displaced, axis=2) if displaced else np.zeros((n, 3, 0))),
        neighbors=neighbors,
        distances=of_ends(_single(np.concatenate([distances, distances])), unused=torch.inf),
        directions=of_ends(_single(np.concatenate([directions, -directions]))),
        pair_numbers=_single(_pair_numbers(structure, states)),
        pair_distances=_single(distances),
        pair_directions=_single(directions[:, 0]),
        kinds=torch.from_numpy(kinds_of_pairs(structure)),
    )


def _separations(structure: StaticStructure, state: str) -> NDArray[np.float64]:
    """Vector from the first to the second particle of each pair in a state, (n_p, 3)."""
    i, j = structure.pairs.T
    u = structure.displacement(state)
    return structure.separations + u[j] - u[i]


def _pair_numbers(structure: StaticStructure, states: Sequence[str]) -> NDArray[np.float64]:
    """`Inputs.pair_numbers`: distances, their changes from that in the first state, and numbers of both particles."""
    i, j = structure.pairs.T
    distances = [lengths(_separations(structure, state)) for state in states]
    found = [*distances, *(distance - distances[0] for distance in distances[1:])]
    for state in states:
        own = {} if state == THERMAL else structure.states[state].descriptors
        for values in own.values():
            found += [values[i] + values[j], np.abs(values[i] - values[j])]
    return np.stack(found, axis=1)


def _single(values: NDArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
