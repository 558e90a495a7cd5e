"""The real server, asked without a browser."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from alviz.app.gate import Gate
from alviz.app.server import AppServer, make_server

Ask = Callable[..., list[HTTPResponse]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AppServer]:
    """A server without warm kernels; the signals stay as they were."""
    before = signal.getsignal(signal.SIGTERM)
    server = make_server(kernels=0)
    server.connection_dir = str(tmp_path)
    yield server
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def ask(server: AppServer) -> Ask:
    """What the server answers to each address, without following redirects; afterwards no kernel may be left.

    token: behind which it stands; signed_in: whether its cookie is sent; options: of every request.
    """

    def asked(
        *addresses: str, token: str = "", signed_in: bool = False, headers: dict[str, str] | None = None, **options
    ) -> list[HTTPResponse]:
        async def talk() -> list[HTTPResponse]:
            socket, port = bind_unused_port()
            gate = Gate(token, port)
            http = HTTPServer(server.application(gate))
            http.add_sockets([socket])
            client = AsyncHTTPClient(force_instance=True)
            sent = {**(headers or {}), **({"Cookie": f"{gate.cookie}={gate.pass_word}"} if signed_in else {})}
            options.update(raise_error=False, follow_redirects=False, request_timeout=90, headers=sent)
            try:
                return [await client.fetch(f"http://127.0.0.1:{port}{address}", **options) for address in addresses]
            finally:
                client.close()
                http.stop()
                await http.close_all_connections()
                await server.kernel_manager.end_all()
                assert server.kernel_manager.counts()["kernels"] == 0

        return asyncio.run(talk())

    return asked
