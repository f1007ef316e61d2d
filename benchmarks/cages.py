"""How well a cage state predicts, against the radius, the duration and the temperature of its restrained runs.

    python benchmarks/cages.py results/quickstart/T0.64/targets/*.npz --train 1-8 --validation 9-10 --test 11-14

For each setting it makes the cage states of all configurations, fits a ridge of S to the descriptors of the cage state
alone, and prints the Pearson coefficient of S of A particles and, without any fit, that of E with the change of the
distance from the thermal to the cage state (A-A pairs nearer than 1.35), means over the test configurations. With
--output it writes a table (CSV) and a figure (PNG).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from glassbotan.files.structures import write_structures
from glassbotan.files.targets import read_matching_targets, read_targets
from glassbotan.predictors.distance_change import Settings as DistanceChange
from glassbotan.predictors.fitting import fit_predictor
from glassbotan.predictors.ridge import Settings as Ridge
from glassbotan.simulate.engines import Engine, load_engine
from glassbotan.simulate.structures import make_states
from glassbotan.statistics import correlation
from glassbotan.structure.states import CAGE, name_of
from glassbotan.study.section import Configurations
from glassbotan.study.structure import Structure

RADII = (0.1, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85, 1.0)
DURATIONS = ((2, 1.0), (2, 5.0), (4, 10.0), (4, 25.0), (8, 50.0))
"""Number of copies and duration of each, beside the default."""
TEMPERATURES = (0.5, 0.75, 1.5, 2.0)
"""Temperatures of the restrained runs relative to that of the liquid."""
DEFAULT_RADIUS = 0.4


numbers = TypeAdapter(Configurations).validate_python


def variations(temperature: float) -> Iterator[tuple[str, float, float, dict[str, Any]]]:
    """What is varied, its value, the radius, and the settings of the cage states."""
    for radius in RADII:
        yield "radius", radius, radius, {}
    for copies, duration in DURATIONS:
        yield "duration", copies * duration, DEFAULT_RADIUS, {"copies": copies, "duration": duration}
    for ratio in TEMPERATURES:
        yield "temperature", ratio, DEFAULT_RADIUS, {"temperature": ratio * temperature}


def measure(paths: list[Path], split: dict[str, tuple[int, ...]], radius: float, settings: Structure, engine: Engine
            ) -> list[dict[str, float]]:  # fmt: skip
    """Convergence, cost and scores of one setting: a row for each sampling time."""
    first = read_targets(paths[0])
    state, indices = name_of(CAGE, radius), tuple(range(1, len(first.times) + 1))
    with tempfile.TemporaryDirectory() as folder:
        files, made = list(paths), []
        for path in paths:
            found = read_targets(path)
            structure = found.structure()
            states = make_states(structure, [state], settings, engine, temperature=found.temperature, timestep=0.005,
                                 seed=(1, found.configuration))  # fmt: skip
            made.append(states[state].made)
            files.append(Path(folder) / f"s{found.configuration}.npz")
            write_structures(files[-1], structure, states, {}, study=found.study, temperature=found.temperature,
                             configuration=found.configuration, settings=settings)  # fmt: skip
        options: dict[str, Any] = {"study": first.study, "temperature": first.temperature, "time_indices": indices}
        options |= {"train": split["train"], "validation": split["validation"]}
        ridge = fit_predictor(Ridge(kind="ridge", structures=(state,)), files, **options)
        change = fit_predictor(DistanceChange(kind="distance-change", structure=state), files, **options)
        scores: dict[str, list[list[float]]] = {"S": [], "E": []}
        for found in read_matching_targets(files):
            if found.configuration in split["test"]:
                structure = found.structure()
                for symbol, predictor in (("S", ridge), ("E", change)):
                    shown = structure.species == 0 if symbol == "S" else structure.pairs_of_a(1.35)
                    both = zip(predictor.predict(structure)[symbol], found.means[symbol], strict=True)
                    scores[symbol].append([correlation(one[shown], other[shown]) for one, other in both])
    means = {symbol: np.mean(values, axis=0) for symbol, values in scores.items()}
    common = {
        "half_difference": float(np.mean([one["half_difference"] for one in made])),
        "core_seconds": float(np.mean([one["core_seconds"] for one in made])),
    }
    return [
        {**common, "time": float(at), "S": float(means["S"][number]), "E": float(means["E"][number])}
        for number, at in enumerate(first.times)
    ]


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Scores against each of the three, a curve for each sampling time."""
    import pandas as pd

    from glassbotan.evaluate.figures.style import COLORS, panels, shared_legend

    table = pd.DataFrame(rows)
    figure, axes = panels(3, rows=2, sharey="row", sharex="col")
    labels = {
        "radius": r"radius $[\sigma_{AA}]$", "duration": r"runs $\times$ duration $[\tau]$",
        "temperature": r"temperature / $T$",
    }  # fmt: skip
    for column, (what, label) in enumerate(labels.items()):
        here = table[(table.varied == what) | ((table.varied == "radius") & (table.radius == DEFAULT_RADIUS))].copy()
        if what != "radius":
            here.loc[here.varied == "radius", "value"] = {"duration": 200.0, "temperature": 1.0}[what]
        else:
            here = here[here.varied == "radius"]
        for (at, curve), color in zip(here.groupby("time"), COLORS, strict=False):
            curve = curve.sort_values("value")
            for row, symbol in enumerate("SE"):
                axes[row, column].plot(
                    curve.value, curve[symbol], marker="o", ms=3.5, color=color, label=f"$t = {at:g}$"
                )
        axes[1, column].set(xlabel=label, xscale="log" if what == "duration" else "linear")
    axes[0, 0].set_ylabel(r"$\rho(S)$, ridge")
    axes[1, 0].set_ylabel(r"$\rho(E)$, no fit")
    shared_legend(figure, axes.flat)
    figure.savefig(path)


def main() -> None:
    """Parse the options, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", type=Path, help="targets files")
    for purpose in ("train", "validation", "test"):
        parser.add_argument(f"--{purpose}", type=numbers, required=True, help="configurations, such as 1-8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="table to write (.csv); the figure is written beside it (.png)")
    given = parser.parse_args()
    split = {purpose: getattr(given, purpose) for purpose in ("train", "validation", "test")}
    temperature = read_targets(given.inputs[0]).temperature
    engine = load_engine("fused", threads=given.threads)
    rows: list[dict[str, Any]] = []
    for what, value, radius, settings in variations(temperature):
        begin = time.perf_counter()
        found = measure(given.inputs, split, radius, Structure.model_validate({"cage": settings}), engine)
        rows += [{"varied": what, "value": value, "radius": radius, **row} for row in found]
        scores = "  ".join(f"S {row['S']:.3f} E {row['E']:.3f}" for row in found)
        first, seconds = found[0], time.perf_counter() - begin
        print(
            f"{what:12} {value:6g}  halves {first['half_difference']:.4f}  {first['core_seconds']:5.2f} core-s  "
            f"{scores}  ({seconds:.0f} s)",
            flush=True,
        )
    if given.output:
        import pandas as pd

        pd.DataFrame(rows).to_csv(given.output, index=False, float_format="%.4g")
        draw(rows, given.output.with_suffix(".png"))
        print(f"wrote {given.output} and {given.output.with_suffix('.png')}", file=sys.stderr)


if __name__ == "__main__":
    main()
