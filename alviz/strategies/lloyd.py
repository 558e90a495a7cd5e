"""k-means, weighted or not, a few steps at a time, so that it can be cancelled and repeats to the bit; and the samples its centroids stand for."""

import warnings
from typing import Any

import numpy as np

from alviz.progress import Progress
from alviz.strategies.farthest import ROWS, direct
from alviz.strategies.pool import Array, Indices
from alviz.strategies.vectors import Dense, nearest, squared_distances

ITERATIONS = 100
"""At most."""

STEP = 5
WORK = 100_000_000
"""Iterations between two reports of progress at samples × dimensions × clusters = `WORK` or more; more when it is less."""

FULL = 1_000_000_000
"""Samples × dimensions × clusters up to which `centroids` runs Lloyd's algorithm; above, mini-batches do."""

PASSES = 3
"""Over the samples in mini-batches."""

BATCH = 2048
"""Samples in a mini-batch."""

NEIGHBOURS = 8
"""Samples looked up at first for each centroid, in case that others take the nearest."""


def lloyd(points: Array, k: int, rng: np.random.Generator, progress: Progress, weights: Array | None = None) -> tuple[Array, Indices]:
    """(centroids (k, d), cluster of every row (n,)) of Lloyd's algorithm from a k-means++ start. points: (n, d), n ≥ k.

    weights: (n,) positive; a sample counts as that many in the start and in the means. None: all count as one.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    step = int(np.clip(WORK // (points.size * k), STEP, ITERATIONS))
    centres = start(points, k, rng, lambda share: progress(0.2 * share), weights)
    # One thread: sums over threads, in any order, would give other centroids from the same seed.
    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # too few distinct points, or a step is over: both are expected
        for done in range(0, ITERATIONS, step):
            progress(0.2 + 0.8 * done / ITERATIONS)
            model = KMeans(k, init=centres, n_init=1, max_iter=step, random_state=0).fit(points, sample_weight=weights)
            centres = model.cluster_centers_
            if model.n_iter_ < step:
                break
    progress(1.0)
    return centres, model.labels_.astype(np.int64)


def start(points: Array, k: int, rng: np.random.Generator, progress: Progress, weights: Array | None = None) -> Array:
    """(k, d) greedy k-means++ start: rows of points (n, d), each the best of 2 + ⌊ln k⌋ drawn by weight · D², D to the nearest row so far.

    The best leaves the least Σ weight · D². Rows at distance 0 are taken only when nothing else is left.
    """
    table = Dense(np.ascontiguousarray(points - points.mean(axis=0, dtype=np.float64).astype(points.dtype)))
    weight = np.ones(len(points)) if weights is None else np.asarray(weights, dtype=np.float64)
    square = np.ones(len(points))
    rows = np.empty(k, dtype=np.int64)
    trials = 2 + int(np.log(k))
    for i in range(k):
        progress(i / k)
        total = np.cumsum(weight * square)
        if total[-1] <= 0:
            rows[i:] = rng.choice(np.setdiff1d(np.arange(len(points)), rows[:i]), k - i, replace=False)
            break
        spots = rng.random(trials if i else 1) * total[-1]
        drawn = np.searchsorted(total, np.minimum(spots, np.nextafter(total[-1], 0.0)), side="right")  # a chance above 0
        left = squared_distances(table, table.take(drawn)).astype(np.float64)
        if i:
            np.minimum(left, square[:, None], out=left)
        best = (weight @ left).argmin()
        rows[i], square = drawn[best], left[:, best].copy()
        square[rows[i]] = 0.0
    return np.asarray(points[rows])


def in_batches(points: Array, k: int, rng: np.random.Generator, progress: Progress, weights: Array | None = None) -> Array:
    """(k, d) centroids of mini-batch k-means from a k-means++ start on a sample (random samples when k is large)."""
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    def part(rows: Indices) -> tuple[Array, Array | None]:
        return points[rows], None if weights is None else weights[rows]

    n, batch = len(points), max(BATCH, k)
    sample, heavy = part(rng.choice(n, min(n, max(BATCH, 2 * k)), replace=False))
    first = sample[:k] if k > BATCH else start(sample, k, rng, lambda share: progress(0.1 * share), heavy)
    model = MiniBatchKMeans(k, init=first, n_init=1, reassignment_ratio=0.0, random_state=int(rng.integers(2**31)))
    with threadpool_limits(1, user_api="openmp"):
        for p in range(PASSES):
            order = rng.permutation(n)
            for at in range(0, n, batch):
                progress(0.1 + 0.9 * (p + at / n) / PASSES)
                rows, some = part(order[at : at + batch])
                model.partial_fit(rows, sample_weight=some)
    result: Array = model.cluster_centers_
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
