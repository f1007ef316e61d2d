"""Time and memory to compute the targets of one configuration as a function of N; each N in a separate process.

    python benchmarks/targets.py [--replicas 32] [--times 1]
    python benchmarks/targets.py --published isoconfig_N4096T0.44_401_tc07.npz

Positions are a lattice with random shifts and displacements are random numbers, since the cost does not depend on them.
The published file is a simulated configuration with 32 replicas at one time. The fourth column is the time in
microseconds per particle, replica and sampling time.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

from glassbotan.dynamics.targets import dynamical_targets
from glassbotan.kob_andersen import box_length
from glassbotan.study.targets import Targets

SIZES = (1024, 4096, 8192, 16_384, 32_768, 65_536)


def measure(positions: np.ndarray, species: np.ndarray, frames, replicas: int, times: int) -> None:
    """Compute the targets once and print a row of the table."""
    began = time.perf_counter()
    targets = dynamical_targets(
        positions,
        species,
        box_length(len(positions), 1.2),
        frames,
        list(range(1, times + 1)),
        1.0,
        replicas,
        **Targets().model_dump(),
    )
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    n = len(positions)
    per_particle = 1e6 * seconds / (n * replicas * times)
    print(f"{n:8d} {len(targets.pairs):9d} {seconds:9.2f} {per_particle:12.2f} {memory:10.0f}", flush=True)


def random_case(n: int, replicas: int, times: int) -> None:
    """Measure a lattice of N randomly shifted particles, with random displacements that are generated when needed."""
    rng = np.random.default_rng(0)
    edge = next(edge for edge in range(1, n) if edge**3 >= n)
    sites = np.stack(np.unravel_index(rng.permutation(edge**3)[:n], (edge,) * 3), axis=-1)
    positions = (sites + rng.uniform(-0.2, 0.2, (n, 3))) * box_length(n, 1.2) / edge
    frames = (
        (replica, step, rng.normal(scale=0.2, size=(n, 3)))
        for replica in range(1, replicas + 1)
        for step in range(1, times + 1)
    )
    measure(positions, np.arange(n) % 5 // 4, frames, replicas, times)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=32)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--size", type=int, help="measure only this N, in this process")
    parser.add_argument("--published", help="npz file of the published release")
    arguments = parser.parse_args()
    if arguments.size:
        random_case(arguments.size, arguments.replicas, arguments.times)
        return
    print("       N     pairs   seconds us/(N n_r n_t)  peak MB")
    if arguments.published:
        content = np.load(arguments.published)
        initial = content["initial_positions"]
        moved = content["positions"]
        frames = ((replica, 1, now - initial) for replica, now in enumerate(moved, start=1))
        measure(initial, content["types"], frames, len(moved), 1)
        return
    for n in SIZES:
        subprocess.run(
            [sys.executable, __file__, "--size", str(n), "--replicas", str(arguments.replicas)]
            + ["--times", str(arguments.times)],
            check=True,
        )


if __name__ == "__main__":
    main()
