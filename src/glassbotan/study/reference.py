"""The page of the documentation that lists every setting of a study.

It is made from the JSON schema of studies, and so from the classes that validate studies.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from glassbotan.study.schema import kind_of, study_schema

INTRODUCTION = """\
# Settings

Every key of a study, with its default. A key that a study does not give has its default; keys without a default must
be given. Quantities are in reduced Lennard-Jones units: lengths in σ_AA, energies in ε_AA, times in
τ = σ_AA (m/ε_AA)^1/2. [Studies](studies.md) explains how a study is written. This page is made by
`glassbotan schema --markdown` from the classes that validate a study.
"""

Schema = Mapping[str, Any]


def settings_page() -> str:
    """The page, as Markdown: a table for the study itself, for each section, and for each kind of predictor."""
    schema = study_schema()
    definitions, keys = schema["$defs"], schema["properties"]
    plain = {key: value for key, value in keys.items() if not _sections(value)}
    parts = [INTRODUCTION, _table("The study itself", schema["description"], _rows(plain, definitions))]
    for key, value in keys.items():
        for name in _sections(value):
            definition = definitions[name]
            heading = f"`{key}`" if key != "models" else f"`models`, `kind: {kind_of(definition)}`"
            if value.get("type") == "array" and key != "models":
                heading += " (a list)"
            if value.get("type") == "object":
                heading += " (any number, each under a name)"
            rows = _rows(definition["properties"], definitions)
            parts.append(_table(heading, definition["description"], rows))
    return "\n".join(parts)


def _sections(value: Schema) -> list[str]:
    """Names of the definitions that a key refers to: directly, in a list, or in a mapping from names."""
    items = value.get("items", {})
    named = value.get("patternProperties", {}).values()
    places = [value, *value.get("anyOf", []), items, *items.get("anyOf", []), *named]
    return [place["$ref"].rpartition("/")[2] for place in places if "$ref" in place]


def _table(heading: str, description: str, rows: Iterator[tuple[str, str, str, str]]) -> str:
    lines = [f"## {heading}", "", " ".join(description.split("\n\n")[0].split()), ""]
    lines += ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*lines, ""])


def _rows(
    keys: Mapping[str, Schema], definitions: Schema, prefix: str = "", default: Any = None
) -> Iterator[tuple[str, str, str, str]]:
    """A row for each key: name, default, allowed, meaning. Keys of a nested section have its name before them."""
    for key, value in keys.items():
        own = default[key] if isinstance(default, Mapping) and key in default else value.get("default")
        inner = _sections(value)
        if inner:
            definition = definitions[inner[0]]
            if own is None and "anyOf" in value:
                yield f"`{prefix}{key}`", "`null`", "a section, or `null`", value.get("description", "")
            yield from _rows(definition["properties"], definitions, f"{prefix}{key}.", own)
        else:
            shown = _literal(own) if own is not None or "default" in value else ""
            yield f"`{prefix}{key}`", shown, _allowed(value), value.get("description", "")


def _literal(value: Any) -> str:
    """A value as it is written in a study's file."""
    if isinstance(value, (list, tuple)):
        shown = [f"{one:g}" if isinstance(one, float) else str(one) for one in value]
        if len(shown) > 6:
            shown = [*shown[:2], "…", shown[-1]]
        return f"`[{', '.join(shown)}]`"
    if isinstance(value, bool) or value is None:
        return f"`{'null' if value is None else str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) and float(f"{value:g}") == value else f"`{value}`"


def _allowed(value: Schema) -> str:
    """The type of a value and its bounds, in words."""
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_allowed(one) for one in value["anyOf"]))
    kind = value.get("type")
    if isinstance(kind, list):
        return "numbers such as `1-8, 11`"
    names = {"null": "`null`", "boolean": "`true`, `false`", "integer": "whole number", "number": "number"}
    bounds = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    limits = " and ".join(f"{sign} {value[bound]:g}" for bound, sign in bounds.items() if bound in value)
    if "prefixItems" in value:
        return f"[{', '.join(map(_allowed, value['prefixItems']))}]"
    if kind == "array":
        return f"list of: {_allowed(value['items'])}"
    return " ".join(filter(None, [names.get(str(kind), "text"), limits]))
