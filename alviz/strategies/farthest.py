"""Farthest-first traversal: the exact greedy k-center, with distances computed only where they can matter."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress, silent
from alviz.strategies.pool import Array, Indices

ROWS = 2048
"""Points per matrix product with CENTRES centres."""

CENTRES = 256
"""Centres per matrix product, at most."""

FEW = 256
"""Points that stay in the cache while something is done to each of them."""

PAIRS = 4096
"""Pairs of rows whose difference vectors are formed at once."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows of an array, all of them or those at `index`, without a copy."""

    array: Array
    index: Indices | None = None

    def __len__(self) -> int:
        return len(self.array if self.index is None else self.index)

    def __getitem__(self, which: slice | Indices) -> Array:
        return self.array[which] if self.index is None else self.array[self.index[which]]


def squared_norms(x: Array) -> Floats:
    """(n,) squared Euclidean norms of the rows of x (n, d), in float64."""
    out = np.empty(len(x))
    for start in range(0, len(x), FEW):
        block = np.array(x[start : start + FEW], dtype=np.float64, order="C")
        out[start : start + FEW] = np.einsum("ij,ij->i", block, block)
    return out


def direct(x: Array, y: Array) -> Floats:
    """(m,) squared distances between rows of x and rows of y (m, d) (or one y (d,)) as sums of squared float64 differences."""
    difference = np.subtract(x, y, dtype=np.float64, order="C")
    np.square(difference, out=difference)
    result: Floats = difference.sum(axis=1)
    return result


def rounding(dtype: np.dtype, d: int) -> float:
    """e with |computed − true| ≤ e (‖x‖² + ‖y‖²), for ‖x‖² + ‖y‖² − 2 x·y with products of d terms in `dtype`.

    A product of d terms is off by at most d u |x|·|y| (u half an epsilon), enters twice, and 2 |x|·|y| ≤ ‖x‖² + ‖y‖². The norms are
    exact beside that; a few more roundings are the 4.
    """
    return (d / 2 + 4) * float(np.finfo(dtype).eps)


def product_dtype(points: Array, squares: Floats) -> np.dtype:
    """float32 for float32 points whose squares neither overflow nor vanish there, else float64."""
    largest = float(squares.max(initial=0.0))
    fits = points.dtype == np.float32 and points.shape[1] < 50_000 and (largest == 0 or 1e-20 < largest < 1e35)
    return np.dtype(np.float32 if fits else np.float64)


class FarthestFirst:
    """Adds centres one by one, each the free point farthest from its nearest centre (Gonzalez 1985; Sener and Savarese 2018).

    points: (n, d) float32 or float64, never copied as a whole. free: (n,) bool, the points that may be picked. n_picks: how many will be.
    centres: rows that are centres from the start (none: the first pick is the free point nearest to the mean of the free points).

    The picks are those of the naive algorithm with float64 differences (ties: lowest index). Three tiers make that quick:

    1. `upper` (n,) bounds every point's squared distance to its nearest centre from above. Distances only fall as centres are added, so a
       bound holds whatever centres it has not seen yet; they are caught up now and then, all in one matrix product.
    2. `value` is that distance in float64 for a working set, the points with the largest bounds, kept up to date at every pick. While
       the best of them lies above every bound outside, it is the next pick.
    3. `exact`, a sum of squared differences, decides between points that rounding could confuse.
    """

    def __init__(self, points: Array, free: NDArray[np.bool_], n_picks: int, centres: Rows | None = None, progress: Progress = silent):
        n, d = points.shape
        self.points = points
        self.initial = Rows(points[:0]) if centres is None else centres
        self.picks: list[int] = []
        self.n_picks = n_picks
        self.progress = progress
        self._squares = squared_norms(points)
        self._dtype = product_dtype(points, self._squares)
        self._loose, self._tight = rounding(self._dtype, d), rounding(np.dtype(np.float64), d)
        self._upper = np.where(free, np.inf, -np.inf)
        self._seen = 0  # centres that every `upper` knows
        self._value, self._value_seen = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
        self._exact, self._exact_seen = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
        self._work, self._inside = np.empty(0, dtype=np.int64), np.zeros(n, dtype=bool)
        self._gathered = np.empty((0, d))
        self._size, self._served = 256, 0

    def __len__(self) -> int:
        return len(self.initial) + len(self.picks)

    def distances(self) -> Floats:
        """(n,) distance of every point to its nearest initial centre, NaN when there is none. To be asked before any pick."""
        n = len(self.points)
        if not len(self.initial):
            return np.full(n, np.nan)
        best = np.full(n, np.inf)
        for rows, square in self._products(0):
            np.minimum(best[rows], square.min(axis=1), out=best[rows])
        best += self._squares
        # Where rounding could reach a thousandth of the distance, as in tight clusters far from the origin, float64 decides.
        doubtful = np.flatnonzero(3 * self._loose * self._squares > 1e-3 * best)
        for a in range(0, len(doubtful), ROWS):
            some = doubtful[a : a + ROWS]
            x, least, which = self.points[some].astype(np.float64), np.full(len(some), np.inf), np.zeros(len(some), dtype=np.int64)
            for at, y in self._centres(0):
                self._report(len(self.initial))
                square = self._squares_to(y, some, x)
                column = square.argmin(axis=1)
                found = square[np.arange(len(some)), column]
                closer = found < least
                least[closer], which[closer] = found[closer], column[closer] + at
            best[some] = direct(x, self.initial[which])
        self._bound(slice(None), best)
        self._seen = len(self.initial)
        result: Floats = np.sqrt(best)
        return result

    def run(self) -> tuple[Indices, Floats]:
        """The picks (rows of points, in order) and each one's distance to its nearest centre when it was picked.

        That distance is NaN for the first pick when there was no centre.
        """
        gains = np.empty(self.n_picks)
        for i in range(self.n_picks):
            self._report(len(self.initial))
            row, square = self._farthest() if len(self) else (self._central(), np.nan)
            gains[i] = np.sqrt(square)
            self._upper[row] = -np.inf
            self.picks.append(row)
            self._update(row)
        return np.array(self.picks, dtype=np.int64), gains

    def _report(self, initial_done: int) -> None:
        """A pick counts as much as twenty of the initial centres, which are cheap."""
        done, total = initial_done / 20 + len(self.picks), len(self.initial) / 20 + self.n_picks
        self.progress(min(1.0, done / total))

    def _centres(self, start: int, step: int = CENTRES) -> Iterator[tuple[int, Array]]:
        """(position, rows) of the centres from the one at `start` on: the initial ones, then the picks."""
        first = len(self.initial)
        for a in range(start, first, step):
            yield a, self.initial[slice(a, min(a + step, first))]
        for a in range(max(start, first), len(self), step):
            yield a, self.points[self.picks[a - first : a - first + step]]

    def _central(self) -> int:
        """The free point nearest to the mean of the free points."""
        free = np.flatnonzero(self._upper > -np.inf)
        total = np.zeros(self.points.shape[1])
        for a in range(0, len(free), ROWS):
            total += self.points[free[a : a + ROWS]].sum(axis=0, dtype=np.float64)
        squares = np.concatenate([direct(self.points[free[a : a + ROWS]], total / len(free)) for a in range(0, len(free), ROWS)])
        return int(free[squares.argmin()])

    def _farthest(self) -> tuple[int, float]:
        """The next pick and its squared distance."""
        rivals = self._rivals()
        if not self._inside[rivals].all() and (self._seen < len(self) or not len(self._work)):
            self._catch_up()
            self._choose_work()
            rivals = self._rivals()
        row = int(rivals[0])
        if len(rivals) == 1 and self._inside[row] and self._value[row] > 1e-6 * self._squares[row]:
            return row, float(self._value[row])
        self._settle(rivals)
        row = int(rivals[self._exact[rivals].argmax()])  # the first of the largest: the lowest index
        return row, float(self._exact[row])

    # Tier 1: bounds of all points

    def _products(self, start: int) -> Iterator[tuple[slice, Array]]:
        """(rows, ‖y‖² − 2 x·y (rows, centres)) for all points x and the centres y from `start` on."""
        for at, y in self._centres(start):
            y = y.astype(self._dtype, copy=False)
            norms = squared_norms(y).astype(self._dtype)
            step = ROWS if 4 * len(y) > CENTRES else 4 * ROWS  # few centres: fewer and larger products
            for a in range(0, len(self.points), step):
                self._report(min(at, len(self.initial)))
                rows = slice(a, a + step)
                square = self.points[rows].astype(self._dtype, copy=False) @ y.T
                square *= -2
                square += norms
                yield rows, square

    def _catch_up(self) -> None:
        """Let every bound see every centre."""
        for rows, square in self._products(self._seen):
            least = np.ascontiguousarray(square.T).min(axis=0) if square.shape[1] < 64 else square.min(axis=1)
            self._bound(rows, np.maximum(least + self._squares[rows], 0.0))
        self._seen = len(self)

    def _bound(self, rows: slice, square: Floats) -> None:
        """Lower the bounds of some rows, given squared distances from products.

        The centre y has ‖y‖² ≤ 2 ‖x‖² + 2 ‖x − y‖², so rounding is bounded by what is known of x; the last term: underflow.
        """
        e = self._loose
        bound = (square + 3 * e * self._squares[rows]) / (1 - 2 * e) + 1e-30
        np.minimum(self._upper[rows], bound, out=self._upper[rows])

    # Tier 2: the working set

    def _rivals(self) -> Indices:
        """Points that may be the farthest, ascending: their bound reaches the best of the working set."""
        work = self._work
        alive = work[self._upper[work] > -np.inf]
        least = max(0.0, (self._value[alive] - self._slack(alive)).max(initial=0.0))
        return np.flatnonzero(self._upper >= least)

    def _slack(self, rows: Indices) -> Floats:
        """What rounding can have done to `value`, and to a direct sum."""
        slack: Floats = 4 * self._tight * (self._squares[rows] + self._value[rows])
        return slack

    def _choose_work(self) -> None:
        """Take the points with the largest bounds: more of them when the last set served for long, fewer when it did not."""
        n, d = self.points.shape
        largest = int(np.clip(self.points.nbytes // (16 * 8 * d), 64, 4096))
        self._size = min(2 * self._size, largest) if self._served > 4 else max(self._size // 2, 32) if self._served < 2 else self._size
        self._served = 0
        size = min(self._size, int((self._upper > -np.inf).sum()))
        work = np.sort(np.argpartition(self._upper, n - size)[n - size :])
        self._gathered = self.points[work].astype(np.float64)
        for rows in (self._value_seen[work] == 0, (self._value_seen[work] > 0) & (self._value_seen[work] < len(self))):
            if rows.any():
                self._evaluate(work[rows], self._gathered[rows])
        self._inside[self._work] = False
        self._inside[work] = True
        self._work = work

    def _evaluate(self, rows: Indices, x: Array) -> None:
        """Bring `value` of the rows, given as x in float64, up to date with all centres."""
        value = self._value[rows]
        for _, y in self._centres(int(self._value_seen[rows].min())):
            np.minimum(value, self._squares_to(y, rows, x).min(axis=1), out=value)
        self._value[rows], self._value_seen[rows] = value, len(self)
        self._upper[rows] = np.minimum(self._upper[rows], value + self._slack(rows))

    def _squares_to(self, y: Array, rows: Indices, x: Array) -> Floats:
        """(rows, centres) squared distances with float64 products of x, the rows in float64, and centres y."""
        y = y.astype(np.float64, copy=False)
        square = x @ y.T
        square *= -2
        square += squared_norms(y)
        square += self._squares[rows][:, None]
        result: Floats = np.maximum(square, 0.0, out=square)
        return result

    def _update(self, row: int) -> None:
        """Let the working set see the newest centre."""
        self._served += 1
        work = self._work
        square = self._squares_to(self.points[row : row + 1], work, self._gathered)[:, 0]
        closer = work[square < self._value[work]]
        self._value[work] = np.minimum(self._value[work], square)
        self._value_seen[work] = len(self)
        self._upper[closer] = np.minimum(self._upper[closer], self._value[closer] + self._slack(closer))

    # Tier 3: points that rounding could confuse

    def _settle(self, rivals: Indices) -> None:
        """Bring `exact` of the rivals up to date with all centres (a distance of 0 cannot fall any more)."""
        stale = rivals[(self._exact_seen[rivals] < len(self)) & (self._exact[rivals] > 0)]
        known = self._exact_seen[stale] > 0
        for group in (stale[~known], stale[known]):
            for a in range(0, len(group), CENTRES):
                self._report(len(self.initial))
                rows = group[a : a + CENTRES]
                x = self.points[rows].astype(np.float64)
                best = self._exact[rows]
                for _, y in self._centres(int(self._exact_seen[rows].min())):
                    square = self._squares_to(y, rows, x)
                    limit = np.minimum(np.minimum(best, self._upper[rows]), square.min(axis=1))
                    limit += 8 * self._tight * (self._squares[rows] + limit)
                    i, j = np.nonzero(square <= limit[:, None])
                    for p in range(0, len(i), PAIRS):
                        np.minimum.at(best, i[p : p + PAIRS], direct(x[i[p : p + PAIRS]], y[j[p : p + PAIRS]]))
                self._exact[rows], self._exact_seen[rows] = best, len(self)
                self._upper[rows] = np.minimum(self._upper[rows], best)
