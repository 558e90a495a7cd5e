"""Jobs: one worker thread, one thing at a time, cancelled cooperatively."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from alviz.progress import Cancelled

REPORT_EVERY = 0.1
"""Seconds between two progress reports to the page."""


class Job:
    """What a running job may use: `progress` (a `Progress` that raises `Cancelled`) and the token `cancel`."""

    def __init__(self, cancel: threading.Event, report: Callable[[float], None]):
        self.cancel = cancel
        self._report = report
        self._reported = 0.0

    def progress(self, fraction: float) -> None:
        """Pass progress on, at most ten times a second; raise `Cancelled` when the user asked to stop."""
        if self.cancel.is_set():
            raise Cancelled("cancelled")
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            self._report(fraction)


Work = Callable[[Job], Any]


class Lane:
    """One worker thread that does one thing at a time.

    Called in the worker thread (on_change(True) in the caller's): on_change(busy), on_progress(fraction), on_error(exception), the last
    with `Cancelled` for a cancelled job.
    """

    def __init__(
        self,
        name: str,
        on_change: Callable[[bool], None],
        on_progress: Callable[[float], None],
        on_error: Callable[[Exception], None],
    ):
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"alviz-{name}")
        self._lock = threading.Lock()
        self._busy = False
        self._next: Work | None = None
        self._cancel = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._on_change, self._on_progress, self._on_error = on_change, on_progress, on_error

    def start(self, work: Work) -> bool:
        """Run work(job) in the worker thread. False when the lane is busy."""
        with self._lock:
            if self._busy:
                return False
            self._busy = True
        self._submit(work)
        return True

    def instead(self, work: Work) -> None:
        """Run work(job) as soon as what runs now has stopped, which is asked to; the latest request wins."""
        with self._lock:
            if self._busy:
                self._next = work
                self._cancel.set()
                return
            self._busy = True
        self._submit(work)

    def cancel(self) -> None:
        """Ask the running job to stop, and forget the one in waiting."""
        with self._lock:
            self._next = None
            self._cancel.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the lane is idle (for scripts and tests); False when that took longer than `timeout` seconds."""
        return self._idle.wait(timeout)

    def _submit(self, work: Work) -> None:
        self._idle.clear()
        self._cancel = threading.Event()
        self._on_change(True)
        self._pool.submit(self._work, work)

    def _work(self, work: Work) -> None:
        while True:
            try:
                work(Job(self._cancel, self._on_progress))
            except Exception as error:
                if self._next is None:  # what was replaced by another job needs no message
                    self._on_error(error)
            with self._lock:
                following, self._next = self._next, None
                if following is None:  # in the same breath, or what is asked for in between would wait for ever
                    self._busy = False
                    break
                self._cancel = threading.Event()
            work = following
        self._on_change(False)
        with self._lock:
            if not self._busy:  # who was told may have started the next thing already
                self._idle.set()
