"""Scalars, vectors and second-rank tensors under rotations, with the angular functions of neighbours.

A tensor of rank l = 2 is symmetric and traceless. It is stored as its five components t_a in an orthonormal basis T_a
of such 3 x 3 matrices: t = sum_a t_a T_a, with T_a : T_b = delta_ab. The angular functions of a direction n are

    Y_0 = 1,   Y_1 = 3^(1/2) n,   Y_2 = (15/2)^(1/2) (n n^T - 1/3),

which are the real spherical harmonics up to a factor and an order: the squares of the components of each rank sum to
2 l + 1. All of them are polynomials, so that rotations and reflections are exact up to rounding.
"""

import math

import torch
from torch import Tensor

VECTOR, TENSOR = slice(1, 4), slice(4, 9)
"""Places of Y_1 and Y_2 among the nine angular functions; Y_0 is the first."""


def _traceless_basis() -> Tensor:
    half = 1 / math.sqrt(2)
    basis = torch.zeros(5, 3, 3, dtype=torch.float64)
    for number, (i, j) in enumerate([(0, 1), (1, 2), (2, 0)]):
        basis[number, i, j] = basis[number, j, i] = half
    basis[3] = torch.diag(torch.tensor([half, -half, 0.0], dtype=torch.float64))
    basis[4] = torch.diag(torch.tensor([-1.0, -1.0, 2.0], dtype=torch.float64)) / math.sqrt(6)
    return basis


TRACELESS = _traceless_basis()
"""(5, 3, 3) float64, the basis T_a of symmetric traceless matrices."""


def angular_functions(directions: Tensor) -> Tensor:
    """Y_0, Y_1 and Y_2 of unit vectors, (..., 3) to (..., 9)."""
    basis = TRACELESS.to(directions).view(5, 9)
    products = (directions[..., :, None] * directions[..., None, :]).flatten(-2)
    return torch.cat(
        [torch.ones_like(directions[..., :1]), math.sqrt(3) * directions, math.sqrt(7.5) * products @ basis.t()], dim=-1
    )


def as_matrices(tensors: Tensor) -> Tensor:
    """Symmetric traceless matrices from their components, (..., 5) to (..., 3, 3)."""
    return (tensors @ TRACELESS.to(tensors).view(5, 9)).unflatten(-1, (3, 3))


def traceless_squares(vectors: Tensor) -> Tensor:
    """Components of v v^T - |v|^2/3, (..., 3) to (..., 5)."""
    products = (vectors[..., :, None] * vectors[..., None, :]).flatten(-2)
    return products @ TRACELESS.to(vectors).view(5, 9).t()


def rotated(matrix: Tensor) -> Tensor:
    """The 5 x 5 matrix by which an orthogonal 3 x 3 matrix transforms the components of tensors of rank 2."""
    basis = TRACELESS.to(matrix)
    return torch.einsum("aij,ik,jl,bkl->ab", basis, matrix, matrix, basis)
