"""What there is to look at of a test configuration, particle by particle."""

from numpy.typing import NDArray

from glassbotan.dynamics.pairs import per_particle
from glassbotan.dynamics.registry import targets
from glassbotan.files.predictions import Prediction
from glassbotan.kob_andersen import interactions


def particle_properties(prediction: Prediction) -> dict[str, NDArray]:
    """Potential energy, and truth, prediction and error of each predicted target (pairs summed as `E_sum`), (N,)."""
    structure = prediction.structure
    found = {"potential_energy": interactions(structure.positions, structure.species, structure.box_length).energies}
    for symbol, compared in prediction.targets.items():
        truth, predicted = compared.truth, compared.predicted
        name = symbol
        if targets()[symbol].of == "pair":
            name = f"{symbol}_sum"
            truth, predicted = (per_particle(structure.pairs, values, len(structure)) for values in (truth, predicted))
        found |= {name: truth, f"{name}_predicted": predicted, f"{name}_error": predicted - truth}
    return found
