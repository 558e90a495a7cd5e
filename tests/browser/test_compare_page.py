"""Compare in a real Chromium: a grid put together, run, cancelled, gone on with, read, and one of its runs opened."""

from typing import Any

import pytest
from gestures import press, says

pytestmark = pytest.mark.browser


def fill(page: Any, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Tab")


def test_a_grid_is_run_read_and_opened(app_url: str, page: Any) -> None:
    page.goto(app_url)
    page.get_by_role("link", name="Compare", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).wait_for()
    says(page, "0/20 runs")
    press(page, "Leave out typiclust")
    says(page, "0/15 runs")
    page.get_by_label("Query strategies", exact=True).select_option("entropy")
    says(page, "0/20 runs")
    fill(page, "Labels per round", "10")
    says(page, "0/40 runs")
    press(page, "Leave out 20")
    says(page, "0/20 runs")
    fill(page, "Seeds", "2")
    says(page, "0/8 runs")
    fill(page, "Rounds", "100")
    says(page, "0/808 rounds")

    press(page, "Run")
    page.wait_for_function("() => /[1-9]\\d* of 8 runs|0\\.\\d+ %|[1-9]\\d* %/.test(document.body.innerText)")
    press(page, "Cancel")
    says(page, "Cancelled: what was under way is given up, what was finished is kept.")
    fill(page, "Rounds", "2")
    says(page, "/24 rounds")
    run = page.get_by_role("button", name="Run", exact=True)
    if run.is_enabled():  # unless all was done before it was cancelled
        run.click()
    says(page, "8 of 8 runs are finished")
    says(page, "2 seeds cannot decide")
    says(page, "has the best balance of wins, ties and losses")
    says(page, "choose most alike with the same seed")
    page.wait_for_function("() => location.search.includes('comparison=')")

    page.get_by_label("with", exact=True).select_option("margin")
    says(page, "against margin")
    page.wait_for_function("() => location.search.includes('reference=margin')")
    cells = page.locator('.alviz-panel:has(h2:text-is("Runs")) .js-plotly-plot .nsewdrag')
    box = cells.bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.4 * box["height"])  # second row, second seed
    says(page, "margin, digits, seed 1: 2 rounds, 30 labels")
    fill(page, "Round", "1")
    page.wait_for_function("() => document.querySelector('.alviz-open').href.includes('round=1&')")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    address = page.url
    page.goto(page.locator(".alviz-open").evaluate("link => link.href"))
    says(page, "round 1/")
    page.goto(address)
    says(page, "8 of 8 runs are finished")
    page.wait_for_function(
        "() => [...document.querySelectorAll('label')].some((one) => one.textContent === 'with' && one.control.value === 'margin')"
    )
