"""A page with a kernel, fetched without a browser: what is sent first, what a failing notebook says, what is never sent."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from alviz.app import server as server_module
from alviz.app.gate import Gate
from alviz.app.pages import PAGES, notebook_dir
from alviz.app.server import make_server

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _keep_signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def fetch(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> tuple[list[str], list[int]]:
    """The pieces in which the Explore page arrives when its notebook is ``source``; and the kernels alive at each piece."""
    cell = {"cell_type": "code", "id": "page", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "explore.ipynb").write_text(json.dumps(notebook))
    monkeypatch.setattr(server_module, "notebook_dir", lambda: folder)
    pieces: list[str] = []
    alive: list[int] = []

    async def talk() -> None:
        socket, port = bind_unused_port()
        server = make_server(kernels=0)
        server.connection_dir = str(folder)
        http = HTTPServer(server.application(Gate("", port)))
        http.add_sockets([socket])
        client = AsyncHTTPClient(force_instance=True)

        def arrived(piece: bytes) -> None:
            pieces.append(piece.decode())
            alive.append(server.kernel_manager.counts()["kernels"])

        try:
            await client.fetch(f"http://127.0.0.1:{port}/explore", streaming_callback=arrived, request_timeout=90)
        finally:
            client.close()
            http.stop()
            await server.kernel_manager.end_all()
        assert server.kernel_manager.counts()["kernels"] == 0

    asyncio.run(talk())
    return pieces, alive


def test_the_loading_picture_comes_before_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "view = {'application/vnd.jupyter.widget-view+json': {'model_id': str(6 * 7)}}\ndisplay(view, raw=True)"
    pieces, alive = fetch(tmp_path, monkeypatch, source)
    assert 'class="shell-loading"' in pieces[0]
    assert alive[0] == 0
    assert alive[-1] == 1
    html = "".join(pieces)
    assert 'class="shell-cell" data-model="42"' in html
    assert "6 * 7" not in html


def test_a_failing_notebook_says_so_with_the_details_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces, _ = fetch(tmp_path, monkeypatch, "raise ValueError('no <b>such</b> file')")
    html = "".join(pieces)
    before, details = html.split("<details>")
    assert "This page could not be shown" in before
    assert "ValueError: no &lt;b&gt;such&lt;/b&gt; file" in before
    assert "Traceback" not in before
    assert "Traceback" in details
    assert "<b>such" not in html
    assert "\x1b" not in html


def test_a_page_whose_output_does_not_come_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "OUTPUT_LIMIT", 1)
    pieces, _ = fetch(tmp_path, monkeypatch, "get_ipython().kernel.iopub_thread._really_send = lambda *parts, **options: None\n42")
    assert "This page could not be shown" in "".join(pieces)


def test_every_page_has_its_notebook_and_nothing_more() -> None:
    assert {path.stem for path in notebook_dir().glob("*.ipynb")} == {page.name for page in PAGES}
