"""A lesson in a real browser: read, guess by keyboard, learn the answer, go on to the next."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser


def test_a_guess_is_made_by_keyboard_and_its_answer_stays_beside_it(page: Any, app_url: str) -> None:
    from playwright.sync_api import expect

    page.goto(f"{app_url}lessons")
    page.get_by_role("link", name="2. Uncertainty and its blind spots").click()
    page.wait_for_selector(".shell-loading", state="detached")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Uncertainty and its blind spots")
    question = page.get_by_role("group", name="Which of the three measures ask for A before B?")
    box = page.locator(".alviz-guess-box", has=question)
    button = box.get_by_role("button", name="Lock in my guess")
    button.click()  # nothing chosen: the form says so by itself, and nothing is told
    expect(box.get_by_role("status").first).to_be_empty()
    question.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box.get_by_text("✗ Not so.")).to_be_visible()
    expect(box.get_by_role("button", name="Locked in")).to_be_focused()  # the next Tab goes on from here
    expect(box.locator("label", has_text="margin and least confidence")).to_contain_text("your guess")
    expect(box.locator("label", has_text="only margin")).to_contain_text("the answer")
    expect(question.get_by_role("radio").first).to_be_disabled()
    expect(box.get_by_role("table")).to_contain_text("entropy")
    expect(page.locator(".alviz-tally")).to_contain_text("0 right of 1 made")
    expect(page.locator(".alviz-tally")).to_contain_text("not yet")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in Axe().run(page).response["violations"]] == []
    page.locator(".shell-prose").get_by_role("link", name="Diversity", exact=True).click()
    page.wait_for_url("**/lessons/3-diversity")
    page.wait_for_selector(".shell-loading", state="detached")
    assert page.locator(".shell-failure").count() == 0


def test_a_lesson_is_reached_by_the_menu_also_on_a_tablet_and_saved_from_the_list(page: Any, app_url: str) -> None:
    from playwright.sync_api import expect

    page.set_viewport_size({"width": 800, "height": 1100})
    page.goto(f"{app_url}gallery")
    menu = page.get_by_role("navigation", name="Pages").get_by_role("link")
    assert len({round(link.bounding_box()["y"]) for link in menu.all()}) == 1  # on one line
    page.get_by_role("link", name="Lessons", exact=True).click()
    expect(page.get_by_role("link", name="Lessons", exact=True)).to_have_attribute("aria-current", "page")
    answers = [{"status": 503, "body": "full"}, {"status": 200, "body": "<p>the lesson</p>"}]
    page.route("**/lessons/*.html", lambda route: route.fulfill(**answers.pop(0)))
    link = page.get_by_role("link", name="Save Diversity as a file")
    card = page.locator("li", has=link)
    link.click()
    expect(card.get_by_role("status")).to_contain_text("could not write it")
    page.errors.clear()  # the browser's own word on the status
    with page.expect_download() as started:
        link.press("Enter")
    assert started.value.suggested_filename == "3-diversity.html"
    expect(card.get_by_role("status")).to_have_text("Saved.")
