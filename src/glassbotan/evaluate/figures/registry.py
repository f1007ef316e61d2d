"""The list of all kinds of figures, and the figures of a study."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from glassbotan.errors import StudyError
from glassbotan.evaluate.figures.contract import Figure, Inputs, NotDrawnError, Place
from glassbotan.plugins import announced, modules_of
from glassbotan.study.study import Study

GROUP = "glassbotan.figures"
"""Group of the entry points with which other packages add figures."""


@cache
def figures() -> tuple[Figure, ...]:
    """Every kind of figure, in order of their modules' names."""
    modules = (*modules_of("glassbotan.evaluate.figures"), *announced(GROUP))
    found: dict[str, Figure] = {}
    for module in modules:
        figure = getattr(module, "FIGURE", None)
        if figure is not None and found.setdefault(figure.name, figure) is not figure:
            raise ValueError(f"two figures have the name {figure.name}: {found[figure.name].title} and {figure.title}")
    return tuple(found.values())


def names_of(study: Study) -> Iterator[tuple[str, Figure, Place]]:
    """Name, kind and place of every figure that can be asked for in a study."""
    for figure in figures():
        for place in figure.places(study):
            yield figure.name.format(**place), figure, place


def figure_named(study: Study, name: str) -> tuple[Figure, Inputs]:
    """A figure of a study, with the files and settings that it is drawn from.

    Raises
    ------
    StudyError
        if there is no figure with that name, or the study lacks what it is drawn from
    """
    for one, figure, place in names_of(study):
        if one == name:
            try:
                return figure, figure.inputs(study, place)
            except NotDrawnError as error:
                raise StudyError(f"study {study.name} {error}, so figure {name} cannot be drawn") from None
    known = [one for one, figure, _ in names_of(study) if figure.in_report]
    raise StudyError(f"study {study.name} has no figure {name}; its figures are {', '.join(known)}")


def drawn_in(study: Study, on_request: bool = False) -> list[str]:
    """Names of the figures that the report of a study shows.

    Parameters
    ----------
    on_request : whether to list the figures that are drawn only when the user names them, instead of the others
    """
    found = []
    for name, figure, place in names_of(study):
        if figure.in_report and figure.on_request == on_request:
            try:
                figure.inputs(study, place)
            except NotDrawnError:
                continue
            found.append(name)
    return found


def kind_of(file_name: str) -> tuple[Figure, Mapping[str, str]] | None:
    """The kind and the place of the figure in a file with this name (without suffix); None if it is not a figure."""
    for figure in figures():
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(figure.name))
        match = re.fullmatch(pattern, file_name)
        if match:
            return figure, match.groupdict()
    return None
