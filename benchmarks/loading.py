"""Training on many graphs: the time until the first step, and the growth of memory after it.

    python benchmarks/loading.py [--configurations 400] [--particles 4096] [--times 10]

This writes targets files as large as those of a study into a temporary folder (one short simulation, copied under many
configuration numbers), trains a BOTAN on them for one epoch, and prints time and memory at some of the steps.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

STUDY = ["--study", "loading", "--temperature", "1.0"]


def write_targets(folder: Path, configurations: int, particles: int, times: int) -> list[Path]:
    """Write the targets file of one ensemble under many configuration numbers."""
    from glassbotan.cli import main as glassbotan
    from glassbotan.files.npz import read_npz, write_npz

    steps = ",".join(f"{0.01 * (index + 1):g}" for index in range(times))
    stages = {
        "melt": ["--configurations", "1", "--melt.time", "1", "--liquid.particles", str(particles)],
        "quench": ["--quench.time", "1"],
        "equilibrate": ["--time", "1"],
    }
    before: list[str] = []
    for stage, options in stages.items():
        output = folder / f"{stage}.gsd"
        glassbotan([stage, *STUDY, *options, *before, "--output", str(output)])
        before = ["--input", str(output)]
    ensembles, output = folder / "ensembles", folder / "targets.npz"
    replicas = ["--configurations", "1", "--times", steps, "--ensemble.replicas", "2", str(folder / "equilibrate.gsd")]
    glassbotan(["ensemble", *STUDY, *replicas, "--output", str(ensembles)])
    glassbotan(["targets", *STUDY, "--input", str(ensembles / "c0001.gsd"), "--output", str(output)])
    header, arrays = read_npz(output)
    content = dict(zip(arrays, arrays.read(*arrays), strict=True))
    paths = []
    for number in range(1, configurations + 1):
        paths.append(folder / f"c{number:04d}.npz")
        write_npz(paths[-1], header | {"configuration": number}, {}, content)
    return paths


def main() -> None:
    """Write the files, train for one epoch and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, default=400)
    parser.add_argument("--particles", type=int, default=4096)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument(
        "--folder", type=Path, help="folder in which the temporary folder is made, instead of the system's"
    )
    arguments = parser.parse_args()

    from glassbotan.predictors.botan import Settings, Training
    from glassbotan.predictors.fitting import fit_predictor
    from glassbotan.stopping import Deadline

    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        paths = write_targets(folder, arguments.configurations, arguments.particles, arguments.times)
        total = sum(path.stat().st_size for path in paths)
        print(f"{len(paths)} files, {total / 1e9:.2f} GB", file=sys.stderr)
        marks: list[tuple[float, float]] = []
        began = time.perf_counter()

        class Watched(Deadline):
            """A deadline that never stops the training; its check, called before each step, records time and memory."""

            def check(self, needed: float = 0.0) -> None:
                megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                marks.append((time.perf_counter() - began, megabytes))

        fit_predictor(
            Settings(kind="botan", training=Training(epochs=1, precision="auto")),
            paths,
            study="loading",
            temperature=1.0,
            time_indices=(1,),
            train=range(1, len(paths) + 1),
            deadline=Watched.never(),
        )
        print("| step | seconds since the start | MB |\n|---|---|---|")
        for step in sorted({0, 1, 10, 100, len(marks) - 1}):
            if step < len(marks):
                print(f"| {step + 1} | {marks[step][0]:.1f} | {marks[step][1]:.0f} |")


if __name__ == "__main__":
    main()
