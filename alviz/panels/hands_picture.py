"""What is seen of a pool made by hand: the model of its labels over the plane, the next picks, and a sentence about both."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz import data, initial, learners, strategies
from alviz.data.dataset import Dataset
from alviz.data.mixture import Gaussians, gaussians_of
from alviz.data.painted import Painting
from alviz.data.plane import POOL, Settings
from alviz.figures.base import percent, plural
from alviz.figures.toy import NEAR, boundary_points
from alviz.loop import Run
from alviz.panels.duel import Plane, plane
from alviz.progress import Progress, silent
from alviz.strategies.device import Indices
from alviz.studies.duels import SameStart

Window = tuple[float, float, float, float]
"""Of what is seen: the middle (x, y), half the width, half the height."""

WHOLE: Window = (0.0, 0.0, 4.0, 3.0)
"""The canvas, in the plane's own units; a pool that reaches further is seen from further away."""

ROOM = 1.1
"""A window is so many times as large as what must be seen in it."""

FIELD = (64, 48)
"""Points of the field along x and y."""

NOTHING: Indices = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Picture:
    """What is seen at one moment. version: of the wish that it fulfils (see `Hands.change`).

    mode: as in `Hands`. pool: None while nothing is painted. ids (n,): by which samples are known while the pool changes. gaussians, parts (n,): what the pool was drawn from and which of it each sample is of; None for a painting.
    labelled: dataset indices. picks: the next ones, in pick order. plane: None while nothing is labelled. reading: a sentence. seconds: what it took, 0 where there was
    nothing to draw. moving: the hand was still at it. begun: what is labelled is what the initial pool chooses here.
    """

    version: int
    mode: str
    pool: Dataset | None
    ids: Indices
    gaussians: Gaussians | None = None
    parts: Indices | None = None
    labelled: Indices = field(default_factory=NOTHING.copy)
    picks: Indices = field(default_factory=NOTHING.copy)
    plane: Plane | None = None
    window: Window = WHOLE
    reading: str = ""
    seconds: float = 0.0
    moving: bool = False
    begun: bool = False


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


def painted_params(painting: Painting, label_noise: float = 0.0) -> dict[str, Any]:
    """What `data.create("painted", …)` takes to make the pool that was painted."""
    points = [[float(f"{x:.9g}") for x in point] for point in painting.points]
    return {"points": points, "targets": painting.targets.tolist(), "class_names": list(painting.names()), "label_noise": label_noise}


def lacks_a_class(pool: Dataset, labelled: Indices) -> bool:
    """Whether a class of the pool has no label."""
    return len(np.setdiff1d(pool.targets, pool.targets[labelled])) > 0


def beginning(pool: Dataset, config: dict[str, Any], progress: Progress) -> Indices:
    """What a Run with the page's settings would label in round 0."""
    chooser = initial.create(config["initial"])
    n = min(int(config["n_queries"]), len(pool))
    return np.asarray(chooser.choose(pool, n, np.random.default_rng([int(config["seed"]), 0, 1]), progress), dtype=np.int64)


def field_of(run: Run, kind: str, window: Window, progress: Progress = silent) -> Plane:
    """What is seen in `window` under the model of the run's round 0."""
    spans = zip(window[:2], window[2:], FIELD, strict=True)
    x, y = (np.linspace(middle - half, middle + half, count, dtype=np.float32) for middle, half, count in spans)
    return plane(run, 0, kind, (x, y), progress)


def run_of(pool: Dataset, labelled: Indices, learner: str, strategy: str, config: dict[str, Any], progress: Progress = silent) -> Run:
    """A run whose round 0 has the labels of `labelled`."""
    return Run(
        pool,
        learner=learners.create(learner),
        strategy=strategies.create(strategy),
        initial=SameStart(labelled),
        n_queries=int(config["n_queries"]),
        n_initial=len(labelled),
        seed=int(config["seed"]),
        progress=progress,
    )


def next_picks(run: Run, n_queries: int, progress: Progress = silent) -> tuple[Indices, str]:
    """(what the run's next step would ask for, who chose it, in words)."""
    view = run.view(0, progress)
    strategy = run.strategy.fallback(view.provides)
    n = min(n_queries, len(view))
    picks = strategy.select(view, n, np.random.default_rng([run.seed, 1, 1])).indices if n else np.zeros(0, np.int64)
    name = run.strategy.name
    return picks, name if strategy.name == name else f"{strategy.name} (it stands in for {name}, which needs a round before this one)"


def window_of(pool: Dataset, gaussians: Gaussians | None, frame: Window) -> Window:
    """What is seen: the canvas, or of a painting its `frame`, or as much around its middle as it takes to see every centre, or every painted point."""
    far = pool.features if gaussians is None else gaussians.centers
    assert far is not None
    x, y, *halves = WHOLE if gaussians is not None else frame
    reach = np.abs(far.astype(np.float64) - (x, y)).max(axis=0)
    times = max(1.0, *(ROOM * reach / halves)) if (reach > halves).any() else 1.0
    return x, y, halves[0] * times, halves[1] * times


def frame_of(points: NDArray[np.float32]) -> Window:
    """What shows points (n, 2) that come from elsewhere: the canvas where they fill a good part of it, or else what they fill themselves."""
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    halves = np.array(WHOLE[2:])
    if (low >= -halves).all() and (high <= halves).all() and (high - low >= halves).any():
        return WHOLE
    times = float((ROOM * (high - low) / 2 / halves).max()) or 1.0
    x, y = ((low + high) / 2).tolist()
    return x, y, *(halves * times).tolist()


def unlabelled(initial_name: str) -> str:
    """The reading where nothing is labelled."""
    return (
        f"Nothing is labelled, so there is no model: the stars are what the initial pool ({initial_name}) would begin with. "
        "Click a point, or label the stars."
    )


def sentence(labelled: Indices, picks: Indices | None, run: Run, seen: Plane, asked: str) -> str:
    """The reading: how good the model is, and what the next picks, which `asked` has chosen, are after (None: they are still to come); or why there
    is nothing of the kind.
    """
    pool, learner = run.dataset, run.learner.name
    assert pool.features is not None
    told = run.rounds[0].metrics["accuracy"]
    best = "" if pool.bayes_accuracy is None else f" (at best {percent(pool.bayes_accuracy)})"
    start = f"With {plural(len(labelled), 'label')} {learner} is right on {percent(told)} of a fresh draw{best}"
    if len(np.unique(pool.features, axis=0)) == 1:
        return f"{start}: all points lie in one place, and no model can tell them apart."
    names, classes = pool.class_names, np.unique(pool.targets[labelled])
    if len(classes) == 1:
        only = names[classes[0]]
        return f"{start}: all that is labelled is {only}, so the model says {only} everywhere and there is no boundary yet."
    unseen = [names[k] for k in np.setdiff1d(np.unique(pool.targets), classes)]
    blind = f" {' and '.join(unseen)} {'has' if len(unseen) == 1 else 'have'} no label yet: the model cannot say it." if unseen else ""
    if picks is None:
        return f"{start}; the next picks of {asked} come when the hand rests.{blind}"
    if not len(picks):
        return f"{start}; everything is labelled, nothing is left to ask.{blind}"
    return f"{start}; {near_boundary(pool.features, labelled, picks, seen, asked)}.{blind}{without_score(seen)}"


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
