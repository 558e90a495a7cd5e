"""Farthest-first traversal: the exact greedy k-center, with distances computed only where they can matter."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress, silent
from alviz.strategies.device import Array, Floats, Indices

ROWS = 2048
"""Points per matrix product with CENTRES centres."""

CENTRES = 256
"""Centres per matrix product, at most."""

FEW = 256
"""Points that stay in the cache while something is done to each of them."""

PAIRS = 4096
"""Pairs of rows whose difference vectors are formed at once."""

PIECE = 128
"""Terms that float32 norms sum before float64 takes over."""

AHEAD = 16
"""Points of the working set that are told apart along with those that must be: they are about to be picked."""

MANY = 64
"""Points that rounding may confuse at one pick before all products are formed in float64."""


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


def quick_norms(x: Array) -> Floats:
    """squared_norms of float32 rows with products of PIECE terms in float32: off by as little as a product of that many terms."""
    out, whole = np.empty(len(x)), x.shape[1] - x.shape[1] % PIECE
    for start in range(0, len(x), ROWS):
        block = np.ascontiguousarray(x[start : start + ROWS])
        pieces, rest = block[:, :whole].reshape(len(block), whole // PIECE, PIECE), block[:, whole:]
        sums = np.einsum("ijk,ijk->ij", pieces, pieces).sum(axis=1, dtype=np.float64)
        out[start : start + ROWS] = sums + np.einsum("ij,ij->i", rest, rest)
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
       bound holds whatever centres it has not seen yet; the largest ones are caught up now and then, in a few matrix products.
    2. `high` is that bound for a working set, the points with the largest bounds, kept up to date at every pick. While the best of them
       lies above every bound outside by more than rounding can do, it is the next pick.
    3. `exact`, a sum of squared differences, decides between points that rounding could confuse. Where these are many (data far from the
       origin), float32 products give way to float64 ones.
    """

    def __init__(self, points: Array, free: NDArray[np.bool_], n_picks: int, centres: Rows | None = None, progress: Progress = silent):
        n = len(points)
        self.points = points
        self.initial = Rows(points[:0]) if centres is None else centres
        self.picks: list[int] = []
        self.n_picks = n_picks
        self.progress = progress
        self._norms = np.empty(len(self.initial) + n_picks)  # exact ones, of the centres
        for a in range(0, len(self.initial), ROWS):
            block = self.initial[slice(a, a + ROWS)]
            self._norms[a : a + len(block)] = squared_norms(block)
        self._compute_in(points.dtype)
        if not self._squares.any() or product_dtype(points, self._squares) != points.dtype:
            self._compute_in(np.dtype(np.float64))
        self._upper = np.where(free, np.inf, -np.inf)
        self._exact, self._exact_seen = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
        self._set_work(np.empty(0, dtype=np.int64), np.inf)
        self._size, self._served, self._reach = 256, 0, n

    def __len__(self) -> int:
        return len(self.initial) + len(self.picks)

    def distances(self) -> Floats:
        """(n,) distance of every free point to its nearest initial centre, NaN when there is none. To be asked before any pick."""
        n = len(self.points)
        if not len(self.initial):
            return np.full(n, np.nan)
        best = np.full(n, np.inf)
        for rows, least in self._products(0):
            np.minimum(best[rows], least, out=best[rows])
        best += self._squares
        # Where rounding could reach a thousandth of the distance, as in tight clusters far from the origin, float64 decides.
        doubtful = np.flatnonzero((3 * self._rounding * self._squares > 1e-3 * best) & (self._upper > 0))
        for a in range(0, len(doubtful), ROWS):
            some = doubtful[a : a + ROWS]
            best[some] = self._nearest(some, np.full(len(some), np.inf), 0, np.dtype(np.float64))
        self._bound(slice(None), best)
        self._seen[:] = len(self.initial)
        self._reach = min(n, 8 * self._size)
        result: Floats = np.sqrt(np.maximum(best, 0.0))
        return result

    def run(self) -> tuple[Indices, Floats]:
        """The picks (rows of points, in order) and each one's distance to its nearest centre when it was picked.

        That distance is NaN for the first pick when there was no centre.
        """
        for _ in range(self.n_picks):
            self._report(len(self.initial))
            row = self._farthest() if len(self) else self._central()
            y = self.points[row].astype(np.float64)
            self._norms[len(self)] = y @ y
            self.picks.append(row)
            self._upper[row] = -np.inf
            mine = self._work == row
            self._high[mine] = self._low[mine] = -np.inf
            self._update(y)
        picks = np.array(self.picks, dtype=np.int64)
        order = len(self.initial) + np.arange(self.n_picks)
        squares = np.full(self.n_picks, np.inf)
        for a in range(0, self.n_picks, CENTRES):
            some = slice(a, a + CENTRES)
            squares[some] = self._nearest(picks[some], squares[some], 0, self._dtype, order[some])
        gains: Floats = np.sqrt(np.where(order > 0, squares, np.nan))
        return picks, gains

    def _compute_in(self, dtype: np.dtype) -> None:
        """Form products in `dtype` from now on; bounds of another one hold, but no centre counts as seen."""
        n, d = self.points.shape
        self._squares = quick_norms(self.points) if dtype == np.float32 else squared_norms(self.points)
        self._dtype, self._rounding = dtype, rounding(dtype, d + min(d, PIECE))
        self._least = 1e8 * float(np.finfo(dtype).tiny)  # what underflow can do
        self._seen = np.zeros(n, dtype=np.int64)

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

    def _farthest(self) -> int:
        """The next pick."""
        least = self._certain()
        if self._outside >= least and (self._served or not len(self._work)):
            self._refill()
            least = self._certain()
        if self._outside < least:
            rivals = self._work[self._high >= least]
            if len(rivals) == 1:
                return int(rivals[0])
        else:
            rivals = np.flatnonzero(self._upper >= least)
        if len(rivals) > MANY and self._dtype == np.float32 and not self._tied(rivals[:MANY]):
            self._keep()
            self._compute_in(np.dtype(np.float64))
            self._set_work(self._work[:0], np.inf)
            return self._farthest()
        few = len(rivals) < AHEAD < len(self._work)
        self._settle(np.union1d(rivals, self._work[np.argpartition(self._high, -AHEAD)[-AHEAD:]]) if few else rivals)
        return int(rivals[self._exact[rivals].argmax()])  # the first of the largest: the lowest index

    def _tied(self, rivals: Indices) -> bool:
        """Whether most of these are equally far away indeed."""
        self._settle(rivals)
        exact = self._exact[rivals]
        return bool(2 * (exact == exact.max()).sum() > len(rivals))

    # Tier 1: bounds of all points

    def _products(self, start: int, group: Indices | None = None) -> Iterator[tuple[slice | Indices, Array]]:
        """(rows, min (‖y‖² − 2 x·y)) over the centres y from `start` on, for all points x or a group of them."""
        for at, y in self._centres(start):
            norms = self._norms[at : at + len(y)].astype(self._dtype)
            y = -2 * y.astype(self._dtype, copy=False)
            step = ROWS if group is not None or 4 * len(y) > CENTRES else 4 * ROWS  # few centres: fewer and larger products
            for a in range(0, len(self.points if group is None else group), step):
                self._report(min(at, len(self.initial)))
                rows = slice(a, a + step) if group is None else group[a : a + step]
                square = self.points[rows].astype(self._dtype, copy=False) @ y.T
                square += norms
                yield rows, np.ascontiguousarray(square.T).min(axis=0) if len(y) < 64 else square.min(axis=1)

    def _catch_up(self, rows: Indices) -> None:
        """Let the bounds of these rows see every centre, those that have seen equally many together."""
        seen = self._seen[rows]
        for start in np.flatnonzero(np.bincount(seen)):
            if start < len(self):
                group = rows[seen == start]
                everyone = 8 * len(group) > 7 * len(self.points)  # in place rather than gathered
                for some, least in self._products(int(start), None if everyone else group):
                    self._bound(some, least + self._squares[some])
        self._seen[rows] = len(self)

    def _bound(self, rows: slice | Indices, square: Floats) -> None:
        """Lower the bounds of some rows, given squared distances from products.

        The centre y has ‖y‖² ≤ 2 ‖x‖² + 2 ‖x − y‖², so rounding is bounded by what is known of x; the last term: underflow.
        """
        e = self._rounding
        bound = (square + 3 * e * self._squares[rows]) / (1 - 2 * e) + self._least
        self._upper[rows] = np.minimum(self._upper[rows], bound)

    # Tier 2: the working set

    def _set_work(self, work: Indices, outside: float) -> None:
        """Work on these rows, ascending; the bound of no other is above `outside`."""
        self._work, self._outside = work, outside
        self._gathered = np.ascontiguousarray(self.points[work], dtype=self._dtype)
        self._high = self._upper[work]
        self._offset = (1 + 3 * self._rounding) / (1 - 2 * self._rounding) * self._squares[work] + self._least
        self._width = 8 * self._rounding * self._squares[work] + 2 * self._least
        self._low = self._high * (1 - 8 * self._rounding) - self._width
        self._served = 0

    def _refill(self) -> None:
        """Take up-to-date points with the largest bounds: more of them when the last set served for long, fewer when it did not.

        Only the `reach` largest bounds are caught up, more of them if hardly any of these stays the largest.
        """
        n, d = self.points.shape
        self._keep()
        largest = int(np.clip(self.points.nbytes // (16 * self._dtype.itemsize * d), 64, 4096))
        self._size = min(2 * self._size, largest) if self._served > 4 else max(self._size // 2, 32) if self._served < 2 else self._size
        before = self._upper.copy()
        while True:
            outside = -np.inf if 2 * self._reach > n else np.partition(before, n - self._reach)[n - self._reach]
            rows = np.flatnonzero(before >= outside if outside > -np.inf else before > outside)
            self._catch_up(rows)
            work = rows[self._upper[rows] >= outside]
            if outside == -np.inf or len(work) >= self._size // 4:
                break
            self._reach *= 4
        if len(work) > self._size:
            order = np.argpartition(self._upper[work], len(work) - self._size - 1)[len(work) - self._size - 1 :]
            outside, work = self._upper[work[order[0]]], np.sort(work[order[1:]])
        self._reach = max(2 * self._size, int((before >= outside).sum()))
        self._set_work(work, float(outside))

    def _keep(self) -> None:
        """Write the bounds of the working set back."""
        self._upper[self._work], self._seen[self._work] = self._high, len(self)

    def _certain(self) -> float:
        """What the farthest point's squared distance is at least, whatever rounding did to the bounds and does to a direct sum."""
        return float(self._low.max(initial=0.0))

    def _update(self, y: Floats) -> None:
        """Let the working set see the newest centre."""
        self._served += 1
        scale = 1 / (1 - 2 * self._rounding)
        bound = self._offset + self._gathered @ (-2 * scale * y).astype(self._dtype)
        bound += scale * self._norms[len(self) - 1]
        np.minimum(self._high, bound, out=self._high)
        bound *= 1 - 8 * self._rounding
        bound -= self._width
        np.minimum(self._low, bound, out=self._low)

    # Tier 3: points that rounding could confuse

    def _settle(self, rivals: Indices) -> None:
        """Bring `exact` of the rivals up to date with all centres (a distance of 0 cannot fall any more)."""
        self._keep()
        stale = rivals[(self._exact_seen[rivals] < len(self)) & (self._exact[rivals] > 0)]
        known = self._exact_seen[stale] > 0
        for group in (stale[~known], stale[known]):
            for a in range(0, len(group), CENTRES):
                rows = group[a : a + CENTRES]
                self._exact[rows] = self._nearest(rows, self._exact[rows], int(self._exact_seen[rows].min()), self._dtype)
                self._exact_seen[rows] = len(self)
                self._upper[rows] = np.minimum(self._upper[rows], self._exact[rows])
        self._high = self._upper[self._work]
        exact = (self._exact_seen[self._work] == len(self)) & (self._high > -np.inf)
        self._low[exact] = self._exact[self._work[exact]] * (1 - 2 * rounding(np.dtype(np.float64), self.points.shape[1]))

    def _nearest(self, rows: Indices, best: Floats, start: int, dtype: np.dtype, before: Indices | None = None) -> Floats:
        """The lesser of `best` and the direct squared distances of these rows to the centres from `start` on (or those `before`).

        Products in `dtype` tell which centres can be the nearest.
        """
        best, x = best.copy(), self.points[rows].astype(dtype, copy=False)
        norms, e = squared_norms(x)[:, None], rounding(dtype, x.shape[1])
        for at, y in self._centres(start):
            self._report(len(self.initial))
            square = x @ y.astype(dtype, copy=False).T * -2.0 + (norms + self._norms[at : at + len(y)])
            if before is not None:
                square[np.arange(at, at + len(y)) >= before[:, None]] = np.inf
            limit = np.minimum(best, np.maximum(square.min(axis=1), 0))
            limit += 8 * e * (norms[:, 0] + limit) + self._least
            i, j = np.nonzero(square <= np.minimum(limit, np.finfo(np.float64).max)[:, None])
            for p in range(0, len(i), PAIRS):
                np.minimum.at(best, i[p : p + PAIRS], direct(x[i[p : p + PAIRS]], y[j[p : p + PAIRS]]))
        return best
