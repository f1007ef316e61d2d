"""The states behind one configuration in a structure file, `T0.64/structure/c0001.npz`.

Arrays of each state, such as `cage-0.4`: `cage-0.4/displacement` (N, 3) from the thermal to the state's positions, and
the quantities of each particle, such as `cage-0.4/variance` (N,); see `glassbotan.structure.states`. The header says
how each was made, how well it is known, what it cost, and to which positions it belongs.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.errors import FileError
from glassbotan.files.header import new_header, require_stage
from glassbotan.files.npz import StoredArrays, read_npz, write_npz
from glassbotan.structure.states import StructureState
from glassbotan.structure.static import StaticStructure
from glassbotan.study.structure import Structure as StructureSettings

DISPLACEMENT = "displacement"


@dataclass(frozen=True)
class Structures:
    """The content of a structure file; arrays are read from it when they are accessed."""

    path: Path
    study: str
    temperature: float
    """temperature of the state point, epsilon_AA / k_B"""
    configuration: int
    """number of the configuration"""
    settings: StructureSettings
    """how the states were made"""
    timestep: float
    """time step of short ensembles, tau"""
    made: Mapping[str, Mapping[str, Any]]
    """for each state, how it was made and what it cost"""
    fingerprint: str
    """of the thermal positions"""
    arrays: StoredArrays

    def states(self) -> dict[str, StructureState]:
        """The states that the file has, by name."""
        content = dict(zip(self.arrays.names, self.arrays.read(*self.arrays.names), strict=True))
        found = {}
        for name in self.made:
            prefix = f"{name}/"
            of_state = {key.removeprefix(prefix): content[key] for key in content if key.startswith(prefix)}
            found[name] = StructureState(of_state.pop(DISPLACEMENT, None), of_state, self.made[name])
        return found

    def require_of(self, structure: StaticStructure) -> None:
        """Raise an error if the file belongs to other positions than those of a structure.

        Raises
        ------
        FileError
            with both files
        """
        if fingerprint(structure.positions) != self.fingerprint:
            raise FileError(
                f"{self.path} was made from other positions than those of {structure.name}; give the structure file of "
                "this configuration, or make it again"
            )


def fingerprint(positions: NDArray) -> str:
    """A hash of positions, by which structures and configurations are matched."""
    return hashlib.sha256(np.ascontiguousarray(positions, dtype=np.float64).tobytes()).hexdigest()[:32]


def write_structures(
    path: Path,
    structure: StaticStructure,
    states: Mapping[str, StructureState],
    provenance: Mapping[str, Any],
    *,
    study: str,
    temperature: float,
    configuration: int,
    settings: StructureSettings,
    timestep: float,
) -> None:
    """Write the states of a structure; see `Structures` for the other parameters."""
    header = new_header(
        "structure",
        study,
        temperature=temperature,
        configuration=configuration,
        settings=settings.model_dump(mode="json"),
        timestep=timestep,
        made={name: dict(state.made) for name, state in states.items()},
        fingerprint=fingerprint(structure.positions),
    )
    arrays: dict[str, NDArray] = {}
    for name, state in states.items():
        if state.displacement is not None:
            arrays[f"{name}/{DISPLACEMENT}"] = state.displacement
        arrays |= {f"{name}/{key}": values for key, values in state.properties.items()}
    write_npz(path, header, provenance, arrays)


def read_structures(path: Path) -> Structures:
    """Read a structure file that was made by this version of the stage `structure`."""
    return structures(path, *read_npz(path))


def structures(path: Path, header: Mapping[str, Any], arrays: StoredArrays) -> Structures:
    """The content of a structure file from its header and its arrays."""
    require_stage(path, header, "structure")
    return Structures(
        path=path,
        study=header["study"],
        temperature=header["temperature"],
        configuration=header["configuration"],
        settings=StructureSettings.model_validate(header["settings"]),
        timestep=header["timestep"],
        made=header["made"],
        fingerprint=header["fingerprint"],
        arrays=arrays,
    )
