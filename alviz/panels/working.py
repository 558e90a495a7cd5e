"""Working: a page's state that does its long work in a job thread and says how it goes."""

import math
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import traitlets

from alviz.loop.round import PHASES
from alviz.panels.jobs import Job, Lane, Work
from alviz.panels.pace import UNKNOWN, Pace
from alviz.panels.turns import InTurn
from alviz.progress import Cancelled

WORDS = dict(zip(PHASES, ("scoring the pool", "selecting", "labelling", "training", "evaluating"), strict=True))
NOTHING: Mapping[str, float] = MappingProxyType({})


class Working(InTurn):
    """busy, phase, progress (0 … 1), left (seconds, NaN = unknown): the job under way. error: a sentence for the user, or ""; notice: the same,
    without alarm. All are set by the job thread; nothing of the engine runs in a widget's callback.
    """

    busy = traitlets.Bool(False)
    phase = traitlets.Unicode("")
    progress = traitlets.Float(0.0)
    left = traitlets.Float(math.nan)
    error = traitlets.Unicode("")
    notice = traitlets.Unicode("")

    def __init__(self, **traits: Any):
        super().__init__(**traits)
        self._jobs = Lane("job", self._job_changed, self._job_progressed, self._job_failed)
        self._began = 0.0
        self._expected: float | None = None
        self.keeps_up: Callable[[], bool] = lambda: True
        """Whether the page has drawn what it was sent; until then a job of many rounds shows none of those between."""

    def begin(self, work: Work) -> bool:
        """Do work(job) in the job thread; False when something is already under way."""
        return self._jobs.start(work)

    def cancel(self) -> None:
        """Ask what is under way to stop."""
        self._jobs.cancel()

    def wait(self, timeout: float | None = None) -> None:
        """Block until nothing is under way (for scripts and tests). Raises TimeoutError."""
        if not self._jobs.wait(timeout):
            raise TimeoutError("the work under way did not finish in time")

    def hooks(self, job: Job, span: tuple[float, float] = (0.0, 1.0), known: Mapping[str, float] = NOTHING) -> dict[str, Any]:
        """on_phase, progress and cancel for one step of a Run, which takes the part `span` of the whole job.

        known: seconds that phases are expected to take (see `Pace`). Progress goes by time: what is left is what remains of this step, and
        as much again for each further one.
        """
        pace, reached = Pace(known), span[0]

        def progress(share: float) -> None:
            nonlocal reached
            left, spent = pace.left(share), time.monotonic() - self._began
            whole = (pace.spent + left) / (span[1] - span[0])
            self._expected = left + whole * (1 - span[1])
            if not math.isnan(left):
                reached = max(reached, spent / max(spent + self._expected, 1e-9))
            elif pace.long:
                reached = max(reached, span[0] + (span[1] - span[0]) * UNKNOWN * share)
            job.progress(reached)

        def on_phase(phase: str) -> None:
            pace.begin(phase)
            self.phase = WORDS[phase]

        return {"on_phase": on_phase, "progress": progress, "cancel": job.cancel}

    def _job_changed(self, busy: bool) -> None:
        with self.hold_trait_notifications():
            if busy:
                self._began = time.monotonic()
                self._expected = None
                self.error = self.notice = ""
            self.phase, self.progress, self.left = "", 0.0, math.nan
            self.busy = busy

    def _job_progressed(self, fraction: float) -> None:
        self.progress = fraction
        spent = time.monotonic() - self._began
        if spent > 1:
            by_share = spent * (1 - fraction) / fraction if fraction > 0.02 else math.nan
            self.left = by_share if self._expected is None else self._expected

    def _job_failed(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self.notice = "Cancelled: what was under way is given up, what was finished is kept."
        else:
            self.error = readable(error)


def readable(error: Exception) -> str:
    """One sentence for the page: our own errors as they are, others with their kind in front."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, (ValueError, FileNotFoundError)):
        first = text.split()[0]
        return text[:1].upper() + text[1:] if first.isalpha() else text  # the name of a setting stays as it is written
    return f"{type(error).__name__}: {text}"
