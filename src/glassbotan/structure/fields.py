"""Coarse-grained physical fields about each particle, as Jung, Biroli & Berthier use them for GlassMLP.

Phys. Rev. Lett. 130, 238202 (2023): with weights exp(-r_ij / L) over the neighbours j of species s (the particle itself
among them), for several lengths L,

    rho_i = sum_j exp(-r_ij / L)                                 local density
    X_i = 1/rho_i sum_j X_j exp(-r_ij / L)                       of X_j = potential energy, surface of the Voronoi cell
    V_i = 1/rho_i sum_j (E_j - E_i)^2 exp(-r_ij / L)             variance of the potential energy, E_i its mean above

and the same for all species together. States other than the thermal one add the length of the displacement from the
thermal position, and the size of the fluctuation if it is known, as further X_j.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import lengths, minimum_image, neighbor_pairs
from glassbotan.kob_andersen import Species
from glassbotan.structure.states import THERMAL
from glassbotan.structure.static import StaticStructure

FARTHEST = 5.0
"""Distance beyond which neighbours are neglected, sigma_AA; fits to smaller boxes use half of their edge."""


SCALES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Lengths L that are used by default, sigma_AA."""


def fields_within(
    structure: StaticStructure, states: Sequence[str], box_length: float, scales: Sequence[float] = SCALES
) -> NDArray[np.float64]:
    """The fields about every particle in several states, (N, n_d), for predictors that are fitted to one size of box.

    Parameters
    ----------
    structure : the structure
    states : states whose positions are used
    box_length : edge of the box that the predictor is fitted to, sigma_AA; neighbours beyond half of it, or beyond
        `FARTHEST`, are neglected
    scales : lengths L, sigma_AA; those beyond half of the box are left out
    """
    half = box_length / 2
    used, within = [scale for scale in scales if scale <= half], min(FARTHEST, half)
    return np.concatenate([coarse_grained_fields(structure, state, used, within) for state in states], axis=1)


def coarse_grained_fields(
    structure: StaticStructure, state: str, scales: Sequence[float], within: float
) -> NDArray[np.float64]:
    """The fields about every particle in a state of the structure, (N, n_d).

    Parameters
    ----------
    structure : the structure
    state : state whose positions are used
    scales : lengths L, sigma_AA
    within : distance beyond which neighbours are neglected, sigma_AA; the fields depend on it

    Raises
    ------
    FileError
        if half the box is smaller than that distance
    """
    from scipy.sparse import csr_array

    structure.require_room("fields", within)
    at, n = structure.at(state), len(structure)
    of_state = {} if state == THERMAL else structure.states[state].descriptors
    values = np.stack([at.energies, voronoi_surfaces(at), *of_state.values()], axis=1)
    pairs = neighbor_pairs(at.positions, structure.box_length, within)
    r = lengths(minimum_image(at.positions[pairs[:, 1]] - at.positions[pairs[:, 0]], structure.box_length))
    begins = np.searchsorted(pairs[:, 0], np.arange(n + 1)).astype(pairs.dtype)
    # For each species: 1, the values and the squared energy of its particles, 0 of the others.
    of_one = np.concatenate([np.ones((n, 1)), values, values[:, :1] ** 2], axis=1)
    summed = np.concatenate([of_one * (structure.species == species)[:, None] for species in Species], axis=1)
    found = [values]
    for scale in scales:
        weights = csr_array((np.exp(-r / scale), pairs[:, 1], begins), shape=(n, n))  # of j > i
        of_a, of_b = np.split(summed + weights @ summed + weights.T @ summed, len(Species), axis=1)
        for sums in (of_a, of_b, of_a + of_b):
            density = sums[:, :1]
            # A particle can have no neighbour of the rare species within the range of the smallest scale.
            inverse = np.divide(1.0, density, out=np.zeros_like(density), where=density > 1e-12)
            means, squares = sums[:, 1:-1] * inverse, sums[:, -1:] * inverse
            found += [density, means, squares - means[:, :1] ** 2]
    return np.concatenate(found, axis=1)


def voronoi_surfaces(structure: StaticStructure) -> NDArray[np.float64]:
    """Surface of the Voronoi cell of each particle, (N,), sigma_AA^2."""
    import freud

    box = freud.box.Box.cube(structure.box_length)
    voronoi = freud.locality.Voronoi().compute((box, box.wrap(structure.positions)))
    faces = voronoi.nlist
    surfaces: NDArray[np.float64] = np.bincount(
        np.asarray(faces.query_point_indices), np.asarray(faces.weights), len(structure)
    ).astype(np.float64)
    return surfaces
