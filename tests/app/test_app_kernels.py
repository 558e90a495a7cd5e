"""Kernels: the program they run, and the rules by which an abandoned one ends."""

import ast
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from alviz.app import kernels
from alviz.app.kernels import AFTER_DISCONNECT, AHEAD, BEFORE_CONNECT, KERNEL_NAME, OwnKernelSpec, VisitorKernels


class StubKernel:
    """What the manager asks of a kernel, without a process."""

    has_kernel = True

    def __init__(self, state: str = "idle") -> None:
        self.execution_state = state
        self.alive = True

    async def is_alive(self) -> bool:
        return self.alive


class Manager(VisitorKernels):
    """The manager with stub kernels; records what it ends."""

    def add(self, kernel_id: str, state: str = "idle") -> StubKernel:
        kernel = StubKernel(state)
        self._kernels[kernel_id] = kernel
        self._kernel_connections[kernel_id] = 0
        return kernel

    async def shutdown_kernel(self, kernel_id: str, now: bool = True, restart: bool = False) -> None:  # type: ignore[override]
        del self._kernels[kernel_id]

    def left_at(self, now: float) -> list[str]:
        asyncio.run(self.reap(now))
        return self.list_kernel_ids()


@pytest.fixture
def manager() -> Manager:
    return Manager(kernel_spec_manager=OwnKernelSpec())


def test_a_kernel_whose_page_went_away_ends_soon_even_when_busy(manager: Manager) -> None:
    kernel = manager.add("k")
    manager.notify_connect("k")
    kernel.execution_state = "busy"
    assert manager.left_at(0) == ["k"]
    manager.notify_disconnect("k")
    assert manager.left_at(100) == ["k"]
    assert manager.left_at(100 + AFTER_DISCONNECT) == ["k"]
    assert manager.left_at(100.1 + AFTER_DISCONNECT) == []


def test_a_page_that_comes_back_in_time_keeps_its_kernel(manager: Manager) -> None:
    manager.add("k")
    manager.notify_connect("k")
    manager.notify_disconnect("k")
    assert manager.left_at(0) == ["k"]
    manager.notify_connect("k")
    assert manager.left_at(AFTER_DISCONNECT - 1) == ["k"]
    manager.notify_disconnect("k")
    assert manager.left_at(AFTER_DISCONNECT + 1) == ["k"]  # the clock has started anew


def test_a_page_that_never_connects_loses_its_kernel_after_a_minute_of_rest(manager: Manager) -> None:
    kernel = manager.add("k", state="busy")
    assert manager.left_at(0) == ["k"]
    assert manager.left_at(10 * BEFORE_CONNECT) == ["k"]  # still rendering its page
    kernel.execution_state = "idle"
    start = 10 * BEFORE_CONNECT + 1
    assert manager.left_at(start) == ["k"]
    assert manager.left_at(start + BEFORE_CONNECT) == ["k"]
    assert manager.left_at(start + BEFORE_CONNECT + 1) == []


def test_a_dead_kernel_is_forgotten_at_once(manager: Manager) -> None:
    manager.add("k").alive = False
    manager.notify_connect("k")
    assert manager.left_at(0) == []


def test_kernels_that_end_while_another_is_looked_at_are_passed_over(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their pages say goodbye while the manager waits for word of the first."""
    for kernel_id in "abc":

        async def alive(this: str = kernel_id) -> bool:
            for other in {*"abc"} - {this}:
                await manager.shutdown_kernel(other)
            return False

        monkeypatch.setattr(manager.add(kernel_id), "is_alive", alive)
    assert manager.left_at(0) == []


def test_warm_kernels_wait_for_ever_and_failed_ones_leave_the_pool(manager: Manager) -> None:
    async def scene() -> tuple[list[str], int, dict[str, int]]:
        async def ready() -> dict[str, Any]:
            return {"kernel_id": "warm", "task": asyncio.ensure_future(asyncio.sleep(0))}

        async def failed() -> dict[str, Any]:
            raise RuntimeError("could not start")

        manager.add("warm")
        manager.add("alone")
        pool = [asyncio.ensure_future(ready()), asyncio.ensure_future(failed())]
        await asyncio.gather(*pool, return_exceptions=True)
        manager._pools = {"explore.ipynb": pool}
        await manager.reap(0)
        await manager.reap(10 * BEFORE_CONNECT)
        return manager.list_kernel_ids(), len(pool), manager.counts()

    assert asyncio.run(scene()) == (["warm"], 1, {"kernels": 1, "pooled": 1, "visitors": 0})


class Pooling(Manager):
    """A manager of an app with warm kernels; those that it starts are called s0, s1, …, with what they were started with."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.started: list[dict[str, Any]] = []

    def fill_if_needed(self) -> None:
        """There are pools."""


@pytest.fixture
def pooling(monkeypatch: pytest.MonkeyPatch) -> Pooling:
    async def start(manager: Pooling, **kwargs: Any) -> str:
        manager.started.append(kwargs)
        manager.add(f"s{len(manager.started) - 1}")
        return f"s{len(manager.started) - 1}"

    monkeypatch.setattr(AsyncMappingKernelManager, "start_kernel", start)
    monkeypatch.setattr(kernels, "SPARE_DELAY", 0.0)
    monkeypatch.setattr(VisitorKernels, "room", lambda manager: True)
    return Pooling(kernel_spec_manager=OwnKernelSpec())


def test_the_spare_kernel_goes_to_the_next_visitor_and_another_takes_its_place_once_the_page_has_come(pooling: Pooling) -> None:
    async def scene() -> list[list[str]]:
        pooling.keep_spare()
        assert pooling._spare is not None
        await pooling._spare
        assert pooling.counts() == {"kernels": 1, "pooled": 1, "visitors": 0}
        taken = await pooling.start_kernel(kernel_name=KERNEL_NAME)
        own = await pooling.start_kernel(kernel_name=KERNEL_NAME)  # there is no spare one
        await pooling.reap(0)
        pooling.notify_connect(taken)
        await pooling.reap(1)
        before = pooling.list_kernel_ids()  # the second page is still to come
        pooling.notify_connect(own)
        await pooling.reap(2)
        await pooling._spare
        for kernel_id in (taken, own):
            pooling.notify_disconnect(kernel_id)
        for now in (3, 3 + 10 * BEFORE_CONNECT):  # the visitors are gone; the spare one waits on
            await pooling.reap(now)
        return [[taken, own], before, pooling.list_kernel_ids()]

    assert asyncio.run(scene()) == [["s0", "s1"], ["s0", "s1"], ["s2"]]
    assert pooling.counts() == {"kernels": 1, "pooled": 1, "visitors": 0}
    ahead = [AHEAD in str(kwargs.get("extra_arguments")) for kwargs in pooling.started]
    assert ahead == [True, False, True]


def test_a_spare_kernel_that_died_is_replaced(pooling: Pooling) -> None:
    async def scene() -> list[str]:
        pooling.keep_spare()
        assert pooling._spare is not None
        await pooling._spare
        pooling._kernels.clear()
        await pooling.reap(0)
        await pooling._spare
        return pooling.list_kernel_ids()

    assert asyncio.run(scene()) == ["s1"]


def test_a_spare_kernel_that_has_just_died_is_given_to_nobody(pooling: Pooling) -> None:
    async def scene() -> str:
        pooling.keep_spare()
        assert pooling._spare is not None
        await pooling._spare
        pooling._kernels.clear()
        return await pooling.start_kernel(kernel_name=KERNEL_NAME)

    assert asyncio.run(scene()) == "s1"


def test_without_warm_kernels_there_is_no_spare_one(manager: Manager) -> None:
    manager.keep_spare()
    assert manager._spare is None and manager.left_at(0) == []


def test_there_is_one_kernel_and_it_is_this_interpreter() -> None:
    specs = OwnKernelSpec()
    assert list(specs.get_all_specs()) == list(specs.find_kernel_specs()) == [KERNEL_NAME]
    assert specs.get_kernel_spec(KERNEL_NAME).argv[0] == sys.executable
    with pytest.raises(NoSuchKernel):
        specs.get_kernel_spec("julia")


@pytest.mark.slow
def test_a_real_kernel_is_lean_works_in_our_folder_and_takes_its_children_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of the user's folder must not shadow the library's; processes a kernel has started end with it."""
    (tmp_path / "random.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(tmp_path)
    code = "import random, subprocess, sys, os; child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)"
    code += "; import sklearn.utils; lean = 'pandas' not in sys.modules; import pandas"  # both can be had, but not the one by the other
    answer = "[os.getcwd(), sys.executable, sys.modules.get('debugpy') is None, lean, os.getpid(), child.pid]"

    async def scene() -> tuple[list[Any], list[psutil.Process]]:
        manager = VisitorKernels(kernel_spec_manager=OwnKernelSpec(), connection_dir=str(tmp_path))
        kernel_id = await manager.start_kernel(kernel_name=KERNEL_NAME, path="")
        client = manager.get_kernel(kernel_id).client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        try:
            reply = await client.execute(code, user_expressions={"it": answer}, reply=True, timeout=60)
            it = ast.literal_eval(reply["content"]["user_expressions"]["it"]["data"]["text/plain"])
            processes = [psutil.Process(pid) for pid in it[4:]]
        finally:
            client.stop_channels()
            await manager.shutdown_kernel(kernel_id)
        return it, processes

    it, processes = asyncio.run(scene())
    assert it[:4] == [os.path.realpath(tmp_path), sys.executable, True, True]
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_reaping_ends_when_told_even_if_a_kernel_swallows_the_cancellation(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    async def swallowing(now: float) -> None:
        reached.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise RuntimeError("swallowed") from None

    async def ended() -> bool:
        nonlocal reached
        reached = asyncio.Event()
        monkeypatch.setattr(manager, "reap", swallowing)
        task = asyncio.ensure_future(manager.reap_forever())
        await reached.wait()
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=30)
        return task in done

    reached = asyncio.Event()
    assert asyncio.run(ended())
