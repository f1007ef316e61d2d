"""Parts of networks that learn from the structure: scaled inputs, radial functions and perceptrons."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from glassbotan.kob_andersen import Species

LARGEST = 6.0
"""Scaled inputs beyond this are cut off: with few configurations, a rare environment must not dominate a step."""
NEAREST = 0.7
"""Center of the first radial function, sigma_AA: hardly any pair is closer."""


class Standardized(nn.Module):
    """Numbers scaled to mean 0 and standard deviation 1 over the training data of their class.

    Parameters
    ----------
    classes : number of classes, such as species
    width : number of numbers
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(classes, width))
        self.register_buffer("scale", torch.ones(classes, width))

    def measure(self, values: Sequence[Tensor], members: Sequence[Tensor]) -> None:
        """Set the means and scales to those of the training data.

        Parameters
        ----------
        values : (n, width) of each configuration
        members : (n,) class of each row
        """
        together, classes = torch.cat(list(values)).double(), torch.cat(list(members))
        if not together.shape[1]:
            return
        for number in range(len(self.mean)):
            rows = together[classes == number]
            if len(rows) > 1:
                spread = rows.std(dim=0)
                self.mean[number] = rows.mean(dim=0)
                self.scale[number] = torch.where(spread > 1e-6 * spread.max(), spread, 1.0)

    def forward(self, values: Tensor, members: Tensor) -> Tensor:
        """Scale values (n, width), whose rows have the classes `members` (n,)."""
        return ((values - self.mean[members]) / self.scale[members]).clamp(-LARGEST, LARGEST)


class BySpecies(nn.Module):
    """One module for each species, applied to the particles of that species.

    Parameters
    ----------
    of_a, of_b : the modules; their outputs have the same shape
    """

    def __init__(self, of_a: nn.Module, of_b: nn.Module) -> None:
        super().__init__()
        self.of_species = nn.ModuleList([of_a, of_b])

    def forward(self, values: Tensor, species: Tensor) -> Tensor:
        """Apply the modules: (N, width) to (N, width of the output)."""
        # All particles go through both modules, since a choice of rows would make shapes depend on the configuration.
        of_a, of_b = (module(values) for module in self.of_species)
        return torch.where((species == Species.A)[:, None], of_a, of_b)


class ColumnDropout(nn.Module):
    """Sets whole columns of its input to 0 at random in training, and enlarges the others accordingly.

    Parameters
    ----------
    fraction : fraction of the columns that are set to 0
    """

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction

    def forward(self, values: Tensor) -> Tensor:
        """Drop columns of (n, width)."""
        if not self.training or self.fraction == 0:
            return values
        kept = torch.rand(values.shape[-1], device=values.device) >= self.fraction
        return values * (kept / (1 - self.fraction))


class RadialFunctions(nn.Module):
    """Gaussians of the distance, with centers at equal steps up to a largest distance.

    Parameters
    ----------
    number : number of functions
    largest : distance at which the next center would be, sigma_AA
    """

    centers: Tensor

    def __init__(self, number: int, largest: float) -> None:
        super().__init__()
        self.register_buffer("centers", torch.linspace(NEAREST, largest, number + 1)[:-1], persistent=False)
        self.width = (largest - NEAREST) / number

    @classmethod
    def within(cls, pair_range: float, number: int) -> Self:
        """Functions for pairs that are at most `pair_range` apart at thermal positions, little more in other states."""
        return cls(number, pair_range + 0.2)

    def forward(self, distances: Tensor) -> Tensor:
        """The functions of distances, (...,) to (..., number); 0 for an infinite distance."""
        return torch.exp(-(((distances[..., None] - self.centers) / self.width) ** 2) / 2)


def perceptron(inputs: int, width: int, outputs: int, dropout: float = 0.0) -> nn.Sequential:
    """A perceptron with one hidden layer."""
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Dropout(dropout), nn.Linear(width, outputs))


class Constant(nn.Module):
    """The same output for every row, which replaces a linear layer where there are no inputs.

    Parameters
    ----------
    outputs : number of outputs
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.randn(outputs))

    def forward(self, values: Tensor) -> Tensor:
        """The output of (n, 0), (n, outputs)."""
        return self.value.expand(len(values), -1)
