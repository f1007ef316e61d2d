"""Modules in which other packages add predictors, targets and figures to this one.

A package announces such modules as entry points in its `pyproject.toml`, for example

    [project.entry-points."glassbotan.predictors"]
    gradient_boosting = "my_package.gradient_boosting"
"""

from importlib import import_module, metadata
from pkgutil import iter_modules
from types import ModuleType


def announced(group: str) -> tuple[ModuleType, ...]:
    """The modules that other packages announce as entry points in a group, in the order of the entry points' names."""
    return tuple(entry.load() for entry in sorted(metadata.entry_points(group=group)))


def modules_of(package: str) -> tuple[ModuleType, ...]:
    """Every module of a package, in the order of the modules' names."""
    path = import_module(package).__path__
    return tuple(import_module(f"{package}.{module.name}") for module in iter_modules(path))
