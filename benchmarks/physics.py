"""Compare relaxation times and displacements of the simulated liquid with published ones.

    python benchmarks/physics.py tau-alpha [--cores 2]
    python benchmarks/physics.py displacements FOLDER [--runs 8]

`tau-alpha` runs the study benchmarks/physics.yaml with Snakemake up to its relaxation times (a quarter of an hour on
two cores; an interrupted run can be continued) and compares them with Shiba et al., J. Chem. Phys. 158, 084503 (2023).

`displacements` starts from an equilibrated configuration of another code (RUMD, N = 10,000, T = 0.45), draws new
momenta for each run, and compares mean squared displacements and F_s up to t = 8 with those of that code. FOLDER holds
the files end.xyz.gz, msd.dat and Fs.dat of that code.
"""

import argparse
import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from glassbotan.dynamics.pairs import lengths
from glassbotan.dynamics.relaxation import self_scattering
from glassbotan.kob_andersen import box_length
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import Dynamics, load_engine
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.running import advance

ROOT = Path(__file__).parent.parent
PUBLISHED = {0.64: 16.5, 0.56: 52.0}
WAVE_NUMBERS = (7.25, 5.5)
"""Wave numbers of F_s in the reference data for A and B, 1 / sigma_AA."""


def tau_alpha(cores: int) -> None:
    """Run the study and print its relaxation times together with the published ones."""
    fits = {temperature: f"results/physics/T{temperature:.2f}/relaxation.json" for temperature in PUBLISHED}
    command = ["snakemake", "--cores", str(cores), "--configfile", "benchmarks/physics.yaml"]
    subprocess.run([*command, "--", *fits.values()], cwd=ROOT, check=True, stdout=sys.stderr)
    print("   T   tau_alpha   error   published   difference/error      f   beta   configurations")
    for temperature, path in fits.items():
        fit = json.loads((ROOT / path).read_text())
        tau, error = fit["tau_alpha"], fit["tau_alpha_error"]
        print(
            f"{temperature:.2f} {tau:11.2f} {error:7.2f} {PUBLISHED[temperature]:11.1f} "
            f"{(tau - PUBLISHED[temperature]) / error:18.1f} {fit['f']:6.3f} {fit['beta']:6.3f} "
            f"{fit['n_configurations']:16d}"
        )


def reference_configuration(folder: Path) -> Configuration:
    """The equilibrated configuration of the other code, without its velocities."""
    with gzip.open(folder / "end.xyz.gz", "rt") as file:
        n = int(file.readline())
        file.readline()
        columns = np.loadtxt(file, usecols=range(4), max_rows=n)
    return Configuration(
        positions=columns[:, 1:],
        images=np.zeros((n, 3), dtype=np.int32),
        velocities=np.zeros((n, 3)),
        species=columns[:, 0].astype(np.uint8),
        box_length=box_length(n, 1.2),
    ).wrapped()


def displacements(folder: Path, runs: int) -> None:
    """Run from the reference configuration and print the averages of both codes."""
    start = reference_configuration(folder)
    squares = {round(row[0], 6): row[1:] for row in np.loadtxt(folder / "msd.dat")}
    scattering = {round(row[0], 6): row[1:] for row in np.loadtxt(folder / "Fs.dat")}
    times = [time for time in sorted(squares.keys() & scattering.keys()) if 0.05 <= time <= 8]
    times = times[:: max(1, len(times) // 12)]
    steps = [round(time / 1e-3) for time in times]
    measured = np.zeros((runs, len(steps), 4))
    engine = load_engine("auto")
    for sample in advance(engine, replicas(start, 0.45, runs, seed=8, number=1), steps, Dynamics(1e-3)):
        moved = sample.configuration.unwrapped - start.unwrapped
        row = measured[sample.system, steps.index(sample.step)]
        for species in (0, 1):
            mine = moved[start.species == species]
            row[species] = (lengths(mine) ** 2).mean()
            row[2 + species] = self_scattering(mine, WAVE_NUMBERS[species])
    print(f"{engine.name} {engine.version}, {runs} runs; each column: ours +- error of the mean, reference, ratio")
    print("     t   " + "   ".join(f"{name:>32}" for name in ("MSD A", "MSD B", "F_s A", "F_s B")))
    for index, time in enumerate(times):
        cells = []
        for column, reference in enumerate((*squares[time][:2], *scattering[time][:2])):
            values = measured[:, index, column]
            error = values.std(ddof=1) / np.sqrt(runs)
            cells.append(f"{values.mean():8.4f} +- {error:6.4f} {reference:8.4f} {values.mean() / reference:6.3f}")
        print(f"{time:6.3f}   " + "   ".join(cells))


def main() -> None:
    """Run the command that was given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    relaxation = commands.add_parser("tau-alpha")
    relaxation.add_argument("--cores", type=int, default=2)
    short = commands.add_parser("displacements")
    short.add_argument("folder", type=Path)
    short.add_argument("--runs", type=int, default=8)
    arguments = parser.parse_args()
    if arguments.command == "tau-alpha":
        tau_alpha(arguments.cores)
    else:
        displacements(arguments.folder, arguments.runs)


if __name__ == "__main__":
    main()
