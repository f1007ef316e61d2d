"""The JSON schema of study files, with which editors complete and check them."""

from typing import Any

from glassbotan.predictors.registry import kinds
from glassbotan.study.reading import LIKE
from glassbotan.study.study import Study


def study_schema() -> dict[str, Any]:
    """The schema of a study; a model may take its settings, and its kind, from another one by `like:`."""
    schema = Study.model_json_schema()
    models = schema["properties"]["models"]
    names = {reference["$ref"].rpartition("/")[2] for reference in models["items"].pop("oneOf")}
    models["items"].pop("discriminator")
    models["items"]["anyOf"] = [{"$ref": f"#/$defs/{name}"} for name in sorted(names)]
    for name in names:
        definition = schema["$defs"][name]
        definition["required"] = [key for key in definition.get("required", []) if key not in ("kind", "name")]
        definition["properties"][LIKE] = {
            "type": "string",
            "description": "name of an earlier model in the list, from which all settings that are not given are taken",
        }
        definition["title"] = f"{kind_of(definition)} (a kind of model)"
    return schema


def kind_of(definition: dict[str, Any]) -> str:
    """The kind of predictor that a definition in the schema describes."""
    kind = str(definition["properties"]["kind"]["const"])
    assert kind in kinds()
    return kind
