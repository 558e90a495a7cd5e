"""Two visitors of the real server, as the benchmark's are: each has a run of its own, and who does nothing for an hour gives the place back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from alviz import Run, data
from alviz.app.gate import Gate
from alviz.app.server import IDLE_LIMIT, AppServer

pytestmark = pytest.mark.slow
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The benchmark's visitor; data and caches of the kernels are in the test's folder."""
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import visitor

    return visitor


def served(server: AppServer, scene: Callable[[str], Awaitable[None]]) -> None:
    """Play a scene with the address of the server."""

    async def play() -> None:
        socket, port = bind_unused_port()
        http = HTTPServer(server.application(Gate("", port)))
        http.add_sockets([socket])
        try:
            await scene(f"http://127.0.0.1:{port}/")
        finally:
            http.stop()
            await http.close_all_connections()
            await server.kernel_manager.end_all()

    asyncio.run(play())


def test_two_visitors_have_a_run_each_and_the_idle_one_gives_its_place_back(server: AppServer, client: ModuleType) -> None:
    dataset = data.create("gaussians")

    async def visit(visitor: Any) -> None:
        await visitor.open()
        await visitor.pool(len(dataset))
        await visitor.start()
        await visitor.step()

    async def scene(address: str) -> None:
        manager = server.kernel_manager
        chosen = [{"dataset": "gaussians", "seed": str(seed), "n_queries": str(n), "budget": "60"} for seed, n in ((1, 5), (2, 7))]
        visitors = [client.Visitor(address, settings) for settings in chosen]
        await asyncio.gather(*map(visit, visitors))
        for visitor, n_queries in zip(visitors, (5, 7), strict=True):
            own = Run(
                dataset, learner="linear-svm", strategy="margin", initial="random", n_queries=n_queries, seed=int(visitor.settings["seed"])
            )
            own.step()
            assert visitor.queried() == own.rounds[-1].queried.tolist()
            assert f"{2 * n_queries}/60 labels" in visitor.status()
            assert visitor.strange == []
        assert visitors[0].voice != visitors[1].voice
        idle, busy = visitors
        manager.get_kernel(idle.kernel).last_activity -= timedelta(seconds=IDLE_LIMIT + 1)
        assert manager._culler_callback.is_running()
        await manager.cull_kernels()
        assert manager.list_kernel_ids() == [busy.kernel]
        assert manager.counts()["visitors"] == 1
        await busy.step()
        for visitor in visitors:
            await visitor.leave(goodbye=visitor is busy)
        assert manager.list_kernel_ids() == []

    served(server, scene)
