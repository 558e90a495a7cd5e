"""The Share sheet in a real Chromium: the link that it gives opens the same state for another visitor, without what it hides."""

from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_copied_link_opens_the_same_state_without_what_it_hides(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}explore?dataset=moons&strategy=entropy&rounds=2&round=1&color=score")
    page.wait_for_function("() => document.body.innerText.includes('round 1/')")
    page.get_by_role("button", name="Share", exact=True).click()
    sheet = page.get_by_role("dialog", name="Share")
    expect(sheet.get_by_label("Python", exact=True)).to_contain_text("alviz.strategies.create('entropy')")
    expect(sheet.get_by_label("BibTeX", exact=True)).to_contain_text("@")
    sheet.get_by_text("Hide or lock parts").click()
    sheet.get_by_label("hide Confusion", exact=True).check()
    sheet.get_by_label("lock Query strategy", exact=True).check()
    link = sheet.get_by_label("Link", exact=True).input_value()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_function("() => document.body.innerText.includes('round 1/')")
    expect(page.get_by_label("Colour by", exact=True)).to_have_value("score")
    expect(page.get_by_label("Query strategy", exact=True)).to_be_disabled()
    expect(page.get_by_role("heading", name="Learning curve", exact=True)).to_be_visible()
    expect(page.locator("h2", has_text="Confusion")).to_be_hidden()


AT_REST = "() => { const { drawn, wished } = document.querySelector('.alviz-hands')?.dataset ?? {}; return drawn !== undefined && drawn === wished; }"


def test_a_painted_pool_opens_elsewhere_point_for_point(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}toy?hands=paint&strategies=random,margin")
    stage, reading = page.locator(".alviz-hands-stage"), page.locator(".alviz-hands .alviz-reading")
    page.wait_for_function(AT_REST)
    stage.focus()
    for key in ("Space", "2", "Shift+ArrowRight", "Shift+ArrowRight", "Space"):
        page.keyboard.press(key)
    expect(page.locator(".alviz-hands-count")).to_have_text("24 points")
    page.wait_for_function("() => document.body.innerText.includes('logistic is right on')")
    page.wait_for_function(AT_REST)
    page.wait_for_function("() => (new URLSearchParams(location.search).get('hand.points') ?? '').length === 2 * (1 + 12 * 4) + 1")
    said, link = reading.inner_text(), page.evaluate("location.href")
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_function("() => document.querySelector('.alviz-hands-count')?.textContent === '24 points'")
    page.wait_for_function(AT_REST)
    expect(reading).to_have_text(said)
    page.wait_for_function("link => location.href === link", arg=link)
    stage.focus()
    page.keyboard.press("Space")  # painted on from there
    expect(page.locator(".alviz-hands-count")).to_have_text("36 points")


def test_nothing_can_be_clicked_before_the_address_is_read(app_url: str, page: Any) -> None:
    held: list[Any] = []
    page.route(lambda url: "url.js" in url, lambda route: held.append(route))
    page.goto(f"{app_url}explore?dataset=moons&n_queries=3")
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.wait_for_selector(".js-plotly-plot .main-svg")
    assert page.evaluate("() => getComputedStyle(document.querySelector('.alviz-page button')).pointerEvents") == "none"
    for route in held:
        route.continue_()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_function("() => document.body.innerText.includes('3/100 labels')")
