"""The app's frame in a real browser: home, theme, pages, what a closed tab leaves behind, who is refused."""

import json
import urllib.request
from typing import Any

import pytest

from alviz.app.kernels import AFTER_DISCONNECT

pytestmark = pytest.mark.browser
PAGES = ["Explore", "Toy"]


def status(app_url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{app_url}alviz/status", timeout=10) as answer:
        numbers: dict[str, int] = json.load(answer)
    return numbers


def wait_until_alone(page: Any, app_url: str) -> None:
    """Until every kernel left is a warm one of the pool. Fails after a minute."""
    page.goto(app_url)
    page.wait_for_function(
        "async () => { const s = await (await fetch('/alviz/status')).json(); return s.visitors === 0 && s.kernels === s.pooled; }",
        timeout=60_000,
        polling=500,
    )


def test_home_leads_to_every_page(page: Any, app_url: str) -> None:
    page.goto(app_url)
    assert page.title() == "alviz"
    for name in PAGES:
        link = page.get_by_role("link", name=name, exact=True)
        assert link.count() == 1
        assert link.get_attribute("href") == f"/{name.lower()}"
    page.set_viewport_size({"width": 1280, "height": 800})  # a notebook's screen has all of it at once
    assert page.locator(".shell-card").count() == 8
    assert page.evaluate("document.documentElement.scrollHeight") <= 800


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_and_draws(page: Any, app_url: str, name: str) -> None:
    page.goto(app_url)
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_selector(".shell-cell .jupyter-widgets")
    page.wait_for_selector(".shell-loading", state="detached")
    assert page.locator(".shell-failure").count() == 0
    assert page.evaluate("typeof Plotly.react") == "function"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.set_viewport_size({"width": 1000, "height": 400})
    page.evaluate("scrollTo(0, 200)")
    page.set_viewport_size({"width": 1000, "height": 420})  # as when a tablet hides its bars
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("scrollY") == 200


def test_the_query_stays_in_the_address(page: Any, app_url: str) -> None:
    page.goto(f"{app_url}toy?seed=7&hide=start")
    page.wait_for_selector(".shell-loading", state="detached")
    assert "seed=7" in page.url


def test_the_theme_follows_the_system_until_the_visitor_chooses(page: Any, app_url: str) -> None:
    page.goto(app_url)
    theme = "document.documentElement.dataset.theme"
    background = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(theme) == "light"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{theme} === 'dark'")
    assert page.evaluate(background) != light
    page.get_by_role("button", name="Theme: dark. Switch to projector").click()
    assert page.evaluate(theme) == "projector"
    page.reload()
    assert page.evaluate(theme) == "projector"
    page.get_by_role("button", name="Theme: projector. Switch to light").click()
    assert page.evaluate(theme) == "light"


def test_a_closed_tab_leaves_no_kernel(page: Any, app_url: str) -> None:
    other = page.context.new_page()
    other.goto(f"{app_url}explore")
    other.wait_for_selector(".shell-loading", state="detached")
    assert status(app_url)["visitors"] == 1
    other.close()  # without running the page's own goodbye, like a killed browser
    wait_until_alone(page, app_url)


def test_leaving_a_page_ends_its_kernel_at_once(page: Any, app_url: str) -> None:
    page.goto(f"{app_url}toy")
    page.wait_for_selector(".shell-loading", state="detached")
    kernel = page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId")
    page.goto(app_url)
    # Sooner than the server's own look for abandoned kernels could have ended it.
    page.wait_for_function(
        "async kernel => !(await (await fetch(`/alviz/status?kernel=${kernel}`)).json()).alive",
        arg=kernel,
        timeout=1000 * (AFTER_DISCONNECT - 2),
        polling=100,
    )


def test_a_reloaded_page_works_again(page: Any, app_url: str) -> None:
    page.goto(f"{app_url}toy")
    page.wait_for_selector(".shell-loading", state="detached")
    page.reload()
    page.wait_for_selector(".shell-cell .jupyter-widgets")
    page.wait_for_selector(".shell-loading", state="detached")


def test_a_page_whose_kernel_is_gone_says_so(page: Any, app_url: str) -> None:
    page.goto(f"{app_url}toy")
    page.wait_for_selector(".shell-loading", state="detached")
    kernel = page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId")
    page.evaluate(
        "kernel => fetch(`/api/kernels/${kernel}`, {method: 'DELETE', headers: {'X-XSRFToken': document.cookie.match(/_xsrf=([^;]*)/)[1]}})",
        kernel,
    )
    page.get_by_role("alert").filter(has_text="Reload the page").wait_for()
    page.errors.clear()  # the front end logs that its connection is gone


def test_an_unknown_address_gets_a_page_of_ours(page: Any, app_url: str) -> None:
    answer = page.goto(f"{app_url}nowhere")
    assert answer.status == 404
    assert "There is no page at this address." in page.inner_text("main")
    assert page.get_by_role("link", name="Explore", exact=True).is_visible()
    page.errors.clear()  # Chromium logs the 404


def test_a_token_is_asked_for_and_remembered(page: Any, serve_app: Any) -> None:
    with serve_app("--token", "a b&c", "--kernels", "0") as address:
        home = address.split("?")[0]
        stranger = page.context.new_page()  # nobody looks at its errors: Chromium logs every refusal, some time
        for refused in (home, f"{home}?token=guess", f"{home}alviz/status"):
            answer = stranger.goto(refused)
            assert answer.status == 403
            assert "the address that was printed" in stranger.inner_text("main")
        stranger.close()
        page.goto(address)
        assert page.url == home
        assert page.get_by_role("link", name="Toy", exact=True).is_visible()
        assert page.goto(f"{home}alviz/status").status == 200
