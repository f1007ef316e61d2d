"""The training loop of all networks.

The loss of a network and its validation are defined by its `Objective`, its data by `Samples`. Everything else is done
here: Adam with clipping of the gradient's norm (as in Shiba et al., J. Chem. Phys. 158, 084503 (2023), Sec. II C), the
decay of the weights, the schedule of the learning rate, a running average of the weights, the choice of the epoch on
the validation set, and the state from which an interrupted training is continued.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from glassbotan.errors import TrainingError
from glassbotan.learn.memory import keep_freed_memory
from glassbotan.learn.steps import Gradients
from glassbotan.statistics import correlation
from glassbotan.study.learning import Training

EpochReport = Callable[[dict[str, Any]], None]
"""Function that is called after each epoch with the state from which training can continue; `rows` is the history."""


ORIENTATIONS = 48
"""Number of the symmetry operations of the cube."""


class Samples(Protocol):
    """The configurations that a network is trained or validated on, with their targets."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Name of a configuration in messages."""
        ...

    def orient(self, orientations: Sequence[int]) -> None:
        """Choose the orientations of the configurations in the next batch; without a choice, they are not turned.

        Parameters
        ----------
        orientations : for each configuration a number from 0 to 47, by which a network that does not know the symmetry
            of the liquid can choose an operation of the cube's symmetry group
        """
        ...

    def batch(self, indices: Sequence[int]) -> Any:
        """Some configurations, to which the network is applied in one step, in the memory of the processor."""
        ...


class Objective(Protocol):
    """The losses with which a network is trained and validated."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the losses; the first one is minimised, the others are its parts."""
        ...

    def losses(self, model: nn.Module, batch: Any) -> Tensor:
        """The losses of a batch, one for each name; NaN for a part that has no weight."""
        ...

    def judge(self, model: nn.Module, batch: Any) -> dict[str, float]:
        """Values for the history from one configuration: `loss`, by which the epoch is chosen, and any others."""
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
    train: Samples,
    validation: Samples,
    objective: Objective,
    training: Training,
    seed: int,
    *,
    device: torch.device | None = None,
    saved: dict[str, Any] | None = None,
    report: EpochReport = lambda state: None,
    check: Callable[[], None] = lambda: None,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    model : the network with its initial weights
    train, validation : configurations with targets; if there is no validation, the last epoch is kept
    objective : the losses
    training : settings
    seed : seed of the order of the configurations and of their orientations
    device : the processor; default is the CPU
    saved : state that an earlier call passed to its `report`; training continues from it as if it had never stopped
    report : called after each epoch with the state from which training can continue
    check : called before each step; it can raise an exception to stop the training

    Raises
    ------
    TrainingError
        if a loss is not finite, or `patience` is set and there is no validation set
    """
    if training.patience is not None and not len(validation):
        raise TrainingError(
            "training.patience stops the training when the loss on the validation configurations does not fall, but "
            "there are none; name some with --validation, or leave training.patience out"
        )
    device = device or torch.device("cpu")
    keep_freed_memory()
    model.to(device)
    gradients = Gradients(model, objective, train, records=device.type == "cuda" and training.batch_size == 1)
    state = _State(model, training, seed, -(-len(train) // training.batch_size), device)
    if saved is not None:
        state.restore(saved)

    for epoch in range(len(state.rows) + 1, training.epochs + 1):
        if training.patience is not None and epoch - 1 - state.best_epoch >= training.patience:
            break
        # Dropout uses PyTorch's own random numbers, which a training that continues in another process has to repeat.
        torch.manual_seed(int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0]))
        started = time.perf_counter()
        row: dict[str, float] = {"epoch": epoch, "learning_rate": state.optimizer.param_groups[0]["lr"]}
        losses, counts, names = [], [], []
        model.train()
        for indices, orientations in _batches(len(train), training.batch_size, state.random):
            check()
            train.orient(orientations)
            of_step = gradients.of(indices)
            torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
            state.optimizer.step()
            state.schedule.step()
            state.averaged.update_parameters(model)
            losses.append(of_step)  # not read here: that would wait for the GPU to finish the step
            counts.append(len(indices))
            names.append(", ".join(map(train.name, indices)))
        of_steps = torch.stack(losses).cpu().double()
        require_finite("training", of_steps[:, 0].tolist(), names, epoch)
        means = (of_steps * torch.tensor(counts)[:, None]).sum(dim=0) / len(train)
        row |= {f"train_{name}": mean for name, mean in zip(objective.names, means.tolist(), strict=True)}
        if len(validation):
            row |= _validate(state.kept, validation, objective, epoch)
        state.keep_if_best(epoch, row.get("validation_loss"))
        row["seconds"] = time.perf_counter() - started
        state.rows.append(row)
        report(state.content())
    return Trained(state.best, state.best_epoch, {name: [row[name] for row in state.rows] for name in state.rows[0]})


class _State:
    """Everything that changes during a training."""

    def __init__(
        self, model: nn.Module, training: Training, seed: int, steps_per_epoch: int, device: torch.device
    ) -> None:
        self.model = model
        self.optimizer = torch.optim.AdamW(
            _parameters(model, training), lr=training.learning_rate, eps=1e-8, fused=device.type == "cuda"
        )
        self.schedule = _schedule(self.optimizer, training, training.epochs * steps_per_epoch)
        self.averaged = AveragedModel(model, multi_avg_fn=self._average)
        self.kept: nn.Module = self.averaged.module  # the running average; equal to the weights if its decay is 0
        self.decay = training.weight_average
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

    def _average(self, averages: Sequence[Tensor], weights: Sequence[Tensor], _: Any) -> None:
        """Add weights to their running averages, which follow them faster in the first steps."""
        before = self.schedule.last_epoch - 1  # the number of steps, which need not be fetched from a GPU
        torch._foreach_lerp_(list(averages), list(weights), 1 - min(self.decay, (1 + before) / (10 + before)))

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


def mean_correlation(outputs: Tensor, targets: Tensor) -> float:
    """Pearson coefficient of each column of outputs with that of targets, (n, n_y) each, averaged over the columns."""
    columns = zip(outputs.T.cpu().numpy(), targets.T.cpu().numpy(), strict=True)
    return float(np.mean([correlation(x, y) for x, y in columns]))


def require_finite(which: str, losses: Sequence[float], names: Sequence[str], epoch: int) -> None:
    """Raise a TrainingError that names the first graph whose loss is not finite, if there is one."""
    for loss, name in zip(losses, names, strict=True):
        if not math.isfinite(loss):
            raise TrainingError(
                f"the {which} loss of {name} is {loss} in epoch {epoch}: training diverged, or a target there is not a "
                "number; take a smaller learning rate or make the targets again"
            )


def _validate(model: nn.Module, validation: Samples, objective: Objective, epoch: int) -> dict[str, float]:
    """Mean of each value from `Objective.judge` over the validation set."""
    model.eval()
    numbers = range(len(validation))
    with torch.inference_mode():
        judged = [objective.judge(model, validation.batch([index])) for index in numbers]
    require_finite("validation", [one["loss"] for one in judged], [validation.name(index) for index in numbers], epoch)
    return {f"validation_{name}": sum(one[name] for one in judged) / len(judged) for name in judged[0]}


def _schedule(optimizer: torch.optim.Optimizer, training: Training, steps: int) -> Any:
    if training.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    steps = max(steps, 10)  # with five steps or fewer, OneCycleLR has no warm-up phase
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, training.learning_rate, total_steps=steps, pct_start=0.2)


def _parameters(model: nn.Module, training: Training) -> list[dict[str, Any]]:
    """The parameters in two groups: matrices, whose entries decay, and constants, which do not."""
    parameters = [one for one in model.parameters() if one.requires_grad]
    return [
        {"params": [one for one in parameters if one.dim() > 1], "weight_decay": training.weight_decay},
        {"params": [one for one in parameters if one.dim() <= 1], "weight_decay": 0.0},
    ]


def _batches(n: int, size: int, random: torch.Generator) -> Iterator[tuple[list[int], list[int]]]:
    """Batches of `size` of n configurations in random order, with a random orientation of each."""
    order = torch.randperm(n, generator=random).tolist()
    orientations = torch.randint(ORIENTATIONS, (n,), generator=random).tolist()
    for start in range(0, n, size):
        yield order[start : start + size], orientations[start : start + size]
