"""Particle-steps per second of each engine, in one run, so that their ratios hold on a noisy machine.

    python benchmarks/engines.py [--device cpu] [--repeats 3] [--seconds 3] [--output engines.csv]
    python benchmarks/engines.py --device gpu      # under three minutes, with the compilation of the engine

Every repeat measures all cases one after the other: each engine with N = 1000, 4096 and 16,384 in a liquid at T = 0.5,
dt = 0.005, at constant energy, and with N = 4096 also with the thermostat; `fused` also with particles in spheres, as
cage states need it. On a CPU each engine has one core, and then all; the buffer of its neighbour lists is the best of
several, found first. On a GPU the engines have several numbers of systems. Ratios are those of the engine `fused` to
the best of each other engine in the same repeat. The CSV file can be given to `glassbotan cost --speeds`; a plot is
written beside it.
"""

import argparse
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"

import pandas as pd

from glassbotan.simulate.configurations import Configuration, lattice, random_generator
from glassbotan.simulate.engines import Dynamics, Engine, Restrainer, Restraint, Thermostat, load_engine
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.running import advance
from glassbotan.study.simulation import ENGINES, Liquid

TEMPERATURE = 0.5
TIMESTEP = 0.005
RADIUS = 0.4
"""Radius of the spheres in cage runs, sigma_AA."""
SIZES = (1000, 4096, 16_384)
BUFFERS = (0.2, 0.3, 0.4, 0.5)
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
COLUMNS = ["activity", "engine", "version", "device", "processor", "dynamics", "particles", "systems", "processes"]
COLUMNS += ["minimum", "median", "maximum", "source"]


class Case(NamedTuple):
    """One thing that is measured."""

    engine: str
    dynamics: str
    """NVE, NVT, or cages"""
    particles: int
    systems: int
    """that advance together"""
    cores: int = 1
    buffer: float | None = None


def liquid(engine: Engine, particles: int) -> Configuration:
    """A liquid at the temperature of the measurement."""
    start = lattice(Liquid(particles=particles), 2.0, random_generator(0, TEMPERATURE, 1, 0))
    for begin, end, steps in ((2.0, 2.0, 600), (2.0, TEMPERATURE, 600), (TEMPERATURE, TEMPERATURE, 1200)):
        (sample,) = advance(engine, [start], [steps], Dynamics(TIMESTEP, Thermostat(begin, end, 0.1)))
        start = sample.configuration
    return start


def measure(folder: Path, case: Case, device: str, seconds: float) -> None:
    """Print the speed of one launch and what it ran on; this runs in a separate process."""
    engine = load_engine(case.engine, device, systems_per_launch=case.systems, threads=case.cores)
    start = pickle.loads((folder / str(case.particles)).read_bytes())
    starts = replicas(start, TEMPERATURE, case.systems, seed=os.getpid(), number=1)
    rate = rate_of_cages if case.dynamics == "cages" else rate_of_launch
    described = {"version": engine.version, "device": device, "processor": processor(engine.device)}
    print(json.dumps({"speed": sum(map(len, starts)) * rate(engine, starts, case, seconds), **described}))


def rate_of_launch(engine: Engine, starts: Sequence[Configuration], case: Case, seconds: float) -> float:
    """Steps per second of systems that advance together."""
    thermostat = Thermostat(TEMPERATURE, TEMPERATURE, 0.1) if case.dynamics == "NVT" else None
    dynamics = Dynamics(TIMESTEP, thermostat, end=10**9, neighbor_buffer=case.buffer)
    with engine.launch(starts, dynamics) as launch:
        step = 50
        launch.run_until(step, lambda work: None)
        began = time.perf_counter()
        first, spent = step, 0.0
        while spent < seconds:
            left = (seconds - spent) * (step - first) / spent if spent else 50
            step += max(20, int(min(left, 4 * (step - first) or 50)))
            launch.run_until(step, lambda work: None)
            spent = time.perf_counter() - began
    return (step - first) / spent


def rate_of_cages(engine: Engine, starts: Sequence[Configuration], case: Case, seconds: float) -> float:
    """Steps per second of systems whose particles are held in spheres, as for cage states."""
    if not isinstance(engine, Restrainer):
        raise SystemExit(f"{engine.name} cannot hold particles in spheres")
    duration, steps, spent = 1.0, 0, 0.0
    while spent < seconds:
        restraint = Restraint(RADIUS, TEMPERATURE, duration, settling=0.0)
        began = time.perf_counter()
        list(engine.restrain(starts, restraint, range(len(starts)), lambda work: None))
        steps, spent = restraint.steps, time.perf_counter() - began
        duration *= 2
    return steps / spent


def speed(folder: Path, case: Case, device: str, seconds: float) -> dict:
    """The speed of a case; for an engine that uses one core, that of as many processes as there are cores together."""
    together = case.cores if case.engine == "lammps" else 1
    command = [sys.executable, __file__, "--worker", str(folder), json.dumps(case), "--device", device]
    workers = [
        subprocess.Popen([*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
        for _ in range(together)
    ]
    found = [json.loads(worker.communicate()[0].splitlines()[-1]) for worker in workers]
    return found[0] | {"speed": sum(one["speed"] for one in found)}


def cases_on_cpu(folder: Path, engines: dict[str, int], sizes: Sequence[int], seconds: float) -> list[Case]:
    """One core and all cores, each engine with its best buffer of those that the box has room for."""
    cases = []
    for particles in sizes:
        settings = Liquid(particles=particles)
        farthest = settings.box_length / 2 - settings.mixture.largest_cutoff
        buffers = [buffer for buffer in BUFFERS if buffer < farthest]
        for engine in engines:
            tried = {
                buffer: speed(folder, Case(engine, "NVE", particles, 1, 1, buffer), "cpu", seconds / 2)["speed"]
                for buffer in buffers
            }
            best = max(tried, key=lambda buffer: tried[buffer])
            print(f"{engine}, N = {particles}: best buffer {best} of {', '.join(map(str, buffers))}", flush=True)
            kinds = ("NVE", "NVT") if particles == 4096 else ("NVE",)
            cases += [Case(engine, dynamics, particles, 1, 1, best) for dynamics in kinds]
            if engine == "fused" and particles == 4096:
                cases.append(Case(engine, "cages", particles, 1))
            if CORES > 1 and engine != "hoomd":
                systems = 2 * CORES if engine == "fused" else 1
                cases.append(Case(engine, "NVE", particles, systems, CORES, best))
    return cases


def systems_of(name: str, device: str) -> int | None:
    """How many systems an engine advances together if it chooses; None if it does not work on the device.

    Another process finds it out, so that this one holds no GPU.
    """
    code = (
        "import sys; from glassbotan.simulate.engines import load_engine; "
        "print(load_engine(*sys.argv[1:]).systems_per_launch)"
    )
    asked = subprocess.run([sys.executable, "-c", code, name, device], capture_output=True, text=True)
    if asked.returncode:
        print(asked.stderr.strip().splitlines()[-1], file=sys.stderr)
        return None
    return int(asked.stdout)


def cases_on_gpu(engines: dict[str, int], sizes: Sequence[int]) -> list[Case]:
    """As many systems as the GPU has multiprocessors, and fewer; HOOMD-blue with the numbers at which it is fastest."""
    cases = []
    if "fused" in engines:
        most = engines["fused"]
        for particles in sizes:
            cases += [Case("fused", "NVE", particles, systems) for systems in (1, 32, most)]
        middle = sizes[len(sizes) // 2]
        cases.append(Case("fused", "NVE", middle, 2 * most))
        cases += [Case("fused", "NVT", middle, systems) for systems in (32, most)]
        cases += [Case("fused", "cages", middle, systems) for systems in (4, most)]
    if "hoomd" in engines:
        middle = sizes[len(sizes) // 2]
        cases += [Case("hoomd", "NVE", middle, systems) for systems in (1, 4, 16)]
        cases += [Case("hoomd", "NVE", sizes[0], 16), Case("hoomd", "NVT", middle, 16)]
    return [*dict.fromkeys(cases)]  # of one size, the first is the middle one


def print_speeds(speeds: dict[Case, list[float]]) -> None:
    """The speeds, and the ratios of the engine `fused` to the others in the same repeat."""
    print("million particle-steps per second")
    print("engine  dynamics      N   systems   cores         min      median         max")
    for case, found in speeds.items():
        row = f"{case.engine:7} {case.dynamics:8} {case.particles:6} {case.systems:9} {case.cores:7}"
        print(row, " ".join(f"{value / 1e6:11.3f}" for value in extent(found)))
    print("fused relative to the other engine, in the same repeat")
    for other in sorted({case.engine for case in speeds} - {"fused"}):
        for key in dict.fromkeys((case.dynamics, case.particles, case.cores) for case in speeds):
            ours, theirs = (
                [found for case, found in speeds.items() if case.engine == name and (case[1], case[2], case[4]) == key]
                for name in ("fused", other)
            )
            if ours and theirs:
                ratios = [
                    max(mine) / max(others)
                    for mine, others in zip(zip(*ours, strict=True), zip(*theirs, strict=True), strict=True)
                ]
                row = f"{other:7} {key[0]:8} {key[1]:6} {'':9} {key[2]:7}"
                print(row, " ".join(f"{value:11.2f}" for value in extent(ratios)))


def draw(table: pd.DataFrame, path: Path) -> None:
    """Plot the speed of each engine against the number of particles, with the most systems or cores."""
    from matplotlib.ticker import LogLocator

    from glassbotan.evaluate.figures.style import COLORS, MARKERS, panels

    figure, axes = panels(1)
    ax = axes[0, 0]
    best = table[table.dynamics == "NVE"].sort_values("median").groupby(["engine", "particles"]).tail(1)
    for index, (name, rows) in enumerate(best.groupby("engine")):
        rows = rows.sort_values("particles")
        spread = [rows["median"] - rows["minimum"], rows["maximum"] - rows["median"]]
        style = {"color": COLORS[index], "marker": MARKERS[index], "label": f"{name} on {rows.device.iloc[0]}"}
        ax.errorbar(rows.particles, rows["median"] / 1e6, [bar / 1e6 for bar in spread], capsize=2, **style)
    ax.set(xscale="log", yscale="log", xlabel="particles $N$", ylabel="million particle-steps per second")
    ax.set_xticks(sorted(set(best.particles)), [str(size) for size in sorted(set(best.particles))])
    ax.xaxis.minorticks_off()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
    ax.legend()
    figure.savefig(path)


def main() -> None:
    """Measure the speeds, print them, and write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--particles", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seconds", type=float, default=None, help="duration of one measurement in seconds")
    parser.add_argument("--repeats", type=int, default=None)
    parser.add_argument("--output", type=Path, help="CSV file to write; a PNG is written beside it")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    seconds = arguments.seconds or (3.0 if arguments.device == "cpu" else 1.0)
    if arguments.worker:
        folder, case = arguments.worker
        measure(Path(folder), Case(*json.loads(case)), arguments.device, seconds)
        return
    found_systems = {name: systems_of(name, arguments.device) for name in ENGINES}
    engines = {name: systems for name, systems in found_systems.items() if systems is not None}
    if not engines:
        raise SystemExit(f"no engine works on a {arguments.device} here")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for particles in arguments.particles:
            start = liquid(load_engine("auto", "cpu"), particles)
            (folder / str(particles)).write_bytes(pickle.dumps(start))
        cases = (
            cases_on_gpu(engines, arguments.particles)
            if arguments.device == "gpu"
            else cases_on_cpu(folder, engines, arguments.particles, seconds)
        )
        speeds: dict[Case, list[float]] = {}
        described = {}
        for _ in range(arguments.repeats or (3 if arguments.device == "cpu" else 2)):
            for case in cases:
                found = speed(folder, case, arguments.device, seconds)
                speeds.setdefault(case, []).append(found.pop("speed"))
                described[case] = found
    print_speeds(speeds)
    if arguments.output:
        rows = [
            ["simulate", case.engine, *described[case].values(), *case[1:5],
             *(round(value) for value in extent(found)), "benchmarks/engines.py"]
            for case, found in speeds.items()
        ]  # fmt: skip
        table = pd.DataFrame(rows, columns=COLUMNS)
        table.to_csv(arguments.output, index=False)
        draw(table, arguments.output.with_suffix(".png"))


def extent(found: list[float]) -> tuple[float, float, float]:
    """Minimum, median and maximum."""
    return min(found), statistics.median(found), max(found)


def processor(device: str) -> str:
    """Name of the processor that an engine runs on."""
    if "cpu" not in device.lower():
        return device
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return "one core, " + next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return "one core"


if __name__ == "__main__":
    main()
