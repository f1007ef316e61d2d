"""Maps of a slab of a configuration, with particles as circles and pairs as bonds; several figures share them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.structure.static import StaticStructure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure, SubFigure

THICKNESS = 1.2
"""Thickness of the slab, sigma_AA; that of the paper's Fig. 7."""
SIGNED, UNSIGNED, SPREAD = "PuOr_r", "viridis", "magma"
"""Colour maps of quantities with a sign, of those without, and of uncertainties."""


def particles_in_slab(structure: StaticStructure) -> NDArray[np.bool_]:
    """Which particles lie in the slab, (N,)."""
    inside: NDArray[np.bool_] = np.abs(structure.positions[:, 2]) < THICKNESS / 2
    return inside


def bonds_in_slab(structure: StaticStructure, bond_range: float) -> NDArray[np.bool_]:
    """Which pairs are nearer than `bond_range` with both ends in the slab, (n_p,)."""
    inside: NDArray[np.bool_] = (structure.distances < bond_range) & particles_in_slab(structure)[structure.pairs].all(
        axis=1
    )
    return inside


def color_range(values: NDArray, centred: bool) -> Normalize:
    """Colour range between the 2nd and 98th percentile, or if `centred` around zero, up to the 98th of |values|."""
    from matplotlib.colors import CenteredNorm, Normalize

    if centred:
        return CenteredNorm(halfrange=float(np.quantile(np.abs(values), 0.98)))
    return Normalize(*np.quantile(values, [0.02, 0.98]))


def frame(ax: Axes, structure: StaticStructure, title: str) -> None:
    """Set the axes of a map to the box, and its title."""
    half = structure.box_length / 2
    ax.set(aspect="equal", xlim=(-half, half), ylim=(-half, half))
    ax.set_title(title, fontsize=8)


def colorbar(
    figure: Figure | SubFigure, axes: Sequence[Axes], norm: Normalize, colors: str, label: str, **where: Any
) -> None:
    """Add one colour bar for several maps."""
    from matplotlib.cm import ScalarMappable

    figure.colorbar(ScalarMappable(norm, colors), ax=axes, label=label, extend="both", shrink=0.85, pad=0.02, **where)


def title(figure: Figure | SubFigure, temperature: float, configuration: int, time: str = "") -> None:
    """Add the title above all maps."""
    where = f"configuration {configuration}, slab $|z| < {THICKNESS / 2:g}$"
    figure.suptitle(f"$T = {temperature:g}$, {time}{where}", fontsize=9)


def particle_data(structure: StaticStructure, shown: NDArray) -> pd.DataFrame:
    """The particles of a map as a table."""
    import pandas as pd

    data = pd.DataFrame(structure.positions[shown], columns=["x", "y", "z"])
    return data.assign(particle=np.flatnonzero(shown), species=structure.species[shown])


def pair_data(structure: StaticStructure, shown: NDArray) -> pd.DataFrame:
    """The bonds of a map as a table."""
    import pandas as pd

    i, j = structure.pairs[shown].T
    start = pd.DataFrame(structure.positions[i], columns=["x", "y", "z"])
    ends = pd.DataFrame(structure.separations[shown], columns=["to_x", "to_y", "to_z"])
    return pd.concat([start, ends], axis=1).assign(i=i, j=j)


def draw_bonds(
    ax: Axes, structure: StaticStructure, shown: NDArray, values: NDArray, norm: Normalize, colors: str
) -> None:
    """Draw bonds as lines that are coloured by their values."""
    from matplotlib.collections import LineCollection

    order = np.argsort(np.abs(values[shown]))  # the largest values on top
    i, j = structure.pairs[shown][order].T
    separations = structure.separations[shown][order, :2]
    # Each bond is drawn from both ends, so that one across the boundary is visible on both sides of the box.
    from_i, from_j = structure.positions[i, :2], structure.positions[j, :2]
    lines = np.concatenate(
        [np.stack([from_i, from_i + separations], axis=1), np.stack([from_j - separations, from_j], axis=1)]
    )
    colored = np.tile(values[shown][order], 2)
    ax.add_collection(
        LineCollection(list(lines), array=colored, cmap=colors, norm=norm, linewidths=1.6, rasterized=True)
    )
    ax.set_facecolor("0.96")


def draw_particles(
    ax: Axes, structure: StaticStructure, shown: NDArray, values: NDArray, norm: Normalize, colors: str
) -> None:
    """Draw particles as circles that are coloured by their values, those with larger z on top."""
    order = np.argsort(structure.positions[shown, 2])
    positions = structure.positions[shown][order]
    radii = np.diag(structure.mixture.sigmas)[structure.species[shown][order]] / 2
    # The circles are to scale: points per sigma_AA, for a panel of 2.35 inches.
    points = 72 * 2.35 / structure.box_length
    ax.scatter(
        positions[:, 0], positions[:, 1], c=values[shown][order], s=(2 * radii * points * 0.9) ** 2, cmap=colors,
        norm=norm, edgecolors="white", linewidths=0.4, rasterized=True,
    )  # fmt: skip
