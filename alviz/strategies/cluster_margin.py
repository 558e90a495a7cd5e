"""Cluster-Margin: clusters made once for the run, and each round's smallest margins spread over them."""

from typing import Any

import numpy as np

from alviz.checks import number, whole
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, ranking, spread
from alviz.strategies.device import Array, Indices, beside, host
from alviz.strategies.farthest import squared_norms
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import margin
from alviz.strategies.vectors import Dense, neighbours

CAP = 5_000
"""Samples in the hierarchical clustering: 200 MB of distances and some seconds."""


class ClusterMargin(QueryStrategy):
    name = "cluster-margin"
    card = Card(
        title="Cluster-Margin",
        family="hybrid",
        idea="Cluster the pool once, before the first query. In every round take the samples with the smallest margins, and go round their clusters, "
        "the smallest first, one sample at a time.",
        formula="M = the factor·b candidates with the smallest p₁ − p₂; clusters C_i ∩ M by size, ascending; from each in turn one sample at "
        "random, until b are chosen",
        needs="features (they must stay the same over the run) and probabilities",
        cost="once per run O(s² d) time and O(s²) memory for the clustering of s = min(n, cap) samples, and O(n d s / size) to assign the others; "
        "then O(n K) per round",
        reference="Citovsky et al., Batch active learning at scale (2021), Algorithms 1 and 2",
        cites=("citovsky2021clustermargin",),
        shines="Very large batches and many rounds: a round costs hardly more than margin does.",
        fails="Clusters of poor features; small batches, where it is margin with noise.",
        deviation="Clusters of the fixed features of the whole table, not of the first model's embeddings, so that a run resumed later has the same ones. "
        "The threshold at which merging stops is given as an average cluster size. Hierarchical clustering is quadratic: beyond `cap` samples it "
        "runs on a seeded sample, and all others join the nearest cluster mean (the result says so).",
        options={
            "factor": "How many small margins are looked at for each label asked for (the paper: 10 for its large batches; 1.25 for small ones).",
            "size": "The average number of samples in a cluster at which merging stops.",
            "cap": "The most samples that are clustered hierarchically; None: all, at O(n²) memory.",
        },
    )
    needs = ("features", "probabilities")
    symmetries = frozenset({"classes"})

    def __init__(self, factor: float = 10.0, size: float = 10.0, cap: int | None = CAP):
        self.factor = number(f"{self.name}: factor", factor, 1)
        self.size = number(f"{self.name}: size", size, 1)
        self.cap = whole(f"{self.name}: cap", cap, 1, optional=True)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Round-robin over the clusters. scores: minus the margin."""
        scores = -margin(pool.probabilities)
        order = ranking(scores, n=int(self.factor * n_queries))
        chosen = order[round_robin(self._clusters(pool)[order], rng)[:n_queries]]
        total = pool.n if pool.source is pool.labelled_source else len(pool.labelled_source.rows("features", None))
        note = ""
        if self.cap is not None and total > self.cap:
            note = (
                f"The clusters are made of {self.cap:,} of {total:,} samples, drawn uniformly (cap); the others joined the nearest cluster."
            )
        return Selection(pool.candidates[chosen], spread(pool, scores), note=note)

    def _clusters(self, pool: PoolView) -> Indices:
        """(m,) the cluster of every candidate: a property of the table and the seed, kept for the run."""
        key = (self.name, self.size, self.cap)
        if key not in pool.run_cache:
            pool.run_cache[key] = self._cluster(pool.labelled_source.rows("features", None), pool)
        labels, means = pool.run_cache[key]
        if pool.source is pool.labelled_source:
            return np.asarray(labels[pool.candidates])
        return _nearest_mean(pool.resident("features"), means, pool)  # a grid of points

    def _cluster(self, x: Any, pool: PoolView) -> tuple[Indices, Array]:
        """(cluster of every row of x (n, d), means (k, d))."""
        from scipy.cluster.hierarchy import fcluster, linkage

        n = len(x)
        size = n if self.cap is None else min(n, self.cap)
        some = np.sort(np.random.default_rng([pool.seed, 0xC1A5]).choice(n, size, replace=False))
        points = host(x if size == n else x[beside(some, x)])
        if size == 1:
            found = np.zeros(1, dtype=np.int64)
        else:
            pool.progress(0.0)
            tree = linkage(_distances(points, pool), method="average")
            pool.progress(0.8)
            found = fcluster(tree, max(1, round(size / self.size)), criterion="maxclust").astype(np.int64) - 1
        order = np.argsort(found, kind="stable")
        starts = np.searchsorted(found[order], np.arange(found.max() + 1))
        means = np.add.reduceat(points[order].astype(np.float64), starts, axis=0) / np.bincount(found)[:, None]
        means = means.astype(points.dtype)
        if size == n:
            return found, means
        labels = _nearest_mean(x, means, pool)
        labels[some] = found
        return labels, means


def round_robin(clusters: Indices, rng: np.random.Generator) -> Indices:
    """All positions of clusters (m,): from each cluster in turn, the smallest first, a random one not taken before (Algorithm 2).

    Clusters of the same size go by their first position.
    """
    m = len(clusters)
    names, first, at, sizes = np.unique(clusters, return_index=True, return_inverse=True, return_counts=True)
    turn = np.empty(len(names), dtype=np.int64)
    turn[np.lexsort([first, sizes])] = np.arange(len(names))
    shuffled = rng.permutation(m)
    grouped = shuffled[np.argsort(at[shuffled], kind="stable")]
    lap = np.empty(m, dtype=np.int64)
    lap[grouped] = np.arange(m) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.lexsort([turn[at], lap]).astype(np.int64)


def _distances(points: Array, pool: PoolView) -> Array:
    """The n(n − 1)/2 distances between rows of points (n, d), row by row, float64."""
    n = len(points)
    centred = np.array(points, dtype=np.float64, order="C")
    centred -= centred.mean(axis=0)
    norms = squared_norms(centred)
    out = np.empty(n * (n - 1) // 2)
    at = 0
    for a in range(0, n, 256):
        pool.progress(0.4 * (2 * n - a) * a / n**2)
        square = centred[a : a + 256] @ centred[a:].T
        square *= -2
        square += norms[a : a + 256, None]
        square += norms[a:]
        square[square <= 64 * np.finfo(np.float64).eps * (norms[a : a + 256, None] + norms[a:])] = 0
        for i, row in enumerate(np.sqrt(square)):
            stop = at + n - a - i - 1
            out[at:stop] = row[i + 1 :]
            at = stop
    return out


def _nearest_mean(x: Any, means: Array, pool: PoolView) -> Indices:
    """(m,) the row of means (k, d) nearest to each row of x (m, d)."""
    table = Dense.centred(beside(means, x))
    return neighbours(Dense(x, table.origin), table, 1, lambda share: pool.progress(0.8 + 0.2 * share))[:, 0]
