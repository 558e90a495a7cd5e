"""Presenter mode with a clicker's keys, and figures saved for slides, on the app's pages."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

RUN = "explore?dataset=digits&n_queries=10&budget=40"


def ready(page: Any, status: str) -> None:
    """Wait until the run stands at `status` and can be stepped on."""
    page.wait_for_function("words => document.body.innerText.includes(words)", arg=status)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.alviz-buttons button')].some(b => b.textContent === 'Step' && !b.disabled)"
    )


def test_a_talk_is_given_with_a_clicker(app_url: str, page: Any) -> None:
    page.goto(app_url + RUN)
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.keyboard.press("p")
    page.wait_for_function("() => document.fullscreenElement === document.documentElement")
    expect(page).to_have_url(re.compile("present=1"))
    for key, status in (
        ("PageDown", "round 0/3 · 10/40 labels"),
        ("PageDown", "round 1/3 · 20/40 labels"),
        ("ArrowRight", "round 2/3 · 30/40 labels"),
    ):
        page.keyboard.press(key)
        ready(page, status)
    for key, status in (("PageUp", "round 1/3"), ("ArrowLeft", "round 0/3"), ("PageDown", "round 1/3"), ("PageDown", "round 2/3")):
        page.keyboard.press(key)
        page.wait_for_function("words => document.body.innerText.includes(words)", arg=status)
    expect(page).to_have_url(re.compile("present=1"))  # also after the page has told its address anew
    assert page.locator("nav:visible, select:visible, input:visible, .jupyter-button:visible").count() == 0
    for width, height in ((1280, 720), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(
            "scale => document.documentElement.style.getPropertyValue('--present-scale').startsWith(scale)", arg=f"{height / 540:g}"[:4]
        )
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        sizes = page.locator(".alviz-reading:visible, .alviz-panel-title:visible, .xtick text").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().height)"
        )
        assert len(sizes) > 8 and min(sizes) >= height / 60
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    assert "present" not in page.url


def test_pointing_at_a_plot_meets_what_is_seen_there(app_url: str, page: Any) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(app_url + RUN + "&present=1")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.keyboard.press("PageDown")
    ready(page, "round 0/3 · 10/40 labels")
    page.wait_for_function("() => document.querySelector('.js-plotly-plot')?.data?.at(-1).name === 'just queried'")
    x, y = page.evaluate(
        """() => {
      const plot = document.querySelector(".js-plotly-plot"), { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect(), stars = plot.data.at(-1);
      const scale = box.width / plot.clientWidth;
      return [box.left + scale * (xaxis._offset + xaxis.l2p(stars.x[0])), box.top + scale * (yaxis._offset + yaxis.l2p(stars.y[0]))];
    }"""
    )
    page.mouse.move(x - 4, y)
    page.mouse.move(x, y)
    expect(page.locator(".alviz-thumbnail").first).to_have_class(re.compile("alviz-pointed"))
    page.keyboard.press("Escape")
    page.wait_for_function("() => !('present' in document.documentElement.dataset)")


def test_a_figure_is_saved_for_a_slide(app_url: str, page: Any) -> None:
    page.goto(app_url + RUN)
    page.wait_for_selector(".js-plotly-plot .main-svg")
    plot = page.locator(".js-plotly-plot").first
    saved, layouts = {}, []
    for kind in ("PNG", "SVG"):
        plot.hover()
        with page.expect_download() as started:
            plot.locator(f".modebar-btn[data-title='Save as {kind}']").click()
        assert started.value.suggested_filename == f"embedding-map.{kind.lower()}"
        saved[kind] = Path(started.value.path()).read_bytes()
        layouts.append(page.evaluate("JSON.stringify(document.querySelector('.js-plotly-plot').layout)"))
    assert [int.from_bytes(saved["PNG"][at : at + 4], "big") for at in (16, 20)] == [1920, 1080]
    text = saved["SVG"].decode()
    head = text[: text.index(">")]
    assert 'width="1920"' in head and 'height="1080"' in head and "Embedding map" in text
    assert layouts[0] == layouts[1] and "960" not in layouts[0]  # the one on the page stays as it is


def test_the_runs_on_the_page_are_saved_as_a_page(app_url: str, page: Any, tmp_path: Path) -> None:
    page.goto(app_url + RUN)
    save = page.get_by_role("button", name="Save as page")
    save.wait_for()
    expect(save).to_be_disabled()
    for strategy in ("margin", "random"):
        page.get_by_label("Query strategy", exact=True).select_option(strategy)
        page.get_by_role("button", name="Start", exact=True).click()
        page.wait_for_function("name => document.querySelector('.alviz-status').innerText.startsWith(name)", arg=strategy)
        ready(page, "round 0/3 · 10/40 labels")
    with page.expect_download() as started:
        save.click()
    assert started.value.suggested_filename == "random-margin-digits.html"
    started.value.save_as(tmp_path / "saved.html")
    other = page.context.new_page()
    other.goto((tmp_path / "saved.html").as_uri())
    other.wait_for_selector("html[data-round='0']")
    assert other.locator(".maps .name").all_inner_texts() == ["random", "margin"]
