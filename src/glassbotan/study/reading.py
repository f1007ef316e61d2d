"""Reading a study from YAML, with one clear error message if it is wrong."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from glassbotan.errors import StudyError
from glassbotan.predictors.registry import kinds
from glassbotan.study.moved import new_place
from glassbotan.study.study import Study

LIKE = "like"
"""Key of a model that takes its settings from another model, whose name is the value."""
NOT_IN_VARIANTS = ("variants", "learning_curve", "ablations", "transfer", "half_samples")
"""Sections of a study that its variants do not have."""
OF_ALL_VARIANTS = ("name", "device", "source")
"""Settings that a variant cannot change: its device and source are those of the study, its name comes from its key."""
OF = "of"
"""Key of a model that is the average of other models, whose names are the value."""


def read_study(path: Path) -> Study:
    """Read a study from a YAML file; settings that the file does not give have their defaults.

    Raises
    ------
    StudyError
        if the file is wrong; the message names the file, the key, what was found and what was expected
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StudyError(f"{path} cannot be read as a study: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise StudyError(f"{path} holds no settings, but a study such as config.yaml was expected")
    return study_from(content, source=str(path))


def study_from(settings: Mapping[str, Any], source: str) -> Study:
    """Validate a study's settings; error messages begin with `source`, such as the name of the file."""
    try:
        models = {"models": _resolved_models(settings["models"])} if "models" in settings else {}
        study = Study.model_validate({**settings, **models})
    except ValidationError as error:
        raise StudyError(f"{source}: {explain(error, Study)}") from None
    except StudyError as error:
        raise StudyError(f"{source}: {error}") from None
    variants_of(study, source)
    return study


def variants_of(study: Study, source: str | None = None) -> dict[str, Study]:
    """The variants of a study by their names, each of them a study without variants and without comparisons.

    Parameters
    ----------
    source : first words of error messages; by default the name of the study

    Raises
    ------
    StudyError
        if the settings of a variant are wrong
    """
    if not study.variants:
        return {}
    settings = {key: value for key, value in study.model_dump(mode="json").items() if key not in NOT_IN_VARIANTS}
    found = {}
    for name, changes in study.variants.items():
        wrong = sorted({*changes} & {*NOT_IN_VARIANTS, *OF_ALL_VARIANTS})
        integrator = changes.get("integrator")
        if isinstance(integrator, Mapping) and "engine" in integrator:
            wrong.append("integrator.engine")
        if wrong:
            raise StudyError(
                f"{source or study.name}: variants.{name} sets {', '.join(wrong)}, which a variant cannot have of "
                "its own; remove it, or write another study"
            )
        own = _merged(settings, {**changes, "name": f"{study.name}-{name}"})
        found[name] = study_from(own, f"{source or study.name}: variants.{name}")
    return found


def resolved(study: Study) -> str:
    """The study with all its defaults, as YAML."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, width=100, allow_unicode=True)


def _resolved_models(models: Any) -> Any:
    """The models, with the settings that they take from other models by `like:` filled in."""
    if not isinstance(models, (list, tuple)):
        return models
    found: dict[str, Mapping[str, Any]] = {}
    result = []
    for model in models:
        if isinstance(model, Mapping) and LIKE in model:
            name = model[LIKE]
            if not isinstance(name, str) or name not in found:
                raise StudyError(
                    f"a model has like: {name!r}, but no model before it has that name; the models before it are "
                    f"{', '.join(found) or 'none'}"
                )
            own = {key: value for key, value in model.items() if key != LIKE}
            model = _merged({key: value for key, value in found[name].items() if key != "name"}, own)
        if isinstance(model, Mapping) and OF in model:
            names = _listed(model[OF])
            model = {**model, OF: names, "members": [_named(name, found) for name in names]}
        if isinstance(model, Mapping):
            found[_name_of(model)] = model
        result.append(model)
    return result


def _named(name: Any, found: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The model with a name that `of:` gives, among the models before it."""
    if name not in found:
        raise StudyError(
            f"a model has of: {name!r}, but no model before it has that name; the models before it are "
            f"{', '.join(found) or 'none'}"
        )
    return found[name]


def _listed(names: Any) -> list[Any]:
    return list(names) if isinstance(names, (list, tuple)) else [names]


def _name_of(model: Mapping[str, Any]) -> str:
    """The name of a model, or the default name of its kind if it has none."""
    module = kinds().get(str(model.get("kind")))
    default = module.Settings.model_fields["name"].default if module else None
    return str(model.get("name", default))


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Settings `base` changed by `over`: sections are merged key by key, other values replaced, as Snakemake does."""
    result = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = _merged(result[key], value) if nested else value
    return result


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """One message for errors that pydantic found: a setting that has moved, or the first error, and how many others."""
    mistakes = error.errors(include_url=False, include_context=True)
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    for mistake in mistakes:
        location = _location(mistake)
        if mistake["type"] in ("extra_forbidden", "model_type") and (moved := new_place(location)):
            return f"{'.'.join(map(str, location))} has moved: {moved}{more}"
    return _explain_one(mistakes[0], model) + more


def _location(mistake: Any) -> list[str | int]:
    """The keys that lead to an error, without the kind of a model, which pydantic inserts after its number."""
    location = mistake["loc"]
    is_kind = [at > 1 and location[at - 2] == "models" and part in kinds() for at, part in enumerate(location)]
    return [part for part, kind in zip(location, is_kind, strict=True) if not kind]


def _explain_one(mistake: Any, model: type[BaseModel]) -> str:
    location = _location(mistake)
    where = ".".join(map(str, location))
    if mistake["type"] == "extra_forbidden":
        known = _keys_at(model, mistake["loc"][:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        advice = f"did you mean {close[0]}?" if close else f"the keys of this section are {', '.join(sorted(known))}"
        return f"unknown key {where}; {advice}"
    if mistake["type"] == "union_tag_invalid":
        tag = mistake["ctx"]["tag"]
        close = difflib.get_close_matches(tag, kinds(), n=1)
        advice = f"did you mean {close[0]}? " if close else ""
        return f"{where}.kind: there is no kind {tag!r} of predictor; {advice}(kinds: {', '.join(kinds())})"
    if mistake["type"] == "union_tag_not_found":
        return (
            f"{where}.kind is missing: each model needs a kind of predictor, one of {', '.join(kinds())} "
            "(models of version 0.1 are of kind botan)"
        )
    if mistake["type"] == "missing":
        return f"{where} is missing"
    reason = mistake["msg"].removeprefix("Value error, ")
    found = "" if isinstance(mistake["input"], dict) else f", found {mistake['input']!r}"
    return f"{where}: {reason}{found}" if where else f"{reason}{found}"


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that the section at `path` can have."""
    for part in path:  # numbers in lists, and names of ablations, are no keys
        if part in kinds():
            model = kinds()[str(part)].Settings
        elif part in model.model_fields:
            inner = _sections_in(model.model_fields[str(part)].annotation)
            model = inner[0] if inner else model
    keys = list(model.model_fields)
    return [*keys, LIKE] if "kind" in keys else keys


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a type annotation contains."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections_in(part)]
