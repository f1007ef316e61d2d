"""Predictions that fluctuate over long waves as much as the simulation.

A prediction that minimises the squared error varies less than the truth, by the part that it cannot know. Multiplying
its differences between particles by a factor corrects the susceptibility, and leaves every correlation coefficient
within a configuration as it is.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from glassbotan.kob_andersen import Species
from glassbotan.learn.columns import restored_targets
from glassbotan.learn.scaling import TargetScaling
from glassbotan.learn.structural import StructuralNetwork
from glassbotan.predictors.contract import Example
from glassbotan.predictors.field_loss import Sample
from glassbotan.predictors.network_settings import NetworkSettings
from glassbotan.statistics import long_wave_fluctuation

CHANGES = (0.25, 4.0)
"""Smallest and largest factor on the susceptibility of a prediction; few configurations do not know that of the truth
well."""


def as_heterogeneous(
    network: StructuralNetwork,
    settings: NetworkSettings,
    judged: Sequence[tuple[Example, Sample]],
    scalings: Sequence[Sequence[TargetScaling]],
) -> list[list[TargetScaling]]:
    """Scales with which predictions fluctuate over long waves as much as the simulation, at each temperature.

    The factor multiplies deviations from the mean of the scale, which is that of the training configurations.

    Parameters
    ----------
    network : the trained network
    settings : its settings
    judged : configurations on which both are compared
    scalings : the scales without this
    """
    temperatures = sorted({example.source.temperature for example, _ in judged})
    found = []
    for temperature, here in zip(temperatures, scalings, strict=True):
        at_temperature = [both for both in judged if both[0].source.temperature == temperature]
        truth, predicted = np.sum([_fluctuations(network, settings, *both, here) for both in at_temperature], axis=0)
        ratios = np.divide(truth, predicted, out=np.ones_like(truth), where=predicted > 0)
        factors = np.sqrt(np.clip(ratios, *CHANGES))
        found.append(
            [
                replace(scaling, scale=tuple((scaling.scale * of_column).tolist()))
                for scaling, of_column in zip(here, factors, strict=True)
            ]
        )
    return found


def _fluctuations(
    network: StructuralNetwork,
    settings: NetworkSettings,
    example: Example,
    sample: Sample,
    scalings: Sequence[TargetScaling],
) -> NDArray[np.float64]:
    """Chi of each target of particles at each time, for each species, in a configuration: (2, n_y, species).

    The first are those of the simulation, computed between the halves of the ensemble where these are known; the
    second those of the prediction.
    """
    structure = example.structure()
    with torch.inference_mode():
        outputs, _ = network(sample.inputs, sample.precomputed)
    assert outputs is not None
    predicted = restored_targets(outputs.cpu().numpy(), structure.species, scalings, settings.of_particles)
    pairs = []
    for symbol in settings.of_particles:
        halves = example.half_targets(symbol)
        measured = np.stack([example.target(symbol)] * 2, axis=1) if halves is None else halves
        pairs += [(*both, values, values) for both, values in zip(measured, predicted[symbol], strict=True)]
    found = np.empty((2, len(pairs), len(Species)))
    for species in Species:
        members = structure.species == species
        positions = structure.positions[members]
        for column, (first, second, *twice) in enumerate(pairs):
            for row, pair in enumerate(((first, second), twice)):
                of_species = (values[members].astype(np.float64) for values in pair)
                found[row, column, species] = long_wave_fluctuation(positions, structure.box_length, *of_species)
    return found
