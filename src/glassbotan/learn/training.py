"""Fitting a network to the targets of one state point and sampling time.

Shiba et al., Sec. II C: Adam on p MSE(S) + (1 - p) MSE(E) over all particles and pairs of both species, the gradient's
norm clipped, each graph turned by a random element of the cube's symmetry group.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch_geometric.data import Batch, Data

from glassbotan.devices import DeviceError, free_gpu
from glassbotan.errors import TrainingError
from glassbotan.learn.graphs import SIGNED_PERMUTATIONS, Normalisation, normalisation_of
from glassbotan.learn.network import BOTAN
from glassbotan.statistics import correlation
from glassbotan.study import Device, Network, Training

EpochReport = Callable[[dict[str, Any]], None]
"""Called after each epoch with the state to go on from; `rows` in it is the history."""


@dataclass(frozen=True)
class Fit:
    """What training returns."""

    weights: dict[str, Tensor]
    normalisation: Normalisation
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


def uses_bfloat16(training: Training, device: torch.device) -> bool:
    """Whether matrix products are done in bfloat16; `auto` asks whether the processor has an instruction for it."""
    if training.precision != "auto":
        return training.precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # older releases of torch do not say
    return bool(capabilities.get("avx512_bf16", False))


def fit(
    train: Sequence[Data],
    validation: Sequence[Data],
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
    train, validation : graphs with targets; without validation graphs the last epoch is kept
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
        if the loss is not a number
    """
    device = device or torch.device("cpu")
    torch.manual_seed(seed)
    model = BOTAN(network)
    if initial_weights is not None:
        model.load_state_dict(initial_weights)
    elif training.initial_weights == "spread":
        model.spread_initial_weights()
    model.to(device)
    normalisation = normalisation_of(list(train)) if training.scale_targets else Normalisation()
    scaled = [_scaled(graph, normalisation).to(device) for graph in train]
    held_out = [_scaled(graph, normalisation).to(device) for graph in validation]
    bfloat16 = uses_bfloat16(training, device)
    progress = _Progress(model, training, seed, -(-len(scaled) // training.batch_size))
    if saved is not None:
        progress.restore(saved)

    for epoch in range(len(progress.rows) + 1, training.epochs + 1):
        started = time.perf_counter()
        row: dict[str, float] = {"epoch": epoch, "learning_rate": progress.optimizer.param_groups[0]["lr"]}
        losses = []
        model.train()
        for batch in _batches(scaled, training, progress.random):
            check()
            progress.optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                loss, *parts = _losses(model, batch, p)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
            progress.optimizer.step()
            progress.schedule.step()
            losses.append(torch.stack([loss.detach(), *(part.detach() for part in parts)]) * batch.num_graphs)
        total, propensity_loss, pair_loss = (torch.stack(losses).sum(dim=0) / len(scaled)).tolist()
        row |= {"train_loss": total, "train_propensity_loss": propensity_loss, "train_pair_loss": pair_loss}
        require_finite("training", total, epoch)
        if held_out:
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                row |= _validate(model, held_out, p)
            require_finite("validation", row["validation_loss"], epoch)
        progress.keep_if_best(epoch, row.get("validation_loss"))
        row["seconds"] = time.perf_counter() - started
        progress.rows.append(row)
        report(progress.state())
    return Fit(progress.best, normalisation, progress.best_epoch, pd.DataFrame(progress.rows))


class _Progress:
    """All that changes during training."""

    def __init__(self, model: BOTAN, training: Training, seed: int, steps_per_epoch: int) -> None:
        self.model = model
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
            self.best = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, as it is now."""
        return {
            "model": deepcopy(self.model.state_dict()),
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
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.random.set_state(state["random"])
        self.rows = state["rows"]
        self.best, self.best_loss, self.best_epoch = state["best"], state["best_loss"], state["best_epoch"]


def require_finite(which: str, loss: float, epoch: int) -> None:
    """Refuse to go on from a loss that is not a number."""
    if not math.isfinite(loss):
        raise TrainingError(
            f"the {which} loss is {loss} in epoch {epoch}: training diverged or a target is not a number; "
            "take a smaller learning rate or make the targets again"
        )


def predict(
    model: BOTAN, graph: Data, normalisation: Normalisation, average_over_symmetries: bool = False
) -> tuple[Tensor, Tensor]:
    """S (N,) and E (n_e,) of one graph, in the targets' own units; perhaps averaged over the cube's symmetries."""
    turns = SIGNED_PERMUTATIONS if average_over_symmetries else torch.eye(3)[None]
    with torch.inference_mode():
        outputs = [model(graph.species, graph.edge_index, graph.separation @ turn) for turn in turns]
        propensity, pair = (sum(parts) / len(turns) for parts in zip(*outputs, strict=True))
    return (
        normalisation.propensity_mean + normalisation.propensity_scale * propensity,
        normalisation.pair_mean + normalisation.pair_scale * pair,
    )


def _scaled(graph: Data, normalisation: Normalisation) -> Data:
    scaled = graph.clone()
    scaled.propensity = (graph.propensity - normalisation.propensity_mean) / normalisation.propensity_scale
    scaled.pair_distance_change = (graph.pair_distance_change - normalisation.pair_mean) / normalisation.pair_scale
    return scaled


def _schedule(optimizer: torch.optim.Optimizer, training: Training, steps: int) -> Any:
    if training.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    steps = max(steps, 10)  # the cycle has no first phase for fewer
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, training.learning_rate, total_steps=steps, pct_start=0.2)


def _batches(graphs: Sequence[Data], training: Training, random: torch.Generator) -> Iterator[Batch]:
    """The graphs in random order, each turned at random, `batch_size` at a time."""
    order = torch.randperm(len(graphs), generator=random).tolist()
    turns = torch.randint(len(SIGNED_PERMUTATIONS), (len(graphs),), generator=random).tolist()
    for start in range(0, len(order), training.batch_size):
        batch = [
            _turned(graphs[index], turns[index]) if training.augment else graphs[index]
            for index in order[start : start + training.batch_size]
        ]
        yield Batch.from_data_list(batch)


def _turned(graph: Data, turn: int) -> Data:
    turned = graph.clone("separation")
    turned.separation = graph.separation @ SIGNED_PERMUTATIONS[turn].to(graph.separation)
    return turned


def _losses(model: BOTAN, graph: Data, p: float) -> tuple[Tensor, Tensor, Tensor]:
    """P MSE(S) + (1 - p) MSE(E), and its two parts."""
    propensity, pair = model(graph.species, graph.edge_index, graph.separation)
    propensity_loss = mse_loss(propensity, graph.propensity)
    pair_loss = mse_loss(pair, graph.pair_distance_change)
    return p * propensity_loss + (1 - p) * pair_loss, propensity_loss, pair_loss


def _validate(model: BOTAN, graphs: Sequence[Data], p: float) -> dict[str, float]:
    """Losses and correlations of S over A and of E over all pairs, averaged over the graphs."""
    model.eval()
    rows = []
    for graph in graphs:
        propensity, pair = (output.float() for output in model(graph.species, graph.edge_index, graph.separation))
        of_a = graph.species[:, 0] == 0
        propensity_loss = mse_loss(propensity, graph.propensity)
        pair_loss = mse_loss(pair, graph.pair_distance_change)
        rows.append(
            {
                "validation_loss": float(p * propensity_loss + (1 - p) * pair_loss),
                "validation_propensity_loss": float(propensity_loss),
                "validation_pair_loss": float(pair_loss),
                "validation_propensity_pearson": correlation(
                    propensity[of_a].cpu().numpy(), graph.propensity[of_a].cpu().numpy()
                ),
                "validation_pair_pearson": correlation(pair.cpu().numpy(), graph.pair_distance_change.cpu().numpy()),
            }
        )
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
