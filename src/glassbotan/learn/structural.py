"""What networks that see `Inputs` have in common: the way from descriptors, and the outputs of particles and pairs."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from glassbotan.kob_andersen import Species
from glassbotan.learn.harmonics import TENSOR, VECTOR, angular_functions
from glassbotan.learn.inputs import Inputs, Widths
from glassbotan.learn.layers import BySpecies, ColumnDropout, Constant, RadialFunctions, Standardized, perceptron
from glassbotan.structure.pair_kinds import KINDS


class Sizes(Protocol):
    """What these parts have to know of the settings of a network; see `glassbotan.predictors.network_settings`."""

    @property
    def reduced(self) -> int: ...
    @property
    def hidden(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def descriptor_dropout(self) -> float: ...
    @property
    def linear_path(self) -> bool: ...


class DescriptorInput(nn.Module):
    """Descriptors of particles, scaled and reduced to a few numbers, and a linear path from them to the outputs.

    Parameters
    ----------
    sizes : sizes of the network
    widths : numbers of inputs
    outputs : number of outputs of particles
    """

    def __init__(self, sizes: Sizes, widths: Widths, outputs: int) -> None:
        super().__init__()
        descriptors = widths.descriptors
        self.scaled = Standardized(len(Species), descriptors)
        self.dropped = ColumnDropout(sizes.descriptor_dropout)
        self.reduced = BySpecies(
            *(nn.Linear(descriptors, sizes.reduced) if descriptors else Constant(sizes.reduced) for _ in Species)
        )
        self.linear = None
        if sizes.linear_path and descriptors and outputs:
            self.linear = BySpecies(*(nn.Linear(descriptors, outputs) for _ in Species))
            for weight in self.linear.parameters():
                nn.init.zeros_(weight)

    def measure(self, of_training: Sequence[Inputs]) -> None:
        """Set the scales of the descriptors to those of the training configurations."""
        self.scaled.measure([one.descriptors for one in of_training], [one.species for one in of_training])

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor | float]:
        """The reduced descriptors (N, reduced), and what the linear path adds to the outputs (N, outputs)."""
        scaled = self.dropped(self.scaled(inputs.descriptors, inputs.species))
        linear = 0.0 if self.linear is None else self.linear(scaled, inputs.species)
        return nn.functional.silu(self.reduced(scaled, inputs.species)), linear


class PairOutput(nn.Module):
    """Outputs of pairs from their distances and from what the network knows of their two particles.

    They do not change if the two particles are exchanged: what enters are sums, absolute differences, and products of
    the differences of vectors with the direction of the pair.

    Parameters
    ----------
    sizes : sizes of the network
    widths : numbers of inputs
    scalars, vectors, tensors : numbers of scalars, vectors and tensors of rank 2 that are known of each particle
    outputs : number of outputs
    pair_range : largest distance of pairs, sigma_AA
    """

    DIFFERENCES, VECTORS, TENSORS, RADIAL = 16, 6, 4, 12

    def __init__(
        self, sizes: Sizes, widths: Widths, scalars: int, vectors: int, tensors: int, outputs: int, pair_range: float
    ) -> None:
        super().__init__()
        width = sizes.hidden
        self.scaled = Standardized(len(KINDS), widths.pair_numbers)
        self.radial = RadialFunctions.within(pair_range, self.RADIAL)
        self.sums = nn.Linear(scalars, width, bias=False)
        self.differences = nn.Linear(scalars, self.DIFFERENCES, bias=False)
        self.vectors = nn.Linear(vectors, self.VECTORS, bias=False) if vectors else None
        self.tensors = nn.Linear(tensors, self.TENSORS, bias=False) if tensors else None
        of_pair = widths.pair_numbers + widths.frames * self.RADIAL + len(KINDS)
        invariants = self.DIFFERENCES + (2 * self.VECTORS if vectors else 0) + (self.TENSORS if tensors else 0)
        self.first = nn.Linear(of_pair + invariants, width)
        self.further = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, outputs))
        self.linear = nn.Linear(of_pair, outputs)

    def forward(self, inputs: Inputs, scalars: Tensor, vectors: Tensor | None, tensors: Tensor | None) -> Tensor:
        """The outputs (n_p, outputs).

        Parameters
        ----------
        inputs : the inputs
        scalars, vectors, tensors : of each particle: (N, scalars), (N, 3, vectors) and (N, 5, tensors)
        """
        angular = angular_functions(inputs.pair_directions)[..., None]
        of_first, of_second = inputs.neighbors.at_ends(self.sums(scalars))
        sums = of_first + of_second
        of_first, of_second = inputs.neighbors.at_ends(self.differences(scalars))
        found = [(of_first - of_second).abs()]
        if self.vectors is not None and vectors is not None:
            of_first, of_second = self._at_ends(inputs, self.vectors(vectors))
            along = ((of_first - of_second) * angular[:, VECTOR]).sum(dim=1)
            found += [along, (of_first * of_second).sum(dim=1)]
        if self.tensors is not None and tensors is not None:
            of_first, of_second = self._at_ends(inputs, self.tensors(tensors))
            found.append(((of_first + of_second) * angular[:, TENSOR]).sum(dim=1))
        kinds = nn.functional.one_hot(inputs.kinds, len(KINDS)).to(scalars)
        radial = self.radial(inputs.pair_distances).flatten(1)
        of_pair = torch.cat([self.scaled(inputs.pair_numbers, inputs.kinds), radial, kinds], dim=1)
        return self.further(self.first(torch.cat([of_pair, *found], dim=1)) + sums) + self.linear(of_pair)

    @staticmethod
    def _at_ends(inputs: Inputs, values: Tensor) -> tuple[Tensor, Tensor]:
        """Values (N, m, width) of both particles of each pair, (n_p, m, width) each."""
        of_first, of_second = inputs.neighbors.at_ends(values.flatten(1))
        shape = (-1, *values.shape[1:])
        return of_first.view(shape), of_second.view(shape)


class Outputs(nn.Module):
    """The outputs of a network for particles and pairs.

    Parameters
    ----------
    sizes : sizes of the network
    widths : numbers of inputs
    scalars : number of scalars that are known of each particle
    of_particles, of_pairs : numbers of outputs
    pair_range : largest distance of pairs, sigma_AA
    vectors, tensors : numbers of vectors and tensors of rank 2 that are known of each particle
    """

    def __init__(
        self,
        sizes: Sizes,
        widths: Widths,
        scalars: int,
        of_particles: int,
        of_pairs: int,
        pair_range: float,
        vectors: int = 0,
        tensors: int = 0,
    ) -> None:
        super().__init__()
        self.particles = self.pairs = None
        if of_particles:
            self.particles = BySpecies(
                *(perceptron(scalars, sizes.hidden, of_particles, sizes.dropout) for _ in Species)
            )
        if of_pairs:
            self.pairs = PairOutput(sizes, widths, scalars, vectors, tensors, of_pairs, pair_range)

    def measure(self, of_training: Sequence[Inputs]) -> None:
        """Set the scales of the numbers of pairs to those of the training configurations."""
        if self.pairs is not None:
            self.pairs.scaled.measure([one.pair_numbers for one in of_training], [one.kinds for one in of_training])

    def forward(
        self,
        inputs: Inputs,
        scalars: Tensor,
        linear: Tensor | float,
        vectors: Tensor | None = None,
        tensors: Tensor | None = None,
    ) -> tuple[Tensor | None, Tensor | None]:
        """Outputs of particles (N, of_particles) and of pairs (n_p, of_pairs); None where there are none.

        Parameters
        ----------
        inputs : the inputs
        scalars, vectors, tensors : what is known of each particle
        linear : what is added to the outputs of particles
        """
        particles = None if self.particles is None else self.particles(scalars, inputs.species) + linear
        pairs = None if self.pairs is None else self.pairs(inputs, scalars, vectors, tensors)
        return particles, pairs


class StructuralNetwork(nn.Module):
    """A network that predicts targets of particles and pairs at all sampling times.

    A subclass makes what is between the descriptors and the outputs, and last the outputs.

    Parameters
    ----------
    sizes : sizes of the network
    widths : numbers of inputs
    particle_outputs, pair_outputs : numbers of outputs
    pair_range : largest distance of neighbours, sigma_AA
    """

    outputs: Outputs

    def __init__(self, sizes: Any, widths: Widths, particle_outputs: int, pair_outputs: int, pair_range: float) -> None:
        super().__init__()
        self.radial = RadialFunctions.within(pair_range, sizes.radial)
        self.descriptors = DescriptorInput(sizes, widths, particle_outputs)

    def measure(self, samples: Sequence[tuple[Inputs, Any]]) -> None:
        """Set the scales of all inputs to those of the training configurations, given with what was precomputed."""
        of_training = [inputs for inputs, _ in samples]
        self.descriptors.measure(of_training)
        self.outputs.measure(of_training)

    @abstractmethod
    def precompute(self, inputs: Inputs) -> Any:
        """What has no weights and so does not change in a training: a named tuple of tensors."""

    @abstractmethod
    def forward(self, inputs: Inputs, precomputed: Any) -> tuple[Tensor | None, Tensor | None]:
        """The predictions on the scale of the training.

        Parameters
        ----------
        inputs : the inputs of a configuration
        precomputed : what `precompute` gives for it

        Returns
        -------
        of_particles : (N, particle_outputs); None if there are none
        of_pairs : (n_p, pair_outputs); None if there are none
        """
