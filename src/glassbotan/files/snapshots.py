"""Reading configurations from files of other programs, and writing files for visualisation.

Particle files are read by gsd (GSD) and by the Atomic Simulation Environment, ASE (LAMMPS dumps, extended XYZ and all
its other formats).
"""

import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import FileError
from glassbotan.files.gsd import to_frame
from glassbotan.files.plain import atomic_write, write_text
from glassbotan.kob_andersen import Species, box_length
from glassbotan.simulate.configurations import Configuration

CUBIC = 1e-3
"""Largest relative difference of the edges, and largest cosine of the angles, of a box that is taken as cubic."""


def read_configuration(path: Path, frame: int = -1) -> Configuration:
    """One configuration of a particle file, wrapped into its box.

    Types called A and B, 1 and 2 or 0 and 1 are species A and B; otherwise the more numerous type is A.

    Parameters
    ----------
    path : GSD, LAMMPS dump, extended XYZ, or anything else that ASE reads
    frame : index of the frame in a trajectory, -1 for the last

    Raises
    ------
    FileError
        if the file cannot be read, its box is not cubic, or it does not have two types of particles
    """
    if not path.exists():
        raise FileError(f"{path} does not exist")
    try:
        positions, kinds, cell = (_read_gsd if path.suffix == ".gsd" else _read_ase)(path, frame)
    except Exception as error:  # ASE and gsd can raise any exception
        raise FileError(
            f"{path} cannot be read as particles ({type(error).__name__}: {error}); GSD, a LAMMPS dump or extended XYZ "
            "with a box was expected"
        ) from None
    edges = np.linalg.norm(cell, axis=1)
    angles = cell @ cell.T - np.diag(edges**2)
    if not edges.min() > 0 or np.ptp(edges) > CUBIC * edges[0] or np.abs(angles).max() > CUBIC * edges[0] ** 2:
        raise FileError(f"{path}: the box has edges {edges.round(4).tolist()}, but a cubic periodic box was expected")
    if not np.isfinite(positions).all():
        raise FileError(f"{path} holds a position that is not finite; the file is damaged")
    names, counts = np.unique(kinds, return_counts=True)
    if len(names) != 2:
        raise FileError(f"{path} has particles of types {names.tolist()}, but two species were expected")
    known = set(names.tolist()) in ({"A", "B"}, {"1", "2"}, {"0", "1"})
    a = names[0] if known else names[counts.argmax()]
    species = np.where(kinds == a, Species.A, Species.B).astype(np.uint8)
    return Configuration.at_rest(positions.astype(np.float64), species, float(edges.mean())).in_the_box()


def configuration_of(positions: NDArray, species: NDArray, edge: float | None = None) -> Configuration:
    """A configuration from positions (N, 3), species (N,), 0 = A and 1 = B, and edge L, by default at density 1.2."""
    at, kinds = np.asarray(positions, dtype=np.float64), np.asarray(species)
    if at.ndim != 2 or at.shape[1] != 3 or not np.isfinite(at).all():
        raise FileError(f"positions have shape {at.shape}, but finite numbers of shape (N, 3) were expected")
    edge = box_length(len(at), 1.2) if edge is None else edge
    if kinds.shape != (len(at),) or not np.isin(kinds, [0, 1]).all():
        raise FileError(
            f"species are {np.unique(kinds).tolist()} in shape {kinds.shape}, but 0 (A) or 1 (B) in shape "
            f"({len(at)},) was expected"
        )
    if not edge > 0:
        raise FileError(f"the edge of the box is {edge:g}, but a positive length was expected")
    return Configuration.at_rest(at, kinds.astype(np.uint8), edge).in_the_box()


def write_view(path: Path, configuration: Configuration, properties: Mapping[str, NDArray]) -> None:
    """Write a configuration with properties of its particles, as extended XYZ (.xyz, .extxyz) or GSD (.gsd).

    Parameters
    ----------
    path : file to write; OVITO shows the properties from either format
    configuration : positions, species and box
    properties : (N,) or (N, 3) each; in GSD they are logged quantities `particles/<name>`
    """
    if path.suffix == ".gsd":
        frame = to_frame(configuration, velocities=False)
        for name, values in properties.items():
            frame.log[f"particles/{name}"] = np.asarray(values, dtype=np.float32)
        with atomic_write(path) as beside, gsd.hoomd.open(beside, mode="w") as trajectory:
            trajectory.append(frame)
    elif path.suffix in (".xyz", ".extxyz"):
        write_text(path, _extended_xyz(configuration, properties))
    else:
        raise FileError(f"--output {path}: a view is written as .xyz, .extxyz or .gsd")


def _extended_xyz(configuration: Configuration, properties: Mapping[str, NDArray]) -> str:
    """The text of an extended XYZ file, with radii, since B would otherwise be drawn in the size of boron."""
    edge = configuration.box_length
    columns = ["type:S:1", "radius:R:1", "pos:R:3"]
    columns += [f"{name}:R:{values[0].size}" for name, values in properties.items()]
    lattice = f"{edge:.8f} 0 0 0 {edge:.8f} 0 0 0 {edge:.8f}"
    origin = f"{-edge / 2:.8f} {-edge / 2:.8f} {-edge / 2:.8f}"
    lines = [
        str(len(configuration)),
        f'Lattice="{lattice}" Origin="{origin}" Properties={":".join(columns)} pbc="T T T"',
    ]
    radii = configuration.mixture.sigmas.diagonal()[configuration.species] / 2
    numbers = np.column_stack([radii, configuration.positions, *properties.values()])
    names = [Species(kind).name for kind in configuration.species]
    lines += [f"{name} " + " ".join(f"{value:.7g}" for value in row) for name, row in zip(names, numbers, strict=True)]
    return "\n".join(lines) + "\n"


Particles = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""Positions (N, 3), name of the type of each particle (N,), edge vectors of the box as rows (3, 3)."""


def _read_gsd(path: Path, frame: int) -> Particles:
    with gsd.hoomd.open(path, mode="r") as trajectory:
        found = trajectory[frame]
    lx, ly, lz, xy, xz, yz = (float(value) for value in found.configuration.box)
    cell = np.array([[lx, 0, 0], [xy * ly, ly, 0], [xz * lz, yz * lz, lz]])
    return found.particles.position, np.array(found.particles.types)[found.particles.typeid], cell


def _read_ase(path: Path, frame: int) -> Particles:
    import ase.io

    atoms: Any
    if path.suffix in (".xyz", ".extxyz"):
        # ASE reads a column `species` as chemical elements; in a column with another name, any type is allowed.
        text = re.sub(r"(Properties=\S*)species:S:1", r"\1type:S:1", path.read_text())
        atoms = ase.io.read(StringIO(text), index=frame, format="extxyz")
    else:
        atoms = ase.io.read(path, index=frame)
    if "type" in atoms.arrays:  # from LAMMPS dumps too, with numbers
        return atoms.positions, atoms.arrays["type"].astype(str), np.array(atoms.cell)
    return atoms.positions, np.array(atoms.get_chemical_symbols()), np.array(atoms.cell)
