"""Presenter mode with a clicker's keys, and what is taken along to a talk: figures at slide size, runs as a page."""

import re
from pathlib import Path
from typing import Any

import pytest
from gestures import says
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

RUN = "explore?dataset=digits&n_queries=10&budget=40"


def ready(page: Any, status: str) -> None:
    """Wait until the run stands at `status` and can be stepped on."""
    says(page, status)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.alviz-buttons button')].some(b => b.textContent === 'Step' && !b.disabled)"
    )


def test_a_talk_is_given_with_a_clicker(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}{RUN}&present=1")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    assert page.locator("nav:visible, select:visible, input:visible, .jupyter-button:visible").count() == 0
    for key, status in (("PageDown", "round 0/3 · 10/40"), ("PageDown", "round 1/3 · 20/40"), ("ArrowRight", "round 2/3 · 30/40")):
        page.keyboard.press(key)
        ready(page, status)
    assert page.evaluate("document.fullscreenElement === document.documentElement")
    for key, status in (("PageUp", "round 1/3"), ("ArrowLeft", "round 0/3"), ("PageDown", "round 1/3"), ("PageDown", "round 2/3")):
        page.keyboard.press(key)
        says(page, status)
    expect(page).to_have_url(re.compile("run=.*present=1"))
    for width, height in ((1280, 720), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(
            "height => Math.abs(document.documentElement.style.getPropertyValue('--present-scale') - height / 540) < 0.01", arg=height
        )
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        for selector in (".alviz-reading", ".alviz-panel-title", ".alviz-status span", ".js-plotly-plot .xtick text"):
            page.wait_for_function(  # no line of type is smaller than a fiftieth of the screen
                """([selector, least]) => {
      const lines = [...document.querySelectorAll(selector)].map((one) => one.getBoundingClientRect().height).filter(Boolean);
      return lines.length > 0 && Math.min(...lines) >= least;
    }""",
                arg=[selector, height / 50],
            )
    # The plots are drawn small and made larger: what is pointed at must be what is seen there.
    page.wait_for_function(
        "() => { const p = document.querySelector('.js-plotly-plot'); return Math.abs(p.clientWidth - p._fullLayout.width) < 2; }"
    )
    x, y = page.evaluate(
        """() => {
      const plot = document.querySelector(".js-plotly-plot"), { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect(), stars = plot.data.at(-1);
      const scale = box.width / plot.clientWidth;
      return [box.left + scale * (xaxis._offset + xaxis.l2p(stars.x[0])), box.top + scale * (yaxis._offset + yaxis.l2p(stars.y[0]))];
    }"""
    )
    page.mouse.move(x - 4, y)
    page.mouse.move(x, y)
    page.wait_for_function(
        """() => {
      const plot = document.querySelector(".js-plotly-plot"), { xaxis, yaxis } = plot._fullLayout, stars = plot.data.at(-1), [hit] = plot._hoverdata ?? [];
      return hit && Math.hypot(xaxis.l2p(hit.x) - xaxis.l2p(stars.x[0]), yaxis.l2p(hit.y) - yaxis.l2p(stars.y[0])) < 4;
    }"""
    )
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    assert "present" not in page.url and not page.evaluate("Boolean(document.fullscreenElement)")
    page.get_by_role("button", name="Present").click()
    expect(page).to_have_url(re.compile("present=1"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Present")).to_be_visible()


def test_figures_and_runs_are_taken_along(app_url: str, page: Any, tmp_path: Path) -> None:
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
    assert layouts[0] == layouts[1] and '"width":960' not in layouts[0]  # the one on the page stays as it is

    save = page.get_by_role("button", name="Save", exact=True)
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
    found = (tmp_path / "saved.html").read_text(encoding="utf-8")
    assert "<title>random and margin on digits</title>" in found


def test_a_match_is_played_in_front_of_an_audience(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}versus?n_queries=2&present=1")
    for name, words in (("Start", "0 of 2 picked"), ("Surprise me", "2 of 2 picked"), ("Label and train", "Round 1:")):
        page.get_by_role("button", name=name, exact=True).click()
        says(page, words)
    assert page.locator("nav:visible, select:visible").count() == 0
