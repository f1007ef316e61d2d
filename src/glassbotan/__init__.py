"""Simulation of a Kob-Andersen liquid, and prediction of how far its particles move from its structure.

Use in a notebook:

    import glassbotan

    study = glassbotan.open_study("config.yaml")             # its settings, and the files that Snakemake has made
    targets = study.targets(0.64, configuration=11)          # arrays: targets.means["S"], targets.times ...
    predictor = study.predictor("BOTAN", 0.64, time=1.65)    # or glassbotan.load_predictor("model.safetensors")
    snapshot = glassbotan.read_configuration("dump.lammpstrj")
    predicted = glassbotan.predict(predictor, snapshot)      # or glassbotan.predict(predictor, (positions, species, L))
    propensity = predicted.target("S")
    study.draw("fig08_propensity_pearson")                   # a figure of the study, drawn with matplotlib
"""

from importlib import import_module
from typing import Any

_NOTEBOOK = ("open_study", "load_predictor", "read_configuration", "predict")
__all__ = list(_NOTEBOOK)


def __getattr__(name: str) -> Any:
    """A function for notebooks; it is imported on first use, because importing pandas and others takes a second."""
    if name in _NOTEBOOK:
        return getattr(import_module("glassbotan.notebook"), name)
    raise AttributeError(f"module glassbotan has no {name}; it has {', '.join(_NOTEBOOK)}")
