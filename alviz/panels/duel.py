"""Duel: two to four strategies on one 2D pool, from the same start, in step."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from alviz import data, strategies
from alviz.data.dataset import Dataset
from alviz.figures.toy import grid
from alviz.loop import Run
from alviz.loop.signals import PointSignals
from alviz.panels.jobs import Job, Lane
from alviz.panels.pace import known_from
from alviz.panels.working import Working, readable
from alviz.progress import Progress, silent
from alviz.strategies import missing_needs
from alviz.studies.duels import Hooks, start_together, step_together, undo_together

DEFAULTS: dict[str, Any] = {
    "dataset": "gaussians",
    "learner": "ensemble",
    "initial": "random",
    "strategies": ["random", "variation-ratio", "k-center"],
    "n_queries": 5,
    "steps": 3,
    "seed": 0,
    "seeds": 10,
    "kind": "probability",
    "hands": "",
}

Axes = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Coordinates (w,) along x and (h,) along y of a grid."""


@dataclass(frozen=True, eq=False)
class Plane:
    """One run's picture of the plane at one round: x, y (g,) grid coordinates; field (g, g) or (g, g, K), rows along y; its kind."""

    run: Run
    shown: int
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    field: NDArray[np.float64]
    kind: str


class Duel(Working):
    """What the Toy page knows. config: the settings for the next Start. pool: what the planes show before there is a run. planes: one `Plane` per
    strategy, or empty. shown: the round looked at. table: accuracies (strategies, seeds, steps + 1) of the last table with the settings that made
    it, or None.
    """

    config = traitlets.Dict()
    pool: Dataset | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    planes: Any = traitlets.List()
    table: Any = traitlets.Any(None, allow_none=True)

    def __init__(self, **config: Any):
        super().__init__(config={**DEFAULTS, **config})
        self._runs: list[Run] = []
        self._loaded: tuple[str, Dataset] | None = None
        self._loading = threading.Lock()
        self._wanted = 0
        self._tried = ""
        self._started: dict[str, Any] | None = None
        self._previews = Lane("pool", lambda busy: None, lambda fraction: None, self._preview_failed)
        self.observe(lambda _: self._suit_kind(), ["config", "busy"])
        self.observe(self._preview_other, ["config"])

    # ---- what the page asks ----

    @property
    def position(self) -> int:
        """The last finished round that all runs have; −1 before the first Start."""
        return min((run.position for run in self._runs), default=-1)

    @property
    def shown(self) -> int:
        """The round looked at."""
        return self.planes[0].shown if self.planes else 0

    @property
    def steps(self) -> int:
        """Rounds that a Run goes to, or more when stepped on."""
        return max(int(self.config["steps"]), self.position)

    @property
    def runs(self) -> list[Run]:
        """The runs side by side."""
        return list(self._runs)

    @property
    def changed(self) -> bool:
        """Whether a Start would make other runs than those on the page."""
        return self._started is not None and made_of(self._started) != made_of(self.config)

    def preview(self) -> None:
        """Load the pool of `config` and show it, as long as there are no runs."""

        def work(job: Job) -> None:
            dataset = self._dataset(dict(self.config), job.progress)
            if not self.planes:
                self.pool = dataset

        if not self.planes:
            self._previews.instead(work)

    def wait(self, timeout: float | None = None) -> None:
        """Block until nothing is under way (for scripts and tests). Raises TimeoutError."""
        super().wait(timeout)
        if not self._previews.wait(timeout):
            raise TimeoutError("the pool was not loaded in time")

    # ---- what buttons do ----

    def start(self) -> bool:
        """New runs with the settings of `config`, all from the same initial pool."""
        return self.make(0)

    def make(self, rounds: int, shown: int | None = None, said: str = "") -> bool:
        """The same, with so many rounds. shown: the round looked at (default: the last). said: a notice that stays meanwhile."""

        def work(job: Job) -> None:
            self.notice = said
            config = dict(self.config)
            names = chosen(config)
            dataset = self._dataset(config, job.progress)
            runs = started(dataset, names, config, int(config["seed"]), lambda k, count: self.hooks(job, (k / count, (k + 1) / count)))
            self._runs, self._started = runs, config
            try:
                for _ in range(rounds):
                    if all(len(run.state.candidates) for run in runs):
                        self._step(job, (0.0, 1.0), show=False)
            finally:
                self._draw(min(self.position if shown is None else shown, self.position))

        return self.begin(work)

    def step(self) -> bool:
        """One round of every run."""

        def work(job: Job) -> None:
            self._step(job, (0.0, 1.0))

        return self.begin(work)

    def run_to_end(self) -> bool:
        """Rounds up to the number of steps set."""

        def work(job: Job) -> None:
            self._needed()
            total = int(self.config["steps"]) - self.position
            if total <= 0:
                raise ValueError(f"all {self.position} rounds are done: raise Rounds, or press Step to go on")
            try:
                for k in range(total):
                    self._step(job, (k / total, (k + 1) / total), show=self.keeps_up())
            finally:
                if self.shown != self.position:
                    self._draw(self.position)

        return self.begin(work)

    def undo(self) -> bool:
        """Take the last round of every run back."""

        def work(job: Job) -> None:
            undo_together(self._needed())
            self._draw(self.position)

        return self.begin(work)

    def look_at(self, shown: int) -> bool:
        """Look at another round; asked again while that is being drawn, at the one asked for last."""
        self._wanted = shown

        def work(job: Job) -> None:
            self._needed()
            drawn = None
            while drawn != self._wanted:
                drawn = self._wanted
                self._draw(max(0, min(drawn, self.position)))

        return self.begin(work)

    def make_table(self) -> bool:
        """The accuracy after every selection, for every strategy, over as many seeds as asked (paper 002, table 3.1)."""

        def work(job: Job) -> None:
            config = dict(self.config)
            names, seeds, steps = chosen(config), int(config["seeds"]), int(config["steps"])
            self.phase = f"{len(names)} strategies × {seeds} seeds"
            dataset = self._dataset(config, job.progress)
            accuracy = np.full((len(names), seeds, steps + 1), np.nan)

            def hooks(done: float) -> dict[str, Any]:
                return {"cancel": job.cancel, "progress": lambda share: job.progress(done)}

            def one_seed(s: int) -> None:
                runs = started(dataset, names, config, int(config["seed"]) + s, lambda k, count: hooks(s / seeds))
                for k, run in enumerate(runs):
                    for step in range(steps):
                        run.step(**hooks((s + (k * steps + step) / (len(runs) * steps)) / seeds))
                    accuracy[k, s] = [r.metrics["accuracy"] for r in run.rounds]

            for s in range(seeds):
                one_seed(s)
            self.table = {"strategies": names, "accuracy": accuracy, "config": config, "dataset": dataset.name}

        return self.begin(work)

    # ---- inside ----

    def _dataset(self, config: dict[str, Any], progress: Progress) -> Dataset:
        wanted = json.dumps([config["dataset"], config.get("params", {})], sort_keys=True)
        with self._loading:  # the preview and a run may want the same pool at the same time
            if self._loaded is None or self._loaded[0] != wanted:
                self._loaded = (wanted, data.create(config["dataset"], progress=progress, **config.get("params", {})))
            return self._loaded[1]

    def _needed(self) -> list[Run]:
        if not self._runs:
            raise ValueError("there are no runs yet: press Start first")
        return self._runs

    def _step(self, job: Job, span: tuple[float, float], show: bool = True) -> None:
        runs, width = self._needed(), span[1] - span[0]

        def hooks(k: int, count: int) -> Mapping[str, Any]:
            part = (span[0] + width * k / count, span[0] + width * (k + 1) / count)
            return self.hooks(job, part, known_from(runs[k].rounds[-1]))

        step_together(runs, len(runs[0].dataset), hooks)
        if show:
            self._draw(self.position)

    def _draw(self, shown: int) -> None:
        self.phase = "drawing the plane"
        self.planes = [plane(run, shown, str(self.config["kind"])) for run in self._runs]

    def _preview_other(self, change: Any) -> None:
        if any(change["old"].get(key) != change["new"].get(key) for key in ("dataset", "params")):
            self.preview()

    def _preview_failed(self, error: Exception) -> None:
        self.error = readable(error)

    def _suit_kind(self) -> None:
        """Draw what was chosen to be drawn, once nothing else is under way."""
        kind = self.config["kind"]
        if not self.planes or self.planes[0].kind == kind:
            self._tried = ""
        elif not self.busy and self._tried != kind:  # once: what cannot be drawn is said, not tried for ever
            self._tried = kind
            self.look_at(self.shown)


def made_of(config: dict[str, Any]) -> dict[str, Any]:
    """What of a config makes other runs."""
    made = {key: config[key] for key in ("dataset", "learner", "initial", "n_queries", "seed")}
    return {**made, "strategies": [name for name in config["strategies"] if name != "none"], "params": config.get("params", {})}


def chosen(config: dict[str, Any]) -> list[str]:
    """The strategies of a config. Raises ValueError for fewer than two or more than four."""
    names = [name for name in config["strategies"] if name != "none"]
    if not 2 <= len(names) <= 4:
        raise ValueError(f"choose two to four query strategies to compare, not {len(names)}")
    return names


def started(dataset: Dataset, names: Sequence[str], config: dict[str, Any], seed: int, hooks: Hooks) -> list[Run]:
    """The runs of a duel after their common round 0."""
    return start_together(
        dataset,
        [strategies.create(name) for name in names],
        hooks,
        learner=config["learner"],
        initial=config["initial"],
        n_queries=int(config["n_queries"]),
        seed=seed,
    )


def plane(run: Run, shown: int, kind: str, axes: Axes | None = None, progress: Progress = silent) -> Plane:
    """What the model of round `shown`, or the strategy's score under it, looks like over the plane.

    kind: "boundary" and "probability" give class probabilities, "score" what the strategy would say about every point of the plane.
    axes: coordinates along x and along y; by default `grid` of the pool.
    """
    x, y = axes or grid(run.dataset)
    points = np.stack([c.ravel() for c in np.meshgrid(x, y)], axis=1)
    model = run.model(shown)
    probabilities = np.asarray(model.predict_proba(points)).reshape(len(y), len(x), -1)
    field: NDArray[np.float64] = probabilities
    if kind == "score":
        before = run.model(shown - 1) if shown else None
        source = PointSignals(points, run.dataset, run.learner, model, before, lambda: np.random.default_rng([run.seed, shown]))
        view = run.view(shown, progress).of_points(source, len(points))
        strategy = run.strategy.fallback(view.provides)
        if strategy.oracle or missing_needs(strategy, view.provides):  # points of the plane have no labels and train nothing
            scores = np.full(len(points), np.nan)
        else:
            scores = strategy.select(view, 1, np.random.default_rng([run.seed, shown, 9])).scores
        field = scores.reshape(len(y), len(x))
    return Plane(run, shown, x, y, probabilities, field, kind)
