"""Configurations as frames of GSD files, and the header and record that glassbotan adds to such a file.

The header and the record of how the file was made are chunks of the last frame, which is written after all others, so
that a file that was cut short has neither. Other readers of GSD skip these chunks.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np

from glassbotan.errors import FileError
from glassbotan.kob_andersen import Mixture, Species
from glassbotan.simulate.configurations import Configuration

HEADER_CHUNK, PROVENANCE_CHUNK = "glassbotan/header", "glassbotan/provenance"


def to_frame(configuration: Configuration, step: int = 0, velocities: bool = True) -> gsd.hoomd.Frame:
    """The GSD frame of a configuration, in which positions and velocities are float32."""
    length = configuration.box_length
    frame = gsd.hoomd.Frame()
    frame.configuration.step = step
    frame.configuration.box = [length, length, length, 0, 0, 0]
    frame.particles.N = len(configuration)
    frame.particles.types = [species.name for species in Species]
    # Without diameters, OVITO draws B in the size of boron.
    frame.particles.type_shapes = [
        {"type": "Sphere", "diameter": configuration.mixture.sigmas[species, species]} for species in Species
    ]
    frame.particles.typeid = configuration.species
    frame.particles.position = configuration.positions
    frame.particles.image = configuration.images
    if velocities:
        frame.particles.velocity = configuration.velocities
    return frame


def from_frame(frame: gsd.hoomd.Frame, box_length: float, mixture: Mixture) -> Configuration:
    """The configuration in a GSD frame; `box_length` is in double precision, whereas the frame has it in single."""
    return Configuration(
        positions=frame.particles.position.astype(np.float64),
        images=frame.particles.image.astype(np.int32),
        velocities=frame.particles.velocity.astype(np.float64),
        species=frame.particles.typeid.astype(np.uint8),
        box_length=box_length,
        mixture=mixture,
    ).wrapped()


def append_last(
    trajectory: gsd.hoomd.HOOMDTrajectory,
    frame: gsd.hoomd.Frame,
    header: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Append the last frame of a file, and with it the header of the file and the record of how it was made."""
    for name, content in ((HEADER_CHUNK, header), (PROVENANCE_CHUNK, provenance)):
        trajectory.file.write_chunk(name, np.frombuffer(json.dumps(dict(content)).encode(), dtype=np.uint8))
    trajectory.append(frame)


@contextmanager
def open_gsd(path: Path) -> Iterator[tuple[gsd.hoomd.HOOMDTrajectory, dict[str, Any]]]:
    """Open a complete GSD file that glassbotan wrote; yield it and its header.

    Raises
    ------
    FileError
        if the file is missing, was cut short or was written by another program
    """
    with _opened(path) as trajectory:
        provenance = _last_chunk(trajectory, PROVENANCE_CHUNK)
        if provenance is None:
            raise FileError(
                f"{path} does not end with a record of how it was made, so it was cut short or was written by another "
                "program: make it again"
            )
        yield trajectory, _last_chunk(trajectory, HEADER_CHUNK) or _header_from_record(provenance)


def read_gsd_provenance(path: Path) -> dict[str, Any]:
    """The record of how a GSD file of glassbotan was made."""
    with _opened(path) as trajectory:
        return _last_chunk(trajectory, PROVENANCE_CHUNK) or {}


@contextmanager
def _opened(path: Path) -> Iterator[gsd.hoomd.HOOMDTrajectory]:
    try:
        trajectory = gsd.hoomd.open(path, mode="r")
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; run the stage that makes it") from None
    except (OSError, RuntimeError) as error:
        raise FileError(f"{path} cannot be read as GSD ({error}); it was cut short or damaged: make it again") from None
    with trajectory:
        try:
            yield trajectory
        except RuntimeError as error:
            if "GSD" not in str(error):
                raise
            raise FileError(f"{path} is damaged ({error}): make it again") from None


def _last_chunk(trajectory: gsd.hoomd.HOOMDTrajectory, name: str) -> dict[str, Any] | None:
    last = len(trajectory) - 1
    if last < 0 or not trajectory.file.chunk_exists(frame=last, name=name):
        return None
    content: dict[str, Any] = json.loads(trajectory.file.read_chunk(frame=last, name=name).tobytes())
    return content


def _header_from_record(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The header of a simulation that was made by version 0.1, which wrote only the record."""
    settings = provenance.get("settings", {})
    facts = {**settings, **provenance}
    if "ensemble" in settings:
        facts |= {"timestep": settings["integrator"]["timestep"], "replicas": settings["ensemble"]["replicas"]}
    return facts
