"""A duel on the Explore page in a real Chromium."""

from typing import Any

import pytest
from gestures import says

pytestmark = pytest.mark.browser


def test_a_duel_is_set_up_stepped_held_against_random_and_comes_back(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}explore?dataset=digits&n_queries=10&budget=30&rivals=k-center,bald")
    says(page, "Left out of the address, because it is unknown here, one too many or out of range: rivals=bald")
    assert page.get_by_text("Only margin saw").count() == 0
    page.get_by_label("Duel with", exact=True).select_option("random")
    page.wait_for_function("() => location.search.includes('rivals=k-center,random')")
    page.get_by_role("button", name="Start", exact=True).click()
    says(page, "All 3 strategies begin with the same 10 labels")
    page.get_by_role("button", name="Step", exact=True).click()
    says(page, "round 1/2 · 20/30 labels")
    says(page, "samples picked since the common start")
    says(page, "Only random saw")
    says(page, "random: 10 runs")
    says(page, "above all 10 runs of random from this start")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_label("Samples that only k-center saw").get_by_role("button").first.click()
    says(page, "1 selected sample")
    page.get_by_label("Run", exact=True).select_option("k-center")
    says(page, "k-center (duel of 3) with linear-svm on")
    page.get_by_role("button", name="Undo", exact=True).click()
    says(page, "round 0/2 · 10/30 labels")
    page.reload()
    says(page, "All 3 strategies begin with the same 10 labels")
    page.get_by_role("button", name="Leave out random", exact=True).click()
    says(page, "settings changed: press Start")
