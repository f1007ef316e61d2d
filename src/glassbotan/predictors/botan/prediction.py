"""What a trained network predicts of a structure, and the average over the symmetries of the cube."""

import torch
from numpy.typing import NDArray
from torch import Tensor

from glassbotan.learn.graphs import SIGNED_PERMUTATIONS, Graph, apply_symmetry, pair_average
from glassbotan.learn.memory import keep_freed_memory
from glassbotan.predictors.botan.network import BOTAN


def predict_graph(model: BOTAN, graph: Graph, average_over_symmetries: bool) -> tuple[NDArray, NDArray]:
    """The target of the particles (N,) and E (n_p,) of one graph, on the network's scale."""
    keep_freed_memory()
    species = graph.species[:, 0].int()
    with torch.inference_mode():
        if not average_over_symmetries:
            of_particles, of_edges = model(graph)
            return of_particles.numpy(), pair_average(graph, of_edges).numpy()
        outputs = [model(apply_symmetry(graph, number)) for number in range(len(SIGNED_PERMUTATIONS))]
        single, of_edges = (torch.stack(parts) for parts in zip(*outputs, strict=True))
        of_particles = single.mean(dim=0)
        for kind in species.unique():
            of_particles[species == kind] = calibrated(of_particles[species == kind], single[:, species == kind])
        return of_particles.numpy(), calibrated(pair_average(graph, of_edges.mean(dim=0)), of_edges).numpy()


def calibrated(mean: Tensor, single: Tensor) -> Tensor:
    """A mean of predictions, its deviations from its own mean stretched to what a prediction's should be.

    Squared errors teach a network to give what is expected of the truth from what it saw: where its prediction is
    larger by 1, the truth is larger by 1 on average. What its predictions in different orientations do not share says
    nothing about the truth, and is in their variance but not in that of their mean. So the truth rises faster than the
    mean, by the ratio of the variances. Pearson's coefficient stays as it is.

    Parameters
    ----------
    mean : (n,)
    single : (orientations, m), the predictions that it is the mean of
    """
    level, variance = mean.mean(), mean.var(correction=0)
    stretch = single.var(dim=1, correction=0).mean() / variance if variance > 0 else 1.0
    return level + stretch * (mean - level)
