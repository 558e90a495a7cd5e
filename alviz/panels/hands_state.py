"""Hands: a 2D pool made by hand, whose picture follows the hand."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import traitlets

from alviz import data
from alviz.data.mixture import CENTERS, CLASSES, SPREAD, WEIGHTS, gaussians_of
from alviz.data.painted import MOST_POINTS, Painting
from alviz.panels.duel import Duel
from alviz.panels.hands_picture import (
    NOTHING,
    WHOLE,
    Picture,
    Window,
    beginning,
    field_of,
    lacks_a_class,
    made,
    next_picks,
    painted_params,
    positions,
    run_of,
    sentence,
    unlabelled,
    window_of,
)
from alviz.panels.jobs import Job, Lane
from alviz.panels.turns import TURN, InTurn
from alviz.panels.working import readable
from alviz.progress import Cancelled
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

NEXT = 0.001
"""To this the Gaussians are rounded, so that the page's address stays short."""

PATIENCE = 0.3
"""Seconds that a picture may take before a newer wish stops it. Quicker ones are finished, or a slider in motion would never see one."""


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
        # By id (of Gaussians' samples the index); None: not chosen yet. And how often a person has said what is labelled.
        self._labelled: dict[str, Indices | None] = {"gaussians": None, "paint": None}
        self._said = 0
        self._by_hand = False
        self._began: dict[str, Any] = {}  # the pool for which the initial pool has chosen the labels
        self.frame: Window = WHOLE  # of the painting
        self._version = 0
        self._took: dict[tuple[str, str], float] = {}
        self._warmed: set[str] = set()
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
            self.frame = self.frame if len(painting) else WHOLE
            self.change(version, moving, painting=painting)

    def turn(self, index: int) -> None:
        """Label a sample of the picture, or take its label away."""
        seen: Picture | None = self.picture
        if seen is not None and seen.pool is not None and 0 <= index < len(seen.pool):
            self._label(seen, seen.labelled[seen.labelled != index] if index in seen.labelled else np.append(seen.labelled, index))

    def give(self, indices: Indices) -> None:
        """These samples are labelled, and no others. Of a painting: while its points have the ids 1, 2, 3 …"""
        with TURN:
            self._labelled[self.mode] = indices + (1 if self.mode == "paint" else 0)
            self._by_hand, self._said = True, self._said + 1
            self.change()

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
        wanted = on_the_page(config)
        if config["dataset"] == "mixture" and config.get("params") and wanted != self.params:
            self._labelled["gaussians"] = None
            self.change(params=wanted)

    def follows(self) -> bool:
        """Whether the pool made by hand is the page's, or where that is of another kind, as it comes."""
        config = self.duel.config
        if self.mode == "gaussians":
            return self.params == on_the_page(config)
        if config["dataset"] != "painted":
            return not len(self.painting)
        return painted_params(self.painting, self.noise) == config["params"]

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
        with TURN:  # all of one moment
            mode, params, painting, noise, version = self.mode, dict(self.params), self.painting, self.noise, self._version
            learner, strategy, kind, config = self.learner, self.strategy, self.kind, self.duel.config
            kept, by_hand, said = self._labelled[mode], self._by_hand, self._said
            ids = self._ids if mode == "paint" else np.arange(params["n"])
        pool, gaussians, parts = made(mode, params, painting, noise)
        if pool is None:
            self._show(Picture(version, mode, None, ids, reading="Choose a class and paint: the pool is empty.", moving=moving), said)
            self._warm(learner)
            return
        self._warm(learner)
        began = time.monotonic()

        def progress(share: float) -> None:
            if time.monotonic() - began > PATIENCE:
                job.progress(share)

        here = repr(params) if mode == "gaussians" else (painting.points.tobytes(), painting.targets.tobytes(), noise)
        given = None if kept is None else positions(ids, kept)
        if kept is not None and len(kept) and given is not None and not len(given):  # another painting altogether
            given, by_hand = None, False
        if given is None or (mode == "paint" and not by_hand and not moving and lacks_a_class(pool, given)):
            given = NOTHING if moving and mode == "paint" else beginning(pool, config, progress)
            self._began[mode] = here
        begun = not by_hand and self._began.get(mode) == here
        window = window_of(pool, gaussians, self.frame)
        picture = Picture(version, mode, pool, ids, gaussians, parts, given, window=window, moving=moving, begun=begun)
        if not len(given):
            picture = replace(picture, picks=beginning(pool, config, progress), reading=unlabelled(config["initial"]))
        else:
            run = run_of(pool, given, learner, strategy, config, progress)
            if self._took.get((learner, strategy), np.inf) > PATIENCE:  # the model at least keeps up with the hand
                quick = field_of(run, "boundary" if kind == "score" else kind, picture.window)
                self._show(replace(picture, plane=quick, reading=sentence(given, None, run, quick, strategy)), said)
            picks, by = next_picks(run, int(config["n_queries"]), progress)
            seen = field_of(run, kind, picture.window, progress)
            picture = replace(picture, plane=seen, picks=picks, reading=sentence(given, picks, run, seen, by))
        took = self._took[learner, strategy] = time.monotonic() - began
        self._show(replace(picture, seconds=took), said)

    def _warm(self, learner: str) -> None:
        """Train it once, as the libraries that it loads at first use may take seconds, and a hand would wait for them in mid-stroke."""
        if learner not in self._warmed:
            run_of(data.create("mixture", n=20, n_test=20), np.arange(10), learner, "random", {"n_queries": 1, "seed": 0})
            self._warmed.add(learner)

    def _show(self, picture: Picture, said: int) -> None:
        with TURN:
            if self._said == said and picture.pool is not None:
                self._labelled[picture.mode] = picture.ids[picture.labelled]
            self.error = ""
            self.answered = picture.version
            self.picture = picture


def painting_from(xy: bytes, classes: bytes, names: Sequence[str]) -> Painting:
    """What the page sent: float32 pairs, one byte a class."""
    points = np.frombuffer(xy, "<f4").reshape(-1, 2).astype(np.float32)
    return Painting(points, np.frombuffer(classes, np.uint8).astype(np.int64), tuple(names))


def on_the_page(config: dict[str, Any]) -> dict[str, Any]:
    """The mixture that the page's settings have, or for other data the one to begin with, with no more samples than can be followed."""
    wanted = {**START, **(config.get("params", {}) if config["dataset"] == "mixture" else {})}
    return {**wanted, "n": min(wanted["n"], MOST_POINTS)}
