"""A visitor of the served app without a browser: says over HTTP and the websocket what a page says there, and keeps what it is told.

What a browser does besides takes no memory or time of the server: it draws, and it reads files that it has in its cache.
"""

import asyncio
import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import urlencode

from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1, serialize_msg_to_ws_v1
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

PROTOCOL = "v1.kernel.websocket.jupyter.org"
LIMIT = 600
"""Seconds after which something that does not come is given up."""
CONFIG = re.compile(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', re.S)
FILES = re.compile(r'(?:src|href)="(/alviz/[^"]+)"')
MODULE = re.compile(r'"(/alviz/modules/[^"]+)"')

State = dict[str, Any]


@dataclass
class Visitor:
    """One visitor of Explore with settings of its own; `address` of the app ends in a slash.

    states: what it knows of every widget. kernel: id of its kernel. voice: the kernel's session, named in all that it sends. strange: messages
    that cannot be meant for it. closed: the connection has ended. maps, beats: how often the map has come, and how often the word that all has come.
    """

    address: str
    settings: dict[str, str]
    kernel: str = ""
    voice: str = ""
    states: dict[str, State] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    closed: bool = False
    maps: int = 0
    beats: int = 0
    session: str = field(default_factory=lambda: uuid.uuid4().hex)
    _lines: set[str] = field(default_factory=set)
    _waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = field(default_factory=list)

    # ---- coming and going ----

    async def open(self) -> None:
        """Fetch the page and its files, connect to its kernel, ask for the widgets, and say what the address says.

        Raises HTTPError where the page is refused, and RuntimeError where its notebook has failed.
        """
        self._http = AsyncHTTPClient(force_instance=True, max_clients=50)
        page = await self._fetch(f"explore?{urlencode(self.settings)}")
        html = page.body.decode()
        if (config := CONFIG.search(html)) is None or "shell-failure" in html:
            raise RuntimeError(f"the page was not rendered: {html[-2000:]}")
        self.kernel = json.loads(unescape(config[1]))["kernelId"]
        self._xsrf = page.headers["Set-Cookie"].split("_xsrf=")[1].split(";")[0]
        await asyncio.gather(*(self._fetch(file[1:]) for file in set(FILES.findall(html))))
        channels = f"{self.address}api/kernels/{self.kernel}/channels?session_id={self.session}".replace("http", "ws", 1)
        self._socket: WebSocketClientConnection = await websocket_connect(channels, subprotocols=[PROTOCOL])
        self._reading = asyncio.ensure_future(self._read())
        self._send("kernel_info_request", {})
        self._control = uuid.uuid4().hex
        self._lines.add(self._control)
        self._send(
            "comm_open", {"comm_id": self._control, "target_name": "jupyter.widget.control", "data": {}}, metadata={"version": "1.0.0"}
        )
        self._send("comm_msg", {"comm_id": self._control, "data": {"method": "request_states"}})
        await self.until(lambda: bool(self.states))
        modules = {found[1] for state in self.states.values() if (found := MODULE.search(state.get("_esm", "")))}
        await asyncio.gather(*(self._fetch(module[1:]) for module in modules))
        self._answer_pulse()
        self._update(self._named("PageUrl"), query=self.settings)
        self._update(self._named("PageUrl"), opened=True)

    async def leave(self, goodbye: bool) -> None:
        """Close the page; goodbye: with the word that a browser sends when it still can."""
        if goodbye and not self.closed:
            body = urlencode({"_xsrf": self._xsrf})
            await self._fetch(f"voila/api/shutdown/{self.kernel}", method="POST", body=body, headers={"Cookie": f"_xsrf={self._xsrf}"})
        self.closed = True
        self._socket.close()
        await self._reading
        self._http.close()

    # ---- what a visitor does ----

    async def pool(self, samples: int) -> None:
        """Wait until the address has been read and the map shows a pool of so many samples."""
        await self.until(lambda: self.said(self.settings) and self.points() == samples)

    async def start(self) -> float:
        """Press Start; the seconds until round 0 stands in the status line and on the map."""
        return await self._round("Start", 0)

    async def step(self) -> float:
        """Press Step; the seconds until the next round stands in the status line and on the map."""
        return await self._round("Step", self.round() + 1)

    async def _round(self, button: str, wanted: int) -> float:
        pressed = self._find(lambda state: state.get("description") == button)
        await self.until(lambda: not self.states[pressed]["disabled"])
        began, maps, beats = time.perf_counter(), self.maps, self.beats
        self._send("comm_msg", {"comm_id": pressed, "data": {"method": "custom", "content": {"event": "click"}}})
        await self.until(lambda: self.round() == wanted and self.maps > maps)
        taken = time.perf_counter() - began
        await self.until(lambda: self.beats > beats)  # sent after all else that the round has changed
        return taken

    # ---- what is on the page ----

    def said(self, settings: dict[str, str]) -> bool:
        """Whether the page's address has come to say these settings, a seed other than 0 among them (what is usual is not said)."""
        share = self.states[self._named("PageUrl")]["share"]
        told = share or {}
        return "seed" in told and all(told.get(name, value) == value for name, value in settings.items())

    def points(self) -> int:
        """How many samples the map shows."""
        traces = self.states[self._map()]["figure"].get("data", [])
        return sum(trace["alviz_ids"]["shape"][0] for trace in traces if "alviz_ids" in trace)

    def status(self) -> str:
        """The status line, without its mark-up."""
        line = self._find(lambda state: "alviz-status" in state.get("_dom_classes", ()))
        return unescape(re.sub(r"<[^>]*>", "", self.states[line]["value"]))

    def round(self) -> int:
        """The round that the status line tells; −1 before there is a run."""
        found = re.search(r"· round (\d+)/", self.status())
        return int(found[1]) if found else -1

    def queried(self) -> list[int]:
        """The samples under "This round's queries", in order."""
        grid = self._find(lambda state: state.get("label") == "This round's queries")
        return [item["id"] for item in self.states[grid]["items"]]

    def titles(self) -> list[str]:
        """What the timeline tells of every round."""
        found: list[str] = self.states[self._named("Timeline")]["titles"]
        return found

    def _map(self) -> str:
        return self._find(lambda state: state.get("empty") == "Loading the pool …")

    def _named(self, name: str) -> str:
        return self._find(lambda state: state.get("_anywidget_id", "").endswith(f".{name}"))

    def _find(self, wanted: Callable[[State], bool]) -> str:
        return next(model for model, state in self.states.items() if wanted(state))

    # ---- the wire ----

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, looking after every message. Raises ConnectionError when the connection ends, TimeoutError."""
        if holds():
            return
        if self.closed:
            raise ConnectionError("the app has ended the connection")
        come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((holds, come))
        try:
            await asyncio.wait_for(come, LIMIT)
        finally:
            self._waiting = [waiting for waiting in self._waiting if waiting[1] is not come]

    async def _fetch(self, path: str, **options: Any) -> HTTPResponse:
        return await self._http.fetch(HTTPRequest(self.address + path, request_timeout=LIMIT, decompress_response=True, **options))

    def _send(self, kind: str, content: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": self.session, "username": "", "version": "5.3"}
        message = {
            "header": {**header, "date": datetime.now(UTC).isoformat()},
            "parent_header": {},
            "metadata": metadata or {},
            "content": content,
        }
        packed = serialize_msg_to_ws_v1(message, "shell", lambda part: json.dumps(part).encode())
        self._socket.write_message(packed, binary=True)

    def _update(self, model: str, **state: Any) -> None:
        self.states[model].update(state)
        self._send("comm_msg", {"comm_id": model, "data": {"method": "update", "state": state, "buffer_paths": []}})

    def _answer_pulse(self) -> None:
        pulse = self._named("Pulse")
        self._update(pulse, seen=self.states[pulse]["sent"])

    async def _read(self) -> None:
        try:
            while (message := await self._socket.read_message()) is not None and not self.closed:
                self._take(bytes(message))
                for holds, come in self._waiting:
                    if not come.done() and holds():
                        come.set_result(None)
        finally:
            self.closed = True
            for _, come in self._waiting:
                if not come.done():
                    come.set_exception(ConnectionError("the app has ended the connection"))

    def _take(self, message: bytes) -> None:
        channel, parts = deserialize_msg_from_ws_v1(message)
        header, parent, _, content = (json.loads(part) for part in parts[:4])
        kind = header["msg_type"]
        if kind == "kernel_info_reply":
            self.voice = self.voice or header["session"]
        if (self.voice and header["session"] != self.voice) or (channel == "shell" and parent["session"] != self.session):
            self.strange.append(f"{channel} {kind} of {header['session']}")
        if kind == "comm_open":
            self._lines.add(content["comm_id"])
            self.states[content["comm_id"]] = content["data"].get("state", {})
        elif kind == "comm_close":
            self.states.pop(content["comm_id"], None)
        elif kind == "comm_msg":
            self._heard(content["comm_id"], content["data"])

    def _heard(self, line: str, data: dict[str, Any]) -> None:
        method = data["method"]
        if line == self._control and method == "update_states":
            self.states = {model: told["state"] for model, told in data["states"].items()}
            self._lines.update(self.states)
            self._send("comm_close", {"comm_id": self._control, "data": {}})
        elif self.states and line not in self._lines:
            self.strange.append(f"{method} of the unknown widget {line}")
        elif method == "update" and line in self.states:
            self.states[line].update(data["state"])
            self.maps += "figure" in data["state"] and line == self._map()
            if "sent" in data["state"] and line == self._named("Pulse"):
                self.beats += 1
                self._answer_pulse()
