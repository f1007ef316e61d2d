"""Simulate published configurations anew, and compare the propensities with the published ones.

    python benchmarks/resimulate.py FILES [--replicas 32] [--time 4120] [--reference FOLDER] [--threads 2]

FILES are configurations of the BOTAN release at T = 0.44 (`isoconfig_N4096T0.44_401_tc07.npz`: 32 replicas at t = 4120,
the alpha relaxation time). Each is run again as an isoconfigurational ensemble with the engine `fused`, at dt = 0.005.
At the time of the release, the propensity S of A particles is compared with the published one. At the other times it is
compared with that of `--reference`, a folder with files `c401.npz` that hold `times`, `propensity_halves` and `F_s`.

Printed for each configuration and time: the mean propensity <S> and F_s(2 pi, t), each from here and from there, F_s
with its standard error over replicas; the correlation rho between both propensities; and the correlation that is
expected if they differ by the noise of their replicas alone: the square root of the product of both reliabilities, each
from the correlation of its half-ensembles by the formula of Spearman and Brown, for the number of its replicas.
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from glassbotan.kob_andersen import Species
from glassbotan.published.trajectories import read_botan
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import Dynamics
from glassbotan.simulate.engines.fused import Fused
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.running import advance
from glassbotan.statistics import noise_ceiling

TEMPERATURE = 0.44
PUBLISHED_TIME = 4120.0
TIMES = (0.13, 1.3, 13.0, 130.0, 412.0, 1300.0, 4120.0)
TIMESTEP = 0.005
WAVE_NUMBER = 2 * np.pi


class Measured(NamedTuple):
    """Propensities of A particles at one time."""

    halves: NDArray[np.float64]
    """(2, N_A) averages over each half of the replicas"""
    scattering: tuple[float, float]
    """F_s and its standard error over replicas"""

    @property
    def propensity(self) -> NDArray[np.float64]:
        """(N_A,)"""
        mean: NDArray[np.float64] = self.halves.mean(axis=0)
        return mean

    def expected_correlation(self, other: "Measured") -> float:
        """Correlation of both propensities if they differ by the noise of their replicas alone."""
        return noise_ceiling(self.halves) * noise_ceiling(other.halves)


def measured(displacements: NDArray) -> Measured:
    """Propensity and F_s from the displacements of A particles, (n_r, N_A, 3)."""
    moved = np.linalg.norm(displacements, axis=-1)
    half = len(moved) // 2
    curves = np.cos(WAVE_NUMBER * displacements).mean(axis=(1, 2))
    return Measured(
        np.stack([moved[:half].mean(axis=0), moved[half:].mean(axis=0)]),
        (float(curves.mean()), float(curves.std(ddof=1) / np.sqrt(len(curves)))),
    )


def simulated(
    engine: Fused, start: Configuration, count: int, until: float, *, number: int = 1, seed: int = 0
) -> tuple[dict[float, Measured], float]:
    """The ensemble at each time up to `until`, and the largest change of a replica's energy per particle."""
    times = [at for at in TIMES if at <= until]
    steps = [round(at / TIMESTEP) for at in times]
    of_a, origin = start.species == Species.A, start.in_the_box().unwrapped
    starts = replicas(start, TEMPERATURE, count, seed=seed, number=number)
    moved = np.zeros((len(steps), count, of_a.sum(), 3), dtype=np.float32)
    energies = np.zeros((len(steps) + 1, count))
    for sample in advance(engine, starts, [0, *steps], Dynamics(TIMESTEP)):
        index = [0, *steps].index(sample.step)
        energies[index, sample.system] = sample.potential_energy + sample.configuration.kinetic_energy
        if index:
            moved[index - 1, sample.system] = (sample.configuration.unwrapped - origin)[of_a]
    change = float(np.abs(energies - energies[0]).max() / len(start))
    return {at: measured(found) for at, found in zip(times, moved, strict=True)}, change


def known(
    path: Path, displacements: NDArray, of_a: NDArray, reference: Path | None
) -> Iterator[tuple[float, Measured]]:
    """The published propensity, and those of the reference, by time."""
    yield PUBLISHED_TIME, measured(displacements[:, of_a])
    number = path.stem.split("_")[2]
    file = reference / f"c{number}.npz" if reference else None
    if file and file.exists():
        content = np.load(file)
        for index, at in enumerate(content["times"].tolist()):
            halves = content["propensity_halves"][index].astype(float)[:, of_a]
            curve = content["F_s"][index]
            error = curve.std(ddof=1) / np.sqrt(len(curve))
            yield round(at, 6), Measured(halves, (float(curve.mean()), float(error)))


def main() -> None:
    """Simulate and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--replicas", type=int, default=32)
    parser.add_argument("--time", type=float, default=PUBLISHED_TIME, help="time up to which is simulated")
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    engine = Fused(arguments.device, None, arguments.threads)
    print(f"{engine.name} {engine.version} on {engine.device}, {arguments.replicas} replicas, dt = {TIMESTEP}")
    print("file      t   <S> here    there   F_s here           there              rho   expected")
    for number, path in enumerate(arguments.files, start=1):
        published = read_botan([path], 1.2)
        start = Configuration.at_rest(published.positions, published.species, published.box_length)
        of_a = start.species == Species.A
        began = time.perf_counter()
        found, change = simulated(engine, start, arguments.replicas, arguments.time, number=number)
        spent = time.perf_counter() - began
        for at, there in known(path, published.displacements[0], of_a, arguments.reference):
            if at not in found:
                continue
            here = found[at]
            rho = np.corrcoef(here.propensity, there.propensity)[0, 1]
            allowed = here.expected_correlation(there)
            curves = "  ".join(f"{curve:.3f} +- {error:.3f}" for curve, error in (here.scattering, there.scattering))
            print(
                f"{path.stem.split('_')[2]:>4} {at:6g}   {here.propensity.mean():8.4f} "
                f"{there.propensity.mean():8.4f}   {curves}   {rho:6.3f}     {allowed:6.3f}",
                flush=True,
            )
        work = len(start) * arguments.replicas * round(max(found) / TIMESTEP)
        print(
            f"     {spent:.0f} s, {work / spent:.3g} particle-steps per second; a replica's energy per particle "
            f"changed by {change:.1e} at most",
            flush=True,
        )


if __name__ == "__main__":
    main()
