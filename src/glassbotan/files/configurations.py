"""A batch of configurations after one stage of the protocol: `T0.64/{melt,quench,equilibrated,starts}/b001.gsd`.

One GSD frame for each configuration: position (wrapped), image, velocity, typeid (0 = A, 1 = B), and under `log/` what
was measured during the stage: `time`, `potential_energy` (per particle), `temperature` and `pressure`, (n,) each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gsd.hoomd
from numpy.typing import NDArray

from glassbotan.files.gsd import append_last, from_frame, open_gsd, to_frame
from glassbotan.files.header import mixture_in, new_header, require_stage
from glassbotan.files.plain import atomic_write
from glassbotan.simulate.configurations import Configuration


@dataclass(frozen=True)
class ConfigurationBatch:
    """Configurations that one job has melted, quenched or equilibrated, or taken from other files."""

    study: str
    stage: str
    """melt, quench, equilibrate or starts"""
    temperature: float
    """target temperature of the state point, epsilon_AA / k_B"""
    final_temperature: float
    """set temperature at the end of the stage, epsilon_AA / k_B"""
    numbers: tuple[int, ...]
    """numbers of the configurations"""
    configurations: Sequence[Configuration]
    logs: Sequence[Mapping[str, NDArray]]
    """what was measured during the stage, for each configuration; empty if nothing was"""


def write_batch(path: Path, batch: ConfigurationBatch, provenance: Mapping[str, Any]) -> None:
    """Write a batch of configurations, one frame each."""
    frames = [to_frame(configuration) for configuration in batch.configurations]
    for frame, log in zip(frames, batch.logs, strict=True):
        frame.log.update(log)
    header = new_header(
        batch.stage,
        batch.study,
        temperature=batch.temperature,
        final_temperature=batch.final_temperature,
        configurations=list(batch.numbers),
        box_length=batch.configurations[-1].box_length,
        mixture=asdict(batch.configurations[-1].mixture),
    )
    *others, last = frames
    with atomic_write(path) as beside, gsd.hoomd.open(beside, mode="w") as trajectory:
        for frame in others:
            trajectory.append(frame)
        append_last(trajectory, last, header, provenance)


def read_batch(path: Path, *stages: str) -> ConfigurationBatch:
    """Read a batch of configurations that was made by one of `stages`, by default melt, quench or equilibrate."""
    with open_gsd(path) as (trajectory, header):
        require_stage(path, header, *(stages or ("melt", "quench", "equilibrate")))
        frames = list(trajectory)
        return ConfigurationBatch(
            study=header["study"],
            stage=header["stage"],
            temperature=header["temperature"],
            final_temperature=header["final_temperature"],
            numbers=tuple(header["configurations"]),
            configurations=[from_frame(frame, header["box_length"], mixture_in(header)) for frame in frames],
            logs=[dict(frame.log) for frame in frames],
        )
