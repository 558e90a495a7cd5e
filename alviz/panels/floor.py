"""Floor: one computes at a time, and what goes on in the background gives way to the buttons."""

import threading
from collections.abc import Callable
from types import TracebackType


class Floor:
    """Held by whatever trains or draws: libraries have random state that is the whole process's (liblinear, torch), and two at once would draw from each other's.

    rests(seconds) -> whether nothing that a button began is under way, at the latest so many seconds from now.
    """

    def __init__(self, rests: Callable[[float], bool]):
        self._rests = rests
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._lock.release()

    def give_way(self, cancel: threading.Event) -> None:
        """Leave the floor, which the caller holds, to the buttons as long as they want it, or until `cancel` is set."""
        if self._rests(0.0):
            return
        self._lock.release()
        try:
            while not self._rests(0.2) and not cancel.is_set():
                pass
        finally:
            self._lock.acquire()
