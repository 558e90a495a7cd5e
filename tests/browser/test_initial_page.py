"""Initial pools in a real Chromium, as a visitor meets them."""

from typing import Any

import pytest
from gestures import press, says
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_pools_are_chosen_seen_and_run_over_seeds(app_url: str, page: Any) -> None:
    page.goto(app_url)
    page.get_by_role("link", name="Initial pools", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.get_by_label("Data", exact=True).select_option("digits")
    page.get_by_label("Initial pool 4", exact=True).select_option("none")
    says(page, "1,397 samples, none chosen yet.")
    page.wait_for_function("() => document.querySelectorAll('.alviz-maps .js-plotly-plot .main-svg').length >= 3")
    page.wait_for_function("() => location.search.includes('dataset=digits')")
    press(page, "Start")
    says(page, "3 pools of 20 samples")
    says(page, "classes are covered by")
    page.wait_for_function("() => document.querySelectorAll('.alviz-thumbnail').length === 20")
    seeds = page.get_by_label("Seeds", exact=True)
    seeds.fill("2")
    seeds.press("Tab")
    press(page, "Run")
    says(page, "2/2 seeds run")
    says(page, "2 seeds, which decide little")
    says(page, "have labelled is labelled in both")
    assert page.locator(".alviz-gains tbody tr").count() == 3
    page.get_by_label("Pool", exact=True).select_option("typiclust")
    page.get_by_text("How it chooses").nth(2).click()
    says(page, "Hacohen")
    press(page, "Undo")
    says(page, "1/2 seeds run")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_link_opens_the_page_as_it_was_shared(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}initial?dataset=moons&pools=probcover,random&steps=1&seeds=1")
    says(page, "none chosen yet.")
    expect(page.get_by_label("Initial pool 1", exact=True)).to_have_value("probcover")
    greyed = page.get_by_label("Initial pool 2", exact=True).locator("option[value=rotation-loss]")
    page.wait_for_function("() => document.querySelector('option[value=rotation-loss]').disabled")
    assert "needs images" in greyed.first.inner_text()
    press(page, "Start")
    says(page, "2 pools of 10 samples")
    press(page, "Run")
    says(page, "one seed, which decides nothing")


def test_training_for_a_pool_shows_progress_and_can_be_cancelled(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}initial?pools=random,vae-loss")
    says(page, "none chosen yet.")
    press(page, "Start")
    says(page, "choosing …")
    page.wait_for_function("() => /vae-loss [1-9]\\d*%/.test(document.body.innerText)")
    press(page, "Cancel")
    says(page, "Cancelled")
    says(page, "1 pool of 50 samples")
