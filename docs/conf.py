"""How Sphinx builds the documentation; `make docs` runs it."""

from importlib.metadata import version as version_of

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
exclude_patterns = ["_build"]

myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebook keeps the output of its last run; a test runs it

# The API reference is made from the docstrings, a page for each package.
apidoc_modules = [{"path": "../src/glassbotan", "destination": "api", "max_depth": 2, "no_headings": False}]
autodoc_member_order = "bysource"
autodoc_mock_imports = ["hoomd", "triton"]
autodoc_typehints = "description"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"glassbotan {version}"
