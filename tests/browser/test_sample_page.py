"""Why this sample, in a real Chromium."""

from typing import Any

import pytest
from gestures import press, says

pytestmark = pytest.mark.browser

PLACES = """() => Object.fromEntries([...document.querySelectorAll('.alviz-ranks > li')].map((row) => [row.firstChild.title, row.lastChild.innerText.trim()]))"""


def test_a_sample_says_who_picked_it_and_every_strategy_ranks_it(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}explore?dataset=digits&n_queries=10&budget=40")
    page.get_by_role("button", name="Start", exact=True).wait_for()
    press(page, "Start")
    says(page, "round 0/3")
    press(page, "Step")
    says(page, "round 1/3")
    page.wait_for_function("() => document.querySelector('.alviz-thumbnail')?.ariaLabel.includes('pred.')")
    pictures = page.locator(".alviz-thumbnail:visible")
    box = pictures.first.bounding_box()
    assert box is not None and box["y"] + box["height"] <= 800  # the card stands below: the pictures stay on the first screen
    pictures.nth(3).click()
    says(page, "in round 1, as number 4 of 10, by margin")
    press(page, "Rank it under every strategy")
    slow = page.get_by_role("button", name="slow strategies too")
    slow.wait_for()
    places = page.evaluate(PLACES)
    assert places["margin"] == "★ 4" and len(places) > 20
    assert all(place == "–" or 1 <= int(place.strip("★ ").replace(",", "")) <= 1797 - 10 for place in places.values())
    pictures.nth(0).click()
    page.wait_for_function("() => document.querySelector('.alviz-ranks > li b')?.innerText.trim() === '★ 1'")
    kept = page.evaluate(PLACES)
    assert kept["margin"] == "★ 1" and kept.keys() == places.keys()
    slow.click()
    says(page, "is at work")
    press(page, "Cancel ranking")
    page.get_by_role("button", name="Rank it under").wait_for()
    assert page.evaluate(PLACES).items() >= kept.items()
    press(page, "Undo")
    says(page, "round 0/3")
    page.wait_for_function("() => !document.querySelector('.alviz-ranks')")
