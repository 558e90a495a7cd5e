"""k-means, weighted or not, in blocks, so that it can be cancelled and repeats to the bit; and the samples its centroids stand for."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from alviz.progress import Progress
from alviz.strategies.device import BLOCK_BYTES, Array, Floats, Indices
from alviz.strategies.farthest import FEW, ROWS, direct
from alviz.strategies.seeding import SquaredDistanceSampling
from alviz.strategies.team import Map, team
from alviz.strategies.vectors import Dense, nearest, squared_distances

ITERATIONS = 100
"""Of Lloyd's algorithm, at most."""

TOLERANCE = 1e-4
"""It is over when nothing changes, or when the moves of the centroids take less than this share off the sum of squared distances."""

FULL = 5_000_000_000
"""Samples × dimensions × clusters up to which `centroids` runs Lloyd's algorithm; above, mini-batches do."""

PASSES = 3
"""Over the samples in mini-batches."""

BATCH = 2048
"""Samples in a mini-batch."""

GREEDY = 128
"""Clusters up to which the start is greedy: what that gains is lost in what it takes when there are more (1 % of the inertia at 250, 2 % at 500)."""

STARTERS = 10
"""Samples that the greedy start is chosen from, for each cluster."""

TRIALS = 3
"""How many times more rows than scikit-learn's 2 + ⌊ln k⌋ each step of the start chooses from: it makes up for their being chosen from a sample."""

NUMBERS = 2**20
"""In a block of rows and its products: they stay in the cache."""

NEIGHBOURS = 8
"""Samples looked up at first for each centroid, in case that others take the nearest."""


def lloyd(points: Array, k: int, rng: np.random.Generator, progress: Progress, weights: Array | None = None) -> tuple[Array, Indices]:
    """(centroids (k, d), cluster of every row (n,)) of Lloyd's algorithm from a k-means++ start. points: (n, d), n ≥ k.

    weights: (n,) positive; a sample counts as that many in the start and in the means. None: all count as one.
    """
    (table, origin), weight = _table(points), _weight(points, weights)
    with team() as each:
        steps = _Steps(table, start(table, k, rng, lambda share: progress(0.1 * share), weight, each), weight, each)
        for i in range(ITERATIONS):
            share = 1 - 0.9 ** (i + 1)
            gain = steps.move(progress, share) if i else np.inf
            steps.assign(progress, share)
            if not steps.moving.any() or gain <= TOLERANCE * steps.inertia():
                break
    progress(1.0)
    return (steps.centres + origin).astype(points.dtype), steps.label


class _Steps:
    """The two steps of Lloyd's algorithm, each for what has changed only: a centroid whose rows stay the same stays where it is.

    A row of such a centroid is compared only to those that moved. centres: (k, d); label: (n,) the nearest to every row; moving: (k,) those
    whose rows have changed since the last `move`.
    """

    def __init__(self, table: Dense, centres: Floats, weight: Floats, each: Map):
        self.table, self.weight, self.each = table, weight, each
        self.centres = centres
        self.label = np.full(len(table), -1, dtype=np.int64)
        self.moving = np.ones(len(centres), dtype=bool)
        self._summed = self.label  # the clusters whose weighted sums are in _total
        self._total = np.zeros_like(centres)
        self._key = np.full(len(table), -np.inf)  # x·c − ‖c‖² / 2 of every row and its centroid
        self._rows = _block(table, len(centres))
        self._norms = np.concatenate([_squared(table.rows(slice(*at))) for at in self._blocks()])

    def inertia(self) -> float:
        """The sum of weight · D², D the distance of a row to its centroid at the last `assign`."""
        return float(self.weight @ (self._norms - 2.0 * self._key))

    def _blocks(self) -> Iterator[tuple[int, int]]:
        return ((a, min(a + self._rows, len(self.table))) for a in range(0, len(self.table), self._rows))

    def assign(self, progress: Progress, share: float) -> None:
        """Find the nearest centroid of every row; an empty cluster takes the row that lies worst."""
        dtype = self.table.x.dtype
        centres, moved = self.centres.astype(dtype), np.flatnonzero(self.moving)
        half = (_squared(self.centres) / 2).astype(dtype)
        some, some_half = centres[moved], half[moved]

        def block(at: tuple[int, int]) -> tuple[Indices, Array]:
            label, key = self.label[slice(*at)].copy(), self._key[slice(*at)].copy()
            stale = self.moving[label]
            rows = np.flatnonzero(stale)
            if len(rows):
                label[rows], key[rows] = _closest(self._take(at, rows), centres, half)
            rows = np.flatnonzero(~stale)
            if len(rows):
                which, other = _closest(self._take(at, rows), some, some_half)
                closer = other > key[rows]
                label[rows[closer]], key[rows[closer]] = moved[which[closer]], other[closer]
            return label, key

        found = []
        for result in self.each(block, self._blocks()):
            progress(share)
            found.append(result)
        before, self.label = self.label, np.concatenate([label for label, _ in found])
        self._key = np.concatenate([key for _, key in found])
        self._fill()
        changed = before != self.label
        self.moving = np.zeros(len(centres), dtype=bool)
        self.moving[before[changed]] = self.moving[self.label[changed]] = True

    def _take(self, at: tuple[int, int], rows: Indices) -> Array:
        """Some rows of a block."""
        return self.table.rows(slice(*at) if len(rows) == at[1] - at[0] else at[0] + rows)

    def _fill(self) -> None:
        """Give every empty cluster the row whose weight · D² is largest, unless all rows lie on centroids."""
        empty = np.flatnonzero(np.bincount(self.label, minlength=len(self.centres)) == 0)
        if len(empty):
            square = self._norms - 2.0 * self._key
            square[square <= 16 * self.table.noise * self._norms] = 0.0
            worst = np.argsort(-self.weight * square, kind="stable")[: len(empty)]
            worst = worst[square[worst] > 0]
            self.label[worst] = empty[: len(worst)]

    def move(self, progress: Progress, share: float) -> float:
        """Put the centroids that are moving at the means of their rows. The answer: how much that takes off the inertia."""
        k, stale = len(self.centres), self._summed != self.label
        anew = 2 * np.count_nonzero(stale) > len(stale)  # else what has come is added, what has gone is taken off

        def block(at: tuple[int, int]) -> Floats:
            rows = np.arange(at[1] - at[0]) if anew else np.flatnonzero(stale[slice(*at)])
            x, weight = self._take(at, rows).astype(np.float64), self.weight[at[0] + rows]
            come = _sums(x, self.label[at[0] + rows], weight, k)
            return come if anew else come - _sums(x, self._summed[at[0] + rows], weight, k)

        if anew:
            self._total[:] = 0
        for sums in self.each(block, self._blocks()):
            progress(share)
            self._total += sums
        self._summed = self.label
        mass = np.bincount(self.label, self.weight, k)
        put = self.moving & (mass > 0)
        new = self._total[put] / mass[put, None]
        gain = float(mass[put] @ _squared(new - self.centres[put]))
        self.centres[put] = new
        return gain


def start(table: Dense, k: int, rng: np.random.Generator, progress: Progress, weight: Floats, each: Map = map) -> Floats:
    """(k, d) k-means++ start in float64: rows drawn by weight · D², D the distance to the nearest row so far.

    Up to GREEDY of them, each is the best of some that are drawn so, the one that leaves the least Σ weight · D², all among STARTERS · k rows
    drawn by weight, if there are more. Rows at distance 0 are taken only when nothing else is left.
    """
    if k > GREEDY:
        rows, _ = SquaredDistanceSampling(table, rng, weights=weight, progress=progress).run(k)
        return np.asarray(table.rows(rows), dtype=np.float64)
    if len(table) > STARTERS * k:
        some, weight = drawn_by_weight(weight, STARTERS * k, rng)
        table = table.take(some)
    m = len(table)
    parts = []
    for part in each(lambda a: squared_distances(table.take(slice(a, a + FEW)), table), range(0, m, FEW)):
        progress(0.0)
        parts.append(part)
    among = np.concatenate(parts)
    square, rows = np.ones(m, dtype=table.x.dtype), np.empty(k, dtype=np.int64)
    light = (weight / weight.max()).astype(table.x.dtype)
    trials = TRIALS * (2 + int(np.log(k)))
    for i in range(k):
        progress(i / k)
        total = np.cumsum(weight * square)
        if total[-1] <= 0:
            rows[i:] = rng.choice(np.setdiff1d(np.arange(m), rows[:i]), k - i, replace=False)
            break
        spots = rng.random(trials if i else 1) * total[-1]
        drawn = np.searchsorted(total, np.minimum(spots, np.nextafter(total[-1], 0.0)), side="right")  # a chance above 0
        left = among[drawn]
        if i:
            np.minimum(left, square, out=left)
        best = (left @ light).argmin()
        rows[i], square = drawn[best], left[best].copy()
        square[rows[i]] = 0.0
    return np.asarray(table.rows(rows), dtype=np.float64)


def drawn_by_weight(weight: Floats, n: int, rng: np.random.Generator) -> tuple[Indices, Floats]:
    """(n rows drawn by weight without replacement, ascending; what each counts for so that any sum over rows is right on average).

    Whose exponential waiting times come first; the next one, τ, makes the chance of each 1 − exp(−weight · τ) (Cohen and Kaplan 2007).
    """
    times = rng.standard_exponential(len(weight)) / weight
    order = np.argpartition(times, n)
    rows = np.sort(order[:n])
    return rows, -weight[rows] / np.expm1(-weight[rows] * times[order[n]])


def in_batches(points: Array, k: int, rng: np.random.Generator, progress: Progress, weights: Array | None = None) -> Array:
    """(k, d) centroids of mini-batch k-means from a k-means++ start on a sample (random samples when k is large).

    Every centroid is the weighted mean of all rows that came to it, each when its batch was looked at (Sculley 2010).
    """
    (table, origin), weight = _table(points), _weight(points, weights)
    n, batch = len(table), max(BATCH, k)
    rows = _block(table, k)
    some = rng.choice(n, min(n, max(BATCH, 2 * k)), replace=False)
    with team() as each:
        if k > BATCH:
            centres = np.asarray(table.rows(some[:k]), dtype=np.float64)
        else:
            centres = start(table.take(some), k, rng, lambda share: progress(0.1 * share), weight[some], each)
        mass = np.zeros(k)
        for p in range(PASSES):
            order = rng.permutation(n)
            for at in range(0, n, batch):
                progress(0.1 + 0.9 * (p + at / n) / PASSES)
                members = order[at : at + batch]
                working = centres.astype(table.x.dtype)
                half = (_squared(centres) / 2).astype(table.x.dtype)

                def block(part: Indices, working: Array = working, half: Array = half) -> tuple[Array, Array]:
                    x = table.rows(part)
                    label = _closest(x, working, half)[0]
                    return _sums(x, label, weight[part], k), np.bincount(label, weight[part], k)

                total, more = np.zeros_like(centres), np.zeros(k)
                for sums, masses in each(block, (members[a : a + rows] for a in range(0, len(members), rows))):
                    progress(0.1 + 0.9 * (p + at / n) / PASSES)
                    total += sums
                    more += masses
                put = more > 0
                mass += more
                centres[put] += (total[put] - more[put, None] * centres[put]) / mass[put, None]
    return (centres + origin).astype(points.dtype)


def _table(points: Array) -> tuple[Dense, Array]:
    """(the points about their mean, this mean), in float64 unless they are float32 numbers whose squares neither overflow nor vanish."""
    largest = max(float(points.max()), -float(points.min()))
    single = points.dtype == np.float32 and (largest == 0 or 1e-10 < largest < 1e15)
    table = Dense.centred(points if single else points.astype(np.float64, copy=False))
    origin: Array = table.origin
    # The blocks of a large table are centred each time that they are looked at.
    return (Dense(table.rows(slice(None))) if table.x.nbytes <= BLOCK_BYTES else table), origin


def _weight(points: Array, weights: Array | None) -> Floats:
    return np.ones(len(points)) if weights is None else np.asarray(weights, dtype=np.float64)


def _block(table: Dense, k: int) -> int:
    """Rows looked at together: they and their products with k centroids are NUMBERS."""
    return int(np.clip(NUMBERS // (table.x.shape[1] + k), 256, 8192))


def _closest(x: Array, centres: Array, half: Array) -> tuple[Indices, Array]:
    """(nearest of the centres, x·c − ‖c‖² / 2 of it) for every row of x. half: their ‖c‖² / 2. The lower of two as near."""
    key = x @ centres.T
    key -= half
    label = key.argmax(axis=1)
    return label, key[np.arange(len(x)), label]


def _squared(x: Array) -> Array:
    """(n,) squared lengths of the rows of x."""
    return np.einsum("ij,ij->i", x, x)


def _sums(x: Array, label: Indices, weight: Floats, k: int) -> Array:
    """(k, d) weighted sums of the rows of x by label."""
    from scipy.sparse import csr_array

    result: Array = csr_array((weight.astype(x.dtype), label, np.arange(len(x) + 1)), shape=(len(x), k)).T @ x
    return result


def centroids(points: Array, k: int, rng: np.random.Generator, progress: Progress, weights: Array | None = None) -> Array:
    """(k, d) centroids: of Lloyd's algorithm up to samples × dimensions × clusters = FULL, of mini-batches above."""
    if points.size * k <= FULL:
        return lloyd(points, k, rng, progress, weights)[0]
    return in_batches(points, k, rng, progress, weights)


def representatives(points: Any, centres: Array, progress: Progress) -> Indices:
    """(k,) rows of points (n, d): for each centre in turn the nearest row that no earlier one took, n ≥ k; ties by the lowest row."""
    table, own = Dense.centred(points), centres.astype(points.dtype, copy=False)
    found = nearest(Dense(own, table.origin), table, min(NEIGHBOURS, len(points)), progress)[1]
    taken = np.zeros(len(points), dtype=bool)
    picks = np.empty(len(own), dtype=np.int64)
    for i, rows in enumerate(found):
        free = rows[~taken[rows]]
        picks[i] = free[0] if len(free) else _nearest_free(points, own[i], taken, progress)
        taken[picks[i]] = True
    return picks


def least_squares(points: Array, centres: Array, progress: Progress) -> Floats:
    """(n,) squared distance of every row of points (n, d) to the nearest of the centres, as products in the dtype of the points have it."""
    table = Dense.centred(points)
    own = Dense(centres, table.origin)
    rows = _block(table, len(centres))

    def block(at: int) -> Floats:
        result: Floats = squared_distances(table.take(slice(at, at + rows)), own).min(axis=1).astype(np.float64)
        return result

    parts: list[Floats] = []
    with team() as each:
        for part in each(block, range(0, len(points), rows)):
            progress(len(parts) * rows / len(points))
            parts.append(part)
    return np.concatenate(parts)


def clustered(points: Array, k: int, rng: np.random.Generator, progress: Progress, weights: Array) -> Indices:
    """(k,) distinct rows of points (n, d), each the nearest to one of k centroids of weighted k-means. weights: (n,), 0 or more.

    A weight counts as at least a hundred-millionth of the largest: rows of weight 0 fill up the clusters when there are no others.
    """
    largest = weights.max()
    relative = np.maximum(weights / largest, 1e-8) if largest > 0 else np.ones(len(weights))
    centres = centroids(points, k, rng, lambda share: progress(0.8 * share), relative)
    return representatives(points, centres, lambda share: progress(0.8 + 0.2 * share))


def _nearest_free(points: Array, centre: Array, taken: Array, progress: Progress) -> int:
    """The row nearest to `centre` among those that are not taken."""
    best, row = np.inf, -1
    for a in range(0, len(points), ROWS):
        progress(1.0)
        free = a + np.flatnonzero(~taken[a : a + ROWS])
        squares = direct(points[free], centre)
        if len(free) and squares.min() < best:
            best, row = float(squares.min()), int(free[squares.argmin()])
    return row
