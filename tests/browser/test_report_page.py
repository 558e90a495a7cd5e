"""The report opened from the disk, offline: it draws its figures, asks nobody for anything, and can be printed and read without scripts."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from alviz.report import write
from alviz.studies import Store
from alviz.studies.compare import go_on
from alviz.studies.grid import parse

pytestmark = pytest.mark.browser

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
A4 = (210 - 2 * 14) / 25.4 * 96
"""Width of what is printed, in CSS pixels."""

CONTRAST = """selectors => {
  const channels = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = el => { for (; el; el = el.parentElement) { const c = channels(getComputedStyle(el).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } };
  const found = [];
  for (const el of document.querySelectorAll(selectors)) {
    const style = getComputedStyle(el), own = channels(el.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const [a, b] = [light(own), light(ground(el))].sort((x, y) => y - x);
    found.push((a + 0.05) / (b + 0.05));
  }
  return found;
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report in which everything has a hostile name."""
    folder = tmp_path_factory.mktemp("report")
    grid = parse(
        {
            "name": EVIL,
            "datasets": [{"name": "digits", "label": EVIL}],
            "learners": ["logistic"],
            "strategies": ["random", {"name": "margin", "label": EVIL}],
            "rounds": 2,
            "seeds": 2,
            "n_queries": 20,
        }
    )
    store = Store(f"sqlite:///{folder / 'runs.db'}")
    go_on(grid, store, workers=0)
    return write(grid, store, folder / "report.html").as_uri()


@pytest.fixture
def opened(chromium: Any, address: str) -> Iterator[Any]:
    """Opens the report in a new page; no dialog, error or request may come of it."""
    contexts = []
    wrong: list[str] = []

    def open_(**settings: Any) -> Any:
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, offline=True, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: None if request.url.startswith((address, "blob:")) else wrong.append(request.url))
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.goto(address)
        if settings.get("java_script_enabled", True):
            page.wait_for_selector("html[data-figures]")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


def test_every_figure_is_drawn_and_nothing_is_asked_of_anybody(opened: Any) -> None:
    page = opened()
    plots = page.locator(".plot")
    assert plots.count() == 7 == page.locator(".plot .main-svg").evaluate_all("all => new Set(all.map(svg => svg.closest('.plot'))).size")
    assert all(width > 300 for width in plots.evaluate_all("all => all.map(plot => plot.querySelector('.main-svg').clientWidth)"))
    assert page.title() == EVIL == page.locator("h1").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.locator("#undrawn").is_hidden()


def test_a_figure_is_saved_as_svg(opened: Any) -> None:
    page = opened()
    with page.expect_download() as started:
        page.get_by_role("button", name="Save as SVG").first.click()
    assert started.value.suggested_filename == "figure-1-curves.svg"
    assert Path(started.value.path()).read_text(encoding="utf-8").startswith("<svg")


def test_the_grid_is_saved_from_the_page_itself(opened: Any) -> None:
    page = opened()
    with page.expect_download() as started:
        page.get_by_role("link", name="grid.json").click()
    saved = Path(started.value.path()).read_text(encoding="utf-8")
    page.locator("[aria-labelledby=again] summary").click()
    assert saved.split() == page.locator("[aria-labelledby=again] details pre").inner_text().split()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_read_in_either_theme(opened: Any, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    for selectors in (
        "h1, h2, h3, p, td, th, caption, figcaption, dt, dd, cite, pre, .help, .interval, a, button",
        ".plot .xtick text, .plot .ytick text",
    ):
        found = page.evaluate(CONTRAST, selectors)
        assert len(found) > 20 and min(found) >= 4.5


def test_whoever_cannot_see_is_told_the_same(opened: Any) -> None:
    page = opened()
    pictures = page.get_by_role("img").all()
    assert len(pictures) == 7
    for plot in pictures:
        assert len(plot.get_attribute("aria-label")) > 20
        assert plot.locator("a[href], button, [tabindex]").count() == 0  # nothing to reach inside of a picture
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))
    names = page.get_by_role("button").evaluate_all("all => all.map(one => one.textContent.trim())")
    assert names and all(names)
    assert page.get_by_role("main").count() == 1


def test_it_prints_on_white_within_the_page(opened: Any) -> None:
    page = opened(color_scheme="dark")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": int(A4), "height": 1000})
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    expect(page.locator(".plot .xtick text").first).to_have_css("fill", "rgb(86, 97, 112)")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.locator("button:visible").count() == 0
    assert page.locator("[aria-labelledby=again] details pre").is_visible()  # also where nobody opened it
    assert not page.locator("details.bibtex").is_visible()
    assert set(page.locator("figure").evaluate_all("all => all.map(one => getComputedStyle(one).breakInside)")) == {"avoid"}
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_without_scripts_tables_and_readings_stay(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    page.get_by_text("drawn by a script, which did not run here").wait_for()
    assert page.locator("table.numbers").is_visible()
    assert page.locator(".plot:visible").count() == 0
    captions = page.locator("figcaption")
    assert captions.count() == 7 and all(caption.is_visible() for caption in captions.all())
