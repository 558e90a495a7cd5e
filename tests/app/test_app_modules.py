"""The scripts of the widgets: what the app serves at the address a widget names is what the widget carries elsewhere."""

import asyncio
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from alviz.app.gate import Gate
from alviz.app.kernels import KERNEL_NAME, OwnKernelSpec
from alviz.app.server import make_server
from alviz.panels.theme import STATIC, script


@pytest.fixture(autouse=True)
def _keep_signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def served(folder: Path, *addresses: str) -> list[tuple[int, str]]:
    """Status and text of every address."""

    async def talk() -> list[tuple[int, str]]:
        socket, port = bind_unused_port()
        server = make_server(kernels=0)
        server.connection_dir = str(folder)
        http = HTTPServer(server.application(Gate("", port)))
        http.add_sockets([socket])
        client = AsyncHTTPClient(force_instance=True)
        try:
            answers = [await client.fetch(f"http://127.0.0.1:{port}{address}", raise_error=False) for address in addresses]
        finally:
            client.close()
            http.stop()
        return [(answer.code, answer.body.decode()) for answer in answers]

    return asyncio.run(talk())


def test_the_app_serves_what_a_widget_carries_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several = ("closer.js", "answers.js", "label.js")
    whole = [script("plot.js"), script(*several)]
    assert whole[1].endswith("".join((STATIC / name).read_text(encoding="utf-8") for name in several))
    for name, value in OwnKernelSpec().get_kernel_spec(KERNEL_NAME).env.items():
        monkeypatch.setenv(name, value)
    lines = [script("plot.js"), script(*several)]
    assert all(len(line) < 200 for line in lines)
    addresses = [json.loads(re.search(r'"/[^"]*"', line)[0]) for line in lines]  # type: ignore[index]
    found = served(tmp_path, *addresses, "/alviz/modules/page.js+../theme.py", "/alviz/modules/none.js")
    assert found[:2] == [(200, text) for text in whole]
    assert [status for status, _ in found[2:]] == [404, 404]
