"""The header of every product: the stage and the study that made it, and the facts that later stages need."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glassbotan.errors import FileError
from glassbotan.kob_andersen import KOB_ANDERSEN, Mixture
from glassbotan.provenance import STAGE_VERSIONS


def new_header(stage: str, study: str, **facts: Any) -> dict[str, Any]:
    """The header of a product that is made by this version of a stage."""
    return {"stage": stage, "stage_version": STAGE_VERSIONS[stage], "study": study, **facts}


def mixture_in(header: Mapping[str, Any]) -> Mixture:
    """How the particles of a file interact, from its header."""
    facts = header.get("mixture")
    return Mixture(**{name: tuple(values) for name, values in facts.items()}) if facts else KOB_ANDERSEN


def require_stage(path: Path, header: Mapping[str, Any], *stages: str) -> None:
    """Raise an error if a product was not made by one of `stages` in its present version.

    Raises
    ------
    FileError
        if the stage or its version is another one; the message has both
    """
    stage, version = header.get("stage"), header.get("stage_version")
    if stage not in stages:
        raise FileError(
            f"{path} was made with stage = {stage!r}, but {' or '.join(map(repr, stages))} was expected; use a file "
            "that the expected stage made"
        )
    if version != STAGE_VERSIONS[str(stage)]:
        raise FileError(
            f"{path} was made by version {version} of the stage {stage}, but this glassbotan has version "
            f"{STAGE_VERSIONS[str(stage)]}; make it again"
        )


def require(path: Path, found: Any, **expected: Any) -> None:
    """Raise an error if a product differs in its study, temperature or another attribute from what is expected.

    Parameters
    ----------
    path : path of the product
    found : the product or its header, whose attributes or entries are compared
    expected : names and values of the attributes

    Raises
    ------
    FileError
        if a value differs; the message has the file, the value and the expected value
    """
    for name, value in expected.items():
        has = found.get(name) if isinstance(found, Mapping) else getattr(found, name)
        if has != value:
            raise FileError(
                f"{path} was made with {name} = {has!r}, but {value!r} was expected; "
                "use another file, or make this one again"
            )
