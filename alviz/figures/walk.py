"""Walk: one round in slow motion, as records: where the walk stops, and what every phase is about."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.loop.round import Round

PHASES = ("scores", "ranking", "picks", "labels", "model")
"""What is seen of a round, in order. Round 0 is chosen before there is a model: it has neither scores nor a ranking."""

MOST_PICKS = 50
"""Stops among the picks; larger batches are marked several at a time."""


@dataclass(frozen=True)
class Stop:
    """Where a walk stands. phase: one of `PHASES`; picks: how many are marked so far; new: how many of them just now; formed: the part of the ranking that has formed, 0 … 1."""

    phase: str
    picks: int
    new: int = 0
    formed: float = 0.0


FORMING = 4
"""Stops while the ranking forms."""


def stops(finished: Round) -> tuple[Stop, ...]:
    """All stops of a walk through a round, in order; phases that there are not are left out."""
    b = len(finished.queried)
    parts = min(b, MOST_PICKS)
    marks = [b * part // parts for part in range(parts + 1)] if parts else [0]
    scored = finished.scores is not None and bool(np.isfinite(finished.scores).any())
    steps = FORMING if scored else 1
    ranking = [Stop("ranking", 0, formed=(step + 1) / steps) for step in range(steps)]
    return (
        *((Stop("scores", 0), *ranking) if finished.index > 0 else ()),
        *(Stop("picks", upto, upto - since, 1.0) for since, upto in pairwise(marks)),
        *((Stop("labels", b),) if b else ()),
        Stop("model", b),
    )


@dataclass(frozen=True, eq=False)
class Moved:
    """A model's beliefs over the plane. x (w,), y (h,): the grid, both ascending; now, before: (h, w, K) class probabilities, before None where there was no model yet."""

    x: NDArray[Any]
    y: NDArray[Any]
    now: NDArray[Any]
    before: NDArray[Any] | None


@dataclass(frozen=True, eq=False)
class Walk:
    """A round that is walked through. Raises ValueError for points that do not fit the dataset.

    points: (n, 2), where the samples are drawn. now: the round; before: the one before it, None for round 0. labelled_in_round: (n,), −1 = not
    labelled by the end of the round. title: the projection's name. moved: what the models say about the plane, where the points are one.
    """

    points: NDArray[Any]
    dataset: Dataset
    now: Round
    before: Round | None
    labelled_in_round: NDArray[np.int64]
    title: str = ""
    moved: Moved | None = None

    def __post_init__(self) -> None:
        if self.points.shape != (len(self.dataset), 2):
            raise ValueError(f"points: wanted ({len(self.dataset)}, 2), one row per sample, got {self.points.shape}")

    @cached_property
    def labelled(self) -> NDArray[np.int64]:
        """The samples labelled before the round."""
        return np.flatnonzero((self.labelled_in_round >= 0) & (self.labelled_in_round < self.now.index))

    @cached_property
    def pool(self) -> NDArray[np.int64]:
        """All others: what the round's picks come from."""
        return np.setdiff1d(np.arange(len(self.dataset)), self.labelled)

    @cached_property
    def ranked(self) -> NDArray[np.int64]:
        """The samples with a score, highest first, ties by lowest index."""
        if self.now.scores is None:
            return np.empty(0, dtype=np.int64)
        ids = np.flatnonzero(np.isfinite(self.now.scores))
        return ids[np.argsort(-self.now.scores[ids], kind="stable")]

    @cached_property
    def unscored(self) -> NDArray[np.int64]:
        """Those of `pool` without a score."""
        return np.setdiff1d(self.pool, self.ranked)

    @cached_property
    def rank(self) -> NDArray[np.int64]:
        """(n,) the place of every sample in `ranked`, from 0; −1 = it has no score."""
        places = np.full(len(self.dataset), -1, dtype=np.int64)
        places[self.ranked] = np.arange(len(self.ranked))
        return places

    @property
    def cut(self) -> int:
        """How many of `ranked` a batch would be by score alone."""
        return min(len(self.now.queried), len(self.ranked))

    @property
    def above_cut(self) -> int:
        """How many picks have one of the highest scores, equals of the last one included."""
        if not self.cut:
            return 0
        assert self.now.scores is not None
        scores = self.now.scores[self.now.queried]
        return int((scores >= self.now.scores[self.ranked[self.cut - 1]]).sum())

    @property
    def gains(self) -> NDArray[np.float64] | None:
        """(b,) the gain of each pick, NaN where it has none; None where no pick has one."""
        gains = self.now.gains
        return None if gains is None or not np.isfinite(gains).any() else gains

    @cached_property
    def guessed(self) -> NDArray[np.int64] | None:
        """(b,) what the model had taken the picks for; None in round 0."""
        return None if self.before is None else self.before.probabilities[self.now.queried].argmax(axis=1)

    @cached_property
    def surprises(self) -> NDArray[np.bool_]:
        """(b,) which labels are other than the model had predicted; none in round 0."""
        if self.guessed is None:
            return np.zeros(len(self.now.queried), dtype=bool)
        return (self.now.labels >= 0) & (self.guessed != self.now.labels)

    @cached_property
    def rest(self) -> NDArray[np.int64]:
        """The samples that have no label after the round either."""
        return np.flatnonzero((self.labelled_in_round < 0) | (self.labelled_in_round > self.now.index))

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """(n,) the round's model's predictions."""
        return self.now.probabilities.argmax(axis=1)

    @cached_property
    def flipped(self) -> NDArray[np.int64]:
        """Those of `rest` that the model takes for another class than the model before; none in round 0."""
        if self.before is None:
            return np.empty(0, dtype=np.int64)
        return self.rest[self.before.probabilities[self.rest].argmax(axis=1) != self.predicted[self.rest]]

    @cached_property
    def flows(self) -> list[tuple[int, int, int]]:
        """(from class, to class, how many) of `flipped`, most first, ties by class."""
        if self.before is None:
            return []
        pairs = np.stack([self.before.probabilities[self.flipped].argmax(axis=1), self.predicted[self.flipped]])
        kinds, counts = np.unique(pairs, axis=1, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [(int(kinds[0, i]), int(kinds[1, i]), int(counts[i])) for i in order]

    @property
    def accuracy(self) -> tuple[float, float]:
        """Accuracy before the round and after it; NaN where it was not measured."""
        return (math.nan if self.before is None else self.before.metrics["accuracy"]), self.now.metrics["accuracy"]
