"""Repeat the published training, to compare loss and Pearson coefficients of our code with the published ones.

    python benchmarks/published_training.py pyg_botan [--seeds 0 1] [--epochs 30] [--precision float32] [--published]

The argument is the folder of the published release. Training uses its ten training configurations at T = 0.44 and
t = 4120, starts from its weights model1.pth (seed 0), model2.pth (seed 1) ..., and has p = 0.4 and a learning rate of
1e-4. With --published, the published code is run instead of ours. Every fifth epoch the Pearson coefficients on
configurations 401 to 403 are recorded: of S over A particles and of E over A-A pairs closer than 1.35, averaged over
the configurations. They are not used to choose an epoch.
"""

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from training import published_module, structure

EVERY = 5
RECORDED = ("epoch", "train_loss", "S", "E")


def data_files(code: Path, numbers: range) -> list[Path]:
    """Files of the given configurations in the release."""
    return [next(code.glob(f"small_data/T0.44/*/isoconfig_N4096T0.44_{number}_tc07.npz")) for number in numbers]


def ours(code: Path, seed: int, epochs: int, precision: str) -> pd.DataFrame:
    """Train with our code and the paper's settings; the rows are the recorded epochs."""
    import torch

    from glassbotan.learn.graphs import Graphs
    from glassbotan.learn.processors import arithmetic_of
    from glassbotan.learn.training import train_network
    from glassbotan.predictors.botan import Network, Training
    from glassbotan.predictors.botan.fitting import WeightedLoss
    from glassbotan.predictors.botan.network import BOTAN
    from glassbotan.predictors.botan.prediction import predict_graph
    from glassbotan.predictors.botan.weights import read_weights
    from glassbotan.statistics import correlation

    train, test = (
        [structure(path) for path in data_files(code, numbers)] for numbers in (range(1, 11), range(401, 404))
    )
    scores = []

    def judge(state: dict) -> None:
        row = state["rows"][-1]
        if row["epoch"] % EVERY and row["epoch"] != 1:
            return
        model = BOTAN(Network())
        model.load_state_dict(state["model"])
        found = []
        for graph in test:
            of_a = graph.species[:, 0].numpy() == 0
            sender, receiver = graph.edge_index.numpy()
            near = of_a[sender] & of_a[receiver] & (graph.separation.norm(dim=1).numpy() < 1.35)
            pairs = np.unique(graph.pair.numpy()[near])
            change = np.empty(len(graph.pair) // 2)
            change[graph.pair.numpy()] = graph.pair_target[:, 0].numpy()
            of_particles, of_pairs = predict_graph(model, graph, average_over_symmetries=False)
            found.append(
                (
                    correlation(of_particles[of_a, 0], graph.particle_target[:, 0].numpy()[of_a]),
                    correlation(of_pairs[pairs, 0], change[pairs]),
                )
            )
        scores.append((row["epoch"], row["train_loss"], *np.mean(found, axis=0)))
        print(f"ours, seed {seed}: ", *(f"{value:.4g}" for value in scores[-1]), flush=True)

    torch.manual_seed(seed)
    network = BOTAN(Network())
    network.load_state_dict(read_weights(code / "initial_model" / f"model{seed + 1}.pth"))
    training = Training(epochs=epochs, precision=precision)
    loss = WeightedLoss(0.4, arithmetic_of(training, Network().width, torch.device("cpu")))
    train_network(network, Graphs.of(train), Graphs.of([]), loss, training, seed, report=judge)
    return pd.DataFrame(scores, columns=RECORDED)


def published(code: Path, seed: int, epochs: int) -> pd.DataFrame:
    """Train with the published code, which counts epochs from 0 and computes its scores after the steps of an epoch."""
    module = published_module(code, "train")
    if not module.torch.cuda.is_available():  # its weights were saved on a GPU, and it loads them without map_location
        module.torch.load = partial(module.torch.load, map_location="cpu")
    files = {"train": data_files(code, range(1, 11)), "test": data_files(code, range(401, 404))}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.symlink(code / "initial_model", "initial_model")
        for name, paths in files.items():
            os.mkdir(name)
            for path in paths:
                os.symlink(path, Path(name) / path.name)
        module.train_model(0.4, 0.44, "train/*.npz", "test/*.npz", n_epochs=epochs, seed=seed)
        (written,) = Path().glob("loss_*.dat")
        table = pd.read_csv(written, header=None, names=["epoch", "train_loss", "test_loss", "S", "E"])
    return table.assign(epoch=table.epoch + 1)[list(RECORDED)]


def main() -> None:
    """Train with each seed and print the recorded values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("code", type=Path, help="folder of the published release")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--published", action="store_true", help="run the published code instead of ours")
    arguments = parser.parse_args()
    code = arguments.code.resolve()
    if not (code / "initial_model").is_dir():
        sys.exit(f"{code} is not the published release: it has no folder initial_model")
    for seed in arguments.seeds:
        began = time.perf_counter()
        table = (
            published(code, seed, arguments.epochs)
            if arguments.published
            else ours(code, seed, arguments.epochs, arguments.precision)
        )
        minutes = (time.perf_counter() - began) / 60
        print(
            f"seed {seed}, {minutes:.1f} minutes\n{table.to_string(index=False, float_format='{:.4f}'.format)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
