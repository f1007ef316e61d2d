"""Configurations of published ensembles and of other programs, for ensembles to start from."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from glassbotan.errors import FileError
from glassbotan.files.snapshots import read_configuration
from glassbotan.kob_andersen import Species
from glassbotan.published.trajectories import read_botan
from glassbotan.simulate.configurations import Configuration
from glassbotan.study.simulation import Liquid

DENSITY_TOLERANCE = 1e-3
"""Largest relative difference between the density of a file and that of the study."""


def read_start(path: Path, frame: int | None, liquid: Liquid) -> Configuration:
    """A configuration at rest, in the box.

    Parameters
    ----------
    path : an npz file of the BOTAN release, or a particle file (see `read_configuration`)
    frame : in an npz file, number of the replica whose last positions are taken, counted from 1, or None for the
        positions that all replicas start from; in other files number of the frame, counted from 1, or None for the last
    liquid : the liquid of the study, which the configuration has to be of

    Raises
    ------
    FileError
        if the file cannot be read, has no such frame, or holds another liquid
    """
    if path.suffix == ".npz":
        found = read_botan([path], liquid.density)
        configuration = Configuration.at_rest(found.positions, found.species, found.box_length)
        if frame is not None:
            (displacements,) = found.displacements
            if not 1 <= frame <= len(displacements):
                raise FileError(f"{path} has replicas 1 to {len(displacements)}, but replica {frame} was asked for")
            configuration = replace(configuration, positions=found.positions + displacements[frame - 1])
    else:
        configuration = read_configuration(path, -1 if frame is None else frame - 1)
    of_a = int((configuration.species == Species.A).sum())
    density = len(configuration) / configuration.box_length**3
    asked = liquid.particles, round(liquid.particles * liquid.fraction_of_a)
    if (len(configuration), of_a) != asked or not np.isclose(density, liquid.density, rtol=DENSITY_TOLERANCE):
        raise FileError(
            f"{path} has {len(configuration)} particles, {of_a} of them A, at density {density:.4g}, but the study's "
            f"liquid has {asked[0]}, {asked[1]} and {liquid.density:g}; use another file, or change the section liquid"
        )
    return replace(configuration, mixture=liquid.mixture).in_the_box()
