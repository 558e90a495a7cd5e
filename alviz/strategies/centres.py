"""Centres of a greedy method: vectors that are there from the start, then picks."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from alviz.progress import Progress
from alviz.strategies.device import namespace
from alviz.strategies.vectors import Dense, Outer, Vectors

V = TypeVar("V", bound=Dense | Outer)

CENTRES = 256
"""Centres per matrix product, at most."""


NORMS = 16384
"""Vectors between two reports of progress."""


class Centres:
    """The vectors `initial`, and after them the rows `picks` of `points`; picks are appended as they are made."""

    def __init__(self, points: Vectors, initial: Vectors | None = None):
        self.points = points
        self.initial = points.take(slice(0, 0)) if initial is None else initial
        self.picks: list[int] = []

    def __len__(self) -> int:
        return len(self.initial) + len(self.picks)

    def parts(self, start: int = 0) -> Iterator[tuple[int, Vectors]]:
        """(number of the first, vectors) of the centres from the one at `start` on, CENTRES at a time."""
        first = len(self.initial)
        for a in range(start, first, CENTRES):
            yield a, self.initial.take(slice(a, min(first, a + CENTRES)))
        for a in range(max(0, start - first), len(self.picks), CENTRES):
            yield first + a, self.points.take(np.array(self.picks[a : a + CENTRES], dtype=np.int64))

    def one(self, number: int) -> Vectors:
        """One centre."""
        first = len(self.initial)
        if number < first:
            return self.initial.take(slice(number, number + 1))
        return self.points.take(np.array([self.picks[number - first]], dtype=np.int64))


def measured(vectors: V, progress: Progress) -> V:
    """The same vectors, their squared norms computed some at a time, so that a query can be cancelled meanwhile."""
    parts = []
    for a in range(0, len(vectors), NORMS):
        progress(0.0)
        parts.append(vectors.take(slice(a, a + NORMS)).squared_norms)
    vectors.squared_norms = namespace(parts[0]).concat(parts)
    return vectors
