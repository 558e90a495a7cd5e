"""Figures of alviz as SVG files, drawn by plotly.js in a headless Chromium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from alviz.figures import Drawing

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
INK, PAPER = "#1f2328", "#ffffff"
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"

SAME_NAMES = "let alvizNext = 1; Math.random = () => (alvizNext = (alvizNext * 16807) % 2147483647) / 2147483647;"
"""plotly.js names clip paths at random; with names in the same order a figure that has not changed is the same file."""

DRAW = """async ([figure, width, height]) => {
    alvizNext = 1;
    const url = await Plotly.toImage(JSON.parse(figure), {format: "svg", width, height});
    return decodeURIComponent(url.slice(url.indexOf(",") + 1));
}"""


@contextmanager
def drawing_board() -> "Iterator[Page]":
    """A page with plotly.js on it, which asks nothing of the network."""
    import plotly
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            page = browser.new_page()
            page.add_script_tag(content=SAME_NAMES)
            page.add_script_tag(path=Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
            yield page
        finally:
            browser.close()


def draw(page: "Page", drawing: "Drawing", path: Path, width: int = 760, height: int = 380) -> None:
    """Write the picture to `path`, dark on white, so that it can be read on light and dark pages."""
    figure = drawing.plotly()
    figure.update_layout(
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        font={"family": FONT, "size": 12, "color": INK},
        margin={side: room + 8 for side, room in drawing.figure["layout"]["margin"].items()},
    )
    picture = page.evaluate(DRAW, [figure.to_json(), width, height])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(picture, encoding="utf-8")
