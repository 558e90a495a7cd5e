"""Farthest-first traversal: the exact greedy k-center, with distances computed only where they can matter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress, silent
from alviz.strategies.pool import Array, Indices

ROWS = 2048
"""Rows of the points per matrix product."""

CENTRES = 256
"""Centres per matrix product."""

PAIRS = 4096
"""Pairs whose difference vectors are formed at once."""


@dataclass(frozen=True)
class Rows:
    """Rows of an array, all of them or those at `index`, without a copy."""

    array: Array
    index: Indices | None = None

    def __len__(self) -> int:
        return len(self.array if self.index is None else self.index)

    def block(self, start: int, stop: int) -> Array:
        """Rows start … stop − 1."""
        return self.array[start:stop] if self.index is None else self.array[self.index[start:stop]]


def rounding(dtype: np.dtype, d: int) -> float:
    """e such that |computed − true| ≤ e (‖x‖² + ‖y‖²) for ‖x‖² + ‖y‖² − 2 x·y with the product summed in `dtype` over d terms.

    A sum of d products errs by at most d u |x|·|y| (u half an epsilon), twice that enters, and 2 |x|·|y| ≤ ‖x‖² + ‖y‖².
    """
    return (d / 2 + 4) * float(np.finfo(dtype).eps)


class FarthestFirst:
    """Adds centres one by one, each the free point that is farthest from its nearest centre (Gonzalez 1985; Sener and Savarese 2018).

    points: (n, d) float32 or float64, never copied as a whole. free: (n,) bool, the points that may be picked. centres: (l, d) rows that
    are centres from the start, or None.

    Exactly the picks of the naive greedy algorithm in float64 with direct differences (ties: lowest index), in three tiers:

    1. `upper` (n,): an upper bound of every point's squared distance to its nearest centre. Distances only fall as centres are added,
       so a bound stays valid however many centres it has not seen; they are caught up by one matrix product now and then.
    2. `value`: for a working set of the largest bounds, the distances to all centres in float64, updated at each pick. While the best of
       the working set lies above every bound outside it, it is the next pick.
    3. `exact`: points that rounding cannot tell apart get sums of squared float64 differences.
    """

    def __init__(self, points: Array, free: NDArray[np.bool_], centres: Rows | None = None, progress: Progress = silent):
        n, d = points.shape
        self.points = points
        self.initial = Rows(points[:0]) if centres is None else centres
        self.picks: list[int] = []
        self.progress = progress
        self._squares = np.empty(n)
        for start in range(0, n, ROWS):
            block = points[start : start + ROWS].astype(np.float64)
            self._squares[start : start + ROWS] = np.einsum("ij,ij->i", block, block)
        self._dtype = self._product_dtype(points)
        self._loose, self._tight = rounding(self._dtype, d), rounding(np.dtype(np.float64), d)
        self._flushed = 0  # centres that `upper` of every point has seen
        self.upper = np.where(free, np.inf, -np.inf)
        self._value, self._value_at = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
        self._exact, self._exact_at = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
        self._largest = int(np.clip(points.nbytes // (16 * 8 * d), 32, 4096))
        self._size, self._served = 64, 0
        self._work = np.empty(0, dtype=np.int64)
        self._inside = np.zeros(n, dtype=bool)
        self._gathered = np.empty((0, d))

    def _product_dtype(self, points: Array) -> np.dtype:
        """float32 for float32 points whose squares neither overflow nor vanish in it, else float64."""
        largest = float(self._squares.max(initial=0.0))
        fits = points.dtype == np.float32 and (largest == 0 or 1e-20 < largest < 1e35)
        return np.dtype(np.float32 if fits else np.float64)

    def __len__(self) -> int:
        return len(self.initial) + len(self.picks)

    def distances(self) -> NDArray[np.float64]:
        """(n,) distance of every point to its nearest initial centre; NaN where there is no centre. Call it before any pick."""
        if not len(self.initial):
            return np.full(len(self.points), np.nan)
        self._catch_up()
        out = np.sqrt(np.maximum(self._nearest, 0.0))
        return out

    def pick(self) -> tuple[int, float]:
        """The next centre and its distance to the nearest centre so far (NaN for the very first)."""
        row, square = self._farthest() if len(self) else (self._central(), np.nan)
        self.upper[row] = -np.inf
        self.picks.append(row)
        if self._inside[row]:
            self._drop(row)
        self._update(row)
        return row, float(np.sqrt(square))

    # The first pick of all

    def _central(self) -> int:
        """The free point nearest to the mean of the free points."""
        free = np.flatnonzero(self.upper > -np.inf)
        total = np.zeros(self.points.shape[1])
        for start in range(0, len(free), ROWS):
            total += self.points[free[start : start + ROWS]].sum(axis=0, dtype=np.float64)
        mean, best, row = total / len(free), np.inf, -1
        for start in range(0, len(free), ROWS):
            square = ((self.points[free[start : start + ROWS]] - mean) ** 2).sum(axis=1)
            j = int(square.argmin())
            if square[j] < best:
                best, row = square[j], int(free[start + j])
        return row

    # Tier 2: the working set

    def _farthest(self) -> tuple[int, float]:
        while True:
            rivals = self._rivals()
            if self._flushed < len(self) and not self._inside[rivals].all():
                self._catch_up()
                self._choose_work()
                continue
            if len(rivals) == 1 and self._inside[rivals[0]] and self._value[rivals[0]] > 1e-6 * self._squares[rivals[0]]:
                row = int(rivals[0])
                return row, float(self._value[row])
            self._settle(rivals)
            row = int(rivals[self._exact[rivals].argmax()])  # the first of the largest: the lowest index
            return row, float(self._exact[row])

    def _rivals(self) -> Indices:
        """Points that may be the farthest, ascending: their upper bound reaches the best lower bound of the working set."""
        if not len(self._work):
            return np.flatnonzero(self.upper > -np.inf)
        value = self._value[self._work]
        least = (value - self._slack(self._work)).max()
        return np.flatnonzero(self.upper >= least)

    def _slack(self, rows: Indices) -> NDArray[np.float64]:
        """What rounding can do to `value`: a nearest centre y has ‖y‖² ≤ 2 ‖x‖² + 2 ‖x − y‖²."""
        return 4 * self._tight * (self._squares[rows] + self._value[rows])

    def _choose_work(self) -> None:
        """The rows with the largest bounds; more of them when the last set served long, fewer when it served for one pick."""
        if self._served > 8:
            self._size = min(2 * self._size, self._largest)
        elif self._served <= 1:
            self._size = max(self._size // 2, 32)
        self._served = 0
        free = int((self.upper > -np.inf).sum())
        size = min(self._size, free)
        kept = self._inside
        work = np.sort(np.argpartition(-self.upper, size - 1)[:size]).astype(np.int64)
        self._inside = np.zeros(len(kept), dtype=bool)
        self._inside[work] = True
        self._work = work
        self._gathered = self.points[work].astype(np.float64)
        for since in (False, True):
            rows = np.flatnonzero((self._value_at[work] > 0) == since)
            if len(rows):
                self._evaluate(work[rows], self._gathered[rows])

    def _evaluate(self, rows: Indices, x: Array) -> None:
        """Bring `value` of the rows, given as x in float64, up to date with all centres."""
        value, squares = self._value[rows], self._squares[rows]
        for start, y in self._centre_blocks(int(self._value_at[rows].min())):
            self.progress(self._fraction(start))
            square = x @ y.T
            square *= -2
            square += np.einsum("ij,ij->i", y, y)
            np.minimum(value, square.min(axis=1) + squares, out=value)
        self._value[rows] = np.maximum(value, 0.0)
        self._value_at[rows] = len(self)
        self.upper[rows] = np.minimum(self.upper[rows], self._value[rows] + self._slack(rows))

    def _update(self, row: int) -> None:
        """Let the working set see the newest centre."""
        self._served += 1
        if not len(self._work):
            return
        work = self._work
        y = self.points[row].astype(np.float64)
        square = np.maximum(self._squares[work] + self._squares[row] - 2 * (self._gathered @ y), 0.0)
        closer = square < self._value[work]
        self._value[work] = np.minimum(self._value[work], square)
        self._value_at[work] = len(self)
        rows = work[closer]
        self.upper[rows] = np.minimum(self.upper[rows], self._value[rows] + self._slack(rows))
