"""Fitting a network to the targets of one state point and sampling time.

Shiba et al., Sec. II C: Adam on p MSE(S) + (1 - p) MSE(E) over all particles and pairs of both species, the gradient's
norm clipped, each graph turned by a random element of the cube's symmetry group.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch_geometric.data import Batch

from glassbotan.devices import DeviceError, free_gpu
from glassbotan.errors import TrainingError
from glassbotan.learn.edge_update import Arithmetic
from glassbotan.learn.graphs import SIGNED_PERMUTATIONS, Graph, Graphs, turned
from glassbotan.learn.memory import keep_freed_memory
from glassbotan.learn.network import BOTAN
from glassbotan.statistics import correlation
from glassbotan.study import Device, Network, Training

EpochReport = Callable[[dict[str, Any]], None]
"""Called after each epoch with the state to go on from; `rows` in it is the history."""


@dataclass(frozen=True)
class Fit:
    """What training returns."""

    weights: dict[str, Tensor]
    epoch: int
    """the epoch whose weights these are: the best on the validation set, or the last without one"""
    history: pd.DataFrame
    """a row per epoch: learning rate, losses, and the correlations on the validation set"""


def processor(device: Device) -> torch.device:
    """The processor to train on; a GPU is this process's until it ends.

    Raises
    ------
    DeviceError
        if a GPU was asked for and PyTorch cannot use one
    """
    if device == "gpu" and not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise DeviceError(f"PyTorch {torch.__version__} ({built}) finds no usable GPU, but device gpu was asked for")
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", free_gpu(torch.cuda.device_count()))


def device_name(device: torch.device) -> str:
    """What a record calls a processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def arithmetic_of(training: Training, device: torch.device) -> Arithmetic:
    """How edges are computed; precision `auto` takes bfloat16 where the processor has an instruction for it."""
    fast = training.precision == "bfloat16"
    if training.precision == "auto":
        if device.type == "cuda":
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
        else:  # older releases of torch do not say
            capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
            fast = capabilities.get("avx512_bf16", False)
    return Arithmetic(torch.bfloat16 if fast else torch.float32, training.fused and device.type == "cuda")


def fit(
    train: Sequence[Graph] | Graphs,
    validation: Sequence[Graph] | Graphs,
    network: Network,
    training: Training,
    p: float,
    seed: int,
    initial_weights: dict[str, Tensor] | None = None,
    device: torch.device | None = None,
    saved: dict[str, Any] | None = None,
    report: EpochReport = lambda state: None,
    check: Callable[[], None] = lambda: None,
) -> Fit:
    """Train a network.

    Parameters
    ----------
    train, validation : graphs with targets in the network's units, read when they are needed; without validation the
        last epoch is kept
    network, training : settings
    p : weight of S in the loss
    seed : of the initial weights, the order of the graphs and their turns
    initial_weights : where to start instead of at random
    device : default is the CPU
    saved : state that an earlier call gave to its `report`; training goes on from there as if nothing had happened
    report : called after each epoch with the state to go on from
    check : called before each step; may raise to stop

    Raises
    ------
    TrainingError
        if the loss is not a number, or the GPU kernels (`training.fused`) are wrong on this processor
    """
    device = device or torch.device("cpu")
    keep_freed_memory()
    torch.manual_seed(seed)
    model = BOTAN(network)
    if initial_weights is not None:
        model.load_state_dict(initial_weights)
    elif training.initial_weights == "spread":
        model.spread_initial_weights()
    model.to(device)
    arithmetic = arithmetic_of(training, device)
    if arithmetic.fused:
        from glassbotan.learn.kernel_check import require_correct_kernels

        require_correct_kernels(device, arithmetic.products, network.width)
    loss_of = _Loss(p, arithmetic)
    progress = _Progress(model, training, seed, -(-len(train) // training.batch_size))
    if saved is not None:
        progress.restore(saved)

    for epoch in range(len(progress.rows) + 1, training.epochs + 1):
        started = time.perf_counter()
        row: dict[str, float] = {"epoch": epoch, "learning_rate": progress.optimizer.param_groups[0]["lr"]}
        losses, graphs, names = [], [], []
        model.train()
        for batch, of_batch in _batches(train, training, progress.random, device):
            check()
            progress.optimizer.zero_grad(set_to_none=True)
            parts, _ = loss_of(model, batch)
            parts[0].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
            progress.optimizer.step()
            progress.schedule.step()
            progress.averaged.update_parameters(model)
            losses.append(parts.detach())  # stays where it is: to look at it would wait for the processor
            graphs.append(len(of_batch))
            names.append(", ".join(of_batch))
        of_steps = torch.stack(losses).cpu().double()
        require_finite("training", of_steps[:, 0].tolist(), names, epoch)
        means = (of_steps * torch.tensor(graphs)[:, None]).sum(dim=0) / len(train)
        row |= dict(zip(("train_loss", "train_propensity_loss", "train_pair_loss"), means.tolist(), strict=True))
        if validation:
            with torch.inference_mode():
                graphs_there = [validation[index].to(device) for index in range(len(validation))]
                judged = [_judge(progress.kept, graph, loss_of) for graph in graphs_there]
            of_graphs = [one["validation_loss"] for one in judged]
            require_finite("validation", of_graphs, [graph.name for graph in graphs_there], epoch)
            row |= {name: sum(one[name] for one in judged) / len(judged) for name in judged[0]}
        progress.keep_if_best(epoch, row.get("validation_loss"))
        row["seconds"] = time.perf_counter() - started
        progress.rows.append(row)
        report(progress.state())
    return Fit(progress.best, progress.best_epoch, pd.DataFrame(progress.rows))


class _Progress:
    """All that changes during training."""

    def __init__(self, model: BOTAN, training: Training, seed: int, steps_per_epoch: int) -> None:
        self.model = model
        self.averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(training.weight_average))
        self.kept = cast(BOTAN, self.averaged.module)  # the average; the weights themselves where its decay is 0
        self.optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate, eps=1e-8)
        self.schedule = _schedule(self.optimizer, training, training.epochs * steps_per_epoch)
        self.random = torch.Generator().manual_seed(seed)
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_loss = float("inf")
        self.best_epoch = 0

    def keep_if_best(self, epoch: int, validation_loss: float | None) -> None:
        """Keep the weights if no epoch before was better, or if nothing judges epochs."""
        if validation_loss is None or validation_loss < self.best_loss:
            self.best_loss, self.best_epoch = validation_loss or 0.0, epoch
            self.best = {
                name: value.detach().cpu().clone() for name, value in self.averaged.module.state_dict().items()
            }

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, as it is now."""
        return {
            "model": deepcopy(self.model.state_dict()),
            "averaged": deepcopy(self.averaged.state_dict()),
            "optimizer": deepcopy(self.optimizer.state_dict()),
            "schedule": deepcopy(self.schedule.state_dict()),
            "random": self.random.get_state(),
            "rows": list(self.rows),
            "best": self.best,
            "best_loss": self.best_loss,
            "best_epoch": self.best_epoch,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.random.set_state(state["random"])
        self.rows = state["rows"]
        self.best, self.best_loss, self.best_epoch = state["best"], state["best_loss"], state["best_epoch"]


def require_finite(which: str, losses: Sequence[float], names: Sequence[str], epoch: int) -> None:
    """Refuse to go on from a loss that is not a number, and name the first graph that had one."""
    for loss, name in zip(losses, names, strict=True):
        if not math.isfinite(loss):
            raise TrainingError(
                f"the {which} loss of {name} is {loss} in epoch {epoch}: training diverged, or a target there is not a "
                "number; take a smaller learning rate or make the targets again"
            )


def _schedule(optimizer: torch.optim.Optimizer, training: Training, steps: int) -> Any:
    if training.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    steps = max(steps, 10)  # the cycle has no first phase for fewer
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, training.learning_rate, total_steps=steps, pct_start=0.2)


def _batches(
    graphs: Sequence[Graph] | Graphs, training: Training, random: torch.Generator, device: torch.device
) -> Iterator[tuple[Graph, list[str]]]:
    """The graphs in random order, each turned at random, `batch_size` at a time, and their names."""
    order = torch.randperm(len(graphs), generator=random).tolist()
    turns = torch.randint(len(SIGNED_PERMUTATIONS), (len(graphs),), generator=random).tolist()
    for start in range(0, len(order), training.batch_size):
        chosen = [(graphs[index].to(device), turns[index]) for index in order[start : start + training.batch_size]]
        batch = [turned(graph, turn) if training.augment else graph for graph, turn in chosen]
        names = [str(graph.name) for graph in batch]
        yield batch[0] if len(batch) == 1 else Batch.from_data_list(batch), names


class _Loss:
    """p MSE(S) + (1 - p) MSE(E), its two parts, and the outputs; what has no weight counts as not known."""

    def __init__(self, p: float, arithmetic: Arithmetic) -> None:
        self.p = p
        self.arithmetic = arithmetic

    def __call__(self, model: BOTAN, graph: Graph) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        propensity, pair = model(graph, self.arithmetic)
        parts = [
            mse_loss(output, target) if weight > 0 else output.new_tensor(torch.nan)
            for weight, output, target in (
                (self.p, propensity, graph.propensity),
                (1 - self.p, pair, graph.pair_distance_change),
            )
        ]
        weighted = [weight * part for weight, part in zip((self.p, 1 - self.p), parts, strict=True) if weight > 0]
        return torch.stack([sum(weighted[1:], weighted[0]), *parts]), (propensity, pair)


def _judge(model: BOTAN, graph: Graph, loss_of: _Loss) -> dict[str, float]:
    """Losses and correlations of S over A and of E over all pairs of one graph."""
    model.eval()
    losses, (propensity, pair) = loss_of(model, graph)
    total, propensity_loss, pair_loss = losses.tolist()
    of_a = graph.species[:, 0] == 0
    return {
        "validation_loss": total,
        "validation_propensity_loss": propensity_loss,
        "validation_pair_loss": pair_loss,
        "validation_propensity_pearson": correlation(
            propensity[of_a].cpu().numpy(), graph.propensity[of_a].cpu().numpy()
        ),
        "validation_pair_pearson": correlation(pair.cpu().numpy(), graph.pair_distance_change.cpu().numpy()),
    }
