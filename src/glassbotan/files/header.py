"""What every product says of itself to the next stage: which stage of which study made it, and a few facts more."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glassbotan.errors import FileError
from glassbotan.provenance import STAGE_VERSIONS


def new_header(stage: str, study: str, **facts: Any) -> dict[str, Any]:
    """The header of a product of this version of a stage."""
    return {"stage": stage, "stage_version": STAGE_VERSIONS[stage], "study": study, **facts}


def require_stage(path: Path, header: Mapping[str, Any], *stages: str) -> None:
    """Refuse the product of another stage, or of another version of it.

    Raises
    ------
    FileError
        names the file, what made it and what was expected
    """
    stage, version = header.get("stage"), header.get("stage_version")
    if stage not in stages:
        raise FileError(
            f"{path} was made with stage = {stage!r}, but {' or '.join(map(repr, stages))} was expected; name the file "
            "that belongs here"
        )
    if version != STAGE_VERSIONS[str(stage)]:
        raise FileError(
            f"{path} was made by version {version} of the stage {stage}, but this glassbotan has version "
            f"{STAGE_VERSIONS[str(stage)]}; make it again"
        )


def require(path: Path, found: Any, **expected: Any) -> None:
    """Refuse a product of another study or place.

    Parameters
    ----------
    path : where it lies
    found : the product, or its header: its attributes or entries are compared
    expected : names and values

    Raises
    ------
    FileError
        names the file, what it says and what was expected
    """
    for name, value in expected.items():
        has = found.get(name) if isinstance(found, Mapping) else getattr(found, name)
        if has != value:
            raise FileError(
                f"{path} was made with {name} = {has!r}, but {value!r} was expected; "
                "name the file that belongs here, or make it again"
            )
