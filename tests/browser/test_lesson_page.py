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
    check_that_it_is_presented(page)
    page.locator(".shell-prose").get_by_role("link", name="Diversity", exact=True).click()
    page.wait_for_url("**/lessons/3-diversity?present=1")
    page.wait_for_selector(".shell-loading", state="detached")
    assert page.locator(".shell-failure").count() == 0


SEEN = """() => {
    const boxes = [...document.querySelectorAll('.shell-lesson :is(.shell-cell, h2)')];
    return boxes.flatMap((box, k) => {
        const { top, bottom } = box.getBoundingClientRect();
        return top >= -2 && bottom <= innerHeight + 2 || bottom - top > innerHeight && top <= 20 ? [k] : [];
    });
}"""
"""The questions, planes and headings that are wholly on the screen; of one that is larger than that, its beginning."""


def check_that_it_is_presented(page: Any) -> None:
    """In large type; a clicker's keys leave its planes alone and bring one part after the other on the screen, and back."""
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.evaluate("scrollTo(0, 0)")
    text = page.locator(".shell-prose p").first
    small = text.bounding_box()["height"]
    page.locator("body").press("p")
    page.wait_for_selector(":root[data-present]")
    assert text.bounding_box()["height"] == pytest.approx(2 * small, rel=0.05)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_role("radio", disabled=False).first.focus()  # a field that is answered does not keep a clicker's keys
    page.evaluate("scrollTo(0, 0)")
    stops, seen = [0], set(page.evaluate(SEEN))
    for _ in range(40):
        page.keyboard.press("PageDown")
        if page.evaluate("scrollY") == stops[-1]:
            break
        stops.append(page.evaluate("scrollY"))
        seen |= set(page.evaluate(SEEN))
    assert seen == set(range(page.locator(".shell-lesson :is(.shell-cell, h2)").count()))
    assert {timeline.get_attribute("aria-valuemax") for timeline in page.locator(".alviz-timeline").all()} == {"0"}  # nothing was started
    for stop in reversed(stops[:-1]):
        page.keyboard.press("PageUp")
        assert page.evaluate("scrollY") == stop
    page.keyboard.press("PageDown")
    part = page.evaluate(SEEN)[0]
    page.locator("body").press("p")  # who leaves stays where they are
    page.wait_for_selector(":root:not([data-present])")
    assert part in page.evaluate(SEEN)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.locator("body").press("p")


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
