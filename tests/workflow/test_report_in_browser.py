"""The report in a real browser: nothing is missing, nothing is wider than the page, nothing is fetched."""

import shutil

import pytest

BROWSER = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
PHONE, SCREEN = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("no browser is installed here (Debian's package chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def shown(browser, finished):
    """Open the report with a size of the window; gives the page and what the browser complained about or fetched."""
    pages = []

    def show(viewport):
        page = browser.new_page(viewport=viewport)
        pages.append(page)
        messages, requests = [], []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((finished.results / "report.html").as_uri())
        return page, messages, [url for url in requests if not url.startswith("data:")][1:]

    yield show
    for page in pages:
        page.close()


@pytest.mark.parametrize("viewport", [PHONE, SCREEN], ids=["phone", "screen"])
def test_everything_fits_and_nothing_is_missing(shown, viewport):
    page, messages, fetched = shown(viewport)
    assert messages == []
    assert fetched == []
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= viewport["width"]
    images = page.evaluate("[...document.images].map(image => [image.alt, image.naturalWidth, image.width])")
    assert len(images) > 10
    assert all(alt and natural > 0 and shown_width <= viewport["width"] for alt, natural, shown_width in images)


def test_the_page_answers_first_and_then_says_why_to_believe_it(shown):
    page, _, _ = shown(SCREEN)
    places = [
        page.locator(selector).first.bounding_box()["y"]
        for selector in ("h1", ".answer", "#why-believe-it", "#scores", "#tables", "#provenance")
    ]
    assert places == sorted(places)
    assert page.locator(".answer").text_content().count("ρ = ") >= 2
    states = page.locator("td span.passed, td span.failed, td span.warned").all_text_contents()
    assert len(states) >= 9
    colors = {
        name: page.evaluate(
            "name => { const found = document.querySelector('td span.' + name);"
            " return found && getComputedStyle(found).color }",
            name,
        )
        for name in ("passed", "failed")
    }
    assert colors["passed"] == "rgb(0, 112, 79)"
    for link in page.locator("table a").all():
        assert page.locator(f"[id='{link.get_attribute('href')[1:]}']").count() == 1


def test_it_prints_without_cutting_tables_off(shown):
    page, _, _ = shown({"width": 700, "height": 990})  # about a sheet of A4 without its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.locator("nav").is_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF")
