"""k-means: the sample nearest to each of as many centroids as there are labels to ask for."""

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.farthest import Floats, direct, squared_norms
from alviz.strategies.lloyd import lloyd
from alviz.strategies.pool import Array, Indices, PoolView

FULL = 100_000_000
"""Candidates × dimensions × centroids up to which the full algorithm runs; above, mini-batches do."""

PASSES = 3
"""Over the candidates in mini-batches."""

BATCH = 2048
"""Candidates in a mini-batch."""


class KMeansStrategy(QueryStrategy):
    name = "kmeans"
    card = Card(
        title="k-means",
        family="diversity",
        idea="Cluster the candidates into as many clusters as there are labels to ask for, and label the sample nearest to each centroid.",
        formula="for each centroid c in turn: argmin ‖x − c‖ over the candidates not taken yet",
        needs="embeddings (or features)",
        cost=f"O(n d b) per iteration; mini-batches ({PASSES} passes) when n·d·b is above {FULL:,}",
        reference="Zhdanov, Diverse mini-batch active learning (2019), without weights; compared in Zhan et al. (2022)",
        shines="Typical samples of every region: good with few labels and good features.",
        fails="Does not know what is labelled already, nor what the model is unsure of.",
        deviation="Public code that returns cluster numbers as sample indices is wrong; these are samples, all distinct.",
    )
    needs = ("embeddings",)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """One sample per centroid, in the order of the centroids. scores: minus the distance to the nearest centroid."""
        points = pool.embeddings
        small = points.shape[0] * points.shape[1] * n_queries <= FULL
        if small:
            centroids, _ = lloyd(points, n_queries, rng, lambda fraction: pool.progress(0.9 * fraction))
        else:
            centroids = in_batches(points, n_queries, rng, pool)
        picks, distances = nearest_samples(points, centroids, pool)
        return Selection(pool.candidates[picks], spread(pool, -distances))


def in_batches(points: Array, k: int, rng: np.random.Generator, pool: PoolView) -> Array:
    """(k, d) centroids of mini-batch k-means from a k-means++ start on a sample (random samples when k is large)."""
    from sklearn.cluster import MiniBatchKMeans, kmeans_plusplus

    m = len(points)
    sample = points[rng.choice(m, min(m, max(BATCH, 2 * k)), replace=False)]
    start = sample[:k] if k > BATCH else kmeans_plusplus(sample, k, random_state=_state(rng), n_local_trials=1)[0]
    model = MiniBatchKMeans(k, init=start, n_init=1, reassignment_ratio=0.0, random_state=_state(rng))
    batch = max(BATCH, k)
    for p in range(PASSES):
        order = rng.permutation(m)
        for at in range(0, m, batch):
            pool.progress(0.9 * (p + at / m) / PASSES)
            model.partial_fit(points[order[at : at + batch]])
    centroids: Array = model.cluster_centers_
    return centroids


def nearest_samples(points: Array, centroids: Array, pool: PoolView) -> tuple[Indices, Floats]:
    """(the sample nearest to each centroid that no earlier one took (k,), distance of every sample to its nearest centroid (m,))."""
    norms = squared_norms(points)
    taken = np.zeros(len(points), dtype=bool)
    nearest = np.full(len(points), np.inf)
    picks = np.empty(len(centroids), dtype=np.int64)
    noise = 8 * np.sqrt(points.shape[1]) * np.finfo(points.dtype).eps
    for i, centroid in enumerate(centroids.astype(points.dtype, copy=False)):
        pool.progress(0.9 + 0.1 * i / len(centroids))
        size = norms + float(np.vdot(centroid, centroid))
        squares = np.maximum(size - 2.0 * (points @ centroid), 0.0)
        np.minimum(nearest, squares, out=nearest)
        squares[taken] = np.inf
        least = squares.min()
        close = np.flatnonzero(squares <= least + 2 * noise * (size + least))
        picks[i] = close[direct(points[close], centroid).argmin()] if len(close) > 1 else close[0]
        taken[picks[i]] = True
    return picks, np.sqrt(nearest)


def _state(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
