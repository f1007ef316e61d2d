"""How propensity, F_s, energies and the drift of the energy depend on the time step of the engine `fused`.

    python benchmarks/timestep.py CONFIGURATION.npz [--output timestep.csv] [--threads 2] [--scale 1.0]

At T = 0.44 the ensembles start from the given configuration of the published release (or any file of its format); at
T = 0.64 from a liquid of 4096 particles that is made here. For each time step:

- an isoconfigurational ensemble of 16 replicas, up to t = 130 at T = 0.44 and t = 16.5 at T = 0.64, with new momenta
  for each time step: mean propensity <S> of A, F_s(2 pi, t), and the correlation rho of S with that of the smallest
  time step, beside what the noise of both allows (from halves of the ensembles, by Spearman and Brown);
- the potential energy per particle, mean over the ensemble from a tenth of its duration on;
- the drift of the total energy of 1000 particles over t = 2000 in a straight line, and how far it strays.

Errors are standard errors over replicas. A plot is written beside the CSV file. `--scale` shortens all runs.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from glassbotan.dynamics.pairs import lengths
from glassbotan.kob_andersen import Species
from glassbotan.published.starts import read_start
from glassbotan.simulate.configurations import Configuration, lattice, random_generator
from glassbotan.simulate.engines import Dynamics, Thermostat
from glassbotan.simulate.engines.fused import Fused
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.running import advance
from glassbotan.statistics import noise_ceiling
from glassbotan.study.simulation import Liquid

TIMESTEPS = (0.001, 0.0025, 0.005, 0.0075, 0.01)
REPLICAS = 16
DURATION = {0.44: 130.0, 0.64: 16.5}
DRIFT_DURATION = 2000.0
BUFFER = 0.4


def equilibrated(engine: Fused, particles: int, temperature: float, duration: float) -> Configuration:
    """A liquid that was melted, cooled and held at a temperature."""
    start = lattice(Liquid(particles=particles), 2.0, random_generator(0, temperature, 1, 0))
    for begin, end, time in ((2.0, 2.0, 10.0), (2.0, temperature, 20.0), (temperature, temperature, duration)):
        dynamics = Dynamics(0.0025, Thermostat(begin, end, 0.1), neighbor_buffer=BUFFER)
        (sample,) = advance(engine, [start], [round(time / 0.0025)], dynamics)
        start = sample.configuration
    return start


def published(path: Path) -> Configuration:
    """The initial configuration of a published file."""
    return read_start(path, None, Liquid())


def ensemble(
    engine: Fused, start: Configuration, temperature: float, dt: float, duration: float, seed: int
) -> dict[str, np.ndarray]:
    """Displacements and F_s of the replicas at the end, and their potential energies."""
    last = round(duration / dt)
    steps = sorted({round(last * part / 20) for part in range(2, 21)})
    of_a = start.species == Species.A
    starts = replicas(start, temperature, REPLICAS, seed=seed, number=1)
    origin = start.in_the_box().unwrapped
    moved, f_s = np.zeros((REPLICAS, len(start))), np.zeros(REPLICAS)
    energies = np.zeros((REPLICAS, len(steps)))
    for sample in advance(engine, starts, steps, Dynamics(dt, neighbor_buffer=BUFFER)):
        energies[sample.system, steps.index(sample.step)] = sample.potential_energy / len(start)
        if sample.step == last:
            displacement = sample.configuration.unwrapped - origin
            moved[sample.system] = lengths(displacement)
            f_s[sample.system] = np.cos(2 * np.pi * displacement[of_a]).mean()
    return {"moved": moved[:, of_a], "F_s": f_s, "U": energies.mean(axis=1)}


def ceiling(moved: np.ndarray) -> float:
    """Correlation of S with its exact value, from the two halves of an ensemble."""
    return noise_ceiling(np.stack([moved[::2].mean(axis=0), moved[1::2].mean(axis=0)]))


def drift(engine: Fused, start: Configuration, temperature: float, dt: float, duration: float) -> tuple[float, float]:
    """Slope of the total energy per particle over time, and its largest distance from the start."""
    (system,) = replicas(start, temperature, 1, seed=5, number=1)
    last = round(duration / dt)
    steps = [round(last * part / 200) for part in range(201)]
    samples = list(advance(engine, [system], steps, Dynamics(dt, neighbor_buffer=BUFFER)))
    energies = np.array([s.potential_energy + s.configuration.kinetic_energy for s in samples]) / len(start)
    slope = np.polyfit(np.array(steps) * dt, energies, 1)[0]
    return float(slope), float(np.abs(energies - energies[0]).max())


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean over replicas and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def draw(table: pd.DataFrame, path: Path) -> None:
    """Plot everything against the time step, relative to the smallest or as the difference from it."""
    from glassbotan.evaluate.figures.style import COLORS, MARKERS, panels

    figure, axes = panels(2, rows=2)
    names = {
        "S": r"$\langle S\rangle$, relative",
        "F_s": r"$F_s$, difference",
        "U": r"$U/N$, difference [$\epsilon$]",
        "drift": r"|drift of $E/N$| [$\epsilon/\tau$]",
    }
    for ax, (name, label) in zip(axes.flat, names.items(), strict=True):
        for index, (temperature, rows) in enumerate(table.groupby("temperature")):
            style = {"color": COLORS[index], "marker": MARKERS[index], "label": f"T = {temperature:g}"}
            first = rows.iloc[0]
            if name == "drift":
                ax.plot(rows.timestep, rows.drift.abs(), **style)
                continue
            value, error = rows[name], rows[f"{name}_error"]
            if name == "S":
                ax.errorbar(rows.timestep, value / first.S, error / first.S, capsize=2, **style)
            else:
                ax.errorbar(rows.timestep, value - first[name], error, capsize=2, **style)
        ax.set(xlabel=r"time step $\Delta t$ [$\tau$]", ylabel=label)
    axes.flat[3].set_yscale("log")
    axes.flat[0].legend()
    figure.savefig(path)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configuration", type=Path)
    parser.add_argument("--output", type=Path, default=Path("timestep.csv"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--temperatures", type=float, nargs="+", choices=sorted(DURATION), default=sorted(DURATION))
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all durations")
    arguments = parser.parse_args()
    engine = Fused("auto", REPLICAS, arguments.threads)
    rows = []
    for temperature in arguments.temperatures:
        duration = DURATION[temperature]
        if temperature == 0.44:
            start = published(arguments.configuration)
        else:
            start = equilibrated(engine, 4096, temperature, 200.0 * arguments.scale)
        small = equilibrated(engine, 1000, temperature, 100.0 * arguments.scale)
        reference = None
        for seed, dt in enumerate(TIMESTEPS, start=1):
            found = ensemble(engine, start, temperature, dt, duration * arguments.scale, seed)
            reference = reference or found
            slope, excursion = drift(engine, small, temperature, dt, DRIFT_DURATION * arguments.scale)
            row = {"temperature": temperature, "timestep": dt, "time": duration * arguments.scale}
            for name, values in (("S", found["moved"].mean(axis=1)), ("F_s", found["F_s"]), ("U", found["U"])):
                row[name], row[f"{name}_error"] = mean_and_error(values)
            row["rho"] = np.corrcoef(reference["moved"].mean(axis=0), found["moved"].mean(axis=0))[0, 1]
            row["rho_allowed"] = ceiling(reference["moved"]) * ceiling(found["moved"])
            row["drift"], row["excursion"] = slope, excursion
            rows.append(row)
            print("  ".join(f"{name} {value:.5g}" for name, value in row.items()), flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(arguments.output, index=False)
    draw(table, arguments.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
