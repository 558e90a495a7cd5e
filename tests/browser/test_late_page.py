"""Pages of a busy machine: whatever comes late or not at all, none stays blank without a word. The tests hold back what the kernel says."""

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser
CHANNELS = re.compile(r"/api/kernels/[^/]+/channels")
RESTORED = "window.jupyterapp?.widgetManager?.restoredStatus"


class Held:
    """The websocket of a page from which the widgets' states are held back until `release`; what the page asks is kept in `asked`."""

    def __init__(self, page: Any) -> None:
        self.asked: list[bytes] = []
        self._kept: list[Callable[[], None]] = []
        self._page = page
        page.route_web_socket(CHANNELS, self._route)

    def _route(self, socket: Any) -> None:
        server = socket.connect_to_server()

        def from_page(message: "str | bytes") -> None:
            self.asked.append(message.encode() if isinstance(message, str) else message)
            server.send(message)

        def from_kernel(message: "str | bytes") -> None:
            states = b'"update_states"' in (message.encode() if isinstance(message, str) else message)
            if states:
                self._kept.append(lambda: socket.send(message))
            else:
                socket.send(message)

        socket.on_message(from_page)
        server.on_message(from_kernel)

    def wait(self) -> None:
        """Until the states have come; the page's clock goes slowly on, and stops then."""
        while not self._kept:
            self._page.wait_for_timeout(20)
            self._page.clock.run_for(5)

    def release(self) -> None:
        for send in self._kept:
            send()


@pytest.fixture
def held(page: Any, app_url: str) -> Held:
    """The Toy page, waiting for its widgets' states, its clock stopped."""
    page.clock.install(time=0)
    page.clock.pause_at(1)
    held = Held(page)
    page.goto(f"{app_url}toy")
    held.wait()
    return held


def drawn(page: Any) -> None:
    page.clock.resume()
    page.wait_for_selector(".shell-loading", state="detached")
    assert page.locator(".shell-cell .jupyter-widgets").first.is_visible()


def test_widgets_that_come_just_when_voila_would_stop_looking_are_drawn(page: Any, held: Held) -> None:
    held.release()
    page.wait_for_function(RESTORED)
    page.clock.fast_forward(3000)
    drawn(page)


def test_a_late_answer_is_waited_for_and_not_asked_for_again(page: Any, held: Held) -> None:
    page.clock.fast_forward(10_000)
    held.release()
    drawn(page)
    assert sum(b'"request_states"' in message for message in held.asked) == 1
    assert not any(b'"request_state"' in message for message in held.asked)


def test_a_page_that_takes_long_says_so_until_it_is_there(page: Any, held: Held) -> None:
    assert page.get_by_text("unusually long").is_hidden()
    page.clock.fast_forward(31_000)
    page.get_by_text("unusually long").wait_for()
    assert page.get_by_role("button", name="Reload the page").is_visible()
    held.release()
    drawn(page)
    assert page.get_by_text("unusually long").count() == 0


@pytest.mark.parametrize("spoil", ["cell.dataset.model = 'nobody'", "cell.remove()"], ids=["unknown", "nothing"])
def test_a_page_without_its_widgets_is_loaded_once_more_and_then_says_so(page: Any, app_url: str, spoil: str) -> None:
    page.goto(app_url)
    page.evaluate("sessionStorage.setItem('spoil', '')")
    spoiling = f"addEventListener('DOMContentLoaded', () => {{ const cell = document.querySelector('.shell-cell'); {spoil}; }});"
    page.add_init_script(f"if (sessionStorage.getItem('spoil') !== null) {spoiling}")
    loads = []
    page.on("request", lambda request: loads.append(request.url) if request.url.endswith("/toy") else None)
    page.goto(f"{app_url}toy")
    page.get_by_role("alert").filter(has_text="This page could not be shown").wait_for()
    assert len(loads) == 2
    assert page.locator(".shell-loading").count() == 0
    page.evaluate("sessionStorage.removeItem('spoil')")
    page.get_by_role("button", name="Reload the page").click()
    page.wait_for_selector(".shell-cell .jupyter-widgets")
    page.wait_for_selector(".shell-loading", state="detached")
    page.errors.clear()  # what could not be drawn is logged


def test_modules_of_widgets_are_waited_for(page: Any, app_url: str) -> None:
    page.goto(app_url)
    assert (
        page.evaluate("new Promise((said) => { const signal = AbortSignal.timeout(1); setTimeout(() => said(signal.aborted), 50); })")
        is False
    )


def test_a_page_without_room_asks_again_by_itself_and_on_a_click(page: Any, app_url: str) -> None:
    """The words are the server's; here any page stands for them."""
    asked = []

    def full(route: Any) -> None:
        asked.append(route.request.url)
        body = '<main class="shell-message" data-again="10"><button class="shell-again">Try again</button></main>'
        route.fulfill(body=f'<!DOCTYPE html><title>Full</title><button class="shell-theme"></button>{body}<script src="{script}"></script>')

    page.goto(app_url)
    script = page.locator("script[src*='shell.js']").get_attribute("src")
    page.clock.install(time=0)
    page.clock.pause_at(1)
    page.route("**/toy", full)
    page.goto(f"{app_url}toy")
    page.clock.fast_forward(9_000)
    assert len(asked) == 1
    with page.expect_navigation():
        page.clock.fast_forward(2_000)
    with page.expect_navigation():
        page.get_by_role("button", name="Try again").click()
    assert len(asked) == 3
