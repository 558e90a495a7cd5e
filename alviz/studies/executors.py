"""Where the cells of a grid are worked on: in this process, in several, or on a Dask cluster. One way to hand them out serves all."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from alviz.studies.grid import Cell
from alviz.studies.threads import begin
from alviz.studies.work import work

PATIENCE = 3
"""Times that workers may die, one after the other, without a single cell finished in between."""

Told = Callable[[Cell, "Exception | None"], None]


class Here(Executor):
    """This process: one cell after the other, at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Do it now."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def processes(workers: int, threads: int = 1) -> Iterator[Executor]:
    """Workers in processes of their own, each with `threads` threads for arithmetic. They are killed when it is left: every round but theirs in flight is kept."""
    executor = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=begin, initargs=(threads,))
    try:
        yield executor
    finally:
        crew = list((executor._processes or {}).values())
        executor.shutdown(wait=False, cancel_futures=True)
        for process in crew:
            process.kill()
        for process in crew:
            process.join()


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of a running Dask cluster. Raises ValueError where it does not answer, or Dask is not installed."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError("a Dask cluster needs the package distributed: pip install alviz[cluster]") from error
    try:
        client = Client(address, timeout=10)
    except (OSError, TimeoutError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at {address!r}: {error or type(error).__name__}") from error
    with client:
        yield client.get_executor(pure=False, retries=PATIENCE)


def hand_out(
    cells: list[Cell], rounds: int, url: str, executor: Callable[[], Any], told: Told, stop: threading.Event | None = None
) -> list[Cell]:
    """Work on `cells` with the executors that `executor()` (a context manager) makes; gives those that are not done when `stop` was set.

    told(cell, error): a cell is done, or could not be (the others go on). Workers that die are replaced, and what they were at is gone on with; after
    PATIENCE times in a row without anything finished it raises ValueError.
    """
    left, deaths = list(cells), 0
    while left and not (stop is not None and stop.is_set()):
        done: set[str] = set()
        try:
            with executor() as crew:
                for cell, error in _results(left, rounds, url, crew, stop):
                    done.add(cell.key)
                    deaths = 0
                    told(cell, error)
        except (BrokenExecutor, CancelledError) as error:
            deaths += 1
            if deaths >= PATIENCE:
                raise ValueError(f"workers died {deaths} times without finishing anything: is there enough memory? ({error})") from error
        left = [cell for cell in left if cell.key not in done]
    return left


def _results(
    cells: list[Cell], rounds: int, url: str, crew: Executor, stop: threading.Event | None
) -> Iterator[tuple[Cell, Exception | None]]:
    """The cells as they are done. No more than a few are handed out ahead, so that stopping is quick and workers share what neighbours need."""
    ahead = 1 if isinstance(crew, Here) else 4 * max(getattr(crew, "_max_workers", 64), 1)
    waiting, running = iter(cells), dict[Future[Any], Cell]()
    while not (stop is not None and stop.is_set()):
        for cell in waiting:
            running[crew.submit(work, cell.key, cell.spec(), rounds, url)] = cell
            if len(running) >= ahead:
                break
        if not running:
            return
        finished, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in finished:
            cell, error = running.pop(future), future.exception()
            if isinstance(error, BrokenExecutor | CancelledError):
                raise error
            yield cell, error if isinstance(error, Exception) else None
