"""Training that shows its progress, and that continues from its checkpoints after an interruption."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from glassbotan.errors import TrainingError
from glassbotan.learn.checkpoints import EpochCheckpoints
from glassbotan.learn.processors import processor_name
from glassbotan.learn.training import Objective, Samples, Trained, train_network
from glassbotan.progress import progress
from glassbotan.stopping import Deadline, StoppedError
from glassbotan.study.learning import Training


def train_resumably(
    name: str,
    network: nn.Module,
    samples: tuple[Samples, Samples],
    objective: Objective,
    training: Training,
    *,
    seed: int,
    device: torch.device,
    folder: Path | None,
    deadline: Deadline,
) -> tuple[Trained, dict[str, Any]]:
    """Train a network, or continue its training.

    Parameters
    ----------
    name : name of the model, for the display of progress
    network : the network with its initial weights
    samples : training and validation configurations
    objective, training, seed, device : see `train_network`
    folder : folder for the checkpoints of an unfinished training; without it, none are written
    deadline : when training has to stop

    Returns
    -------
    trained : the result
    remarks : entries for the record of how the file was made

    Raises
    ------
    TrainingError
        if training diverges, or needs more memory than the GPU has; checkpoints are kept
    StoppedError
        if the training has to stop before its end; the checkpoints are kept
    """
    checkpoints = EpochCheckpoints(folder, training.epochs, deadline)
    with progress(f"Train {name}", training.epochs, "epochs") as advance:
        before = checkpoints.epochs_done
        advance(before)

        def report(state: dict[str, Any]) -> None:
            advance(1)
            checkpoints.report(state)

        try:
            trained = train_network(
                network,
                *samples,
                objective,
                training,
                seed,
                device=device,
                saved=checkpoints.newest,
                report=report,
                check=deadline.check,
            )
        except StoppedError:
            checkpoints.write()
            raise
        except torch.cuda.OutOfMemoryError as error:
            checkpoints.write()
            raise TrainingError(_too_large(name, training, device)) from error
    remarks = {"processor": processor_name(device), "epoch": trained.epoch, "epochs_before_this_run": before}
    return trained, remarks


def weights_from(arrays: Mapping[str, NDArray[Any]], network: nn.Module) -> dict[str, Tensor]:
    """The weights of a network from the arrays of a file, after checking that they have its shapes.

    Parameters
    ----------
    arrays : arrays by the names of the weights, possibly with others
    network : the network that they belong to

    Raises
    ------
    ValueError
        with the name of a weight that is missing or has another shape
    """
    expected = network.state_dict()
    for name, value in expected.items():
        if name not in arrays or arrays[name].shape != tuple(value.shape):
            raise ValueError(f"its weight {name} is missing or has another shape")
    return {name: torch.from_numpy(arrays[name].copy()) for name in expected}


def _too_large(name: str, training: Training, device: torch.device) -> str:
    """Message for a training that needs more memory than the GPU has."""
    gigabyte = 1024**3
    used = torch.cuda.max_memory_allocated(device) / gigabyte
    there = torch.cuda.get_device_properties(device).total_memory / gigabyte
    smaller = "training.batch_size, or " if training.batch_size > 1 else ""
    return (
        f"training {name} needs more memory than the GPU has: {used:.1f} GiB were in use, and {there:.1f} GiB are "
        f"there in all; lower {smaller}the sizes of the network (network.width, scalars and hidden), or set device: "
        "cpu. What was trained is kept, and continues with the same settings"
    )
