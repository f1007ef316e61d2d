"""A check, made before a network is trained, that our GPU kernels compute the same as PyTorch's operations.

A kernel that is correct on one GPU, with one compiler and number type, can give wrong results with another without any
error. Therefore the kernels are checked on the processor and in the number type with which the network is trained.
"""

from functools import cache

import torch
from torch import Tensor

from glassbotan.errors import TrainingError
from glassbotan.learn.edge_ends import EdgeEndpoints
from glassbotan.learn.edge_update import Arithmetic, EdgePerceptron

TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 0.1, torch.float16: 0.1}
"""Largest relative error that is allowed; in 16 bits, rounding can change the sign of a value before a ReLU."""
PARTICLES, EDGES = 60, 2000
"""Size of the random graph."""


@cache
def require_correct_kernels(device: torch.device, products: torch.dtype, width: int) -> None:
    """Compare the kernels' outputs and gradients on random edges with those of PyTorch in float64.

    Parameters
    ----------
    device : the processor that the network will be trained on
    products : number type of the edges
    width : width of the layers

    Raises
    ------
    TrainingError
        if the error of an output or gradient is larger than rounding explains
    """
    for with_ends in (True, False):
        expected = _outputs_and_gradients(device, Arithmetic(torch.float64), width, with_ends)
        found = _outputs_and_gradients(device, Arithmetic(products, fused=True), width, with_ends)
        for name, reference in expected.items():
            error = float((found[name].double() - reference).norm() / reference.norm())
            if not error <= TOLERANCES[products]:
                raise TrainingError(
                    f"training.fused: on {device} the kernels' {name} differs by {error:.2g} (relative) in "
                    f"{str(products).removeprefix('torch.')} from that of PyTorch in float64, where "
                    f"{TOLERANCES[products]:g} is allowed: the kernels are wrong on this processor or with this "
                    "release of Triton; set fused: false"
                )


def _outputs_and_gradients(
    device: torch.device, arithmetic: Arithmetic, width: int, with_ends: bool
) -> dict[str, Tensor]:
    """Output and gradients of the edge perceptron, by name, for random inputs that are the same in every call."""
    random = torch.Generator().manual_seed(1)
    ends = _random_ends(random, device)

    def numbers(*shape: int, scale: float = 1.0) -> Tensor:
        return (scale * torch.randn(shape, generator=random, dtype=torch.float64)).to(device)

    weights = torch.float64 if arithmetic.products == torch.float64 else torch.float32
    leaves = {
        "x": numbers(EDGES, width).to(arithmetic.products),
        # As in the network, this is a block of the weight of a wider layer, so its rows are not contiguous in memory.
        "first weight": numbers(width, 4 * width, scale=width**-0.5).to(weights)[:, width : 2 * width],
        "constant": numbers(*((EDGES, width) if with_ends else (width,))).to(weights),
        "second weight": numbers(width, width, scale=width**-0.5).to(weights),
        "bias": numbers(width).to(weights),
    }
    if with_ends:
        leaves |= {name: numbers(PARTICLES, width).to(weights) for name in ("value of senders", "value of receivers")}
    for leaf in leaves.values():
        leaf.requires_grad_()
    x, *parameters = leaves.values()
    at_ends = (*parameters[4:], ends) if with_ends else ()
    y, incoming, _ = EdgePerceptron.apply(x, *parameters[:4], arithmetic, *at_ends)
    loss = (y.double() * numbers(EDGES, width)).sum()
    if with_ends:
        loss = loss + (incoming.double() * numbers(PARTICLES, width)).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return {"output": y.detach()} | {
        f"gradient of the {name}": gradient for name, gradient in zip(leaves, gradients, strict=True)
    }


def _random_ends(random: torch.Generator, device: torch.device) -> EdgeEndpoints:
    """Edges between random pairs of particles, each with its reverse edge, sorted by receiver."""
    forth = torch.randint(PARTICLES, (2, EDGES // 2), generator=random)
    both = torch.cat([forth, forth.flip(0)], dim=1)
    order = torch.argsort(both[1], stable=True)
    place = torch.empty(EDGES, dtype=torch.long)
    place[order] = torch.arange(EDGES)
    reverse = place[(order + EDGES // 2) % EDGES]
    return EdgeEndpoints(both[:, order].int().to(device), reverse.int().to(device), PARTICLES)
