"""Time and memory of a training step, of making a graph with its targets, and of a prediction.

    python benchmarks/training.py [--sizes 1 2 3 4] [--repeats 3] [--threads 2]
    python benchmarks/training.py --code pyg_botan --data pyg_botan/small_data/T0.44/train/isoconfig_..._1_tc07.npz

Without --code, only our code is measured, with N = 1000 k^3: a liquid of 1000 particles, simulated with the installed
engine, and its periodic copies. With --code, the published code and ours are compared on a published configuration with
N = 4096; the published code starts from the published weights. Its cases and ours run one after the other in each
repeat, and the ratios within each repeat are printed. Each case runs in a separate process, so that its peak memory can
be measured. The published code needs torch_scatter; if that is not installed, PyTorch's index_add is used instead.
"""

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

import numpy as np

STEPS = 4
"""Number of optimiser steps in one process; the first is not counted, since it allocates memory for the others."""


def peak_mb() -> float:
    """Largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def published_module(code: Path, name: str):
    """Import a module of the published code."""
    try:
        import torch_scatter  # noqa: F401
    except ImportError:
        stand_in = types.ModuleType("torch_scatter")
        stand_in.scatter = lambda src, index, dim, dim_size: src.new_zeros(dim_size, src.size(1)).index_add_(
            dim, index, src
        )
        sys.modules["torch_scatter"] = stand_in
    sys.path.insert(0, str(code))
    return __import__(name)


def structure(data: Path):
    """The graph of the configuration in a file of the published form, with the targets S and E."""
    from glassbotan.dynamics.registry import ReplicaMotion, targets
    from glassbotan.kob_andersen import box_length
    from glassbotan.learn.graphs import structure_graph, with_targets
    from glassbotan.structure.static import StaticStructure

    with np.load(data) as content:
        species, start, moved = (content[name] for name in ("types", "initial_positions", "positions"))
    found = StaticStructure.of_positions(start, species, box_length(len(start), 1.2), 2.0)
    propensity, change = np.zeros(len(start)), np.zeros(len(found.pairs))
    for now in moved:
        motion = ReplicaMotion(now - start, found.pairs, found.separations, found.box_length, None)
        propensity += targets()["S"].of_replica(motion) / len(moved)
        change += targets()["E"].of_replica(motion) / len(moved)
    return with_targets(structure_graph(found), propensity[:, None], change[:, None])


def timed_steps(step) -> dict:
    """Median time of a step, without the first, and the increase of the peak memory."""
    before = peak_mb()
    seconds = []
    for _ in range(STEPS):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    return {"seconds": statistics.median(seconds[1:]), "mb": peak_mb() - before}


def published_step(data: Path, code: Path) -> dict:
    """Measure a training step of the published network."""
    import torch
    from torch.nn.functional import mse_loss
    from torch_geometric.data import Batch, Data

    graph = structure(data)
    model = published_module(code, "model").Model()
    weights = code / "initial_model" / "model1.pth"
    if weights.exists():
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    batch = Batch.from_data_list(
        [Data(x=graph.species, edge_index=graph.edge_index.long(), edge_attr=graph.separation)]
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, eps=1e-8)

    def step() -> None:
        optimizer.zero_grad()
        node, edge = model(batch)
        loss = 0.4 * mse_loss(node, graph.particle_target) + 0.6 * mse_loss(edge, graph.pair_target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()

    return timed_steps(step)


def our_step(data: Path, precision: str) -> dict:
    """Measure a step of our training loop, in which an epoch with one graph is one step."""
    import torch

    from glassbotan.learn.graphs import Graphs
    from glassbotan.learn.processors import arithmetic_of
    from glassbotan.learn.training import train_network
    from glassbotan.predictors.botan import Network, Training
    from glassbotan.predictors.botan.fitting import WeightedLoss
    from glassbotan.predictors.botan.network import BOTAN

    graph = structure(data)
    training = Training(epochs=STEPS, precision=precision)
    arithmetic = arithmetic_of(training, Network().width, torch.device("cpu"))
    marks: list[float] = [time.perf_counter()]
    before = peak_mb()
    train_network(
        BOTAN(Network()),
        Graphs.of([graph]),
        Graphs.of([]),
        WeightedLoss(0.4, arithmetic),
        training,
        0,
        report=lambda state: marks.append(time.perf_counter()),
    )
    return {"seconds": statistics.median(np.diff(marks)[1:]), "mb": peak_mb() - before}


def published_graph(data: Path, code: Path) -> dict:
    """Measure how the published code reads one file."""
    dataset = published_module(code, "load_data").Dataset
    before, began = peak_mb(), time.perf_counter()
    dataset(str(data))
    return {"seconds": time.perf_counter() - began, "mb": peak_mb() - before}


def our_graph(data: Path) -> dict:
    """Measure how our code makes the graph with S and E from the same file."""
    for name in ("dynamics.registry", "kob_andersen", "learn.graphs", "structure.static"):
        importlib.import_module(f"glassbotan.{name}")
    before, began = peak_mb(), time.perf_counter()
    structure(data)
    return {"seconds": time.perf_counter() - began, "mb": peak_mb() - before}


def our_prediction(data: Path) -> dict:
    """Measure one forward pass of our network."""
    from glassbotan.predictors.botan import Network
    from glassbotan.predictors.botan.network import BOTAN
    from glassbotan.predictors.botan.prediction import predict_graph

    graph, model = structure(data), BOTAN(Network())
    return timed_steps(lambda: predict_graph(model, graph, average_over_symmetries=False))


def grown_liquids(sizes: list[int], folder: Path) -> dict[int, Path]:
    """Files of the published form with N = 1000 k^3 and two replicas: a short ensemble and its periodic copies."""
    from glassbotan.simulate.configurations import lattice, random_generator
    from glassbotan.simulate.engines import Dynamics, Thermostat, load_engine
    from glassbotan.simulate.protocol import replicas
    from glassbotan.simulate.running import advance
    from glassbotan.study.simulation import Liquid

    engine = load_engine("auto")
    start = lattice(Liquid(particles=1000), 3.0, random_generator(0, 1.0, 1, 0))
    for thermostat in (Thermostat(3.0, 3.0, 0.1), Thermostat(3.0, 0.64, 0.1), Thermostat(0.64, 0.64, 0.1)):
        (sample,) = advance(engine, [start], [3000], Dynamics(1e-3, thermostat))
        start = sample.configuration
    starts = replicas(start, 0.64, 2, seed=0, number=1)
    ends = [sample.configuration.unwrapped for sample in advance(engine, starts, [1000], Dynamics(1e-3))]
    files = {}
    for k in sizes:
        shifts = start.box_length * np.stack(np.unravel_index(np.arange(k**3), (k, k, k)), axis=-1)[:, None]
        copies = [(positions[None] + shifts).reshape(-1, 3) for positions in (starts[0].positions, *ends)]
        files[1000 * k**3] = folder / f"{k}.npz"
        np.savez(
            files[1000 * k**3],
            types=np.tile(start.species, k**3),
            initial_positions=copies[0],
            positions=np.stack(copies[1:]),
        )
    return files


CASES = {
    "graph, published": published_graph,
    "graph, ours": our_graph,
    "step, published": published_step,
    "step, ours, float32": lambda data: our_step(data, "float32"),
    "step, ours, bfloat16": lambda data: our_step(data, "bfloat16"),
    "prediction, ours": our_prediction,
}


def run_case(case: str, data: Path, code: Path | None, threads: int) -> dict:
    """Run one case in a separate process and return its measurements."""
    command = [sys.executable, __file__, "--case", case, "--data", str(data)]
    command += ["--code", str(code)] if code else []
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{case}: {result.stderr.strip().splitlines()[-1]}")
    return json.loads(result.stdout.splitlines()[-1])


def spread(values: list[float], digits: int) -> str:
    """Minimum, median and maximum as text."""
    return " / ".join(f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


def compare(data: Path, code: Path, repeats: int, threads: int) -> None:
    """Measure both codes alternately and print a table."""
    found = [{case: run_case(case, data, code, threads) for case in CASES} for _ in range(repeats)]
    print("| case | seconds | increase of memory, MB | time / published | memory / published |\n|---|---|---|---|---|")
    for case in CASES:
        reference = "graph, published" if case.startswith("graph") else "step, published"
        ratios = [
            [one[case][what] / one[reference][what] for one in found] if not case.startswith("prediction") else []
            for what in ("seconds", "mb")
        ]
        cells = [spread(values, 3) if values else "" for values in ratios]
        seconds, memory = ([one[case][what] for one in found] for what in ("seconds", "mb"))
        print(f"| {case} | {spread(seconds, 2)} | {spread(memory, 0)} | {cells[0]} | {cells[1]} |")


def against_size(sizes: list[int], repeats: int, threads: int) -> None:
    """Measure our code as a function of N and print a table."""
    print("| N | case | µs per particle | kB per particle |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for n, data in grown_liquids(sizes, Path(folder)).items():
            for case in (case for case in CASES if "published" not in case):
                found = [run_case(case, data, None, threads) for _ in range(repeats)]
                seconds = [1e6 * one["seconds"] / n for one in found]
                memory = [1e3 * one["mb"] / n for one in found]
                print(f"| {n} | {case} | {spread(seconds, 1)} | {spread(memory, 1)} |", flush=True)


def main() -> None:
    """Measure and print what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 3, 4], metavar="K", help="N = 1000 K^3")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--code", type=Path, help="folder of the published code")
    parser.add_argument("--data", type=Path, help="npz file of the published release")
    parser.add_argument("--case", choices=CASES, help="measure only this case, in this process")
    arguments = parser.parse_args()
    if arguments.case:
        given = (arguments.data, arguments.code) if "published" in arguments.case else (arguments.data,)
        print(json.dumps(CASES[arguments.case](*given)))
    elif arguments.code:
        if not arguments.data:
            parser.error("--code needs --data, the published configuration on which both codes are measured")
        compare(arguments.data, arguments.code, arguments.repeats, arguments.threads)
    else:
        against_size(arguments.sizes, arguments.repeats, arguments.threads)


if __name__ == "__main__":
    main()
