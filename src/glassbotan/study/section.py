"""What every section of a study has in common.

A section is both a part of a study's YAML file and a group of options of the commands that need it, so that the file,
the command line and its help, the JSON schema for editors, the documentation and the checks always agree.
"""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema


class Section(BaseModel):
    """A group of settings. It cannot be changed after it is made, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _configuration_numbers(value: Any) -> Any:
    """Read `"1-8, 11"` (or a list of such strings and integers) as a tuple of configuration numbers."""
    if value in (None, ""):
        return ()
    items = value if isinstance(value, (list, tuple)) else [value]
    numbers: list[int] = []
    for item in items:
        for part in str(item).split(","):
            bounds = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
            if bounds is None:
                raise ValueError(f"expected configurations such as 1-8 or [1, 2, 11-12], found {part.strip()!r}")
            first = int(bounds[1])
            last = int(bounds[2] or first)
            if last < first or first < 1:
                raise ValueError(f"a range of configurations counts upwards from 1 or more, found {part.strip()!r}")
            numbers.extend(range(first, last + 1))
    if len(set(numbers)) < len(numbers):
        raise ValueError("a configuration is named twice")
    return tuple(sorted(numbers))


Configurations = Annotated[
    tuple[int, ...],
    BeforeValidator(_configuration_numbers),
    WithJsonSchema({"type": ["string", "integer", "array"], "items": {"type": ["string", "integer"]}}),
]
"""Numbers of configurations, written as 1-8, 11 or [1, 2, 11-12]."""
