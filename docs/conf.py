"""How Sphinx builds the documentation; `make docs` runs it."""

import re
from importlib.metadata import version as version_of
from typing import Any

project = "glassbotan"
author = "The glassbotan developers"
version = release = version_of("glassbotan")

extensions = [
    "myst_nb",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "api/modules.rst"]

myst_heading_anchors = 3
highlight_language = "none"  # of blocks that name none, such as formulas
nb_execution_mode = "off"  # the notebook keeps the output of its last run; a test runs it

# The API reference is made from the docstrings, a page for each package.
apidoc_modules = [{"path": "../src/glassbotan", "destination": "api", "max_depth": 2, "no_headings": False}]
autodoc_member_order = "bysource"
autodoc_mock_imports = ["hoomd", "triton"]
default_role = "code"  # what docstrings have in single backticks
napoleon_google_docstring = False
napoleon_use_param = False  # shapes such as (N, 3) are no types to link to
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"glassbotan {version}"

OF_ONE_VALUE = {"attribute", "data", "property"}
written: dict[str, list[str]] = {}


def before_napoleon(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Make indented formulas literal, and escape | and * elsewhere, which have no meaning of reStructuredText."""
    result: list[str] = []
    for line in lines:
        indented, after_blank = line.startswith("    "), not result or not result[-1]
        in_formula = (
            indented and "::" in result and all(not one or one.startswith("    ") for one in since(result, "::"))
        )
        if indented and after_blank and not in_formula:
            result += ["::", ""]
            in_formula = True
        parts = re.split(r"(`[^`]*`)", line)
        escaped = "".join(part if part.startswith("`") else re.sub(r"([|*])", r"\\\1", part) for part in parts)
        result.append(line if in_formula else escaped)
    lines[:] = result
    written[name] = [*lines]


def since(lines: list[str], mark: str) -> list[str]:
    """The lines after the last one that is a mark."""
    return lines[len(lines) - lines[::-1].index(mark) :]


def after_napoleon(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Restore what is written below attributes, where napoleon takes everything before a colon for a type."""
    if what in OF_ONE_VALUE:
        lines[:] = written[name]


def setup(app: Any) -> None:
    """Connect the functions above to Sphinx."""
    app.connect("autodoc-process-docstring", before_napoleon, priority=400)
    app.connect("autodoc-process-docstring", after_napoleon, priority=600)
