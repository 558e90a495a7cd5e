"""Explore and Toy in a real Chromium, as a visitor meets them."""

from typing import Any

import pytest
from gestures import no_sideways_scrolling, press, says

pytestmark = pytest.mark.browser


def opened(page: Any, address: str) -> Any:
    """The page once its buttons and its first picture are there."""
    page.goto(address)
    page.get_by_role("button", name="Start", exact=True).wait_for()
    return page


def test_a_newcomer_steps_through_rounds_on_real_pictures(app_url: str, page: Any) -> None:
    page.goto(app_url)
    page.get_by_role("link", name="Explore", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.wait_for_selector(".js-plotly-plot .main-svg")  # the pool is there before anything is pressed
    assert page.get_by_role("button", name="Step", exact=True).is_disabled()
    press(page, "Start")
    says(page, "round 0/11 · 50/600 labels")
    press(page, "Step")
    says(page, "round 1/11 · 100/600 labels")
    page.wait_for_function("() => document.querySelector('.alviz-thumbnail')?.ariaLabel.includes('pred.')")
    pictures = page.locator(".alviz-thumbnail:visible")
    assert pictures.count() == 50
    label = pictures.first.get_attribute("aria-label")
    assert label and "pred." in label and "score" in label
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= 4")
    press(page, "Undo")
    says(page, "round 0/11 · 50/600 labels")
    assert no_sideways_scrolling(page)


def test_a_strategys_parameters_are_set_refused_and_shared(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}explore?dataset=digits&n_queries=10&budget=40")
    menu = page.get_by_label("Query strategy", exact=True)
    headings = menu.locator("optgroup").evaluate_all("groups => groups.map((group) => group.label)")
    assert headings[0] == "Baseline" and "Gradients" in headings
    menu.select_option("probcover")
    size = page.get_by_label("alpha", exact=True)
    size.fill("7")
    size.press("Enter")
    says(page, "alpha must be a number in")
    page.wait_for_function("() => [...document.querySelectorAll('input')].some((input) => input.value === '0.95')")
    size.fill("0.8")
    size.press("Enter")
    page.wait_for_function("() => location.search.includes('strategy.alpha=0.8')")
    press(page, "Start")
    says(page, "round 0/3")
    press(page, "Step")
    says(page, "round 1/3 · 20/40 labels")
    assert no_sideways_scrolling(page)


def test_clicking_a_picture_marks_it_and_the_timeline_looks_back(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}explore?dataset=digits&n_queries=10&budget=40")
    press(page, "Start")
    says(page, "round 0/3")
    press(page, "Run")
    says(page, "round 3/3 · 40/40 labels")
    first = page.locator(".alviz-thumbnail:visible").first
    first.click()
    page.wait_for_function("() => document.querySelector('.alviz-thumbnail[aria-pressed=true]')")
    slider = page.get_by_role("slider", name="Round shown")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    says(page, "round 2/3 · 30/40 labels")
    page.keyboard.press("Home")
    says(page, "round 0/3 · 10/40 labels")
    press(page, "Branch")
    says(page, "margin from round 0")


def test_a_map_selection_shows_the_selected_pictures(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}explore?dataset=digits&n_queries=10&budget=40")
    press(page, "Start")
    says(page, "round 0/3")
    area = page.locator(".js-plotly-plot .draglayer .nsewdrag").first
    box = area.bounding_box()
    assert box is not None
    left, top, width, height = box["x"], box["y"], box["width"], box["height"]
    page.mouse.move(left + 0.2 * width, top + 0.2 * height)
    page.mouse.down()
    for across, down in ((0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.2)):
        page.mouse.move(left + across * width, top + down * height, steps=4)
    page.mouse.up()
    page.wait_for_function("() => /\\d+ selected samples/.test(document.body.innerText)")


def test_a_wrong_setting_gets_a_sentence_and_the_run_stays(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}explore?dataset=moons")
    press(page, "Start")
    says(page, "round 0/")
    budget = page.get_by_label("Total budget", exact=True)
    budget.fill("3")
    budget.press("Tab")
    press(page, "Start")
    says(page, "The total budget is 3, less than the 5 labels of one round")
    says(page, "round 0/")
    assert "Traceback" not in page.inner_text("body")


def test_a_greyed_out_strategy_says_why_and_its_card_follows(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}explore?dataset=moons")
    menu = page.get_by_label("Query strategy", exact=True)
    bald = menu.locator("option[value=bald]")
    assert bald.is_disabled()
    assert "needs a learner like ensemble or mlp-dropout" in (bald.text_content() or "")
    page.get_by_label("Learner", exact=True).select_option("ensemble")
    page.wait_for_function("() => !document.querySelector('option[value=bald]').disabled")
    menu.select_option("bald")
    says(page, "BALD.")
    page.get_by_text("Needs, cost, strengths, paper").click()
    says(page, "Houlsby")


def test_a_reload_offers_the_saved_run(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}explore?dataset=moons")
    press(page, "Start")
    says(page, "round 0/")
    press(page, "Step")
    says(page, "round 1/")
    page.wait_for_function("() => location.search.includes('run=')")
    page.reload()
    says(page, "round 1/")


def test_toy_steps_strategies_side_by_side_and_makes_the_table(app_url: str, page: Any) -> None:
    page.goto(app_url)
    page.get_by_role("link", name="Toy", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.locator(".alviz-settings").get_by_label("Learner", exact=True).select_option("linear-svm")
    press(page, "Start")
    says(page, "round 0/3 · 5/20 labels")
    press(page, "Step")
    says(page, "round 1/3 · 10/20 labels")
    page.wait_for_function("() => document.querySelectorAll('.alviz-plane .js-plotly-plot .main-svg').length >= 3")
    page.get_by_label("Background", exact=True).locator("visible=true").select_option("score")
    says(page, "deeper violet")
    seeds = page.get_by_label("Seeds", exact=True)
    seeds.fill("3")
    seeds.press("Tab")
    press(page, "Make the table")
    says(page, "3 seeds from 0 on")
    assert no_sideways_scrolling(page)


def test_cancel_stops_the_table(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}toy?steps=20")
    seeds = page.get_by_label("Seeds", exact=True)
    seeds.fill("1000")
    seeds.press("Tab")
    press(page, "Make the table")
    cancel = page.get_by_role("button", name="Cancel", exact=True)
    page.wait_for_function("() => /\\d+%/.test(document.body.innerText)")
    cancel.click()
    says(page, "Cancelled")


def test_a_number_that_cannot_be_is_refused_at_its_field(app_url: str, page: Any) -> None:
    from playwright.sync_api import expect

    opened(page, f"{app_url}explore?dataset=moons")
    field = page.get_by_label("Labels per round", exact=True)
    expect(field).to_have_value("5")  # as the address has it
    for typed, words in (
        ("-5", "not -5"),
        ("2.5", "not 2.5"),
        ("1e9", "not 1,000,000,000"),
        ("", "Wanted a whole number from 1 to 100,000."),
    ):
        field.fill(typed)
        field.press("Tab")
        says(page, words)
        assert field.input_value() == "5"
    field.fill("7")
    field.press("Tab")
    page.wait_for_function("() => !document.body.innerText.includes('Wanted a whole number')")
    press(page, "Start")
    says(page, "7/100 labels")


def test_hundreds_of_rounds_fit_and_run_to_their_end(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}explore?dataset=moons&n_queries=1&budget=300")
    press(page, "Start")
    says(page, "round 0/299")
    slider = page.get_by_role("slider", name="Round shown")
    inside = """track => {
        const box = track.getBoundingClientRect();
        return [...track.children].every(e => e.getBoundingClientRect().left >= box.left - 1 && e.getBoundingClientRect().right <= box.right + 1);
    }"""
    assert slider.evaluate(inside)
    press(page, "Run")
    says(page, "round 299/299 · 300/300 labels")
    assert slider.evaluate(inside)
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("() => { const r = document.body.innerText.match(/round (\\d+)\\/299/); return r && Math.abs(r[1] - 150) < 5; }")


def test_the_buttons_stay_in_sight_when_the_page_is_scrolled(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}explore?dataset=digits")
    press(page, "Start")
    says(page, "round 0/")
    page.wait_for_function("() => document.documentElement.scrollHeight > innerHeight + 100")
    page.mouse.move(600, 600)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    box = page.get_by_role("button", name="Step", exact=True).bounding_box()
    assert box is not None and 0 <= box["y"] < 60


def test_this_rounds_pictures_are_on_the_first_screen(app_url: str, page: Any) -> None:
    opened(page, f"{app_url}explore")
    press(page, "Start")
    says(page, "round 0/")
    press(page, "Step")
    says(page, "round 1/")
    page.wait_for_function("() => document.querySelector('.alviz-thumbnail-line')")
    box = page.locator(".alviz-thumbnail:visible").first.bounding_box()
    assert box is not None and box["y"] + box["height"] <= 800
