"""Kernels of the app: which program they run, and when they end.

A kernel belongs to one visitor's page. It ends when the page is closed; a closed lid, a killed browser or a lost network
send no goodbye, so the manager also looks for itself, once a second, for kernels that nobody is connected to.
"""

import asyncio
import contextlib
import os
import sys
from time import monotonic
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_core.utils import ensure_async
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError

from alviz.app import memory

KERNEL_NAME = "python3"
# Seconds without any connection after which a kernel ends: a reconnecting page needs a few, a page that is still loading more.
AFTER_DISCONNECT = 7.0
BEFORE_CONNECT = 60.0
# Bytes that a visitor's kernel comes to hold on Explore, after Start and some rounds on fashion-mini, and a little more; a kernel that is still smaller is
# counted as if it held them.
NEED = 220 * 2**20
# Bytes that no further kernel is started for: what those that are there may want beyond that, for a network or a larger pool.
RESERVE = 256 * 2**20
# Seconds after which a page that found no room, and a warm kernel that is to be started, look again.
LOOK_AGAIN = 10
# What the spare kernel loads before anybody comes, and seconds between the last coming page's connection and the start of the next: its first picture comes first.
AHEAD = "import alviz.panels, sklearn.linear_model"
SPARE_DELAY = 3.0

# Visitors share the processor. With one BLAS thread each, predicting 60,000 samples took a third of the time on a busy machine of
# two cores (threads wait for one another in a spin), and nobody's step slows the others down.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
# Where the app serves the scripts of the widgets: the panels then say where theirs is, instead of each sending it.
MODULES = "/alviz/modules/"


class OwnKernelSpec(KernelSpecManager):
    """Offers one kernel: this interpreter. Kernels of the same name that are installed on the machine are not looked at."""

    def find_kernel_specs(self) -> dict[str, str]:
        return {KERNEL_NAME: ""}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name != KERNEL_NAME:
            raise NoSuchKernel(kernel_name)
        # -P and ignore_cwd: a file called random.py in the user's folder must not replace the module.
        argv = [sys.executable, "-P", "-m", "alviz.app.kernel", "-f", "{connection_file}"]
        argv += ["--IPKernelApp.ignore_cwd=True", "--HistoryManager.enabled=False", "--IPKernelApp.log_level=ERROR"]
        return KernelSpec(
            argv=argv, language="python", display_name="Python", interrupt_mode="signal", env={**ONE_THREAD, "ALVIZ_MODULES": MODULES}
        )

    def get_all_specs(self) -> dict[str, Any]:
        spec = self.get_kernel_spec(KERNEL_NAME).to_dict()
        return {KERNEL_NAME: {"resource_dir": "", "spec": spec}}


class VisitorKernels(AsyncMappingKernelManager):
    """Kernel manager that ends kernels nobody is connected to. Voila adds the pool of warm kernels by subclassing it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._was_connected: set[str] = set()
        self._alone_since: dict[str, float] = {}
        # Who has been let in and whose kernel does not show yet: a page's request, or a task that starts a warm kernel; with the notebook of the page.
        self._coming: dict[object, str] = {}
        # Filled by Voila's subclass: per notebook, tasks that give {"kernel_id", "task" (the rendering), "renderer"}.
        self._pools: dict[str, list[asyncio.Task[dict[str, Any]]]] = {}
        # A kernel that has loaded what every page needs and waits for a visitor of any: there are too many lessons for a warm one of each.
        self._spare: asyncio.Task[str] | None = None
        self._keeps_spare = False

    def cwd_for_path(self, path: str, **kwargs: Any) -> str:
        """Kernels work in the folder the app was started from, so that relative paths mean what the user thinks."""
        return os.getcwd()

    def notify_connect(self, kernel_id: str) -> None:
        super().notify_connect(kernel_id)
        self._was_connected.add(kernel_id)

    async def shutdown_kernel(self, kernel_id: str, now: bool = True, restart: bool = False) -> None:  # type: ignore[override]
        """End a kernel and its child processes at once, busy or not: what a visitor must keep is in the database by then."""
        await super().shutdown_kernel(kernel_id, now=True, restart=restart)

    def room(self) -> bool:
        """Whether one more kernel fits into the memory that is left when all that have been let in have grown to what they need."""
        processes = [getattr(kernel.provisioner, "pid", None) for kernel in self._kernels.values()]
        growth = sum(max(0, NEED - (memory.resident(pid) if pid else 0)) for pid in processes)
        return memory.available() - growth - NEED * len(self._coming) >= NEED + RESERVE

    def let_in(self, visit: object, notebook_name: str) -> bool:
        """Whether a page can be shown: a warm kernel is there that nobody else is about to get, or there is room for one more.

        If so, ``visit`` is counted until it `has_kernel`, so that of many who come at once only as many are let in as there is room for.
        """
        before = sum(1 for name in self._coming.values() if name == notebook_name)
        if self.warm(notebook_name) <= before and not self.room():
            return False
        self._coming[visit] = notebook_name
        return True

    def has_kernel(self, visit: object) -> None:
        """The kernel of a page that was let in is there, or will never be."""
        self._coming.pop(visit, None)

    def warm(self, notebook_name: str) -> int:
        """How many started kernels wait for visitors of one page; they are the first that Voila gives away, before those that are still to be started."""
        pool = self._pools.get(notebook_name, [])
        pool.sort(key=lambda task: not _succeeded(task))
        return sum(map(_succeeded, pool))

    async def start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        """Start a kernel: for a visitor, who has been let in, at once, or the spare one is given; for the pool as soon as there is room, and nobody is
        refused for it."""
        task = asyncio.current_task()
        if task is not self._spare and not any(task in pool for pool in self._pools.values()):
            if spare := self._spare_ids() & set(self.list_kernel_ids()):  # it may have ended a moment ago
                self._spare = None
                return spare.pop()
            kernel_id: str = await super().start_kernel(**kwargs)
            return kernel_id
        while not self.room():
            await asyncio.sleep(LOOK_AGAIN)
        self._coming[task] = ""
        try:
            kernel_id = await super().start_kernel(**kwargs)
        finally:
            del self._coming[task]
        return kernel_id

    def pooled(self, *, ready: bool = False) -> set[str]:
        """Ids of the warm kernels, and of the spare one, that wait for a visitor; ready: only those that have rendered what page they have."""
        items = [task.result() for pool in self._pools.values() for task in pool if _succeeded(task)]
        return {item["kernel_id"] for item in items if not ready or item["task"].done()} | self._spare_ids()

    def _spare_ids(self) -> set[str]:
        """Id of the spare kernel; nothing while there is none."""
        return {self._spare.result()} if self._spare is not None and _succeeded(self._spare) else set()

    def keep_spare(self) -> None:
        """From now on there is a spare kernel, where warm ones were asked for."""
        self._keeps_spare = hasattr(self, "fill_if_needed")
        if self._keeps_spare:
            self._fill_spare(0.0)

    def _fill_spare(self, delay: float) -> None:
        async def start() -> str:
            await asyncio.sleep(delay)
            return await self.start_kernel(kernel_name=KERNEL_NAME, extra_arguments=[f"--IPKernelApp.exec_lines={AHEAD}"])

        self._spare = asyncio.create_task(start())

    async def fill_pool(self, notebook_name: str) -> None:
        """Start the warm kernels of one page and wait until they have rendered it."""
        if not hasattr(self, "fill_if_needed"):  # no pool was asked for
            return
        self.fill_if_needed(delay=0, notebook_name=notebook_name)
        with contextlib.suppress(Exception):  # a page that fails says so to its visitor
            for item in await asyncio.gather(*self._pools[notebook_name]):
                await asyncio.shield(item["task"])

    async def end_all(self) -> None:
        """End every kernel, also those that are just being started."""
        for task in [task for pool in self._pools.values() for task in pool]:
            task.cancel()
        if self._spare is not None:
            self._spare.cancel()
            self._spare, self._keeps_spare = None, False
        await self.shutdown_all(now=True)

    def counts(self) -> dict[str, int]:
        """How many kernels live, how many of them have a page rendered and wait in the pool, and how many have a page connected."""
        connected = sum(1 for n in self._kernel_connections.values() if n > 0)
        return {"kernels": len(self.list_kernel_ids()), "pooled": len(self.pooled(ready=True)), "visitors": connected}

    async def reap_forever(self) -> None:
        """Once a second, end the kernels that nobody is connected to any more."""
        this = asyncio.current_task()
        assert this is not None
        while not this.cancelling():  # jupyter_client may swallow the cancellation while it ends a kernel
            await asyncio.sleep(1)
            try:
                await self.reap(monotonic())
            except Exception:  # one kernel that will not end must not keep the others alive
                self.log.exception("looking for abandoned kernels failed")

    async def reap(self, now: float) -> None:
        """End dead kernels, and those without a connection for too long at the time ``now`` (monotonic seconds)."""
        for pool in self._pools.values():
            pool[:] = [task for task in pool if not task.done() or _succeeded(task)]
        pooled = self.pooled()
        living = set(self.list_kernel_ids())
        self._was_connected &= living
        starting = self._spare is not None and not self._spare.done()
        if self._keeps_spare and not starting and not self._spare_ids() & living and living - pooled <= self._was_connected:
            self._fill_spare(SPARE_DELAY)
        self._alone_since = {k: t for k, t in self._alone_since.items() if k in living}
        for kernel_id in living - pooled:
            with contextlib.suppress(KeyError, HTTPError):  # the page's own goodbye may have come first
                if await self._is_over(kernel_id, now):
                    await self.shutdown_kernel(kernel_id)

    async def _is_over(self, kernel_id: str, now: float) -> bool:
        kernel = self.get_kernel(kernel_id)
        if kernel.has_kernel and not await ensure_async(kernel.is_alive()):
            return True
        connected = self._kernel_connections.get(kernel_id, 0) > 0
        seen = kernel_id in self._was_connected
        # Until its page has connected, a kernel at work is rendering that page.
        rendering = not seen and getattr(kernel, "execution_state", "starting") != "idle"
        if connected or rendering:
            self._alone_since.pop(kernel_id, None)
            return False
        alone = now - self._alone_since.setdefault(kernel_id, now)
        return alone > (AFTER_DISCONNECT if seen else BEFORE_CONNECT)


def _succeeded(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
