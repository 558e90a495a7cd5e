"""Every page for everybody: the rules of WCAG AA as axe-core checks them, in each theme; the keyboard alone; a tablet held upright."""

from collections.abc import Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from gestures import no_sideways_scrolling, press, says

pytestmark = pytest.mark.browser

THEMES = ("light", "dark", "projector")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = {
    "": "",
    "gallery": "",
    "explore?dataset=moons&rounds=1": "round 1/",
    "toy?dataset=moons&learner=logistic&strategies=random,margin&rounds=1": "round 1/",
    "initial?dataset=moons&pools=random,kmeans-equal": "none chosen yet",
    "compare": " rounds",
    "label": "Label pictures",
    "versus?dataset=moons": "Nothing is labelled yet",
    "lessons": "",
    "lessons/2-uncertainty": "questions in this lesson",
}
"""Address -> words that say that the page has come."""

WITHOUT_POINTS = """() => {
    window.points = [...document.querySelectorAll('.main-svg .points')].map((points) => [points, document.createComment('points')]);
    points.forEach(([points, place]) => points.replaceWith(place));
}"""
"""Takes the points out of the plots: thousands of nodes without a word, with which a page is checked for half a minute."""


def open_(page: Any, app_url: str, address: str) -> None:
    page.goto(f"{app_url}{address}")
    page.wait_for_function(
        "words => document.body.innerText.includes(words) && !document.querySelector('.shell-loading')", arg=PAGES[address]
    )


def no_rule_is_broken(page: Any, themes: Sequence[str] = THEMES) -> None:
    """As the page stands now: all rules in the first of the themes, and the one about colours in the others."""
    for k, theme in enumerate(themes):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        page.wait_for_function("() => document.getAnimations().every((one) => one.playState !== 'running')")
        rules = {"type": "rule", "values": ["color-contrast"]} if k else {"type": "tag", "values": RULES}
        page.evaluate(WITHOUT_POINTS)
        found = Axe().run(page, options={"runOnly": rules}).response
        page.evaluate("() => points.forEach(([points, place]) => place.replaceWith(points))")
        assert len(found["passes"]) == 1 if k else len(found["passes"]) > 15
        assert [(theme, rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found["violations"]] == []


@pytest.mark.parametrize("address", PAGES, ids=lambda address: address.split("?")[0] or "home")
def test_no_rule_is_broken_in_any_theme_nor_anything_beyond_the_edge(app_url: str, page: Any, address: str) -> None:
    open_(page, app_url, address)
    no_rule_is_broken(page)
    for width, height in ((1920, 1080), (820, 1180)):
        page.set_viewport_size({"width": width, "height": height})
        assert no_sideways_scrolling(page)


def test_no_rule_is_broken_with_everything_opened(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}explore?dataset=digits&n_queries=5&budget=30&rivals=k-center&rounds=1")
    says(page, "Only k-center saw")
    page.locator(".alviz-thumbnail:visible").first.click()
    press(page, "Rank it under every strategy")
    page.get_by_role("button", name="slow strategies too").wait_for()
    page.locator(".alviz-report summary:visible").last.click()
    press(page, "Slow motion")
    page.wait_for_selector(".alviz-chapter")
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_role("button", name="Pause", exact=True).wait_for()
    no_rule_is_broken(page)


def test_no_rule_is_broken_where_it_is_presented(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}explore?dataset=moons&rounds=1&slow=1&present=1")
    says(page, "round 1/")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    no_rule_is_broken(page)


def test_no_rule_is_broken_by_hand(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}toy?hands=gaussians&learner=logistic&strategies=random,margin&hide=plane,table")
    says(page, "labels logistic is right on")
    no_rule_is_broken(page)
    page.get_by_label("Made of", exact=True).select_option("paint")
    says(page, "the pool is empty")
    no_rule_is_broken(page, THEMES[:2])


def test_no_rule_is_broken_after_a_match(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}versus?dataset=digits&n_queries=2&steps=1")
    page.wait_for_selector(".alviz-thumbnail")
    press(page, "Start")
    says(page, "0 of 2 picked")
    press(page, "Surprise me")
    says(page, "2 of 2 picked")
    page.get_by_label("Show the model's uncertainty").check()
    no_rule_is_broken(page, THEMES[:1])
    press(page, "Label and train")
    says(page, "decides nothing")
    no_rule_is_broken(page)


def test_a_run_is_started_and_stepped_with_the_keyboard_alone(app_url: str, page: Any) -> None:
    address = "explore?dataset=moons&rounds=1"
    open_(page, app_url, address)
    met: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        now = page.evaluate(
            "() => { const at = document.activeElement, style = getComputedStyle(at);"
            " return [at.innerText || at.getAttribute('aria-label') || (at.labels && at.labels[0] ? at.labels[0].innerText : ''),"
            " style.outlineStyle !== 'none' || style.boxShadow !== 'none']; }"
        )
        assert now[1], f"no focus is to be seen at {now[0]!r}"
        met.append(now[0])
        if now[0] == "Step":
            break
    assert "Start" in met
    for r in (2, 3):  # the button is disabled while it works, and has the focus again when it is done
        page.wait_for_function("() => document.activeElement.innerText === 'Step'")
        page.keyboard.press("Enter")
        page.wait_for_function("r => document.body.innerText.includes(`round ${r}/`)", arg=r)
