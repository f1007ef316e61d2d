"""The targets of one configuration in a targets file, `T0.64/targets/c0001.npz`.

Arrays: `species` (N,), `positions` (N, 3), `box_length`, `pairs` (n_p, 2), `potential_energy` (N,), `times` (n_t,);
each target by its symbol, such as `S`, `R`, `C`, `D` (n_t, N) and `E` (n_t, n_p), and its half-ensemble averages,
such as `S_halves` (n_t, 2, N); `mean_displacement` (n_t, N, 3); `overlap` (n_t, n_r); `scattering_times` and
`scattering` (n_s,).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.registry import targets
from glassbotan.dynamics.targets import DynamicalTargets
from glassbotan.errors import FileError
from glassbotan.files.header import mixture_in, new_header, require, require_stage
from glassbotan.files.npz import StoredArrays, read_npz, write_npz
from glassbotan.files.structures import Structures, structures
from glassbotan.kob_andersen import KOB_ANDERSEN, Mixture
from glassbotan.simulate.quality import Quality
from glassbotan.structure.static import StaticStructure
from glassbotan.study.targets import Targets as TargetSettings

HALVES = "_halves"


@dataclass(frozen=True)
class Targets:
    """The content of a targets file; large arrays are read from it when they are accessed."""

    path: Path
    study: str
    temperature: float
    """temperature of the state point, epsilon_AA / k_B"""
    configuration: int
    """number of the configuration"""
    settings: TargetSettings
    """ranges with which the targets were computed"""
    quality: Quality
    """quality of the simulation"""
    times: NDArray[np.float64]
    """(n_t,) sampling times, tau"""
    scattering_times: NDArray[np.float64]
    """(n_s,) times of F_s, tau"""
    arrays: StoredArrays
    """all arrays of the file"""
    mixture: Mixture = KOB_ANDERSEN
    """how the particles interact"""
    behind: Structures | None = None
    """the structure file of the configuration, if one was given"""

    @property
    def means(self) -> Mapping[str, NDArray[np.float32]]:
        """Mean of each target in the file over the replicas, by symbol: (n_t, N) of particles, (n_t, n_p) of pairs."""
        return _Known(self.arrays, "")

    @property
    def halves(self) -> Mapping[str, NDArray[np.float32]]:
        """Mean of each target in the file over each half of the replicas: (n_t, 2, N) or (n_t, 2, n_p)."""
        return _Known(self.arrays, HALVES)

    @property
    def overlap(self) -> NDArray[np.float64]:
        """Q(t) of each replica, (n_t, n_r); n_r is 0 if no replicas were published."""
        return self.arrays["overlap"]

    @property
    def scattering(self) -> NDArray[np.float64]:
        """F_s(k, t) of species A at the scattering times, (n_s,)."""
        return self.arrays["scattering"]

    @property
    def mean_displacement(self) -> NDArray[np.float32]:
        """<r_i(t) - r_i(0)>, (n_t, N, 3), sigma_AA."""
        return self.arrays.read("mean_displacement")[0]

    @property
    def has_mean_displacement(self) -> bool:
        """Whether the file has `mean_displacement`."""
        return "mean_displacement" in self.arrays.names

    @property
    def replicas(self) -> int | None:
        """Number of replicas over which the targets are averaged; None if not known."""
        return self.overlap.shape[1] or None

    def structure(self) -> StaticStructure:
        """The static structure at t = 0, with the states behind it if a structure file was given.

        Raises
        ------
        FileError
            if the structure file belongs to another configuration
        """
        positions, species, box_length, pairs = self.arrays.read("positions", "species", "box_length", "pairs")
        thermal = StaticStructure(
            positions, species, float(box_length), pairs, str(self.path), self.mixture, temperature=self.temperature
        )
        if self.behind is None:
            return thermal
        self.behind.require_of(thermal)
        return replace(thermal, states=self.behind.states())

    def require_known(self, symbols: Iterable[str]) -> None:
        """Raise an error if the file lacks one of these targets.

        Raises
        ------
        FileError
            if a target is missing; the message has the file and the target
        """
        for symbol in symbols:
            if symbol not in self.means:
                raise FileError(
                    f"{self.path} holds no {targets()[symbol].title} {symbol} (it was not published, or the file is "
                    f"older than this target): make the file again, or fit a model that predicts "
                    f"{' or '.join(self.means)}"
                )

    def at(self, time_index: int) -> float:
        """The sampling time with the number `time_index`, counted from 1, tau.

        Raises
        ------
        FileError
            if there are fewer sampling times
        """
        if time_index > len(self.times):
            raise FileError(f"{self.path} has {len(self.times)} sampling times, but number {time_index} was asked for")
        return float(self.times[time_index - 1])


@dataclass(frozen=True)
class _Known(Mapping[str, NDArray[np.float32]]):
    """The registered targets in a file, each read when it is accessed."""

    arrays: StoredArrays
    ending: str

    def __getitem__(self, symbol: str) -> NDArray[np.float32]:
        return self.arrays[symbol + self.ending]

    def __iter__(self) -> Iterator[str]:
        return (symbol for symbol in targets() if symbol + self.ending in self.arrays.names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, symbol: object) -> bool:
        return symbol in targets() and f"{symbol}{self.ending}" in self.arrays.names


def write_targets(
    path: Path,
    structure: StaticStructure,
    measured: DynamicalTargets,
    provenance: Mapping[str, Any],
    *,
    study: str,
    temperature: float,
    configuration: int,
    settings: TargetSettings,
    quality: Quality,
) -> None:
    """Write a targets file from the measured targets and their structure; see `Targets` for the other parameters."""
    header = new_header(
        "targets",
        study,
        temperature=temperature,
        configuration=configuration,
        settings=settings.model_dump(),
        quality=quality._asdict(),
        mixture=asdict(structure.mixture),
    )
    arrays: dict[str, Any] = {
        "species": structure.species,
        "positions": structure.positions,
        "box_length": structure.box_length,
        "potential_energy": structure.energies,
        "pairs": measured.pairs,
        "times": measured.times,
        **measured.means,
        **{symbol + HALVES: values for symbol, values in measured.halves.items()},
        "overlap": measured.overlap,
        "scattering_times": measured.scattering_times,
        "scattering": measured.scattering,
    }
    if measured.mean_displacement is not None:
        arrays["mean_displacement"] = measured.mean_displacement
    write_npz(path, header, provenance, arrays)


def read_targets(path: Path) -> Targets:
    """Read a targets file that was made by this version of the stage `targets`."""
    return _targets(path, *read_npz(path))


def _targets(path: Path, header: Mapping[str, Any], arrays: StoredArrays) -> Targets:
    """The content of a targets file."""
    require_stage(path, header, "targets")
    times, scattering_times = arrays.read("times", "scattering_times")
    return Targets(
        path=path,
        study=header["study"],
        temperature=header["temperature"],
        configuration=header["configuration"],
        settings=TargetSettings(**header["settings"]),
        quality=Quality(**header["quality"]),
        times=times,
        scattering_times=scattering_times,
        arrays=arrays,
        mixture=mixture_in(header),
    )


def read_matching_targets(paths: Iterable[Path], **expected: Any) -> Iterator[Targets]:
    """Read targets files one by one, with their structure files, and check that all were made with the same settings.

    Those of one temperature must also have the same times.

    Parameters
    ----------
    paths : paths of targets files and of structure files, which are matched by their numbers
    expected : study, temperature or other attributes that all of them must have

    Raises
    ------
    FileError
        if a file differs; the message has the file and the difference
    """
    first: dict[float, Targets] = {}
    contents = {path: read_npz(path) for path in paths}  # of which the arrays are read later
    made_of = {
        path: structures(path, *content) for path, content in contents.items() if content[0].get("stage") == "structure"
    }
    of_configurations: dict[tuple[float, int], Structures] = {}
    for path, one in made_of.items():
        require(path, one, **expected, settings=next(iter(made_of.values())).settings)
        of_configurations[one.temperature, one.configuration] = one
    for path in (path for path in contents if path not in made_of):
        found = _targets(path, *contents[path])
        require(path, found, **expected)
        found = replace(found, behind=of_configurations.get((found.temperature, found.configuration)))
        like = first.setdefault(found.temperature, found)
        same = found.settings == next(iter(first.values())).settings and all(
            np.array_equal(one, other)
            for one, other in ((found.times, like.times), (found.scattering_times, like.scattering_times))
        )
        if not same:
            raise FileError(
                f"{path} has other times or ranges than {like.path}; make all targets of a study with the same settings"
            )
        yield found
