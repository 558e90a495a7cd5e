"""Workbench: the one state that every panel of a page is bound to."""

import importlib
import json
import math
import threading
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import traitlets

from alviz import data
from alviz.data.dataset import Dataset
from alviz.figures.curves import value_text
from alviz.loop import Run
from alviz.loop.explain import without
from alviz.panels.floor import Floor
from alviz.panels.jobs import Job, Lane, Work
from alviz.panels.pace import known_from
from alviz.panels.parts import REGISTRIES, RIVAL, made, made_rivals, rivals_in_store
from alviz.panels.source import unsaid
from alviz.panels.tracks import Track, View
from alviz.panels.working import Working, readable
from alviz.progress import Cancelled
from alviz.projections import Projection, available, project
from alviz.studies.duels import start_together, step_together, undo_together, unfinished

DEFAULTS: dict[str, Any] = {
    "dataset": "fashion-mini",
    "imbalance": "none",
    "learner": "linear-svm",
    "strategy": "margin",
    "rivals": [],
    "initial": "random",
    "n_queries": 50,
    "budget": 600,
    "seed": 0,
}
MAX_TRACKS = 8
MAX_BYTES = 150_000_000
"""Runs kept for comparison on one page, and what their rounds may take in memory; the oldest goes first."""


class Workbench(Working):
    """What a page knows. Panels read and write these traits and never talk to each other.

    config: the settings for the next Start. dataset: what the map shows, loaded before there is a run. view: the run looked at, or None before the first Start; a new one after every change. tracks:
    the run looked at, its branches and what ran before it on the same dataset. selected: dataset indices marked in every
    view. hovered: dataset index, or None. method, projection: what the map shows; projecting, projected (0 … 1): a map is being computed, or the data for it are read, as preparing says.
    """

    config = traitlets.Dict()
    dataset: Dataset | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    view: View | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    tracks: Any = traitlets.List()
    selected = traitlets.List(traitlets.Int())
    hovered = traitlets.Int(None, allow_none=True)
    method = traitlets.Unicode("pca")
    projection: Projection | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    projecting = traitlets.Bool(False)
    projected = traitlets.Float(0.0)
    preparing = traitlets.Unicode("")

    def __init__(self, store: Any = None, **config: Any):
        super().__init__(config={**DEFAULTS, **config})
        self.store = store
        self.floor = Floor(self._jobs.wait)
        self._maps = Lane("map", self._map_changed, self._map_progressed, self._map_failed)
        self._loaded: tuple[Any, Dataset] | None = None
        self._loading = threading.Lock()
        self.asked = ""
        self._pictured: tuple[Dataset, str] | None = None
        self.observe(lambda _: self._refresh_map(), ["method"])
        self.observe(self._suit_method, ["dataset"])
        self.observe(self._preview_other, ["config"])
        self.observe(lambda _: self._raise_budget(), ["config"])
        self.observe(lambda _: self._warm_up(), ["config", "projection"])

    @property
    def at_hand(self) -> bool:
        """Whether the data shown are those of `config`."""
        return self._loaded is not None and self._loaded[0] == source_of(self.config) and self._loaded[1] is self.dataset

    def show_as(self, method: str) -> None:
        """Show the data of `config` in that projection, as soon as they are there."""
        self.asked = method
        if self.at_hand:
            self._suit_method({"new": self.dataset})

    # ---- what buttons do (each returns at once; False when something is already under way) ----

    def preview(self) -> None:
        """Load the data of `config` and show them, as long as there is no run."""

        def work(job: Job) -> None:
            self.preparing = "reading the data"
            dataset = self._dataset(dict(self.config), job)
            if self.view is None:
                self._take(dataset)
                self._refresh_map()

        if self.view is None:
            self.error = ""
            if missing := unsaid(self.config):
                self.notice = missing
            else:
                self._maps.instead(work)

    def start(self) -> bool:
        """A new run with the settings of `config`."""

        return self.begin(self._start)

    def step(self) -> bool:
        """One round."""

        def work(job: Job) -> None:
            track = self._needed()
            if all(run.n_labelled >= track.budget for run in track.moved):
                raise ValueError(f"the budget of {track.budget:,} labels is spent: raise it or start again")
            self._step(track, job, (0.0, 1.0))

        return self.begin(work)

    def run_to_end(self) -> bool:
        """Rounds until the budget is spent."""

        def work(job: Job) -> None:
            track = self._needed()
            self._steps(track, job, max(track.planned - min(run.position for run in track.moved), 1))

        return self.begin(work)

    def undo(self) -> bool:
        """Take the last round back."""

        def work(job: Job) -> None:
            track = self._needed()
            undo_together(track.moved)
            self.view = View.of(track, track.run.position)

        return self.begin(work)

    def branch(self) -> bool:
        """A second run that shares the rounds up to the one looked at and goes on with the strategy of `config`."""

        def work(job: Job) -> None:
            track = self._needed()
            name, options = self.config["strategy"], dict(track.config.get("options", {}))
            options["strategy"] = self.config.get("options", {}).get("strategy", {})
            assert self.view is not None
            shown = self.view.shown
            twin = track.run.fork(round=shown, strategy=made("strategy", self.config), n_queries=int(self.config["n_queries"]))
            label = self._label(f"{name} from round {shown}")
            config = {**track.config, **{key: self.config[key] for key in ("strategy", "n_queries", "budget")}, "options": options}
            self._show(Track(twin, label, max(track.budget, int(self.config["budget"])), config), shown=shown)

        return self.begin(work)

    def without(self, sample: int) -> bool:
        """A branch in which `sample`, picked in some round, is left out from then on, as far as the run has gone."""

        def work(job: Job) -> None:
            track = self._needed()
            twin = without(track.run, sample)
            label = self._label(f"{track.run.name} without #{sample}")
            branch = self._show(Track(twin, label, track.budget, track.config), shown=twin.position)
            self._steps(branch, job, track.run.position - twin.position)
            self.notice = parted(track.run, twin, sample)

        return self.begin(work)

    def resume(self, run: str, shown: int | None = None, rounds: int | None = None, said: str = "") -> bool:
        """Go on with a run of the store, or with a duel (ids with commas between). shown: the round looked at first (default: the last). rounds: where the store has no such run, so many rounds are made
        of one with the settings of `config`, which is the same run as far as they tell. said: a notice that stays meanwhile.
        """

        def work(job: Job) -> None:
            self.phase, self.notice = "loading the run", said
            ids = run.split(",")
            if self.store is None or not all(map(self.store.has, ids)):
                gone = "The run in the address is not kept on this machine: " if run else ""
                if rounds is None:
                    self.notice = f"{said} {gone}press Start for a new one with its settings.".strip()
                    return
                track = self._start(job)
                self._steps(track, job, rounds)
                self.look_at(track, shown)
                if gone:
                    self.notice = f"{said} {gone}it was made again from its settings.".strip()
                return
            config = self.store.config(ids[0])
            others = [self.store.config(other) for other in ids[1:]]
            rivals = rivals_in_store(config, others)
            if config["dataset"] is None:
                raise ValueError("this run's data was not made by name: resume it from Python with Run.resume")
            dataset = data.create(config["dataset"]["name"], progress=job.progress, **config["dataset"]["params"])
            runs = []
            for one in ids:
                stored = self.store.load(one, dataset)
                again = stored.bare  # a cell of a grid, of which the store has the picks and measures only
                runs.append(Run.replay(stored, dataset, **self.hooks(job)) if again else Run.resume(stored, dataset, store=self.store))
            resumed = runs[0]
            settings = {key: (config.get(key) or {}).get("name") for key in ("dataset", "learner", "strategy", "initial")}
            budget = max(int(self.config["budget"]), *(one.n_labelled for one in runs))
            params = dict(config["dataset"]["params"])
            settings["imbalance"] = params.pop("imbalance", "none")
            self.config = {
                **self.config,
                **settings,
                "rivals": rivals,
                "params": params,
                "options": {part: (config.get(part) or {}).get("params", {}) for part in REGISTRIES}
                | {RIVAL + name: other["strategy"]["params"] for name, other in zip(rivals, others, strict=True)},
                "n_queries": resumed.n_queries,
                "seed": resumed.seed,
                "budget": budget,
            }
            with self._loading:
                self._loaded = (source_of(self.config), dataset)
            self._show_all(runs, budget, dict(self.config), resumed.position if shown is None else min(shown, resumed.position))

        return self.begin(work)

    def look_at(self, track: Track | None = None, shown: int | None = None) -> None:
        """Look at another run (default: the same), or another round (default: the last one)."""
        track = track or (None if self.view is None else self.view.track)
        if track is not None:
            self.view = View.of(track, track.run.position if shown is None else shown)

    def cancel(self) -> None:
        """Ask whatever is under way to stop; it does so between any two mini-batches."""
        super().cancel()
        self._maps.cancel()

    def begin(self, work: Work) -> bool:
        """Do work(job) in the job thread, and nothing else that trains meanwhile; False when something is already under way."""

        def alone(job: Job) -> None:
            with self.floor:
                work(job)

        return super().begin(alone)

    def wait(self, timeout: float | None = None) -> None:
        """Block until nothing is under way (for scripts and tests). Raises TimeoutError."""
        super().wait(timeout)
        if not self._maps.wait(timeout):
            raise TimeoutError("the map was not finished in time")

    # ---- inside ----

    def _dataset(self, config: dict[str, Any], job: Job) -> Dataset:
        wanted = source_of(config)
        if missing := unsaid(config):
            raise ValueError(missing)
        with self._loading:  # the map and a run may want the same data at the same time
            if self._loaded is None or self._loaded[0] != wanted:
                made = data.create(config["dataset"], imbalance=config["imbalance"], progress=job.progress, **config.get("params", {}))
                self._loaded = (wanted, made)
            return self._loaded[1]

    def _start(self, job: Job) -> Track:
        config = dict(self.config)
        self.phase = "loading the data"
        dataset = self._dataset(config, job)
        n_queries, budget = int(config["n_queries"]), int(config["budget"])
        if budget < n_queries:
            raise ValueError(f"the total budget is {budget:,}, less than the {n_queries:,} labels of one round")
        if n_queries > len(dataset):
            raise ValueError(f"{n_queries:,} labels per round are more than the {len(dataset):,} samples of {dataset.name}")
        runs = start_together(
            dataset,
            [made("strategy", config), *made_rivals(config)],
            lambda k, count: self.hooks(job, (k / count, (k + 1) / count)),
            learner=made("learner", config),
            initial=made("initial", config),
            n_queries=n_queries,
            seed=int(config["seed"]),
        )
        if self.store is not None:
            for run in runs:
                run.keep(self.store)
        if self.view is not None and self.view.dataset is not dataset:
            self.tracks = []
        self._show_all(runs, budget, config, 0)
        assert self.view is not None
        return self.view.track

    def _needed(self) -> Track:
        if self.view is None:
            raise ValueError("there is no run yet: press Start first")
        return self.view.track

    def _step(self, track: Track, job: Job, span: tuple[float, float], show: bool = True) -> None:
        known, width = known_from(track.run.rounds[-1]), span[1] - span[0]
        step_together(
            track.moved,
            track.budget,
            lambda k, count: self.hooks(job, (span[0] + width * k / count, span[0] + width * (k + 1) / count), known),
        )
        if show:
            self.view = View.of(track, track.run.position)

    def _steps(self, track: Track, job: Job, most: int) -> None:
        """`most` rounds, or as many as budget and pool allow; what is finished is shown, also where the rest is cancelled."""
        try:
            for k in range(most):
                if not unfinished(track.moved, track.budget):
                    break
                self._step(track, job, (k / most, (k + 1) / most), show=self.keeps_up())
        finally:
            if self.view is None or self.view.track is not track or len(self.view.rounds) <= track.run.position:
                self.view = View.of(track, track.run.position)

    def _take(self, dataset: Dataset) -> None:
        """Show these data; marks and map of others mean nothing there."""
        if dataset is not self.dataset:
            self.selected, self.hovered, self.projection = [], None, None
            self.dataset = dataset

    def _raise_budget(self) -> None:
        """A budget that alone has changed is the run's from now on, so that it can go further."""
        view, budget = self.view, self.config["budget"]
        if view is None or budget == view.track.budget or budget < view.rounds[-1].n_labelled:
            return
        if {**view.track.config, "budget": budget} == self.config:
            moved = view.track.moved
            self.tracks = [replace(t, budget=budget, config=dict(self.config)) if t.run in moved else t for t in self.tracks]
            self.view = View.of(next(track for track in self.tracks if track.run is view.track.run), view.shown)

    def _show_all(self, runs: list[Run], budget: int, config: dict[str, Any], shown: int) -> None:
        """One run, or a duel, and of that the first."""
        duel = tuple(runs) if len(runs) > 1 else ()
        self._show(*[Track(run, self._label(run.name, config["learner"]), budget, config, duel) for run in runs], shown=shown)

    def _show(self, *new: Track, shown: int) -> Track:
        """Show the first of these new tracks, and give it with its place. The oldest make room where there are too many or too large ones, a duel as a whole."""
        old: list[Track] = self.tracks
        while old and (
            len(old) + len(new) > MAX_TRACKS
            or (len(old) + len(new) > 2 and sum(r.probabilities.nbytes for t in [*old, *new] for r in t.run.rounds) > MAX_BYTES)
        ):
            old = [track for track in old if track.run not in old[0].moved]
        free = (slot for slot in range(2 * MAX_TRACKS) if slot not in {track.slot for track in old})
        new = tuple(replace(track, slot=next(free)) for track in new)
        tracks = [*old, *new]
        with self.hold_trait_notifications():
            self._take(new[0].run.dataset)
            self.tracks = tracks
            self.view = View.of(new[0], shown)
        self._refresh_map()
        return new[0]

    def _label(self, name: str, learner: str = "") -> str:
        """A run's name in legends; with its learner where that alone tells it from another."""
        taken = {track.label for track in self.tracks}
        if any(track.label == name and track.config.get("learner", learner) != learner for track in self.tracks if learner):
            name = f"{name}, {learner}"
        return next(label for k in range(1, 10_000) if (label := name if k == 1 else f"{name} ({k})") not in taken)

    def _refresh_map(self) -> None:
        dataset, method = self.dataset, self.method
        if dataset is None:
            return

        def work(job: Job) -> None:
            self.preparing = "computing the map"
            if self.projection is None or self._pictured != (dataset, method):
                self.projection = project(dataset, method, seed=0, progress=job.progress)
                self._pictured = (dataset, method)

        self._maps.instead(work)

    def _warm_up(self) -> None:
        """Import, beside everything else and once there is something to look at, what the first Start would wait for."""
        if self.projection is not None:
            networks = made("learner", self.config).takes != "features" or "module" in made("strategy", self.config).needs
            imported("torch" if networks else "sklearn.svm")

    def _preview_other(self, change: Any) -> None:
        if source_of(change["old"]) != source_of(change["new"]):
            if self.notice == unsaid(change["old"]):
                self.notice = ""
            self.preview()

    def _suit_method(self, change: Any) -> None:
        """A plane is shown as it is; everything else begins with PCA."""
        if self.asked in available(change["new"]) and self.at_hand:
            self.method, self.asked = self.asked, ""
        elif self.method not in available(change["new"]) or (self.method == "pca" and "plane" in available(change["new"])):
            self.method = available(change["new"])[0]

    def _map_changed(self, busy: bool) -> None:
        self.projected = 0.0
        self.projecting = busy

    def _map_progressed(self, fraction: float) -> None:
        self.projected = fraction

    def _map_failed(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self.notice = (
                "The projection was cancelled."
                if self.preparing == "computing the map"
                else "Reading was cancelled: Start reads the data after all."
            )
            if self.projection is not None:
                self.method = self.projection.method
        else:
            self.error = readable(error)


def parted(run: Run, twin: Run, sample: int) -> str:
    """What became of a run whose twin may not have `sample`, in a sentence."""
    r = min(run.position, twin.position)
    since = [set(np.concatenate([finished.queried for finished in one.rounds[: r + 1]]).tolist()) for one in (run, twin)]
    others = since[1] - since[0]
    accuracy = [one.rounds[r].metrics["accuracy"] for one in (twin, run)]
    measured = (
        ""
        if any(map(math.isnan, accuracy))
        else f"; accuracy in round {r}: {value_text(accuracy[0], 'accuracy')}, with it {value_text(accuracy[1], 'accuracy')}"
    )
    return f"Without sample {sample:,} the labels up to round {r} fell on other samples in {len(others):,} of {len(since[1]):,} cases{measured}."


@cache
def imported(module: str) -> None:
    """Begin to import a module in a thread of its own."""
    threading.Thread(target=importlib.import_module, args=(module,), daemon=True).start()


def source_of(config: dict[str, Any]) -> tuple[str, str, str]:
    """What of a config decides the data."""
    return config["dataset"], config["imbalance"], json.dumps(config.get("params", {}), sort_keys=True)
