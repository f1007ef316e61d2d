"""Predictions of a trained network, with or without averaging over the symmetries of the cube."""

import torch
from numpy.typing import NDArray
from torch import Tensor

from glassbotan.learn.graphs import SIGNED_PERMUTATIONS, Graph, apply_symmetry, pair_average
from glassbotan.learn.memory import keep_freed_memory
from glassbotan.predictors.botan.network import BOTAN


def predict_graph(model: BOTAN, graph: Graph, average_over_symmetries: bool) -> tuple[NDArray, NDArray]:
    """Predicted particle target (N, n_t) and E (n_p, n_t) of one graph, on the network's scale."""
    keep_freed_memory()
    species = graph.species[:, 0].int()
    with torch.inference_mode():
        if not average_over_symmetries:
            of_particles, of_edges = model(graph)
            return of_particles.numpy(), pair_average(graph, of_edges).numpy()
        outputs = [model(apply_symmetry(graph, operation)) for operation in SIGNED_PERMUTATIONS]
        single, of_edges = (torch.stack(parts) for parts in zip(*outputs, strict=True))
        of_particles, of_pairs = single.mean(dim=0), pair_average(graph, of_edges.mean(dim=0))
        for time in range(of_particles.shape[1]):
            of_pairs[:, time] = calibrated(of_pairs[:, time], of_edges[:, :, time])
            for kind in species.unique():
                rows = species == kind
                of_particles[rows, time] = calibrated(of_particles[rows, time], single[:, rows, time])
        return of_particles.numpy(), of_pairs.numpy()


def calibrated(mean: Tensor, single: Tensor) -> Tensor:
    """The mean of predictions over orientations, rescaled so that the regression slope of the truth on it is 1.

    A network that minimises the squared error predicts the expectation of the truth: where its prediction in one
    orientation is larger by 1, the truth is larger by 1 on average. The differences between its predictions in
    different orientations are unrelated to the truth. They contribute to the variance of the single predictions, but
    averaging removes them, while the covariance with the truth stays the same. The slope of the truth on the mean is
    therefore the variance of the single predictions divided by that of the mean, and the deviations of the mean from
    its average are multiplied by this ratio. Pearson's coefficient does not change.

    Parameters
    ----------
    mean : (n,), average of the predictions over the orientations
    single : (orientations, m), the predictions in each orientation; of pairs, m = 2 n values, one for each edge

    Returns
    -------
    calibrated : (n,)
    """
    level, variance = mean.mean(), mean.var(correction=0)
    stretch = single.var(dim=1, correction=0).mean() / variance if variance > 0 else 1.0
    return level + stretch * (mean - level)
