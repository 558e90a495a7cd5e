"""The served app and a Chromium for the tests of real pages."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
    "--enable-precise-memory-info",
]
LOCAL = ("http://127.0.0.1", "http://localhost", "ws://127.0.0.1", "ws://localhost", "data:", "blob:")


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """The address of an app served by a process of its own, which is ended afterwards."""
    command = [sys.executable, "-u", "-m", "alviz", "app", "--no-browser", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "500"})
    assert process.stdout is not None
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if found := re.search(r"http://\S+", line):
                yield found.group()
                break
        else:
            pytest.fail(f"the app ended without printing an address: {''.join(printed)}")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail("the app did not end within 30 s of SIGTERM")


@pytest.fixture(scope="session")
def serve_app() -> Callable[..., AbstractContextManager[str]]:
    """Serves another app with options of its own: ``with serve_app("--token", "t") as address``."""
    return serving


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of one served app, ending in a slash; its data and caches are in a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        with serving() as address:
            yield address


# Not for the whole session: while Playwright is running, other tests could not start an event loop of their own.
@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Any]:
    """A running Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A fresh page of 1280 × 800. Afterwards no error may have been logged, and nothing asked of another machine.

    Requests that leave this machine hang, as behind a firewall. A test that means to cause an error clears ``page.errors``.
    """
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    page = context.new_page()
    page.errors, page.outside = [], []
    page.set_default_timeout(60_000)
    page.route(lambda url: not url.startswith(LOCAL), lambda route: None)
    page.on("request", lambda request: None if request.url.startswith(LOCAL) else page.outside.append(request.url))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    errors, outside = list(page.errors), list(page.outside)
    context.close()
    assert errors == []
    assert outside == []
