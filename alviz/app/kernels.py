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

KERNEL_NAME = "python3"
# Seconds without any connection after which a kernel ends: a reconnecting page needs a few, a page that is still loading more.
AFTER_DISCONNECT = 7.0
BEFORE_CONNECT = 60.0


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
        # Filled by Voila's subclass: per notebook, tasks that give {"kernel_id", "task" (the rendering), "renderer"}.
        self._pools: dict[str, list[asyncio.Task[dict[str, Any]]]] = {}

    def cwd_for_path(self, path: str, **kwargs: Any) -> str:
        """Kernels work in the folder the app was started from, so that relative paths mean what the user thinks."""
        return os.getcwd()

    def notify_connect(self, kernel_id: str) -> None:
        super().notify_connect(kernel_id)
        self._was_connected.add(kernel_id)

    async def shutdown_kernel(self, kernel_id: str, now: bool = True, restart: bool = False) -> None:  # type: ignore[override]
        """End a kernel and its child processes at once, busy or not: what a visitor must keep is in the database by then."""
        await super().shutdown_kernel(kernel_id, now=True, restart=restart)

    def pooled(self, *, ready: bool = False) -> set[str]:
        """Ids of the warm kernels that wait for a visitor; ready: only those that have rendered their page."""
        items = [task.result() for pool in self._pools.values() for task in pool if _succeeded(task)]
        return {item["kernel_id"] for item in items if not ready or item["task"].done()}

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
        self._alone_since = {k: t for k, t in self._alone_since.items() if k in living}
        for kernel_id in living - pooled:
            if await self._is_over(kernel_id, now):
                with contextlib.suppress(KeyError, HTTPError):  # the page's own goodbye may have come first
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
