"""Particle-steps per second of each engine as a function of systems per launch and of simultaneous processes.

    python benchmarks/engines.py [--repeats 3] [--seconds 5] [--output engines.csv]
    python benchmarks/engines.py --buffers          # buffer and check delay of HOOMD-blue's neighbour lists

The runs are NVE with N = 4096 in a liquid at T = 0.5, with one core for each process. Every repeat runs all cases one
after the other. The CSV file can be given to `glassbotan cost --speeds`; a plot is written beside it.
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
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import pandas as pd

from glassbotan.errors import EngineError
from glassbotan.simulate.configurations import lattice, random_generator
from glassbotan.simulate.engines import Dynamics, Thermostat, load_engine
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.running import advance
from glassbotan.study.simulation import ENGINES, Liquid

TEMPERATURE = 0.5
SYSTEMS = (1, 4, 8, 16, 32)
BUFFERS = (0.1, 0.2, 0.3, 0.4, 0.5)
DELAYS = (1, 5, 10)


def liquid(particles: int):
    """A liquid at the temperature of the measurement, made with the first engine that is installed."""
    start = lattice(Liquid(particles=particles), 2.0, random_generator(0, TEMPERATURE, 1, 0))
    engine = load_engine("auto", "cpu", systems_per_launch=1)  # GPUs are left to the worker processes
    for begin, end in ((2.0, 2.0), (2.0, TEMPERATURE), (TEMPERATURE, TEMPERATURE)):
        (sample,) = advance(engine, [start], [2000], Dynamics(1e-3, Thermostat(begin, end, 0.1)))
        start = sample.configuration
    return start


def measure(path: Path, name: str, systems: int, seconds: float, dynamics: Dynamics) -> None:
    """Print the speed of one launch; this runs in a separate process."""
    engine = load_engine(name, systems_per_launch=systems)
    kind = "cpu" if "cpu" in engine.device.lower() else "gpu"
    print(json.dumps({"version": engine.version, "device": kind, "processor": processor(engine.device)}))
    starts = replicas(pickle.loads(path.read_bytes()), TEMPERATURE, systems, seed=0, number=1)
    particles = sum(map(len, starts))
    with engine.launch(starts, dynamics) as launch:
        launch.run_until(20, lambda work: None)
        began = time.perf_counter()
        step = 20
        while (spent := time.perf_counter() - began) < seconds:
            step += 20 if spent == 0 else max(20, int((step - 20) / spent * min(1.0, seconds / 5)))
            launch.run_until(step, lambda work: None)
        spent = time.perf_counter() - began
    print((step - 20) * particles / spent)


def side_by_side(
    path: Path, name: str, systems: int, processes: int, seconds: float, *more: str
) -> tuple[float, dict[str, str]]:
    """Total speed of several simultaneous processes, and their description of the engine and its processor."""
    command = [sys.executable, __file__, "--worker", str(path), name, str(systems), "--seconds", str(seconds), *more]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    lines = [worker.communicate()[0].splitlines() for worker in workers]
    return sum(float(line[-1]) for line in lines), json.loads(lines[0][0])


def cases(name: str) -> list[tuple[int, int]]:
    """The cases to measure: systems per launch and number of processes."""
    together = [(1, 1)] if name == "lammps" else [(systems, 1) for systems in SYSTEMS]
    return [*together, *((1, processes) for processes in (2, 4, 8, 16) if processes <= (os.cpu_count() or 1))]


def draw(table: pd.DataFrame, path: Path) -> None:
    """Plot the speed against systems per launch and against the number of processes."""
    from matplotlib.ticker import LogLocator

    from glassbotan.evaluate.figures.style import COLORS, MARKERS, panels

    figure, axes = panels(2, sharey=True)
    for ax, column, other in zip(
        axes[0], ("systems_per_launch", "processes"), ("processes", "systems_per_launch"), strict=True
    ):
        for index, (name, rows) in enumerate(table[table[other] == 1].groupby("engine")):
            rows = rows.sort_values(column)
            spread = [rows["median"] - rows["minimum"], rows["maximum"] - rows["median"]]
            style = {"color": COLORS[index], "marker": MARKERS[index], "label": f"{name} on {rows.device.iloc[0]}"}
            ax.errorbar(rows[column], rows["median"] / 1e6, [bar / 1e6 for bar in spread], capsize=2, **style)
        ax.set(xscale="log", yscale="log", xlabel=column.replace("_", " "))
        ax.set_xticks(sorted(table[column].unique()), [str(value) for value in sorted(table[column].unique())])
        ax.minorticks_off()
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter("{x:g}")
    axes[0, 0].set_ylabel("million particle-steps per second")
    axes[0, 0].legend()
    figure.savefig(path)


def main() -> None:
    """Measure the speeds, print them, and write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--particles", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of one measurement in seconds")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, help="CSV file to write; a PNG is written beside it")
    parser.add_argument("--buffers", action="store_true", help="compare settings of neighbour lists instead")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--buffer", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--delay", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        path, name, systems = arguments.worker
        dynamics = Dynamics(1e-3, neighbor_buffer=arguments.buffer, neighbor_check_delay=arguments.delay)
        measure(Path(path), name, int(systems), arguments.seconds, dynamics)
        return

    engines = []
    for name in ENGINES:
        try:
            load_engine(name, "cpu")  # on the CPU, since GPUs are left to the worker processes
            engines.append(name)
        except EngineError as error:
            print(error, file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "liquid"
        path.write_bytes(pickle.dumps(liquid(arguments.particles)))
        if arguments.buffers:
            compare_buffers(path, arguments)
            return
        speeds: dict[tuple[str, int, int], list[float]] = {}
        described = {}
        for _ in range(arguments.repeats):
            for name in engines:
                for systems, processes in cases(name):
                    found, described[name] = side_by_side(path, name, systems, processes, arguments.seconds)
                    speeds.setdefault((name, systems, processes), []).append(found)
    rows = []
    print(f"N = {arguments.particles}, million particle-steps per second")
    print("engine   systems per launch   processes      min   median      max")
    for (name, systems, processes), found in speeds.items():
        print(f"{name:8} {systems:18d} {processes:11d} {in_millions(found)}")
        made_with = [name, *described[name].values(), arguments.particles]
        speed = [round(value) for value in extent(found)]
        rows.append(["simulate", *made_with, systems, processes, *speed, "benchmarks/engines.py"])
    if arguments.output:
        columns = ["activity", "engine", "version", "device", "processor", "particles", "systems_per_launch"]
        columns += ["processes", "minimum", "median", "maximum", "source"]
        table = pd.DataFrame(rows, columns=columns)
        table.to_csv(arguments.output, index=False)
        draw(table, arguments.output.with_suffix(".png"))


def compare_buffers(path: Path, arguments: argparse.Namespace) -> None:
    """Print the speed of HOOMD-blue with several buffers of the neighbour list and several delays between checks."""
    print("buffer   check delay      min   median      max")
    speeds: dict[tuple[float, int], list[float]] = {}
    for _ in range(arguments.repeats):
        for buffer in BUFFERS:
            for delay in DELAYS:
                more = ("--buffer", str(buffer), "--delay", str(delay))
                speeds.setdefault((buffer, delay), []).append(
                    side_by_side(path, "hoomd", 16, 1, arguments.seconds, *more)[0]
                )
    for (buffer, delay), found in speeds.items():
        print(f"{buffer:6.1f} {delay:13d} {in_millions(found)}")


def extent(found: list[float]) -> tuple[float, float, float]:
    """Minimum, median and maximum."""
    return min(found), statistics.median(found), max(found)


def in_millions(found: list[float]) -> str:
    """Minimum, median and maximum in millions, for a row of a table."""
    return " ".join(f"{value / 1e6:8.3f}" for value in extent(found))


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
