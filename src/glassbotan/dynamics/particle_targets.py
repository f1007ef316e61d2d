"""The targets of particles: quantities of Shiba et al., J. Chem. Phys. 158, 084503 (2023).

The paper describes R, C and D in words; the formulas that were reconstructed from its description are in
`glassbotan.dynamics.neighbor_relative`.
"""

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import lengths
from glassbotan.dynamics.registry import ReplicaMotion, particle_target


@particle_target("S", "propensity", unit="sigma_AA")
def propensity(motion: ReplicaMotion) -> NDArray[np.float64]:
    """|r_i(t) - r_i(0)|, (N,); its mean over the replicas is the propensity S_i(t)."""
    return lengths(motion.displacements)


@particle_target("R", "neighbour-relative displacement", unit="sigma_AA", neighbors=True)
def neighbor_relative(motion: ReplicaMotion) -> NDArray[np.float64]:
    """Displacement relative to the neighbours with the local deformation removed, R_i(t), (N,)."""
    return motion.relative_to_neighbors.neighbor_relative


@particle_target("C", "cage-relative displacement", unit="sigma_AA", neighbors=True)
def cage_relative(motion: ReplicaMotion) -> NDArray[np.float64]:
    """Displacement relative to the mean of the neighbours' displacements, C_i(t), (N,)."""
    return motion.relative_to_neighbors.cage_relative


@particle_target("D", "non-affine displacement", unit="sigma_AA^2", neighbors=True)
def nonaffine(motion: ReplicaMotion) -> NDArray[np.float64]:
    """Mean squared displacement of the neighbours that a local deformation does not explain, D_i(t), (N,)."""
    return motion.relative_to_neighbors.nonaffine
