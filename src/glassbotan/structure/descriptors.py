"""Rotation-invariant descriptors of the surroundings of each particle.

Those of Boattini, Smallenburg and Filion, Phys. Rev. Lett. 127, 088007 (2021): the densities of each species in thin
shells,

    G_i(r, s) = sum_{j of species s} exp[-(r_ij - r)^2 / (2 delta^2)],

the bond order in thin shells,

    q_i(l, r) = [4 pi/(2 l + 1) sum_m |q_i(l, m, r)|^2]^(1/2),
    q_i(l, m, r) = sum_j w_ij(r) Y_lm(r_ij) / sum_j w_ij(r),

with the same weights w_ij(r) = exp[-(r_ij - r)^2 / (2 delta^2)], and averages of all of these over the neighbourhood,

    x_i^(n) = sum_j exp(-r_ij/r_c) x_j^(n-1) / sum_j exp(-r_ij/r_c),   r_ij < r_c, with the particle itself among the j.

The positions are those of any state of the structure (`glassbotan.structure.states`). The potential energy of the
particle at these positions is added and, for states other than the thermal one, |u| and u^2, where u is the
displacement from its thermal position, a measure of where in its cage it is, and the size of its fluctuations, if the
state has one. Particles are processed in blocks, so that memory does not grow with the range of the shells.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassbotan.kob_andersen import Species
from glassbotan.structure.states import MODES, THERMAL, parsed
from glassbotan.structure.static import StaticStructure

REACH = 4.0
"""Distance from the outermost shell, in standard deviations, beyond which particles are neglected."""
PARTICLES_PER_BLOCK = 256


@dataclass(frozen=True)
class Shells:
    """Gaussian shells of one width."""

    radii: tuple[float, ...]
    """radii r, sigma_AA"""
    width: float
    """standard deviation delta, sigma_AA"""

    @property
    def reach(self) -> float:
        """Distance beyond which particles are neglected in all of the shells, sigma_AA."""
        return max(self.radii) + REACH * self.width

    def weights(self, distances: NDArray) -> NDArray[np.float64]:
        """exp[-(r_ij - r)^2 / (2 delta^2)], (n, number of shells)."""
        weights: NDArray[np.float64] = np.exp(-((distances[:, None] - np.array(self.radii)) ** 2) / (2 * self.width**2))
        return weights


@dataclass(frozen=True)
class ShellDescriptors:
    """The settings of the descriptors, and their computation."""

    radial: tuple[Shells, ...]
    """shells of the densities of both species"""
    bond_order: Shells
    """shells of the bond order"""
    degrees: int
    """largest degree l of the bond order: l = 1 ... degrees"""
    averaging_range: float
    """r_c, sigma_AA"""
    averages: int
    """how often the descriptors are averaged over the neighbourhood; x^(0), x^(1), ... are all used"""

    @property
    def reach(self) -> float:
        """Largest distance over which any of the shells extends, sigma_AA."""
        return max(self.averaging_range, *(shells.reach for shells in (*self.radial, self.bond_order)))

    def compute(self, structure: StaticStructure, states: Sequence[str] = (THERMAL,)) -> NDArray[np.float64]:
        """The descriptors of every particle in each of the states, (N, n_d).

        Raises
        ------
        FileError
            if the box is too small for the shells
        """
        structure.require_room("descriptors", self.reach)
        return np.concatenate([self._of_state(structure, state) for state in states], axis=1)

    def _of_state(self, structure: StaticStructure, state: str) -> NDArray[np.float64]:
        at = structure if parsed(state).kind == MODES else structure.at(state)
        found = []
        if parsed(state).kind != MODES:
            found = [at.energies[:, None], *(_radial(at, shells) for shells in self.radial)]
            found.append(_bond_order(at, self.bond_order, self.degrees))
        if state != THERMAL:
            found.append(np.column_stack([*_own(structure, state).values()]))
        orders = [np.concatenate(found, axis=1)]
        averaging = _averaging(at, self.averaging_range)
        for _ in range(self.averages):
            orders.append(averaging @ orders[-1])
        return np.concatenate(orders, axis=1)

    def labels(self, structure: StaticStructure, states: Sequence[str] = (THERMAL,)) -> list["Label"]:
        """What each column of `compute` is, (n_d,)."""
        found = []
        for state in states:
            of_state = []
            if parsed(state).kind != MODES:
                of_state.append(Label(state, "energy"))
                for shells in self.radial:
                    of_state += [
                        Label(state, f"density of {species.name}", radius, shells.width)
                        for species in Species
                        for radius in shells.radii
                    ]
                of_state += [
                    Label(state, f"bond order {degree}", radius, self.bond_order.width)
                    for radius in self.bond_order.radii
                    for degree in range(1, self.degrees + 1)
                ]
            if state != THERMAL:
                of_state += [Label(state, name) for name in _own(structure, state)]
            found += [label._replace(averages=order) for order in range(self.averages + 1) for label in of_state]
        return found


class Label(NamedTuple):
    """What a descriptor is."""

    state: str
    """name of the state whose positions it describes"""
    quantity: str
    """such as density of A, or bond order 6"""
    radius: float = 0.0
    """radius of its shell, sigma_AA; 0 if it has none"""
    width: float = 0.0
    """standard deviation of its shell, sigma_AA"""
    averages: int = 0
    """how often it was averaged over the neighbourhood"""


def _own(structure: StaticStructure, state: str) -> dict[str, NDArray[np.float64]]:
    """The quantities of a state itself, (N,) each, by name."""
    found = structure.states[state].descriptors
    if "displacement" in found:
        u = found["displacement"]
        return {"displacement": u, "displacement squared": u**2} | found
    return found


@dataclass(frozen=True)
class _Bonds:
    """The neighbours of a block of particles."""

    block: slice
    """indices of the particles of the block"""
    center: NDArray[np.intp]
    """(n_b,), index of the particle, counted from the beginning of the block; increasing"""
    neighbor: NDArray[np.intp]
    """(n_b,), index of its neighbour"""
    distance: NDArray[np.float64]
    """(n_b,), distance of the neighbour, sigma_AA"""
    listed: Any
    """the same neighbours as a NeighborList of freud"""

    def __len__(self) -> int:
        return len(self.center)

    @property
    def particles(self) -> int:
        return self.block.stop - self.block.start


def _bonds(structure: StaticStructure, within: float) -> Iterator[_Bonds]:
    """The neighbours of all particles up to the distance `within`, block by block."""
    import freud

    box = freud.box.Box.cube(structure.box_length)
    points = box.wrap(structure.positions)
    search = freud.locality.AABBQuery(box, points)
    for start in range(0, len(points), PARTICLES_PER_BLOCK):
        block = slice(start, min(start + PARTICLES_PER_BLOCK, len(points)))
        found = search.query(points[block], {"r_max": within, "exclude_ii": False}).toNeighborList()
        found.filter(found.query_point_indices + start != found.point_indices)
        center, neighbor = np.array(found.query_point_indices), np.array(found.point_indices)
        yield _Bonds(block, center, neighbor, np.array(found.distances, dtype=np.float64), found)


def _radial(structure: StaticStructure, shells: Shells) -> NDArray[np.float64]:
    """G_i(r, s), (N, 2 x number of shells), with those of species A first."""
    from scipy.sparse import csr_array

    densities = np.zeros((len(structure), len(Species), len(shells.radii)))
    for bonds in _bonds(structure, shells.reach):
        row = bonds.center * len(Species) + structure.species[bonds.neighbor]
        shape = bonds.particles * len(Species), len(bonds)
        sums = csr_array((np.ones(len(bonds)), (row, np.arange(len(bonds)))), shape=shape)
        of_block = np.asarray(sums @ shells.weights(bonds.distance))
        densities[bonds.block] = of_block.reshape(bonds.particles, len(Species), -1)
    return densities.reshape(len(structure), -1)


def _bond_order(structure: StaticStructure, shells: Shells, degrees: int) -> NDArray[np.float64]:
    """q_i(l, r), (N, degrees x number of shells); zero where a shell is empty."""
    import freud
    from scipy.sparse import csr_array

    box = freud.box.Box.cube(structure.box_length)
    points = box.wrap(structure.positions)
    every = range(degrees + 1)
    # The terms of m = 0 ... l; those of m > 0 count twice, since those of -m have the same modulus.
    degree = np.concatenate([np.full(one + 1, one) for one in every])
    twice = np.concatenate([[1.0] + [2.0] * one for one in every])
    of_degree = np.stack([(degree == one) * twice * 4 * np.pi / (2 * one + 1) for one in every[1:]], axis=1)
    orders = np.zeros((len(structure), len(shells.radii), degrees))
    harmonics = freud.environment.LocalDescriptors(degrees, negative_m=False, mode="global")
    for bonds in _bonds(structure, shells.reach):
        harmonics.compute((box, points), points[bonds.block], neighbors=bonds.listed)
        weights = shells.weights(bonds.distance)
        row = bonds.center[:, None] * len(shells.radii) + np.arange(len(shells.radii))
        column = np.repeat(np.arange(len(bonds)), len(shells.radii))
        shape = bonds.particles * len(shells.radii), len(bonds)
        sums = csr_array((weights.ravel(), (row.ravel(), column)), shape=shape)
        total: NDArray[np.float64] = np.asarray(sums.sum(axis=1))[:, None]
        means = np.divide(
            sums @ harmonics.sph, total, out=np.zeros((shape[0], len(degree)), complex), where=total > 1e-12
        )
        powers = (np.abs(means) ** 2 @ of_degree).reshape(bonds.particles, len(shells.radii), degrees)
        orders[bonds.block] = np.sqrt(powers)
    return orders.reshape(len(structure), -1)


def _averaging(structure: StaticStructure, within: float) -> Any:
    """The sparse matrix (N, N) whose product with descriptors is their average over the neighbourhood."""
    from scipy.sparse import csr_array

    found = list(_bonds(structure, within))
    particles = np.arange(len(structure))
    row = np.concatenate([particles, *(bonds.center + bonds.block.start for bonds in found)])
    column = np.concatenate([particles, *(bonds.neighbor for bonds in found)])
    distance = np.concatenate([np.zeros(len(structure)), *(bonds.distance for bonds in found)])
    weights = csr_array((np.exp(-distance / within), (row, column)), shape=(len(structure),) * 2)
    return csr_array(weights.multiply(1 / weights.sum(axis=1)[:, None]))
