"""Who is let in: as many as there is memory for when all have grown, and whoever finds a warm kernel; the others are told so."""

import asyncio
from typing import Any

import pytest

from alviz.app import kernels, memory
from alviz.app.kernels import LOOK_AGAIN, NEED, RESERVE, OwnKernelSpec, VisitorKernels
from alviz.app.server import AppServer

PAGE = "explore.ipynb"


class Machine:
    """Its free memory, and what every process holds, by number."""

    def __init__(self) -> None:
        self.free = 0
        self.held: dict[int, int] = {}

    def available(self) -> int:
        return self.free

    def resident(self, pid: int) -> int:
        return self.held[pid]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(memory, "available", machine.available)
    monkeypatch.setattr(memory, "resident", machine.resident)
    return machine


class Process:
    def __init__(self, pid: int | None) -> None:
        self.pid = pid


class StubKernel:
    def __init__(self, pid: int | None) -> None:
        self.provisioner = Process(pid)


@pytest.fixture
def manager() -> VisitorKernels:
    return VisitorKernels(kernel_spec_manager=OwnKernelSpec())


def test_what_kernels_will_still_take_is_counted(manager: VisitorKernels, machine: Machine) -> None:
    machine.held = {1: NEED - 100, 2: NEED + 900}
    manager._kernels.update(young=StubKernel(1), large=StubKernel(2))
    machine.free = NEED + RESERVE + 100
    assert manager.room()
    machine.free -= 1
    assert not manager.room()
    machine.held[1] = NEED
    assert manager.room()
    manager._kernels.update(launching=StubKernel(None))
    assert not manager.room()


def test_of_ten_who_come_at_once_as_many_are_let_in_as_fit(manager: VisitorKernels, machine: Machine) -> None:
    machine.free = 4 * NEED + RESERVE
    assert [manager.let_in(k, PAGE) for k in range(10)] == [True] * 4 + [False] * 6
    manager._kernels.update(mine=StubKernel(1))
    machine.held[1] = 100
    machine.free -= 100
    manager.has_kernel(0)
    assert not manager.let_in(10, PAGE)  # a kernel in the place of its visit: as full as before
    manager.has_kernel(1)  # could not be started
    assert manager.let_in(11, PAGE)


def test_a_warm_kernel_is_given_away_once_also_where_no_other_fits(manager: VisitorKernels, machine: Machine) -> None:
    async def scene() -> list[bool]:
        async def started() -> dict[str, Any]:
            return {"kernel_id": "warm"}

        waiting, warm = asyncio.ensure_future(asyncio.sleep(60)), asyncio.ensure_future(started())
        await warm
        manager._pools = {PAGE: [waiting, warm]}
        found = [manager.let_in("other page", "toy.ipynb"), manager.let_in("first", PAGE), manager.let_in("second", PAGE)]
        assert manager._pools[PAGE] == [warm, waiting]  # Voila gives away the first
        manager._pools[PAGE].remove(warm)
        manager.has_kernel("first")
        found.append(manager.let_in("third", PAGE))
        waiting.cancel()
        return found

    assert asyncio.run(scene()) == [False, True, False, False]


def test_the_pool_is_not_filled_until_there_is_room(manager: VisitorKernels, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    counted: list[bool] = []

    async def start(self: Any, **kwargs: Any) -> str:
        begun.append(kwargs["kernel_name"])
        counted.append(manager.room())
        return "id"

    async def scene() -> list[int]:
        looks = 0

        async def next_look(seconds: float) -> None:
            nonlocal looks
            looks += 1
            machine.free = NEED + RESERVE if looks == 3 else 0

        monkeypatch.setattr(asyncio, "sleep", next_look)
        task = asyncio.ensure_future(manager.start_kernel(kernel_name="pool"))
        manager._pools = {PAGE: [task]}
        assert await task == "id"
        machine.free = 0
        assert await manager.start_kernel(kernel_name="visitor") == "id"  # has been let in
        return [looks]

    monkeypatch.setattr(kernels.AsyncMappingKernelManager, "start_kernel", start)
    assert asyncio.run(scene()) == [3]
    assert begun == ["pool", "visitor"]
    assert counted[0] is False  # the one that starts is counted
    assert manager._coming == {}


def test_a_visitor_without_room_is_told_so(server: AppServer, ask, machine: Machine) -> None:
    [full] = ask("/explore")
    assert full.code == 503
    assert full.headers["Retry-After"] == str(LOOK_AGAIN)
    assert full.headers["Cache-Control"] == "no-store"
    html = full.body.decode()
    assert 'class="shell-again"' in html and "Try again" in html
    assert f'data-again="{LOOK_AGAIN}"' in html
    assert "jupyter-config-data" not in html
