"""Isoconfigurational ensembles in the formats of the public releases.

botan
    Shiba et al., J. Chem. Phys. 158, 084503 (2023): an npz file for each configuration and sampling time with
    `types` (0 = A, 1 = B), `initial_positions` (N, 3) and `positions` (n_r, N, 3), unwrapped. The box follows from N
    and the density.
glassy-dynamics
    Bapst et al., Nature Phys. 16, 448 (2020): a pickle for each configuration with `types`, `positions` (N, 3), `box`
    and `trajectory_target_positions`, (n_r, N, 3) for each sampling time, unwrapped.
glassbench
    Jung et al., arXiv:2311.14752: an npz file for each configuration with `types` (1 = A, 2 = B),
    `initial_positions` (N, 3) in [-L/2, L/2), and `md_prop` (n_t, N), the propensity. There are no replicas, so E and
    the noise ceiling cannot be computed. The box follows from N and the density.
"""

import pickle
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.pairs import wrap
from glassbotan.errors import FileError
from glassbotan.kob_andersen import Species, box_length


@dataclass(frozen=True)
class Isoconfiguration:
    """A published configuration, and the published part of its ensemble."""

    species: NDArray[np.uint8]
    """(N,), values of `Species`"""
    positions: NDArray[np.float64]
    """(N, 3), wrapped into [-L/2, L/2)"""
    box_length: float
    displacements: Sequence[NDArray] = ()
    """(n_r, N, 3) for each sampling time; empty if no replicas were published"""
    propensity: NDArray | None = None
    """S, (n_t, N), if only the propensity was published"""


def read_botan(paths: Sequence[Path], density: float) -> Isoconfiguration:
    """One configuration in the format of the BOTAN release, from one file for each sampling time."""
    files = [_read_npz(path, ("types", "initial_positions", "positions")) for path in paths]
    first = files[0]
    start = _array(paths[0], first, "initial_positions")
    for path, arrays in zip(paths, files, strict=True):
        for name in ("types", "initial_positions"):
            if not np.array_equal(arrays[name], first[name]):
                raise FileError(
                    f"{path} holds another configuration than {paths[0]} ({name} differ); "
                    "name the files of one configuration at increasing times"
                )
    length = box_length(len(start), density)
    return Isoconfiguration(
        species=_species(paths[0], first["types"], len(start), a=0),
        positions=_inside(paths[0], start, length),
        box_length=length,
        displacements=[
            _displacements(path, arrays["positions"], start) for path, arrays in zip(paths, files, strict=True)
        ],
    )


def read_glassy_dynamics(path: Path) -> Isoconfiguration:
    """One configuration in the format of the glassy_dynamics release; nothing in the file is executed."""
    content = _read_pickle(path)
    start = _array(path, content, "positions")
    box = np.asarray(content["box"], dtype=np.float64).ravel()
    if len(box) != 3 or not np.allclose(box, box[0]) or not box[0] > 0:
        raise FileError(f"{path}: box is {box.tolist()}, but the edges of a cubic box were expected")
    return Isoconfiguration(
        species=_species(path, content["types"], len(start), a=0),
        positions=wrap(start, float(box[0]))[0],
        box_length=float(box[0]),
        displacements=[_displacements(path, ends, start) for ends in content["trajectory_target_positions"]],
    )


def read_glassbench(path: Path, density: float) -> Isoconfiguration:
    """One configuration in the format of GlassBench."""
    arrays = _read_npz(path, ("types", "initial_positions", "md_prop"))
    start = _array(path, arrays, "initial_positions")
    length = box_length(len(start), density)
    propensity = np.atleast_2d(_finite(path, "md_prop", arrays["md_prop"]))
    if propensity.shape[1:] != (len(start),):
        raise FileError(
            f"{path}: md_prop has shape {propensity.shape}, but a propensity for each of {len(start)} particles and "
            "each sampling time was expected"
        )
    return Isoconfiguration(
        species=_species(path, arrays["types"], len(start), a=1),
        positions=_inside(path, start, length),
        box_length=length,
        propensity=propensity,
    )


def _read_npz(path: Path, names: Sequence[str]) -> dict[str, NDArray]:
    try:
        with np.load(path, allow_pickle=False) as content:
            if missing := [name for name in names if name not in content]:
                raise FileError(f"{path} has no {' and no '.join(missing)}, but {', '.join(names)} were expected")
            return {name: content[name] for name in names}
    except FileNotFoundError:
        raise FileError(f"{path} does not exist") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(
            f"{path} cannot be read as plain npz arrays ({error}); nothing is ever unpickled from such a file"
        ) from None


class _Arrays(pickle.Unpickler):
    """An unpickler for containers, numbers and numpy arrays, which raises an error for anything else."""

    allowed: Mapping[str, tuple[str, ...]] = {
        "numpy": ("ndarray", "dtype"),
        "numpy.core.multiarray": ("_reconstruct", "scalar"),
        "numpy._core.multiarray": ("_reconstruct", "scalar"),
        "numpy.core.numeric": ("_frombuffer",),
        "numpy._core.numeric": ("_frombuffer",),
        "_codecs": ("encode",),
    }

    def find_class(self, module: str, name: str) -> Any:
        if name not in self.allowed.get(module, ()):
            raise pickle.UnpicklingError(f"it refers to {module}.{name}")
        return super().find_class(module, name)


def _read_pickle(path: Path) -> dict[str, Any]:
    names = ("positions", "types", "box", "trajectory_target_positions")
    try:
        with open(path, "rb") as file:
            content = _Arrays(file).load()
    except FileNotFoundError:
        raise FileError(f"{path} does not exist") from None
    except Exception as error:  # a damaged pickle can raise any exception
        raise FileError(
            f"{path} cannot be read as a pickle of arrays ({error}); only containers, numbers and arrays are "
            "read from such a file"
        ) from None
    missing = [name for name in names if name not in content] if isinstance(content, dict) else names
    if missing:
        raise FileError(f"{path} has no {missing[0]}, but a dictionary with {', '.join(names)} was expected")
    return dict(content)


def _array(path: Path, arrays: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    """Positions in an array of the file, (N, 3), after checking their shape and values."""
    positions = _finite(path, name, arrays[name])
    if positions.ndim != 2 or positions.shape[1] != 3 or not len(positions):
        raise FileError(f"{path}: {name} has shape {positions.shape}, but (N, 3) was expected")
    return positions


def _finite(path: Path, name: str, values: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise FileError(f"{path}: {name} are not all numbers") from None
    if not np.isfinite(array).all():
        raise FileError(f"{path}: {name} hold a value that is not finite; the file is damaged")
    return array


def _species(path: Path, types: Any, particles: int, a: int) -> NDArray[np.uint8]:
    """Species of each particle, (N,), from types that are `a` for A and `a` + 1 for B."""
    array = np.asarray(types)
    if array.shape != (particles,):
        raise FileError(f"{path}: types have shape {array.shape}, but there are {particles} particles")
    found = np.unique(array)
    if found.tolist() != [a, a + 1]:
        raise FileError(f"{path}: types are {found.tolist()}, but two species, {a} = A and {a + 1} = B, were expected")
    return np.where(array == a, Species.A, Species.B).astype(np.uint8)


def _inside(path: Path, positions: NDArray, length: float) -> NDArray[np.float64]:
    """Positions wrapped into [-L/2, L/2); the origin of the published box does not matter."""
    reach = np.ptp(positions, axis=0).max()
    if reach > length * (1 + 1e-5):
        raise FileError(
            f"{path}: initial_positions reach over {reach:.5g}, but the box of {len(positions)} particles is "
            f"{length:.5g} long; check the density"
        )
    return wrap(positions, length)[0]


def _displacements(path: Path, ends: Any, start: NDArray) -> NDArray[np.float64]:
    """Displacements (n_r, N, 3) of all replicas."""
    positions = _finite(path, "replicas' positions", ends)
    if positions.ndim != 3 or positions.shape[1:] != start.shape or len(positions) < 2:
        raise FileError(
            f"{path}: the replicas' positions have shape {positions.shape}, but (replicas, {len(start)}, 3) with at "
            "least two replicas was expected"
        )
    return positions - start


Reader = Callable[[Sequence[Path], float], Isoconfiguration]


def _alone(paths: Sequence[Path]) -> Path:
    if len(paths) != 1:
        raise FileError(f"this format has all sampling times in one file, but {len(paths)} files were named")
    return paths[0]


READERS: Mapping[str, Reader] = {
    "botan": read_botan,
    "glassy-dynamics": lambda paths, density: read_glassy_dynamics(_alone(paths)),
    "glassbench": lambda paths, density: read_glassbench(_alone(paths), density),
}
"""The reader of each format by its name; its arguments are the files of one configuration and the number density."""
