"""You vs strategy in a real Chromium: a match on a plane with clicks, one on pictures with the keyboard."""

from typing import Any

import pytest
from gestures import press, says
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def started(page: Any, address: str, words: str) -> None:
    page.goto(address)
    press(page, "Start")
    says(page, words)


def click_a_candidate(page: Any, number: int) -> None:
    """Click in the middle of a grey point of the board."""
    point = page.locator(".js-plotly-plot:visible .scatterlayer .trace").first.locator("path.point").nth(number)
    box = point.bounding_box()
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(at[0] - 1, at[1])
    page.mouse.move(*at)  # plotly clicks what it hovers over
    expect(page.locator(".js-plotly-plot:visible .hoverlayer .hovertext")).to_contain_text("class not known")
    page.mouse.click(*at)


def test_a_match_on_a_plane_is_clicked_to_its_score_card(app_url: str, page: Any) -> None:
    page.goto(app_url)
    page.get_by_role("link", name="You vs strategy", exact=True).last.click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.goto(f"{app_url}versus?steps=1&n_queries=3&seed=2")
    page.wait_for_selector(".js-plotly-plot:visible .scatterlayer path.point")
    press(page, "Start")
    says(page, "Round 1 of 1: 0 of 3 picked")
    page.wait_for_selector(".js-plotly-plot:visible .contourlayer path")  # the boundary
    go = page.get_by_role("button", name="Label and train", exact=True)
    for k, number in enumerate((20, 300), 1):
        click_a_candidate(page, number)
        says(page, f"{k} of 3 picked")
    go.click()
    says(page, "Pick 3 samples first, not 2")
    press(page, "Surprise me")
    says(page, "3 of 3 picked")
    go.click()
    says(page, "your 3 samples: it took")
    says(page, "Rounds won")
    expect(page.locator(".js-plotly-plot:visible .hoverlayer")).to_have_count(3)  # two planes and the curves
    press(page, "Undo")
    says(page, "Round 1 of 1: 3 of 3 picked")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_match_on_pictures_is_played_with_the_keyboard(app_url: str, page: Any) -> None:
    started(page, f"{app_url}versus?dataset=digits&steps=2&n_queries=10", "Round 1 of 2: 0 of 10 picked")
    pictures = page.get_by_role("group", name="Candidates").get_by_role("button")
    expect(pictures).to_have_count(60)
    assert pictures.first.get_attribute("aria-label").startswith("Sample ")
    pictures.first.focus()
    page.keyboard.press("Enter")
    says(page, "1 of 10 picked")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    says(page, "2 of 10 picked")
    picked = page.get_by_role("group", name="Your picks").get_by_role("button")
    expect(picked).to_have_count(2)
    picked.first.click()
    says(page, "1 of 10 picked")
    expect(pictures.first).to_have_attribute("aria-pressed", "false")
    page.get_by_label("Show the model's uncertainty").check()
    page.wait_for_function("() => document.querySelector('.alviz-candidates .alviz-thumbnail-number')?.textContent.endsWith('%')")
    press(page, "More ▶")
    says(page, "Candidates 61–120 of 1,387")
    pictures.nth(5).click()
    says(page, "2 of 10 picked")
    press(page, "Surprise me")
    says(page, "10 of 10 picked")
    page.get_by_role("button", name="Label and train", exact=True).focus()
    page.keyboard.press("Enter")
    says(page, "your 10 samples: it took")
    labelled = page.get_by_role("group", name="What the strategy picked").get_by_role("button")
    expect(labelled).to_have_count(10)
    assert "pred." in labelled.first.get_attribute("aria-label")
    expect(page.get_by_role("button", name="Next round", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    says(page, "Round 2 of 2: 0 of 10 picked")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
