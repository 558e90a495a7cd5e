"""Every page for everybody: the rules of WCAG AA as axe-core checks them, in each theme; the keyboard alone; a tablet held upright."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

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
}
"""Address -> words that say that the page has come."""


def open_(page: Any, app_url: str, address: str) -> None:
    page.goto(f"{app_url}{address}")
    page.wait_for_function(
        "words => document.body.innerText.includes(words) && !document.querySelector('.shell-loading')", arg=PAGES[address]
    )


@pytest.mark.parametrize("address", PAGES, ids=lambda address: address.split("?")[0] or "home")
def test_no_rule_is_broken_in_any_theme_nor_anything_beyond_the_edge(app_url: str, page: Any, address: str) -> None:
    open_(page, app_url, address)
    checked = 0
    for theme in THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        page.wait_for_function("() => document.getAnimations().every((one) => one.playState !== 'running')")
        found = Axe().run(page, options={"runOnly": RULES}).response
        checked += len(found["passes"])
        assert [(theme, rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found["violations"]] == []
    assert checked > 60
    for width, height in ((1920, 1080), (820, 1180)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


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
