"""From the melt of a Kob-Andersen liquid to a Pearson table.

For notebooks:

    import glassbotan

    study = glassbotan.open_study("config.yaml")             # its settings, and the files that Snakemake made of it
    targets = study.targets(0.64, configuration=11)          # S, E, R, C, D ... as arrays
    network = study.network("BOTAN", 0.64, time=1.65)        # or glassbotan.load_network("model.pt")
    snapshot = glassbotan.read_configuration("dump.lammpstrj")
    predicted = glassbotan.predict(network, snapshot)        # or glassbotan.predict(network, (positions, species, L))
"""

from importlib import import_module
from typing import Any

_NOTEBOOK = ("open_study", "load_network", "read_configuration", "predict")
__all__ = list(_NOTEBOOK)


def __getattr__(name: str) -> Any:
    """The functions for notebooks, imported when they are asked for: torch takes seconds."""
    if name in _NOTEBOOK:
        return getattr(import_module("glassbotan.notebook"), name)
    raise AttributeError(f"module glassbotan has no {name}; it has {', '.join(_NOTEBOOK)}")
