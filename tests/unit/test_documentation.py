"""The documentation is in step with the code: links, generated pages, the lists of figures and stages."""

import re
from pathlib import Path

import pytest

from glassbotan.cli import Program
from glassbotan.evaluate.figures.registry import figures
from glassbotan.study.reference import settings_page

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / name / "README.md" for name in ("results", "benchmarks")),
    ]
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
OUTSIDE = re.compile(r"https?://")


def without_code(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    """Anchors of a page's headings, as GitHub and Sphinx make them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in LINK.findall(without_code(page.read_text())):
        if OUTSIDE.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if path.startswith("api/"):  # made by Sphinx from the package's modules
            module = Path(path).stem.replace(".", "/")
            assert (ROOT / "src" / module).is_dir(), link
            continue
        assert target.exists(), f"{page.name} links to {link}, which does not exist"
        if anchor:
            assert anchor in anchors(target), f"{page.name} links to {link}, but {target.name} has no such heading"


def test_every_page_can_be_reached():
    """By following links from the README or from the index of the documentation."""
    reached, waiting = set(), [ROOT / "README.md", ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = [link.partition("#")[0] for link in LINK.findall(page.read_text()) if not OUTSIDE.match(link)]
        waiting += [(page.parent / link).resolve() for link in links if (page.parent / link).is_file()]
        for tree in re.findall(r"```\{toctree\}.*?```", page.read_text(), re.DOTALL):
            waiting += [page.parent / f"{name}.md" for name in tree.split() if (page.parent / f"{name}.md").is_file()]
    assert {*PAGES} == reached


def test_the_page_of_settings_is_that_of_the_models():
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page(), (
        "run glassbotan schema --markdown > docs/settings.md"
    )


def test_every_figure_is_listed_with_its_number_in_the_paper():
    text = (ROOT / "results" / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)[^|]*`[^|]*\|[^|]*\|([^|]*)\|$", text.partition("## Figures")[2], re.MULTILINE))
    names = {re.sub(r"_\{.*", "", figure.name): figure.paper for figure in figures()}
    assert {re.sub(r"_(T\d|shells).*", "", name): paper.strip() for name, paper in rows.items()} == names


def test_every_figure_has_words_to_it():
    for figure in figures():
        assert figure.title[0].isupper()
        assert len(figure.caption) > 40
        assert figure.caption.endswith(".")
        assert (figure.paper == "") or re.fullmatch(r"Fig\. \d+", figure.paper)


def test_every_stage_is_explained():
    """The page on running has a row for each command that makes a product of the workflow."""
    rules = "\n".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    stages = {*re.findall(r"glassbotan ([a-z-]+) ", rules)} - {"import"}
    commands = {(field.alias or name).replace("_", "-") for name, field in Program.model_fields.items()}
    assert stages < commands
    rows = {*re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "running.md").read_text(), re.MULTILINE)}
    assert rows == stages
