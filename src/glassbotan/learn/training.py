"""The training loop of all networks.

The loss of a network and its validation are defined by its `Objective`. Everything else is done here: Adam with
clipping of the gradient's norm (as in Shiba et al., J. Chem. Phys. 158, 084503 (2023), Sec. II C), the schedule of the
learning rate, a running average of the weights, the choice of the epoch on the validation set, and the state from which
an interrupted training is continued.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch_geometric.data import Batch

from glassbotan.errors import TrainingError
from glassbotan.learn.graphs import SIGNED_PERMUTATIONS, Graph, Graphs, apply_symmetry
from glassbotan.learn.memory import keep_freed_memory
from glassbotan.study.learning import Training

EpochReport = Callable[[dict[str, Any]], None]
"""Function that is called after each epoch with the state from which training can continue; `rows` is the history."""


class Objective(Protocol):
    """The losses with which a network is trained and validated."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the losses; the first one is minimised, the others are its parts."""
        ...

    def losses(self, model: nn.Module, graph: Graph) -> Tensor:
        """The losses of a graph or a batch of graphs, one for each name; NaN for a part that has no weight."""
        ...

    def judge(self, model: nn.Module, graph: Graph) -> dict[str, float]:
        """Values for the history from a validation graph: `loss`, by which the epoch is chosen, and any others."""
        ...


@dataclass(frozen=True)
class Trained:
    """The result of a training."""

    weights: dict[str, Tensor]
    """state dictionary of the network"""
    epoch: int
    """the epoch whose weights these are: the best on the validation set, or the last if there is none"""
    history: dict[str, list[float]]
    """table by column with a row per epoch: learning rate, losses, and the values from `Objective.judge`"""


def train_network(
    model: nn.Module,
    train: Sequence[Graph] | Graphs,
    validation: Sequence[Graph] | Graphs,
    objective: Objective,
    training: Training,
    seed: int,
    *,
    augment: bool = True,
    device: torch.device | None = None,
    saved: dict[str, Any] | None = None,
    report: EpochReport = lambda state: None,
    check: Callable[[], None] = lambda: None,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    model : the network with its initial weights
    train, validation : graphs with targets, read when they are needed; without validation the last epoch is kept
    objective : the losses
    training : settings
    seed : seed of the order of the graphs and of their orientations
    augment : whether each graph is transformed by a random element of the cube's symmetry group in each step
    device : the processor; default is the CPU
    saved : state that an earlier call passed to its `report`; training continues from it as if it had never stopped
    report : called after each epoch with the state from which training can continue
    check : called before each step; it can raise an exception to stop the training

    Raises
    ------
    TrainingError
        if a loss is not finite
    """
    device = device or torch.device("cpu")
    keep_freed_memory()
    model.to(device)
    state = _State(model, training, seed, -(-len(train) // training.batch_size))
    if saved is not None:
        state.restore(saved)

    for epoch in range(len(state.rows) + 1, training.epochs + 1):
        started = time.perf_counter()
        row: dict[str, float] = {"epoch": epoch, "learning_rate": state.optimizer.param_groups[0]["lr"]}
        losses, graphs, names = [], [], []
        model.train()
        for batch, of_batch in _batches(train, training.batch_size, augment, state.random, device):
            check()
            state.optimizer.zero_grad(set_to_none=True)
            of_step = objective.losses(model, batch)
            of_step[0].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
            state.optimizer.step()
            state.schedule.step()
            state.averaged.update_parameters(model)
            losses.append(of_step.detach())  # not read here: that would wait for the GPU to finish the step
            graphs.append(len(of_batch))
            names.append(", ".join(of_batch))
        of_steps = torch.stack(losses).cpu().double()
        require_finite("training", of_steps[:, 0].tolist(), names, epoch)
        means = (of_steps * torch.tensor(graphs)[:, None]).sum(dim=0) / len(train)
        row |= {f"train_{name}": mean for name, mean in zip(objective.names, means.tolist(), strict=True)}
        if validation:
            row |= _validate(state.kept, validation, objective, epoch, device)
        state.keep_if_best(epoch, row.get("validation_loss"))
        row["seconds"] = time.perf_counter() - started
        state.rows.append(row)
        report(state.content())
    return Trained(state.best, state.best_epoch, {name: [row[name] for row in state.rows] for name in state.rows[0]})


class _State:
    """Everything that changes during a training."""

    def __init__(self, model: nn.Module, training: Training, seed: int, steps_per_epoch: int) -> None:
        self.model = model
        self.averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(training.weight_average))
        self.kept: nn.Module = self.averaged.module  # the running average; equal to the weights if its decay is 0
        self.optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate, eps=1e-8)
        self.schedule = _schedule(self.optimizer, training, training.epochs * steps_per_epoch)
        self.random = torch.Generator().manual_seed(seed)
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_loss = float("inf")
        self.best_epoch = 0

    def keep_if_best(self, epoch: int, validation_loss: float | None) -> None:
        """Keep the weights if their validation loss is the smallest so far, or if there is no validation set."""
        if validation_loss is None or validation_loss < self.best_loss:
            self.best_loss, self.best_epoch = validation_loss or 0.0, epoch
            self.best = {name: value.detach().cpu().clone() for name, value in self.kept.state_dict().items()}

    def content(self) -> dict[str, Any]:
        """A copy of everything that the next epoch depends on."""
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

    def restore(self, content: dict[str, Any]) -> None:
        """Set everything to an earlier `content`."""
        self.model.load_state_dict(content["model"])
        self.averaged.load_state_dict(content["averaged"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])
        self.random.set_state(content["random"])
        self.rows = content["rows"]
        self.best, self.best_loss, self.best_epoch = content["best"], content["best_loss"], content["best_epoch"]


def require_finite(which: str, losses: Sequence[float], names: Sequence[str], epoch: int) -> None:
    """Raise a TrainingError that names the first graph whose loss is not finite, if there is one."""
    for loss, name in zip(losses, names, strict=True):
        if not math.isfinite(loss):
            raise TrainingError(
                f"the {which} loss of {name} is {loss} in epoch {epoch}: training diverged, or a target there is not a "
                "number; take a smaller learning rate or make the targets again"
            )


def _validate(
    model: nn.Module, validation: Sequence[Graph] | Graphs, objective: Objective, epoch: int, device: torch.device
) -> dict[str, float]:
    """Mean of each value from `Objective.judge` over the validation set."""
    model.eval()
    with torch.inference_mode():
        graphs = [validation[index].to(device) for index in range(len(validation))]
        judged = [objective.judge(model, graph) for graph in graphs]
    require_finite("validation", [one["loss"] for one in judged], [graph.name for graph in graphs], epoch)
    return {f"validation_{name}": sum(one[name] for one in judged) / len(judged) for name in judged[0]}


def _schedule(optimizer: torch.optim.Optimizer, training: Training, steps: int) -> Any:
    if training.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    steps = max(steps, 10)  # with five steps or fewer, OneCycleLR has no warm-up phase
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, training.learning_rate, total_steps=steps, pct_start=0.2)


def _batches(
    graphs: Sequence[Graph] | Graphs, size: int, augment: bool, random: torch.Generator, device: torch.device
) -> Iterator[tuple[Graph, list[str]]]:
    """Batches of `size` graphs in random order, each in a random orientation, with the names of their graphs."""
    order = torch.randperm(len(graphs), generator=random).tolist()
    orientations = torch.randint(len(SIGNED_PERMUTATIONS), (len(graphs),), generator=random).tolist()
    for start in range(0, len(order), size):
        chosen = [(graphs[index].to(device), orientations[index]) for index in order[start : start + size]]
        batch = [apply_symmetry(graph, number) if augment else graph for graph, number in chosen]
        names = [str(graph.name) for graph in batch]
        yield batch[0] if len(batch) == 1 else Batch.from_data_list(batch), names
