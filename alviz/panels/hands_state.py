"""Hands: a 2D pool made by hand, and the model, the field and the next picks that follow the hand."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from alviz import data, initial, learners, strategies
from alviz.data.dataset import Dataset
from alviz.data.mixture import CENTERS, CLASSES, SPREAD, WEIGHTS, Gaussians, gaussians_of
from alviz.data.painted import MOST_POINTS, Painting
from alviz.data.plane import POOL, Settings
from alviz.figures.base import percent, plural
from alviz.figures.toy import NEAR, boundary_points
from alviz.initial.base import InitialPool
from alviz.loop import Run
from alviz.panels.duel import Duel, Plane, plane
from alviz.panels.jobs import Job, Lane
from alviz.panels.turns import TURN, InTurn
from alviz.panels.working import readable
from alviz.progress import Cancelled, Progress, silent
from alviz.strategies.device import Indices

START: dict[str, Any] = {
    "n": 600,
    "class_ratio": 1.0,
    "overlap": 0.0,
    "spread": 1.0,
    "label_noise": 0.0,
    "centers": [list(center) for center in CENTERS],
    "spreads": [SPREAD] * len(CENTERS),
    "weights": list(WEIGHTS),
    "classes": list(CLASSES),
}
"""The mixture to begin with, in the parameters of `data.create("mixture", …)`."""

SHAPE = ("n", "centers", "spreads", "weights", "classes")
"""Those of them that are no sliders: what the page's address says of a mixture beside those."""

HALF = (4.0, 3.0)
"""Half the width and half the height of the plane, in its own units; a pool that reaches further is seen from further away."""

FIELD = (64, 48)
"""Points of the field along x and y."""

NEXT = 0.001
"""To this the Gaussians are rounded, so that the page's address stays short."""

PATIENCE = 0.3
"""Seconds that a picture may take before a newer wish stops it. Quicker ones are finished, or a slider in motion would never see one."""


class Given(InitialPool):
    """The samples that a person has chosen to be labelled."""

    def __init__(self, indices: Indices):
        self.indices = indices

    def choose(self, dataset: Dataset, n: int, rng: np.random.Generator, progress: Progress = silent) -> Indices:
        """Those samples, whatever is drawn."""
        return self.indices


@dataclass(frozen=True, eq=False)
class Picture:
    """What is seen at one moment. version: of the wish that it fulfils (see `Hands.change`).

    mode: as in `Hands`. pool: None while nothing is painted. ids (n,): by which samples are known while the pool changes. gaussians, parts (n,): what the pool was drawn from and which of it each sample is of; None for a painting.
    labelled: dataset indices. picks: the next ones, in pick order. plane: None while nothing is labelled. window: half the width and half the height of what is
    seen, around the origin. reading: a sentence. seconds: what it took, None for the first with a learner and a strategy (their libraries are loaded then).
    """

    version: int
    mode: str
    pool: Dataset | None
    ids: Indices
    gaussians: Gaussians | None
    parts: Indices | None
    labelled: Indices
    picks: Indices
    plane: Plane | None
    window: tuple[float, float]
    reading: str
    seconds: float | None


class Hands(InTurn):
    """mode: "gaussians" or "paint". params: of the mixture. painting: the painted points. noise: share of wrong labels among these. learner,
    strategy: registry names. kind: what is drawn over the plane, as in `plane`. picture: the last `Picture`. answered: the version of the last wish
    that got a picture or an error. error: a sentence, or "".

    Labels per round, initial pool and seed are those of the page (`duel.config`). Pictures are made in a thread of its own: the latest wish only,
    those in between are dropped.
    """

    mode = traitlets.Enum(["gaussians", "paint"], default_value="gaussians")
    params = traitlets.Dict()
    painting: Any = traitlets.Any()
    noise = traitlets.Float(0.0)
    learner = traitlets.Unicode("logistic")
    strategy = traitlets.Unicode("margin")
    kind = traitlets.Enum(["probability", "boundary", "score"], default_value="probability")
    picture: Any = traitlets.Any(None, allow_none=True)
    answered = traitlets.Int(0)
    error = traitlets.Unicode("")

    def __init__(self, duel: Duel, **traits: Any):
        super().__init__(**{"params": dict(START), "painting": Painting(), **traits})
        self.duel = duel
        self._ids = np.zeros(0, np.int64)
        self._labelled: dict[str, Indices | None] = {
            "gaussians": None,
            "paint": None,
        }  # ids of painted points, else indices; None: not chosen yet
        self._said = 0  # how often a person has said what is labelled
        self._by_hand = False
        self._version = 0
        self._known: set[tuple[str, str]] = set()
        self._lane = Lane("hands", lambda busy: None, lambda fraction: None, self._failed)

    # ---- what the hand does ----

    def change(self, version: int = 0, moving: bool = False, **traits: Any) -> None:
        """Set traits and ask for their picture. moving: the hand is still at it. version: comes back with it."""
        with TURN:
            self._version = max(version, self._version)
            for name, value in traits.items():
                setattr(self, name, value)
        self._lane.instead(lambda job: self._work(job, moving))

    def move(self, centers: Any, spreads: Any, weights: Any, classes: Any, version: int = 0, moving: bool = False) -> None:
        """Other Gaussians, as they are seen: what a slider had done to them is taken as drawn from now on, and the slider goes back."""
        seen, changed = gaussians_of(**self.params), dict(self.params)
        wanted = gaussians_of(centers=centers, spreads=spreads, weights=weights, classes=classes)
        other = len(wanted.classes) != len(seen.classes)
        if other or not np.allclose(wanted.centers, seen.centers, rtol=0, atol=NEXT):
            changed |= {"centers": np.round(wanted.centers, 3).tolist(), "overlap": 0.0}
        if other or not np.allclose(wanted.widths, seen.widths, rtol=0, atol=NEXT):
            changed |= {"spreads": np.round(wanted.widths, 3).tolist(), "spread": 1.0}
        if other or not np.array_equal(wanted.classes, seen.classes) or not np.allclose(wanted.weights, seen.weights, rtol=0, atol=NEXT):
            changed |= {"weights": np.round(wanted.weights, 3).tolist(), "class_ratio": 1.0, "classes": wanted.classes.tolist()}
        self.change(version, moving, params=changed)

    def slide(self, key: str, value: float) -> None:
        """Another value of one of the sliders that every 2D pool has."""
        if self.mode == "gaussians":
            self.change(params={**self.params, key: float(value)})
        else:
            self.change(noise=float(value))

    def paint(self, painting: Painting, ids: Indices, version: int = 0, moving: bool = False) -> None:
        """Other painted points; ids (n,) say which of them were there before, so that they keep their labels."""
        with TURN:
            self._ids = np.array(ids, dtype=np.int64)
            self.change(version, moving, painting=painting)

    def turn(self, index: int) -> None:
        """Label a sample of the picture, or take its label away."""
        seen: Picture | None = self.picture
        if seen is not None and seen.pool is not None and 0 <= index < len(seen.pool):
            self._label(seen, seen.labelled[seen.labelled != index] if index in seen.labelled else np.append(seen.labelled, index))

    def label_picks(self) -> None:
        """Label what the strategy asks for next."""
        seen: Picture | None = self.picture
        if seen is not None:
            self._label(seen, np.append(seen.labelled, seen.picks))

    def reset_labels(self) -> None:
        """Begin again with the labels of the initial pool."""
        with TURN:
            self._labelled[self.mode], self._by_hand, self._said = None, False, self._said + 1
            self.change()

    def use(self) -> None:
        """Make this pool that of the page's next Start."""
        if self.mode == "gaussians":
            changed = {"dataset": "mixture", "params": dict(self.params)}
        elif len(self.painting):
            changed = {"dataset": "painted", "params": painted_params(self.painting, self.noise)}
        else:
            self.error = "Nothing is painted yet: there is no pool to use."
            return
        self.duel.config = {**self.duel.config, **changed}
        self.duel.notice = "The pool made by hand is the page's pool now: press Start."

    def follow(self) -> None:
        """Show the mixture that the page's settings have, where it is another one (a link was opened, a slider on the left was moved)."""
        config = self.duel.config
        wanted = {**START, **config.get("params", {})}
        wanted["n"] = min(wanted["n"], MOST_POINTS)
        if config["dataset"] == "mixture" and config.get("params") and wanted != self.params:
            self._labelled["gaussians"] = None
            self.change(params=wanted)

    # ---- drawing ----

    def wait(self, timeout: float | None = None) -> None:
        """Block until the picture is that of how things are (for scripts and tests). Raises TimeoutError."""
        if not self._lane.wait(timeout):
            raise TimeoutError("the picture was not drawn in time")

    def _label(self, seen: Picture, labelled: Indices) -> None:
        with TURN:
            self._labelled[seen.mode] = seen.ids[labelled.astype(np.int64)]
            self._by_hand, self._said = True, self._said + 1
            self.change()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, Cancelled):
            with TURN:
                self.error = readable(error)
                self.answered = self._version

    def _work(self, job: Job, moving: bool) -> None:
        began = time.monotonic()

        def progress(share: float) -> None:
            if time.monotonic() - began > PATIENCE:
                job.progress(share)

        with TURN:  # all of one moment
            mode, params, painting, noise, version = self.mode, dict(self.params), self.painting, self.noise, self._version
            learner, strategy, kind, config = self.learner, self.strategy, self.kind, self.duel.config
            kept, by_hand, said = self._labelled[mode], self._by_hand, self._said
            ids = self._ids if mode == "paint" else np.arange(params["n"])
        pool, gaussians, parts = made(mode, params, painting, noise)
        if pool is None:
            nothing = np.zeros(0, np.int64)
            said_so = "Choose a class and paint: the pool is empty."
            self._show(Picture(version, mode, None, ids, None, None, nothing, nothing, None, HALF, said_so, None), said)
            return
        given = None if kept is None else positions(ids, kept)
        labelled = started(pool, given, config, progress) if wants_start(mode, pool, given, by_hand, moving) else given
        labelled = np.zeros(0, np.int64) if labelled is None else labelled
        window = window_of(pool, gaussians)
        x, y = (np.linspace(-half, half, count, dtype=np.float32) for half, count in zip(window, FIELD, strict=True))
        run, picks = None, np.zeros(0, np.int64)
        seen: Plane | None = None
        stand_in = strategy
        if len(labelled):
            run = run_of(pool, labelled, learner, strategy, config, progress)
            picks, stand_in = next_picks(run, int(config["n_queries"]), progress)
            seen = plane(run, 0, kind, (x, y))
        else:
            picks = started(pool, None, config, progress)
        reading = sentence(pool, labelled, picks, run, seen, learner, strategy, stand_in, config["initial"])
        took = time.monotonic() - began if (learner, strategy) in self._known else None
        self._known.add((learner, strategy))
        drawn = Picture(version, mode, pool, ids, gaussians, parts, labelled, picks, seen, window, reading, took)
        self._show(drawn, said)

    def _show(self, picture: Picture, said: int) -> None:
        with TURN:
            if self._said == said and picture.pool is not None:
                self._labelled[picture.mode] = picture.ids[picture.labelled]
            self.error = ""
            self.answered = picture.version
            self.picture = picture


def made(mode: str, params: dict[str, Any], painting: Painting, noise: float) -> tuple[Dataset | None, Gaussians | None, Indices | None]:
    """(the pool, what it was drawn from, which of it each sample is of) of a mixture; (the pool or None, None, None) of a painting."""
    if mode == "paint":
        return (data.create("painted", **painted_params(painting, noise)) if len(painting) else None), None, None
    pool = data.create("mixture", **params)
    gaussians = gaussians_of(**params)
    return pool, gaussians, gaussians.parts(len(pool), Settings(len(pool), 20, 1, 0, 1, 0, params.get("seed", 0)).rng(POOL))


def positions(ids: Indices, wanted: Indices) -> Indices:
    """Where in `ids` the wanted ones stand, in their order; those that are gone are left out."""
    place = {int(i): k for k, i in enumerate(ids)}
    return np.array([place[int(i)] for i in wanted if int(i) in place], dtype=np.int64)


def painted_params(painting: Painting, noise: float) -> dict[str, Any]:
    """What `data.create("painted", …)` takes to make the pool that was painted."""
    points = [[float(f"{x:.9g}") for x in point] for point in painting.points]
    return {"points": points, "targets": painting.targets.tolist(), "class_names": list(painting.names()), "label_noise": noise}


def wants_start(mode: str, pool: Dataset, given: Indices | None, by_hand: bool, moving: bool) -> bool:
    """Whether the initial pool is to be chosen (anew): always the first time; of a painting, also while it has grown a class without labels, unless
    a person has chosen what is labelled.
    """
    if given is None:
        return True
    if mode == "gaussians" or by_hand or moving:
        return False
    return len(np.setdiff1d(pool.targets, pool.targets[given])) > 0


def started(pool: Dataset, given: Indices | None, config: dict[str, Any], progress: Progress) -> Indices:
    """What a Run with the page's settings would label in round 0."""
    chooser = initial.create(config["initial"])
    n = min(int(config["n_queries"]), len(pool))
    return np.asarray(chooser.choose(pool, n, np.random.default_rng([int(config["seed"]), 0, 1]), progress), dtype=np.int64)


def run_of(pool: Dataset, labelled: Indices, learner: str, strategy: str, config: dict[str, Any], progress: Progress = silent) -> Run:
    """A run whose round 0 has the labels of `labelled`."""
    return Run(
        pool,
        learner=learners.create(learner),
        strategy=strategies.create(strategy),
        initial=Given(labelled),
        n_queries=int(config["n_queries"]),
        n_initial=len(labelled),
        seed=int(config["seed"]),
        progress=progress,
    )


def next_picks(run: Run, n_queries: int, progress: Progress = silent) -> tuple[Indices, str]:
    """(what the run's next step would ask for, the name of the strategy that chose it, where another one stands in)."""
    view = run.view(0, progress)
    strategy = run.strategy.fallback(view.provides)
    n = min(n_queries, len(view))
    picks = strategy.select(view, n, np.random.default_rng([run.seed, 1, 1])).indices if n else np.zeros(0, np.int64)
    return picks, strategy.name


def window_of(pool: Dataset, gaussians: Gaussians | None) -> tuple[float, float]:
    """Half the width and half the height of what is seen: HALF, or as many times that as it takes to see every centre, or every painted point."""
    far = pool.features if gaussians is None else gaussians.centers
    assert far is not None
    times = max(1.0, *(1.1 * float(np.abs(far[:, axis]).max()) / HALF[axis] for axis in (0, 1)))
    return HALF[0] * times, HALF[1] * times


def sentence(
    pool: Dataset,
    labelled: Indices,
    picks: Indices,
    run: Run | None,
    seen: Plane | None,
    learner: str,
    strategy: str,
    stand_in: str,
    initial_name: str,
) -> str:
    """The reading: how good the model is, and what the next picks are after; or why there is nothing of the kind."""
    assert pool.features is not None
    if run is None or seen is None:
        return (
            f"Nothing is labelled, so there is no model: the stars are what the initial pool ({initial_name}) would begin with. "
            "Click a point, or label the stars."
        )
    told = run.rounds[0].metrics["accuracy"]
    best = "" if pool.bayes_accuracy is None else f" (at best {percent(pool.bayes_accuracy)})"
    start = f"With {plural(len(labelled), 'label')} {learner} is right on {percent(told)} of a fresh draw{best}"
    if len(np.unique(pool.features, axis=0)) == 1:
        return f"{start}: all points lie in one place, and no model can tell them apart."
    names, classes = pool.class_names, np.unique(pool.targets[labelled])
    if len(classes) == 1:
        return f"{start}: all that is labelled is {names[classes[0]]}, so the model says {names[classes[0]]} everywhere and there is no boundary yet."
    unseen = [names[k] for k in np.setdiff1d(np.unique(pool.targets), classes)]
    blind = f" {' and '.join(unseen)} {'has' if len(unseen) == 1 else 'have'} no label yet: the model cannot say it." if unseen else ""
    if not len(picks):
        return f"{start}; everything is labelled, nothing is left to ask.{blind}"
    by = strategy if stand_in == strategy else f"{stand_in} (it stands in for {strategy}, which needs a round before this one)"
    return f"{start}; {near_boundary(pool.features, labelled, picks, seen, by)}.{blind}{without_score(seen)}"


def near_boundary(features: NDArray[np.float32], labelled: Indices, picks: Indices, seen: Plane, by: str) -> str:
    """How many of the picks lie near the boundary, in words."""
    from scipy.spatial import cKDTree

    edge = boundary_points(seen.probabilities, seen.x, seen.y)
    if not len(edge):
        return f"the boundary lies outside the picture, the stars are the next {plural(len(picks), 'pick')} of {by}"
    distance, _ = cKDTree(edge).query(features)
    asked = np.setdiff1d(np.arange(len(features)), labelled)
    near = int((distance[picks] <= np.quantile(distance[asked], NEAR)).sum())
    return f"{near} of the next {plural(len(picks), 'pick')} of {by} {'lies' if near == 1 else 'lie'} among the {percent(NEAR)} of the pool nearest to the boundary"


def without_score(seen: Plane) -> str:
    """What to say where the strategy's score cannot be drawn."""
    if seen.kind != "score" or np.isfinite(seen.field).any():
        return ""
    return " It gives no score to points that are not in the pool: only the boundary is drawn."


def shape_of(query: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """(the Gaussians in a page's address, what of them makes no sense), for a mixture."""
    found: dict[str, Any] = {}
    wrong = []
    for key in SHAPE:
        if key in query:
            try:
                found[key] = json.loads(query[key])
            except ValueError:
                wrong.append(f"{key}={query[key]}")
    try:
        gaussians_of(**found)
        Settings(found.get("n", 600), 20, 1, 0, 1, 0, 0)
    except (ValueError, TypeError):
        return {}, wrong + [f"{key}={query[key]}" for key in found]
    return found, wrong


def told(params: dict[str, Any]) -> dict[str, str]:
    """The Gaussians of a mixture's settings, as a page's address says them."""
    return {key: json.dumps(params[key], separators=(",", ":")) for key in SHAPE if key in params}


def painting_from(xy: bytes, classes: bytes, names: Sequence[str]) -> Painting:
    """What the page sent: float32 pairs, one byte a class."""
    points = np.frombuffer(xy, "<f4").reshape(-1, 2).astype(np.float32)
    return Painting(points, np.frombuffer(classes, np.uint8).astype(np.int64), tuple(names))
