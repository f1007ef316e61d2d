"""What every figure consists of: a name, a caption, the files that it is drawn from, and a function that draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from glassbotan.errors import FileError, StudyError
from glassbotan.files.fitted import FittedFile, read_fitted
from glassbotan.files.header import require
from glassbotan.files.plain import read_csv, read_json
from glassbotan.files.predictions import Predictions, read_predictions
from glassbotan.files.targets import Targets, read_matching_targets
from glassbotan.study.study import Study

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas as pd

LIQUID, MOVES, PREDICTED = "Checks of the simulations", "Motion of particles and pairs", "Quality of the predictions"
"""Sections of the report."""

Place = Mapping[str, str]
"""What distinguishes the figures of one kind, such as {"point": "T0.64"}; empty if there is only one."""


class NotDrawnError(StudyError):
    """The study lacks the data that a figure is drawn from; the message completes the sentence "study NAME ..."."""


class Drawing(NamedTuple):
    """A figure and the numbers that it shows."""

    figure: matplotlib.figure.Figure
    data: pd.DataFrame


@dataclass(frozen=True)
class Inputs:
    """Files and settings that a figure is drawn from."""

    files: Mapping[str, Sequence[str]]
    """paths by the role of the files, relative to the study's folder under results/"""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """settings of the study on which the figure depends, as plain data"""


@dataclass(frozen=True)
class FigureFiles:
    """Files and settings as they are given to the function that draws a figure."""

    study: str
    paths: Mapping[str, Sequence[Path]]
    settings: Mapping[str, Any]

    def _paths(self, role: str) -> Sequence[Path]:
        if not self.paths.get(role):
            raise FileError(f"no file was given as {role}=PATH, but the figure needs at least one; add it")
        return self.paths[role]

    def tables(self, role: str = "table", columns: Iterable[str] = ()) -> list[pd.DataFrame]:
        """The tables with this role; raises FileError if one of them lacks any of the columns."""
        found = []
        for path in self._paths(role):
            found.append(read_csv(path))
            if missing := {*columns} - {*found[-1].columns}:
                raise FileError(f"{path} has no columns {sorted(missing)}, which the figure needs; name another table")
        return found

    def scores(self, role: str = "table") -> pd.DataFrame:
        """The summary of scores with this role: a row for each model, temperature, time and target."""
        from glassbotan.evaluate.summary import COLUMNS

        return self.tables(role, COLUMNS)[0]

    def json(self, role: str) -> list[dict[str, Any]]:
        """The contents of the JSON files with this role."""
        return [read_json(path) for path in self._paths(role)]

    def predictions(self, role: str = "predictions") -> list[Predictions]:
        """The predictions files with this role; raises FileError if one belongs to another study."""
        found = []
        for path in self._paths(role):
            found.append(read_predictions(path))
            require(path, found[-1], study=self.study)
        return found

    def fitted(self, role: str = "fitted") -> list[FittedFile]:
        """The fitted predictors with this role; raises FileError if one belongs to another study."""
        found = []
        for path in self._paths(role):
            found.append(read_fitted(path))
            require(path, found[-1], study=self.study)
        return found

    def targets(self, role: str = "targets") -> Iterable[Targets]:
        """The targets files with this role, one at a time; all must be of this study, with equal times and ranges."""
        return read_matching_targets(self._paths(role), study=self.study)


def only_one(study: Study) -> Iterable[Place]:
    """One figure for the whole study."""
    return [{}]


def each_temperature(study: Study) -> Iterable[Place]:
    """One figure for each temperature; the name of the figure has to contain {point}."""
    return [{"point": point.label} for point in study.temperatures]


@dataclass(frozen=True)
class Figure:
    """A kind of figure."""

    name: str
    """name of its files; what distinguishes figures of one kind is in braces, as in fig04_pair_maps_{point}"""
    section: str
    """section of the report: LIQUID, MOVES or PREDICTED"""
    title: str
    caption: str
    """what the figure shows, in full sentences"""
    inputs: Callable[[Study, Place], Inputs]
    """gives the files and settings that it is drawn from; raises NotDrawnError if the study lacks them"""
    draw: Callable[[FigureFiles], Drawing]
    places: Callable[[Study], Iterable[Place]] = only_one
    on_request: bool = False
    """whether it is drawn only when the user names it, because it needs fits or predictions that nothing else needs"""
    in_report: bool = True
    """whether the report shows it; a figure on request is shown only if it exists"""
    paper: str = ""
    """number of the figure in the paper, if it has one"""
