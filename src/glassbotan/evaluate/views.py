"""Properties of each particle of a test configuration, for a viewer."""

from numpy.typing import NDArray

from glassbotan.dynamics.pairs import per_particle
from glassbotan.dynamics.registry import targets
from glassbotan.files.predictions import Prediction


def particle_properties(prediction: Prediction) -> dict[str, NDArray]:
    """Potential energy of each particle, and truth, prediction and error of each predicted target, (N,) each.

    A target of pairs is summed over the pairs of each particle and named accordingly, such as `E_sum`.
    """
    structure = prediction.structure
    found = {"potential_energy": structure.energies}
    for symbol, compared in prediction.targets.items():
        truth, predicted = compared.truth, compared.predicted
        name = symbol
        if targets()[symbol].of == "pair":
            name = f"{symbol}_sum"
            truth, predicted = (per_particle(structure.pairs, values, len(structure)) for values in (truth, predicted))
        found |= {name: truth, f"{name}_predicted": predicted, f"{name}_error": predicted - truth}
    return found
