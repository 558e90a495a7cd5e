"""Workbench: the one state that every panel of a page is bound to."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from alviz import data
from alviz.data.dataset import Dataset
from alviz.loop import Run
from alviz.loop.round import Round
from alviz.panels.jobs import Job, Lane
from alviz.progress import Cancelled
from alviz.projections import Projection, project

DEFAULTS: dict[str, Any] = {
    "dataset": "fashion-mini",
    "imbalance": "none",
    "learner": "linear-svm",
    "strategy": "margin",
    "initial": "random",
    "n_queries": 50,
    "budget": 600,
    "seed": 0,
}
MAX_TRACKS = 8
"""Runs kept for comparison on one page; the oldest goes first."""

WORDS = {"score": "scoring the pool", "select": "selecting", "label": "labelling", "train": "training", "evaluate": "evaluating"}


@dataclass(frozen=True, eq=False)
class Track:
    """A run on the page: its label in legends, and the labels it may spend in all."""

    run: Run
    label: str
    budget: int

    @property
    def planned(self) -> int:
        """R: the rounds that the budget allows."""
        budget = min(self.budget, len(self.run.dataset))
        return max(math.ceil((budget - self.run.n_initial) / self.run.n_queries), self.run.position, 0)


class Workbench(traitlets.HasTraits):
    """What a page knows. Panels read and write these traits and never talk to each other.

    config: the settings for the next Start. track: the run looked at, or None; tracks: it, its branches and what ran before it on the same dataset. version: counts
    up whenever rounds came or went. shown: the round looked at. selected: dataset indices marked in every view. hovered: dataset
    index or −1. busy, phase, progress (0 … 1), left (seconds, NaN = unknown): the job under way. error: a sentence for the user, or "";
    notice: the same, without alarm. method, projection: what the map shows; projecting, projected (0 … 1): a projection is being computed.
    """

    config = traitlets.Dict()
    track: Track | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    tracks = traitlets.List()
    version = traitlets.Int(0)
    shown = traitlets.Int(0)
    selected = traitlets.List(traitlets.Int())
    hovered = traitlets.Int(-1)
    busy = traitlets.Bool(False)
    phase = traitlets.Unicode("")
    progress = traitlets.Float(0.0)
    left = traitlets.Float(math.nan)
    error = traitlets.Unicode("")
    notice = traitlets.Unicode("")
    method = traitlets.Unicode("pca")
    projection: Projection | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    projecting = traitlets.Bool(False)
    projected = traitlets.Float(0.0)

    def __init__(self, store: Any = None, **config: Any):
        super().__init__(config={**DEFAULTS, **config})
        self.store = store
        self._jobs = Lane("job", self._job_changed, self._job_progressed, self._failed)
        self._maps = Lane("map", self._map_changed, self._map_progressed, self._map_failed)
        self._span = (0.0, 1.0)
        self._began = 0.0
        self.observe(lambda _: self._refresh_map(), ["method"])

    # ---- what panels ask ----

    @property
    def run(self) -> Run | None:
        """The run looked at."""
        return None if self.track is None else self.track.run

    @property
    def round(self) -> Round | None:
        """The round looked at."""
        run = self.run
        return None if run is None or not run.rounds else run.rounds[min(self.shown, run.position)]

    @property
    def labelled_in_round(self) -> NDArray[np.int64]:
        """(n,) the round in which each sample was labelled, −1 = not until the round looked at."""
        assert self.run is not None
        when = self.run.state.labelled_in_round.copy()
        when[when > self.shown] = -1
        return when

    def status(self) -> str:
        """Where the run stands: "round r/R · n/N labels"."""
        if self.track is None or self.round is None:
            return "not started"
        done, labels = self.round.index, self.round.n_labelled
        return f"round {done}/{self.track.planned} · {labels:,}/{min(self.track.budget, len(self.track.run.dataset)):,} labels"

    # ---- what buttons do (each returns at once; False when something is already under way) ----

    def start(self) -> bool:
        """A new run with the settings of `config`."""

        def work(job: Job) -> None:
            config = dict(self.config)
            self.phase = "loading the data"
            dataset = self._dataset(config, job)
            n_queries, budget = int(config["n_queries"]), int(config["budget"])
            if budget < n_queries:
                raise ValueError(f"the total budget is {budget}, less than the {n_queries} labels of one round")
            run = Run(
                dataset,
                learner=config["learner"],
                strategy=config["strategy"],
                initial=config["initial"],
                n_queries=n_queries,
                seed=int(config["seed"]),
                store=self.store,
                **self._hooks(job),
            )
            if self.run is not None and self.run.dataset is not dataset:
                with self.hold_trait_notifications():
                    self.tracks, self.selected, self.projection = [], [], None
            self._show(Track(run, self._label(run.name), budget), 0)

        return self._begin(work)

    def step(self) -> bool:
        """One round."""

        def work(job: Job) -> None:
            track = self._needed()
            if track.run.n_labelled >= track.budget:
                raise ValueError(f"the budget of {track.budget:,} labels is spent: raise it or start again")
            self._step(track, job, (0.0, 1.0))

        return self._begin(work)

    def run_to_end(self) -> bool:
        """Rounds until the budget is spent."""

        def work(job: Job) -> None:
            track = self._needed()
            total = max(track.planned - track.run.position, 1)
            for k in range(total):
                if track.run.n_labelled >= track.budget or not len(track.run.state.candidates):
                    break
                self._step(track, job, (k / total, (k + 1) / total))

        return self._begin(work)

    def undo(self) -> bool:
        """Take the last round back."""

        def work(job: Job) -> None:
            track = self._needed()
            track.run.undo()
            self._changed(track.run.position)

        return self._begin(work)

    def branch(self) -> bool:
        """A second run that shares the rounds up to the one looked at and goes on with the strategy of `config`."""

        def work(job: Job) -> None:
            track = self._needed()
            strategy = self.config["strategy"]
            twin = track.run.fork(round=self.shown, strategy=strategy, n_queries=int(self.config["n_queries"]))
            label = self._label(f"{strategy} from round {self.shown}")
            self._show(Track(twin, label, max(track.budget, int(self.config["budget"]))), self.shown)

        return self._begin(work)

    def resume(self, run: str) -> bool:
        """Go on with a run of the store."""

        def work(job: Job) -> None:
            if self.store is None:
                raise ValueError("there is no store to resume from")
            self.phase = "loading the run"
            config = self.store.config(run)
            if config["dataset"] is None:
                raise ValueError("this run's data was not made by name: resume it from Python with Run.resume")
            dataset = data.create(config["dataset"]["name"], **config["dataset"]["params"])
            resumed = Run.resume(self.store.load(run, dataset), dataset, store=self.store)
            settings = {key: (config.get(key) or {}).get("name") for key in ("dataset", "learner", "strategy", "initial")}
            budget = max(int(self.config["budget"]), resumed.n_labelled)
            self.config = {**self.config, **settings, "n_queries": resumed.n_queries, "seed": resumed.seed, "budget": budget}
            self._show(Track(resumed, self._label(resumed.name), budget), resumed.position)

        return self._begin(work)

    def look_at(self, track: Track) -> None:
        """Show another of the runs."""
        with self.hold_trait_notifications():
            self.track = track
            self.shown = max(track.run.position, 0)
            self.version += 1

    def cancel(self) -> None:
        """Ask whatever is under way to stop; it does so between any two mini-batches."""
        self._jobs.cancel()
        self._maps.cancel()

    def wait(self, timeout: float | None = None) -> None:
        """Block until nothing is under way (for scripts and tests)."""
        if not (self._jobs.wait(timeout) and self._maps.wait(timeout)):
            raise TimeoutError("the work under way did not finish in time")

    # ---- inside ----

    def _dataset(self, config: dict[str, Any], job: Job) -> Dataset:
        spec = {"name": config["dataset"], "params": {**config.get("params", {}), "imbalance": config["imbalance"]}}
        if self.run is not None and self.run.dataset.spec == spec:
            return self.run.dataset
        return data.create(spec["name"], **spec["params"])

    def _needed(self) -> Track:
        if self.track is None:
            raise ValueError("there is no run yet: press Start first")
        return self.track

    def _step(self, track: Track, job: Job, span: tuple[float, float]) -> None:
        self._span = span
        run = track.run
        run.run(until=min(run.n_labelled + run.n_queries, track.budget), **self._hooks(job))
        self._changed(run.position)

    def _hooks(self, job: Job) -> dict[str, Any]:
        phases = list(WORDS)
        low, high = self._span

        def on_phase(phase: str) -> None:
            nonlocal low
            self.phase = WORDS[phase]
            low = self._span[0] + (high - self._span[0]) * phases.index(phase) / len(phases)

        def progress(fraction: float) -> None:
            job.progress(low + (high - self._span[0]) * fraction / len(phases))

        return {"on_phase": on_phase, "progress": progress, "cancel": job.cancel}

    def _show(self, track: Track, shown: int) -> None:
        with self.hold_trait_notifications():
            self.tracks = [*self.tracks, track][-MAX_TRACKS:]
            self.track = track
            self.shown = shown
            self.version += 1
        self._refresh_map()

    def _changed(self, shown: int) -> None:
        with self.hold_trait_notifications():
            self.shown = shown
            self.version += 1

    def _label(self, name: str) -> str:
        taken = {track.label for track in self.tracks}
        return next(label for k in range(1, 10_000) if (label := name if k == 1 else f"{name} ({k})") not in taken)

    def _refresh_map(self) -> None:
        run = self.run
        if run is None:
            return
        dataset, method = run.dataset, self.method

        def work(job: Job) -> None:
            found = project(dataset, method, seed=0, progress=job.progress)
            if self.run is not None and self.run.dataset is dataset and self.method == method:
                self.projection = found

        self._maps.instead(work)

    def _begin(self, work: Callable[[Job], None]) -> bool:
        return self._jobs.start(work)

    def _job_changed(self, busy: bool) -> None:
        if busy:
            self._began, self._span = time.monotonic(), (0.0, 1.0)
            self.error = self.notice = self.phase = ""
            self.progress, self.left = 0.0, math.nan
        else:
            self.phase = ""
        self.busy = busy

    def _job_progressed(self, fraction: float) -> None:
        self.progress = fraction
        spent = time.monotonic() - self._began
        if fraction > 0.02 and spent > 1:
            self.left = spent * (1 - fraction) / fraction

    def _failed(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self.notice = "Cancelled. The run is as it was before."
        else:
            self.error = readable(error)

    def _map_changed(self, busy: bool) -> None:
        self.projected = 0.0
        self.projecting = busy

    def _map_progressed(self, fraction: float) -> None:
        self.projected = fraction

    def _map_failed(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self.notice = "The projection was cancelled."
            if self.projection is not None:
                self.method = self.projection.method
        else:
            self.error = f"The map could not be computed: {readable(error)}"


def readable(error: Exception) -> str:
    """One sentence for the page: ours as they are, others with the kind of error in front."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, (ValueError, FileNotFoundError)):
        return text[:1].upper() + text[1:]
    return f"{type(error).__name__}: {text}"
