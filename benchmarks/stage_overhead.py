"""Compare particle-steps per second of an engine alone with those of the same run as a stage of the workflow.

    python benchmarks/stage_overhead.py [--engine fused] [--particles 4096] [--steps 100000] [--repeats 5]

Both advance one configuration with the thermostat at one temperature on one core, and they are run alternately. The
stage includes everything that the subcommand does: starting Python, reading and hashing its input, and writing its
output and the record of how it was made. Speeds are printed in million particle-steps per second (M/s).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

from glassbotan.files.configurations import read_batch
from glassbotan.simulate.engines import Dynamics, Thermostat, load_engine
from glassbotan.simulate.running import advance
from glassbotan.study.simulation import Integrator


def main() -> None:
    """Measure the speeds and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--particles", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    engine = load_engine(arguments.engine)
    timestep = Integrator().timestep
    duration = arguments.steps * timestep

    with tempfile.TemporaryDirectory() as folder:
        molten, output = Path(folder) / "melt.gsd", Path(folder) / "quenched.gsd"
        stage = [sys.executable, "-m", "glassbotan"]
        common = ["--study", "benchmark", "--temperature", "1.0", "--integrator.engine", engine.name]
        subprocess.run(
            [*stage, "melt", *common, "--configurations", "1", "--liquid.particles", str(arguments.particles),
             "--melt.time", "2", "--melt.temperature", "1.0", "--output", str(molten)],
            check=True, capture_output=True,
        )  # fmt: skip
        (start,) = read_batch(molten).configurations
        alone, staged = [], []
        for _ in range(arguments.repeats):
            began = time.perf_counter()
            list(advance(engine, [start], [arguments.steps], Dynamics(timestep, Thermostat(1.0, 1.0, 0.1))))
            alone.append(time.perf_counter() - began)
            began = time.perf_counter()
            subprocess.run(
                [*stage, "quench", *common, "--melt-temperature", "1.0", "--quench.time", str(duration),
                 "--input", str(molten), "--output", str(output)],
                check=True, capture_output=True,
            )  # fmt: skip
            staged.append(time.perf_counter() - began)

    work = arguments.particles * arguments.steps / 1e6
    print(f"{engine.name} {engine.version} on {engine.device}, N = {arguments.particles}, {arguments.steps} steps")
    print("                          min   median      max")
    for label, seconds in (("engine alone, M/s", alone), ("stage, M/s", staged)):
        rates = [work / second for second in seconds]
        print(f"{label:22} {min(rates):6.3f}   {statistics.median(rates):6.3f}   {max(rates):6.3f}")
    ratios = [100 * (b / a - 1) for a, b in zip(alone, staged, strict=True)]
    print(f"{'overhead, per cent':22} {min(ratios):6.1f}   {statistics.median(ratios):6.1f}   {max(ratios):6.1f}")


if __name__ == "__main__":
    main()
