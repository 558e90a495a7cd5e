"""Slow motion in a real Chromium."""

from typing import Any

import pytest
from gestures import press, says

pytestmark = pytest.mark.browser

WATCH = """() => {
    const [track, plot] = [document.querySelector('.alviz-chapters'), document.querySelector('.alviz-plot-area')];
    window.seen = [track.ariaValueText];
    window.readings = [];
    new MutationObserver(() => { if (seen.at(-1) !== track.ariaValueText) seen.push(track.ariaValueText); })
        .observe(track, { attributes: true, attributeFilter: ['aria-valuetext'] });
    const heard = document.querySelector('.alviz-heard');
    new MutationObserver(() => readings.push(heard.textContent)).observe(heard, { childList: true });
}"""


def stands(page: Any, caption: str) -> None:
    """Wait until the walk has come to `caption`."""
    page.wait_for_function("caption => document.querySelector('.alviz-chapters')?.ariaValueText === caption", arg=caption)


def card(page: Any) -> list[float]:
    """Place and size of the map's card and of the one below."""
    boxes = page.evaluate("[...document.querySelectorAll('.alviz-panel')].slice(1, 3).map((card) => card.getBoundingClientRect().toJSON())")
    return [round(box[side]) for box in boxes for side in ("x", "y", "width", "height")]


def opened(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.wait_for_selector(".js-plotly-plot .main-svg")
    press(page, "Start")
    says(page, "round 0/")


@pytest.mark.parametrize("dataset", ["gaussians", "digits"])
def test_a_step_plays_through_its_phases(app_url: str, page: Any, dataset: str) -> None:
    opened(page, f"{app_url}explore?dataset={dataset}&n_queries=3&budget=30")
    usual = card(page)
    press(page, "Slow motion")
    stands(page, "Round 0, picks: 1 of 3")
    page.get_by_label("Speed", exact=True).select_option("4")
    page.evaluate(WATCH)
    press(page, "Step")
    stands(page, "Round 1, model")
    page.get_by_role("button", name="Play", exact=True).wait_for()  # at the end it stops
    phases = ["scores", "ranking", *(f"picks: {k} of 3" for k in (1, 2, 3)), "labels", "model"]
    assert page.evaluate("seen") == ["Round 0, picks: 1 of 3", *(f"Round 1, {phase}" for phase in phases)]
    heard = page.evaluate("readings")
    assert heard[-1].startswith("Trained anew") or heard[-1].startswith("The model")
    assert any(text.startswith("In descending order") for text in heard) and not any("Pick 2 of 3" in text for text in heard)
    assert card(page) == usual
    press(page, "Slow motion")
    page.get_by_label("Colour by", exact=True).wait_for()
    assert card(page) == usual


def test_the_walk_goes_by_keys(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}explore?dataset=digits&n_queries=3&budget=30")
    press(page, "Step")
    says(page, "round 1/")
    page.get_by_role("button", name="Slow motion", exact=True, pressed=False).focus()
    page.keyboard.press("Enter")
    stands(page, "Round 1, scores")
    page.wait_for_function("() => document.activeElement.className === 'alviz-chapters'")
    page.get_by_role("button", name="Slow motion", exact=True, pressed=True).wait_for()
    for key, caption in (
        ("End", "model"),
        ("ArrowLeft", "labels"),
        ("ArrowLeft", "picks: 3 of 3"),
        ("Home", "scores"),
        ("ArrowRight", "ranking"),
    ):
        page.keyboard.press(key)
        stands(page, f"Round 1, {caption}")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Pause", exact=True).wait_for()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.locator(".alviz-chapter").nth(3).click()
    stands(page, "Round 1, labels")
    press(page, "Slow motion")
    page.get_by_label("Colour by", exact=True).wait_for()
    page.wait_for_function(  # the map has the whole pool again, not what is left of the walk's range
        """() => {
      const { data, _fullLayout: { xaxis, yaxis } } = document.querySelector('.js-plotly-plot');
      const inside = (axis, v) => v === null || (v >= Math.min(...axis.range) && v <= Math.max(...axis.range));
      return xaxis.autorange && data.every((trace) => [...trace.x].every((x, i) => inside(xaxis, x) && inside(yaxis, trace.y[i])));
    }"""
    )
