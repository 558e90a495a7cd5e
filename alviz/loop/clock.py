"""Phases, their seconds, and cancelling: how a step says how it goes."""

import time
from collections.abc import Callable
from typing import Protocol

from alviz.loop.round import PHASES
from alviz.progress import Cancelled, Progress

OnPhase = Callable[[str], None]


class CancelToken(Protocol):
    """Anything with `is_set`, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether the user asked to stop."""
        ...


def reporter(progress: Progress | None, cancel: CancelToken | None) -> Progress:
    def report(fraction: float) -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled("stopped at your request; the run is as it was before")
        if progress is not None:
            progress(fraction)

    return report


class Clock:
    """Announces each phase and keeps its seconds."""

    def __init__(self, on_phase: OnPhase | None, report: Progress):
        self._on_phase = on_phase
        self._report = report
        self._phase: str | None = None
        self._began = 0.0
        self.seconds: dict[str, float] = {}

    def begin(self, phase: str) -> None:
        assert phase in PHASES
        self.stop()
        self._report(0.0)
        if self._on_phase is not None:
            self._on_phase(phase)
        self._phase, self._began = phase, time.perf_counter()

    def stop(self) -> dict[str, float]:
        if self._phase is not None:
            self.seconds[self._phase] = self.seconds.get(self._phase, 0.0) + time.perf_counter() - self._began
        self._phase = None
        return self.seconds
