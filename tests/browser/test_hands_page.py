"""By hand on the Toy page: what is dragged and painted is followed by the model and the next picks, and can be run."""

import re
from typing import Any

import pytest

pytestmark = pytest.mark.browser

AT_REST = """() => {
  const { drawn, wished } = document.querySelector(".alviz-hands")?.dataset ?? {};
  return drawn !== undefined && drawn === wished;
}"""
COLOR = """([x, y]) => {
  const canvas = document.querySelector(".alviz-hands-canvas");
  return [...canvas.getContext("2d").getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
}"""


def opened(page: Any, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(".alviz-hands[data-drawn]")
    page.wait_for_function(AT_REST)


def spot(page: Any, x: float, y: float) -> tuple[float, float]:
    box = page.locator(".alviz-hands-stage").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Any, start: tuple[float, float], *to: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    for place in to:
        page.mouse.move(*place, steps=5)
    page.mouse.up()
    page.wait_for_function(AT_REST)


def test_the_boundary_and_the_picks_follow_a_dragged_gaussian(app_url: str, page: Any) -> None:
    from playwright.sync_api import expect

    opened(page, f"{app_url}toy?hands=gaussians")
    handle = page.get_by_role("button", name="Gaussian 1, class A")
    red, _, blue, _ = page.evaluate(COLOR, [0.05, 0.95])
    assert blue > red  # class A's side of the boundary, in its colour
    before = page.locator(".alviz-hands .alviz-reading").inner_text()
    drag(page, spot(page, 0.3125, 0.467), spot(page, 0.9, 0.1))
    x, y = map(float, re.search(r"at ([\d.]+), ([\d.]+)", handle.get_attribute("aria-label")).groups())
    assert (x, y) == (pytest.approx(3.2, abs=0.03), pytest.approx(2.4, abs=0.03))
    red, _, blue, _ = page.evaluate(COLOR, [0.05, 0.95])
    assert red > blue
    assert page.locator(".alviz-hands .alviz-reading").inner_text() != before
    handle.focus()
    for key in ("ArrowLeft", "Shift+ArrowDown", "+"):
        page.keyboard.press(key)
    expect(handle).to_have_attribute("aria-label", f"Gaussian 1, class A, at {x - 0.1:.2f}, {y - 0.5:.2f}, spread 0.70, weight 2.00")
    page.wait_for_function(AT_REST)
    page.get_by_role("button", name="Use this pool").click()
    page.wait_for_function(
        "([x, y]) => new URLSearchParams(location.search).get('centers')?.startsWith(`${x},${y}_`)",
        arg=[round(x - 0.1, 2), round(y - 0.5, 2)],
    )
    page.get_by_role("button", name="Label the stars").click()
    expect(page.locator(".alviz-hands .alviz-reading")).to_contain_text("With 10 labels")


def test_a_painted_pool_can_be_started(app_url: str, page: Any) -> None:
    from playwright.sync_api import expect

    opened(page, f"{app_url}toy?hands=paint&learner=logistic&strategies=random,margin")
    count, reading = page.locator(".alviz-hands-count"), page.locator(".alviz-hands .alviz-reading")
    drag(page, spot(page, 0.1, 0.2), spot(page, 0.4, 0.2))
    page.get_by_role("button", name="■ B").click()
    drag(page, spot(page, 0.6, 0.8), spot(page, 0.9, 0.8))
    expect(reading).to_contain_text("logistic is right on")
    painted = count.inner_text()
    page.locator(".alviz-hands-stage").focus()
    page.keyboard.press("Space")
    expect(count).not_to_have_text(painted)
    page.keyboard.press("Control+z")
    expect(count).to_have_text(painted)
    page.wait_for_function(AT_REST)
    page.get_by_role("button", name="Use this pool").click()
    expect(page.get_by_text("The pool made by hand is the page's pool now")).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("painted · round 0/3")).to_be_visible()
    expect(page.locator(".alviz-plane-title").first).to_contain_text("% accuracy")
