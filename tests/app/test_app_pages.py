"""A page with a kernel, fetched without a browser: what is sent first, what a failing notebook says, what is never sent."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from alviz.app import server as server_module
from alviz.app.pages import PAGES, notebook_dir
from alviz.app.server import AppServer

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server looks for the notebooks of its pages in the test's folder; autouse: before it is made."""
    monkeypatch.setattr(server_module, "notebook_dir", lambda: tmp_path)


@pytest.fixture
def fetch(server: AppServer, ask, tmp_path: Path) -> Callable[[str], tuple[list[str], list[int]]]:
    """The pieces in which the Explore page arrives when its notebook is a source; and the kernels alive at each piece."""

    def fetched(source: str) -> tuple[list[str], list[int]]:
        cell = {"cell_type": "code", "id": "page", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / "explore.ipynb").write_text(json.dumps(notebook))
        pieces: list[str] = []
        alive: list[int] = []

        def arrived(piece: bytes) -> None:
            pieces.append(piece.decode())
            alive.append(server.kernel_manager.counts()["kernels"])

        ask("/explore", streaming_callback=arrived)
        return pieces, alive

    return fetched


def test_the_loading_picture_comes_before_the_kernel(fetch) -> None:
    source = "view = {'application/vnd.jupyter.widget-view+json': {'model_id': str(6 * 7)}}\ndisplay(view, raw=True)"
    pieces, alive = fetch(source)
    assert 'class="shell-loading"' in pieces[0]
    assert alive[0] == 0
    assert alive[-1] == 1
    html = "".join(pieces)
    assert 'class="shell-cell" data-model="42"' in html
    assert "6 * 7" not in html


def test_a_failing_notebook_says_so_with_the_details_folded(fetch) -> None:
    pieces, _ = fetch("raise ValueError('no <b>such</b> file')")
    html = "".join(pieces)
    before, details = html.split("<details>")
    assert "This page could not be shown" in before
    assert "ValueError: no &lt;b&gt;such&lt;/b&gt; file" in before
    assert "Traceback" not in before
    assert "Traceback" in details
    assert "<b>such" not in html
    assert "\x1b" not in html


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server waits a second for a page's output; asked for before the server."""
    monkeypatch.setattr(server_module, "OUTPUT_LIMIT", 1)


@pytest.mark.usefixtures("impatient")
def test_a_page_whose_output_does_not_come_says_so(fetch) -> None:
    pieces, _ = fetch("get_ipython().kernel.iopub_thread._really_send = lambda *parts, **options: None\n42")
    assert "This page could not be shown" in "".join(pieces)


def test_every_page_has_its_notebook_and_nothing_more() -> None:
    assert {path.stem for path in notebook_dir().glob("*.ipynb")} == {page.name for page in PAGES}
