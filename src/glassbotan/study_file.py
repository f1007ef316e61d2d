"""Reading a study from YAML, and one sentence for what is wrong with it."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from glassbotan.errors import StudyError
from glassbotan.study import Study


def read_study(*paths: Path) -> Study:
    """Read a study from one YAML file, or from several of which later ones override earlier ones.

    Raises
    ------
    StudyError
        one sentence that names the file and the key
    """
    merged: dict[str, Any] = {}
    for path in paths:
        try:
            content = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise StudyError(f"{path} cannot be read as a configuration file: {' '.join(str(error).split())}") from None
        if not isinstance(content, dict):
            raise StudyError(f"{path} holds no settings; a study such as config.yaml was expected")
        merged = _merged(merged, content)
    return study_from(merged, source=", ".join(map(str, paths)))


def study_from(settings: Mapping[str, Any], source: str) -> Study:
    """Validate a study's settings; `source` names them in the error."""
    try:
        return Study.model_validate(settings)
    except ValidationError as error:
        raise StudyError(f"{source}: {explain(error, Study)}") from None


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Override nested mappings key by key and everything else whole, as Snakemake does with --configfile."""
    result = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merged(result[key], value) if nested else value
    return result


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """One sentence for what pydantic found: the first mistake, and how many more there are."""
    mistakes = error.errors(include_url=False, include_context=False)
    first = mistakes[0]
    where = ".".join(str(part) for part in first["loc"]) or "the study"
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, first["loc"][:-1])
        close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        advice = f"did you mean {close[0]}?" if close else f"known here: {', '.join(sorted(known))}"
        sentence = f"unknown key {where}; {advice}"
    elif first["type"] == "missing":
        sentence = f"{where} is missing"
    else:
        reason = first["msg"].removeprefix("Value error, ")
        found = "" if isinstance(first["input"], dict) else f", found {first['input']!r}"
        sentence = f"{where}: {reason}{found}"
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return sentence + more


def _keys_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that a section nested at `path` knows."""
    for part in path:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        inner = [annotation, *getattr(annotation, "__args__", ())]
        model = next(kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(model.model_fields)
