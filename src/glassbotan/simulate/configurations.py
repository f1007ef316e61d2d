"""Configurations of the liquid: the arrays, where they start, and their GSD form."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import gsd.hoomd
import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import wrap
from glassbotan.errors import FileError
from glassbotan.files import written_whole
from glassbotan.kob_andersen import MASS, SIGMA, Species, species_of
from glassbotan.study import Liquid

PROVENANCE_CHUNK = "glassbotan/provenance"


@dataclass(frozen=True)
class Configuration:
    """One system at one moment."""

    positions: NDArray[np.float64]
    """(N, 3), wrapped into [-L/2, L/2), sigma_AA"""
    images: NDArray[np.int32]
    """(N, 3), boxes crossed: positions + L x images is the unwrapped path"""
    velocities: NDArray[np.float64]
    """(N, 3), sigma_AA / tau"""
    species: NDArray[np.uint8]
    """(N,), values of `Species`"""
    box_length: float
    """edge L of the cubic box, sigma_AA"""

    @classmethod
    def at_rest(cls, positions: NDArray, species: NDArray, box_length: float) -> Self:
        """The configuration with these positions, of which no more is known."""
        zero = np.zeros_like(positions)
        return cls(positions, zero.astype(np.int32), zero, species, box_length)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def unwrapped(self) -> NDArray[np.float64]:
        """(N, 3), positions as if the box had no faces."""
        return self.positions + self.box_length * self.images

    @property
    def kinetic_energy(self) -> float:
        """Sum of m v^2 / 2."""
        return float(0.5 * MASS * (self.velocities**2).sum())

    @property
    def momentum(self) -> NDArray[np.float64]:
        """(3,), sum of m v."""
        total: NDArray[np.float64] = MASS * self.velocities.sum(axis=0)
        return total

    def wrapped(self) -> Self:
        """The same configuration with every particle strictly inside the box and its images set accordingly.

        Engines let particles stray a hair outside between rebuilds of their neighbour lists.
        """
        positions, moved = wrap(self.positions, self.box_length)
        return replace(self, positions=positions, images=self.images + moved)

    def in_the_box(self) -> Self:
        """The same positions with all images set to zero: where the displacements of an ensemble are counted from."""
        return replace(self.wrapped(), images=np.zeros_like(self.images))


def random_generator(root: int, temperature: float, configuration: int, replica: int) -> np.random.Generator:
    """The stream of random numbers that belongs to one replica of one configuration, whichever engine runs it.

    Replica 0 is the melt; 1, 2, ... are the runs of the isoconfigurational ensemble. Temperatures are told apart to
    two decimals, as in the folders' names.
    """
    return np.random.default_rng(np.random.SeedSequence((root, round(100 * temperature), configuration, replica)))


def maxwell_boltzmann(particles: int, temperature: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Velocities at `temperature` with the centre of mass at rest, shape (N, 3)."""
    velocities = rng.normal(scale=np.sqrt(temperature / MASS), size=(particles, 3))
    return velocities - velocities.mean(axis=0)


def lattice(liquid: Liquid, temperature: float, rng: np.random.Generator) -> Configuration:
    """A mixed crystal to melt: species at random on a simple cubic lattice, momenta at `temperature`."""
    n, length = liquid.particles, liquid.box_length
    sites_per_edge = next(edge for edge in range(1, n + 1) if edge**3 >= n)
    sites = np.stack(np.unravel_index(rng.permutation(sites_per_edge**3)[:n], (sites_per_edge,) * 3), axis=-1)
    return Configuration(
        positions=(sites + 0.5) * length / sites_per_edge - length / 2,
        images=np.zeros((n, 3), dtype=np.int32),
        velocities=maxwell_boltzmann(n, temperature, rng),
        species=species_of(n, liquid.fraction_of_a),
        box_length=length,
    )


def to_frame(configuration: Configuration, step: int = 0, velocities: bool = True) -> gsd.hoomd.Frame:
    """The GSD frame of a configuration (positions and velocities are float32 there)."""
    length = configuration.box_length
    frame = gsd.hoomd.Frame()
    frame.configuration.step = step
    frame.configuration.box = [length, length, length, 0, 0, 0]
    frame.particles.N = len(configuration)
    frame.particles.types = [species.name for species in Species]
    # Or OVITO draws B in the size of boron.
    frame.particles.type_shapes = [{"type": "Sphere", "diameter": SIGMA[species, species]} for species in Species]
    frame.particles.typeid = configuration.species
    frame.particles.position = configuration.positions
    frame.particles.image = configuration.images
    if velocities:
        frame.particles.velocity = configuration.velocities
    return frame


def from_frame(frame: gsd.hoomd.Frame, box_length: float) -> Configuration:
    """The configuration in a GSD frame; the box comes in double precision, GSD's own is single."""
    return Configuration(
        positions=frame.particles.position.astype(np.float64),
        images=frame.particles.image.astype(np.int32),
        velocities=frame.particles.velocity.astype(np.float64),
        species=frame.particles.typeid.astype(np.uint8),
        box_length=box_length,
    ).wrapped()


def append_last(trajectory: gsd.hoomd.HOOMDTrajectory, frame: gsd.hoomd.Frame, provenance: Mapping[str, Any]) -> None:
    """Append the last frame of a file, and with it the record of the file's making (readers of GSD skip it)."""
    text = np.frombuffer(json.dumps(provenance).encode(), dtype=np.uint8)
    trajectory.file.write_chunk(PROVENANCE_CHUNK, text)
    trajectory.append(frame)


@contextmanager
def opened(path: Path) -> Iterator[tuple[gsd.hoomd.HOOMDTrajectory, dict[str, Any]]]:
    """A finished GSD file of ours and its provenance.

    Raises
    ------
    FileError
        if it is missing, cut short or somebody else's
    """
    try:
        trajectory = gsd.hoomd.open(path, mode="r")
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; run the stage that makes it") from None
    except (OSError, RuntimeError) as error:
        raise FileError(f"{path} cannot be read as GSD ({error}); it was cut short or damaged: make it again") from None
    with trajectory:
        last = len(trajectory) - 1
        if last < 0 or not trajectory.file.chunk_exists(frame=last, name=PROVENANCE_CHUNK):
            raise FileError(
                f"{path} does not end with a record of its making, so it was cut short or is not glassbotan's: "
                "make it again"
            )
        text = trajectory.file.read_chunk(frame=last, name=PROVENANCE_CHUNK)
        try:
            yield trajectory, json.loads(text.tobytes())
        except RuntimeError as error:
            if "GSD" not in str(error):
                raise
            raise FileError(f"{path} is damaged ({error}): make it again") from None


def write_configurations(
    path: Path,
    configurations: Sequence[Configuration],
    provenance: Mapping[str, Any],
    logs: Sequence[Mapping[str, NDArray]] | None = None,
) -> None:
    """Write a batch of configurations, one frame each, with what was logged on the way to it."""
    frames = [to_frame(configuration) for configuration in configurations]
    for frame, log in zip(frames, logs or [{} for _ in frames], strict=True):
        frame.log.update(log)
    *others, last = frames
    with written_whole(path) as beside, gsd.hoomd.open(beside, mode="w") as trajectory:
        for frame in others:
            trajectory.append(frame)
        append_last(trajectory, last, {**provenance, "box_length": configurations[-1].box_length})


def read_configurations(path: Path) -> tuple[list[Configuration], dict[str, Any]]:
    """The batch of configurations in a file, and its provenance."""
    with opened(path) as (trajectory, provenance):
        return [from_frame(frame, provenance["box_length"]) for frame in trajectory], provenance


def read_log(path: Path, frame: int) -> dict[str, NDArray]:
    """What was logged on the way to one configuration of a batch."""
    with opened(path) as (trajectory, _):
        return dict(trajectory[frame].log)
