"""What every figure is: a name, a caption, the files that it is drawn from, and a function that draws it."""

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

LIQUID, MOVES, PREDICTED = "Is it the liquid?", "What moves", "How well it is predicted"
"""Sections of the report."""

Place = Mapping[str, str]
"""What tells the figures of one kind apart: {"point": "T0.64"}, or nothing where there is only one."""


class NotDrawnError(StudyError):
    """A study lacks what a figure is drawn from; the message completes the sentence "study x ..."."""


class Drawing(NamedTuple):
    """A figure and the numbers that it shows."""

    figure: matplotlib.figure.Figure
    data: pd.DataFrame


@dataclass(frozen=True)
class Inputs:
    """What a figure is drawn from."""

    files: Mapping[str, Sequence[str]]
    """by their role, relative to the study's folder under results/"""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """those of the study on which the figure depends, as plain data"""


@dataclass(frozen=True)
class FigureFiles:
    """The same as a figure gets to see it."""

    study: str
    paths: Mapping[str, Sequence[Path]]
    settings: Mapping[str, Any]

    def _paths(self, role: str) -> Sequence[Path]:
        if not self.paths.get(role):
            raise FileError(f"no file was given as {role}=PATH, but the figure is drawn from one; name it")
        return self.paths[role]

    def tables(self, role: str = "table", columns: Iterable[str] = ()) -> list[pd.DataFrame]:
        """Tables, which must have these columns."""
        found = []
        for path in self._paths(role):
            found.append(read_csv(path))
            if missing := {*columns} - {*found[-1].columns}:
                raise FileError(f"{path} has no columns {sorted(missing)}; name the table that belongs here")
        return found

    def scores(self, role: str = "table") -> pd.DataFrame:
        """A Pearson table."""
        from glassbotan.evaluate.pearson import COLUMNS

        return self.tables(role, COLUMNS)[0]

    def json(self, role: str) -> list[dict[str, Any]]:
        """Plain data."""
        return [read_json(path) for path in self._paths(role)]

    def predictions(self, role: str = "predictions") -> list[Predictions]:
        """Predictions of this study."""
        found = []
        for path in self._paths(role):
            found.append(read_predictions(path))
            require(path, found[-1], study=self.study)
        return found

    def fitted(self, role: str = "fitted") -> list[FittedFile]:
        """Fitted predictors of this study."""
        found = []
        for path in self._paths(role):
            found.append(read_fitted(path))
            require(path, found[-1], study=self.study)
        return found

    def targets(self, role: str = "targets") -> Iterable[Targets]:
        """Targets files of this study, one by one, with the same times and ranges."""
        return read_matching_targets(self._paths(role), study=self.study)


def only_one(study: Study) -> Iterable[Place]:
    """A figure of the whole study."""
    return [{}]


def each_temperature(study: Study) -> Iterable[Place]:
    """A figure of each temperature; its name has {point}."""
    return [{"point": point.label} for point in study.temperatures]


@dataclass(frozen=True)
class Figure:
    """A kind of figure."""

    name: str
    """of its files, with what tells several of them apart in braces: fig04_pair_maps_{point}"""
    section: str
    """of the report: LIQUID, MOVES or PREDICTED"""
    title: str
    caption: str
    """what there is to see"""
    inputs: Callable[[Study, Place], Inputs]
    """what it is drawn from; raises NotDrawnError where a study lacks it"""
    draw: Callable[[FigureFiles], Drawing]
    places: Callable[[Study], Iterable[Place]] = only_one
    on_request: bool = False
    """whether it is drawn only when it is named, since it fits or predicts something of its own"""
    in_report: bool = True
    """whether the report shows it (on request: if it is there)"""
    paper: str = ""
    """number of the figure in the paper, if it has one"""
