"""The derivatives of a training step, which on a GPU are recorded once for each configuration and then repeated.

A step on one configuration consists of hundreds of GPU kernels, each of which runs for a shorter time than Python and
PyTorch need to start it. The first step with a configuration computes as usual; its second one is recorded as a CUDA
graph, and from then on the GPU repeats the recorded kernels without Python. Recorded kernels read and write the same
memory each time: the weights, the data of the configuration and its orientation are changed in place between them.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from glassbotan.learn.training import Objective, Samples


class _Step(NamedTuple):
    """The result of a step."""

    losses: Tensor
    """all losses, of which the first is minimised"""
    gradients: Sequence[Tensor | None]
    """its derivative with respect to each parameter; None if the loss does not depend on it"""


class _Recorded(NamedTuple):
    """A step that a GPU can repeat."""

    graph: torch.cuda.CUDAGraph
    step: _Step
    """where the graph writes its results"""


class Gradients:
    """Computes the losses of a batch and their derivatives with respect to the parameters of a network.

    Parameters
    ----------
    model : the network, in the memory of the processor
    objective : the losses
    samples : the configurations
    records : whether steps are recorded and repeated; this needs a GPU, and batches that come again
    """

    def __init__(self, model: nn.Module, objective: "Objective", samples: "Samples", records: bool) -> None:
        self._model, self._objective, self._samples = model, objective, samples
        self._parameters = [one for one in model.parameters() if one.requires_grad]
        self._records = records
        self._seen: set[tuple[int, ...]] = set()
        self._recorded: dict[tuple[int, ...], _Recorded] = {}
        # Only one graph runs at a time, so that all can use the same memory for what is not a result.
        self._pool = torch.cuda.graph_pool_handle() if records else None

    def of(self, indices: Sequence[int]) -> Tensor:
        """The losses of a batch, in memory of their own; sets the `grad` of all parameters."""
        key = tuple(indices)
        if self._records:
            if key in self._seen and key not in self._recorded:
                self._record(key)
            self._seen.add(key)
        recorded = self._recorded.get(key)
        if recorded is None:
            step = self._compute(indices)
        else:
            recorded.graph.replay()
            step = recorded.step
        for parameter, gradient in zip(self._parameters, step.gradients, strict=True):
            parameter.grad = gradient
        return step.losses.clone()

    def _compute(self, indices: Sequence[int]) -> _Step:
        losses = self._objective.losses(self._model, self._samples.batch(indices))
        gradients = torch.autograd.grad(losses[0], self._parameters, allow_unused=True)
        return _Step(losses.detach(), [None if one is None else one.contiguous() for one in gradients])

    def _record(self, key: tuple[int, ...]) -> None:
        """Record the step on a batch; if that fails, a message says so, and no further steps are recorded."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._pool):
                step = self._compute(key)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._records = False
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            print(
                f"glassbotan: training steps are not recorded on this GPU, and take longer ({reason})", file=sys.stderr
            )
            return
        self._recorded[key] = _Recorded(graph, step)
