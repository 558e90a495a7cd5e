"""Comparing: what the Compare page knows of a grid, its runs and what they say."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import traitlets

from alviz.figures.base import plural
from alviz.panels.jobs import Job, Lane
from alviz.panels.workbench import imported
from alviz.panels.working import Working, readable
from alviz.progress import Cancelled
from alviz.report.page import render
from alviz.report.views import Question
from alviz.studies.compare import go_on, table
from alviz.studies.executors import cores
from alviz.studies.findings import ARMS, metrics_of, places, reference_of, varied
from alviz.studies.grid import Cell, Comparison, parse
from alviz.studies.store import Store

FIRST: dict[str, Any] = {
    "datasets": ["digits"],
    "strategies": ["random", "margin", "k-center", "typiclust"],
    "n_queries": [20],
    "rounds": 8,
    "seeds": 5,
}
"""The grid that the page begins with: half a minute on two cores."""

EVERY = 0.5
"""Seconds between two looks at the store while runs are made."""

SHARE = 5
"""The table is read and drawn again after this many times as long as it took."""


class Comparing(Working):
    """spec: what the settings say, as `grid.parse` takes it. grid: the Comparison they make, or None for the reason `problem`. counts: cell key -> rounds that the store has.
    failed: cell key -> why it could not be made. wishes: what of a `Question` was chosen by hand. question: what is asked of the rounds there are, or None before the
    first. cell: the run that is chosen. kept: the grids of the store, newest first. workers: processes.
    """

    spec = traitlets.Dict()
    grid: Comparison | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    problem = traitlets.Unicode("")
    counts: Any = traitlets.Dict()
    failed: Any = traitlets.Dict()
    wishes: Any = traitlets.Dict()
    question: Question | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    cell: Cell | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    kept: Any = traitlets.List()
    workers = traitlets.Int(1)
    reading = traitlets.Bool(False)

    def __init__(self, store: Store | None, **spec: Any):
        super().__init__(spec={**FIRST, **spec}, workers=cores())
        self.store = store
        self._reader = Lane("reading", lambda busy: setattr(self, "reading", busy), lambda share: None, self._reading_failed)
        self.observe(lambda _: self._check(), ["spec"])
        self.observe(lambda _: self._wish(), ["wishes"])
        imported("scipy.stats")  # beside everything else, before the first figure would wait for it
        self._check()

    # ---- what the page does ----

    def run_to_end(self) -> bool:
        """Make all runs of the grid, or go on with them."""

        def work(job: Job) -> None:
            grid, store = self._ready()
            self.phase = "making the runs" if not self.counts else "going on"
            self.failed = {}
            over = threading.Event()
            watcher = threading.Thread(target=self._watch, args=(grid, store, job, over), daemon=True)
            watcher.start()
            try:
                go_on(grid, store, workers=min(self.workers, cores()), told=self._told, stop=job.cancel)
            finally:
                over.set()
                watcher.join()
                self._list()
                self._read(grid, store, None)
            if job.cancel.is_set():
                raise Cancelled
            if self.failed:
                first = next(iter(self.failed.values()))
                raise ValueError(f"{plural(len(self.failed), 'run')} could not be made: {first}")

        return self.begin(work)

    def report(self, give: Callable[[str, bytes, str], None]) -> bool:
        """Write the report of what there is, and hand it over as give(name, content, MIME type)."""

        def work(job: Job) -> None:
            grid, store = self._ready()
            asked = self.question
            if asked is None:
                raise ValueError("there is nothing to report on yet: press Run first")
            self.phase = "writing the report"
            text = render(grid, store, [asked.metric], asked.reference)
            name = re.sub(r"[^\w.-]+", "-", grid.name).strip("-.") or "comparison"
            give(f"{name}.html", text.encode(), "text/html")

        return self.begin(work)

    def open(self, key: str) -> None:
        """The settings of a grid of the store, and what there is of it. Raises ValueError for another key."""
        self._list()  # it may have been made since
        found = next((entry for entry in self.kept if entry["key"] == key), None)
        if found is None:
            raise ValueError("the store has no such comparison")
        self.spec = found["grid"]

    def look_again(self) -> None:
        """Read anew what the store has: others write to it too."""
        self._list()
        grid, store = self.grid, self.store
        if grid is not None and store is not None and not self.busy:
            self._reader.instead(lambda job: self._read(grid, store, job))

    def wait(self, timeout: float | None = None) -> None:
        """Block until nothing is under way (for scripts and tests). Raises TimeoutError."""
        super().wait(timeout)
        if not self._reader.wait(timeout):
            raise TimeoutError("the store was not read in time")

    # ---- inside ----

    def _ready(self) -> tuple[Comparison, Store]:
        if self.grid is None:
            raise ValueError(self.problem)
        if self.store is None:
            raise ValueError("runs cannot be kept on this machine, and a comparison is made of runs that are kept")
        return self.grid, self.store

    def _check(self) -> None:
        """What the settings make, and what the store has of it."""
        try:
            grid, problem = parse(self.spec), ""
        except (ValueError, ImportError) as error:
            grid, problem = None, readable(error)
        with self.hold_trait_notifications():
            self.problem, self.failed, self.cell = problem, {}, None
            if grid is None or self.grid is None or grid.key != self.grid.key:
                self.counts, self.question = {}, None
            self.grid = grid
        self.look_again()

    def _read(self, grid: Comparison, store: Store, job: Job | None) -> None:
        """What the store has of the grid; nothing where another reading waits for this one to end."""
        counts = store.counts(cell.key for cell in grid.cells())
        if job is not None and job.cancel.is_set():
            return
        self.counts = counts
        asked = self._asked(grid, store) if counts else None
        if job is None or not job.cancel.is_set():
            self.question = asked

    def _asked(self, grid: Comparison, store: Store) -> Question | None:
        found = table(grid, store)
        return wished(Question.usual(grid, store, found), self.wishes) if len(found) else None

    def _wish(self) -> None:
        if self.question is not None:
            self.question = wished(self.question, self.wishes)

    def _watch(self, grid: Comparison, store: Store, job: Job, over: threading.Event) -> None:
        """Follow the rounds as they come into the store."""
        wanted, cells = grid.rounds + 1, [cell.key for cell in grid.cells()]
        before: int | None = None
        due = 0.0
        while not over.wait(EVERY):
            counts = store.counts(cells)
            done = sum(min(count, wanted) for count in counts.values())
            if before is None:
                self._list()  # the grid is kept from now on, and the address leads back to it
                before = done
            self._job_progressed((done - before) / max(wanted * len(cells) - before, 1))
            if counts == self.counts:
                continue
            self.counts = counts
            if time.monotonic() >= due and self.keeps_up():
                began = time.monotonic()
                self.question = self._asked(grid, store)
                due = time.monotonic() + SHARE * (time.monotonic() - began)

    def _told(self, cell: Cell, error: Exception | None) -> None:
        if error is not None:
            self.failed = {**self.failed, cell.key: readable(error)}

    def _list(self) -> None:
        if self.store is not None:
            self.kept = self.store.comparisons()

    def _reading_failed(self, error: Exception) -> None:
        self.error = readable(error)


def wished(asked: Question, wishes: Mapping[str, Any]) -> Question:
    """The question with what was chosen by hand, as far as the grid has it."""
    known = {key: value for key, value in wishes.items() if key in ("measure", "level")}
    if wishes.get("metric") in metrics_of(asked.table):
        known["metric"] = wishes["metric"]
    if wishes.get("arms") in varied(asked.grid) and wishes["arms"] in ARMS:
        known["arms"] = wishes["arms"]
    asked = replace(asked, **known)
    arms = [str(place) for place in places(asked.grid, asked.arms)]
    usual = reference_of(arms)
    reference = wishes.get("reference", usual)
    asked = replace(asked, reference=reference if reference in arms else usual if usual in arms else None)
    setting = wishes.get("setting", asked.setting)
    return replace(asked, setting=setting if setting in asked.settings else next(iter(asked.settings), ""))
