"""Time of a training step of each kind of network on one configuration, and of one layer of messages beside e3nn's.

    python benchmarks/networks.py results/published/T0.44/targets/c0001.npz results/published/T0.44/structure/c0001.npz
        [--repeats 3] [--threads 2] [--device cpu]

The files are the targets file of a configuration and its structure file, which any study makes; networks see all cage
states that the structure file has. In each repeat, every kind of network is trained for some steps, one kind after the
other, and the ratios to BOTAN within each repeat are printed. With e3nn (pip install e3nn), a layer of messages of the
equivariant network is compared with the same layer made of e3nn's parts: a tensor product of the neighbours' values
with spherical harmonics, whose weights are a perceptron of the distance, summed over the neighbours.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from training import spread

from glassbotan.files.targets import read_matching_targets
from glassbotan.learn.inputs import Inputs
from glassbotan.learn.processors import processor
from glassbotan.predictors.equivariant import Network
from glassbotan.predictors.equivariant.network import Equivariant, Values
from glassbotan.predictors.fitting import fit_predictor
from glassbotan.predictors.network_fitting import inputs_for
from glassbotan.predictors.registry import kinds
from glassbotan.structure.states import CAGE, THERMAL, parsed

STEPS = 8
"""Steps of each network in one repeat; the first three, of which a GPU records one, are not counted."""
LAYERS = 6
"""Forward and backward passes of a layer; the first one is not counted."""


def step_seconds(kind: str, paths: list[Path], states: tuple[str, ...], device: str) -> float:
    """Median time of a step on one configuration; an epoch is one step."""
    (found,) = read_matching_targets(paths)
    more = {"structures": states} if kind != "botan" else {}
    settings = kinds()[kind].Settings(kind=kind, training={"epochs": STEPS}, **more)
    predictor = fit_predictor(
        settings,
        paths,
        study=found.study,
        temperature=found.temperature,
        time_indices=(1,),
        train=[found.configuration],
        device=device,
    )
    return statistics.median(predictor.history["seconds"][3:])


def layer_seconds(layer, values: torch.Tensor) -> float:
    """Median time of a forward and a backward pass of a layer."""
    seconds = []
    for _ in range(LAYERS):
        values.grad = None
        _wait(values.device)
        began = time.perf_counter()
        layer(values).square().sum().backward()
        _wait(values.device)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def our_layer(inputs: Inputs, network: Network):
    """A layer of messages of the equivariant network, as a function of all values of each particle."""
    model = Equivariant(network, inputs.widths, 1, 1, 2.0).to(inputs.distances.device)
    edges = model.edges(inputs)
    n_s, n_v, n_t = network.scalars, network.vectors, network.tensors

    def layer(values: torch.Tensor) -> torch.Tensor:
        scalars, vectors, tensors = values.split([n_s, 3 * n_v, 5 * n_t], dim=1)
        found = model.messages[0](
            Values(scalars, vectors.reshape(-1, 3, n_v), tensors.reshape(-1, 5, n_t)), edges, inputs
        )
        return torch.cat([one.flatten(1) for one in found], dim=1)

    return layer


def e3nn_layer(inputs: Inputs, network: Network):
    """The same layer made of e3nn's parts, whose neighbours are edges; None if e3nn is not installed."""
    try:
        from e3nn import nn, o3
    except ImportError:
        return None
    device = inputs.distances.device
    used = torch.isfinite(inputs.distances[:, :, 0])
    receiver = torch.nonzero(used)[:, 0]
    sender = inputs.neighbors.particles[used].long()
    distances, directions = inputs.distances[:, :, 0][used], inputs.directions[:, :, 0][used]
    values = o3.Irreps(f"{network.scalars}x0e + {network.vectors}x1o + {network.tensors}x2e")
    harmonics = o3.Irreps("0e + 1o + 2e")
    middle, paths = [], []
    for i, (many, one) in enumerate(values):
        for j, (_, other) in enumerate(harmonics):
            for product in one * other:
                if product in values:
                    paths.append((i, j, len(middle), "uvu", True))
                    middle.append((many, product))
    product = o3.TensorProduct(
        values, harmonics, o3.Irreps(middle), paths, shared_weights=False, internal_weights=False
    ).to(device)
    weights = nn.FullyConnectedNet([network.radial, network.hidden, product.weight_numel], torch.nn.functional.silu)
    linear = o3.Linear(o3.Irreps(middle), values).to(device)
    weights = weights.to(device)
    of_direction = o3.spherical_harmonics(harmonics, directions, normalize=True)
    model = Equivariant(network, inputs.widths, 1, 1, 2.0).to(device)
    radial = model.radial(distances)

    def layer(x: torch.Tensor) -> torch.Tensor:
        messages = product(x[sender], of_direction, weights(radial))
        summed = messages.new_zeros(len(x), messages.shape[1]).index_add(0, receiver, messages)
        return linear(summed)

    return layer


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs=2, help="targets file and structure file of a configuration")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["auto", "cpu", "gpu"], default="auto")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    (found,) = read_matching_targets(arguments.files)
    structure = found.structure()
    states = (THERMAL, *(state for state in structure.states if parsed(state).kind == CAGE))

    names = ("botan", "equivariant", "attention")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(arguments.repeats):
        for name in names:
            seconds[name].append(step_seconds(name, arguments.files, states, arguments.device))
    print(f"N = {len(structure)}, states {', '.join(states)}\n\n| step of | seconds | time / BOTAN |\n|---|---|---|")
    for name, of_name in seconds.items():
        ratios = [own / other for own, other in zip(of_name, seconds["botan"], strict=True)]
        print(f"| {name} | {spread(of_name, 4)} | {spread(ratios, 2)} |")

    settings = kinds()["equivariant"].Settings(kind="equivariant", structures=states)
    device = processor(arguments.device)

    class Everything:
        """What the inputs depend on besides the structure."""

        particles, density, pair_range = len(structure), structure.density, found.settings.pair_range

    inputs = inputs_for(structure, settings, Everything).to(device)  # type: ignore[arg-type]
    network = settings.network
    width = network.scalars + 3 * network.vectors + 5 * network.tensors
    values = torch.randn(len(structure), width, device=device, requires_grad=True)
    layers = {"ours": our_layer(inputs, network), "e3nn": e3nn_layer(inputs, network)}
    if layers["e3nn"] is None:
        print("\ne3nn is not installed: its layer was not measured")
        return
    of_layers: dict[str, list[float]] = {name: [] for name in layers}
    for _ in range(arguments.repeats):
        for name, layer in layers.items():
            of_layers[name].append(layer_seconds(layer, values))
    print("\n| layer of messages, forward and backward | seconds | time / ours |\n|---|---|---|")
    for name, of_name in of_layers.items():
        ratios = [own / other for own, other in zip(of_name, of_layers["ours"], strict=True)]
        print(f"| {name} | {spread(of_name, 4)} | {spread(ratios, 2)} |")


if __name__ == "__main__":
    main()
