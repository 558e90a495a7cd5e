"""TypiClust: the most typical sample of the largest clusters without a label; and TCM, which goes on with margin."""

import heapq
from collections.abc import Iterator
from typing import Any

import numpy as np

from alviz.checks import whole
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.base import CAP, QueryStrategy, Selection, spread
from alviz.strategies.coverage import nearest_centroid
from alviz.strategies.device import Floats, Indices, beside, host, namespace
from alviz.strategies.lloyd import FULL, in_batches, lloyd
from alviz.strategies.pool import PoolView
from alviz.strategies.team import team
from alviz.strategies.uncertainty import Margin
from alviz.strategies.vectors import Dense, nearest, squared_distances

MATRIX = 1024
"""Samples of a cluster up to which all its distances are computed at once, in float64."""

SMALLEST = 5
"""Samples of a cluster below which it waits until the others are used up."""

REFERENCE = "Hacohen, Dekel and Weinshall, Active learning on a budget: opposite strategies suit high and low budgets (2022)"


class TypiClust(QueryStrategy):
    name = "typiclust"
    card = Card(
        title="Typical clustering",
        family="diversity",
        idea="Cluster everything into as many clusters as there will be labels, and in the largest clusters without a label ask for "
        "the most typical "
        "sample: the one whose neighbours are nearest.",
        formula="min(L + b, max_clusters) k-means clusters; next cluster: fewest labels, then largest; in it argmax 1 / mean ‖x − y‖ "
        "over the "
        "min(neighbours, size − 1) samples y of the cluster that are nearest to x",
        needs="features",
        cost=f"O(n d (L + b)) per k-means iteration, mini-batches when samples × d × clusters is above {FULL:,}; then O(s² d) for "
        "each cluster of s samples that is picked from, no more than O(cap² d) together; O(n) memory beside the features",
        reference=f"{REFERENCE}, Algorithm 1",
        cites=("hacohen2022typiclust",),
        shines="The first labels on good self-supervised features, with no model at all.",
        fails="Later: once every region has a label, typical samples teach little. Features without clusters.",
        deviation="The features are taken as they are, where the authors scale them to length 1. Distances are Euclidean as in the "
        "paper (the authors' code averages squared ones), and neighbours "
        "are all samples of the cluster, labelled ones too. Picks count as labels at once, so a second pick goes where labels are "
        "fewest (the code goes round in one order). k-means starts from the run's seed and the number of clusters, so that rounds with equally "
        "many clusters (max_clusters is reached) have the same ones; the code draws new ones. "
        f"Clusters of fewer than {SMALLEST} samples come last instead of never.",
        options={
            "neighbours": "How many nearest neighbours typicality is measured by (20 in the paper).",
            "max_clusters": "Most clusters that are made (500 in the authors' code).",
            "cap": "Where the clusters have more pairs of samples than one of this many would, only some samples are looked at, drawn "
            "uniformly from the largest clusters; None: all.",
        },
    )
    needs = ("features",)
    symmetries = frozenset({"classes"})  # k-means starts from samples drawn by number

    def __init__(self, neighbours: int = 20, max_clusters: int = 500, cap: int | None = CAP):
        self.neighbours = whole(f"{self.name}: neighbours", neighbours, 1)
        self.max_clusters = whole(f"{self.name}: max_clusters", max_clusters, 1)
        self.cap = whole(f"{self.name}: cap", cap, 1, optional=True)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The most typical candidates, cluster by cluster. scores: typicality as minus the mean distance, in the clusters picked from."""
        points, n_labelled = together(pool)
        k = min(n_labelled + n_queries, self.max_clusters, len(points))
        cluster = clustered(points, k, pool)
        turns = rounds(cluster, n_labelled, n_queries)
        order = np.argsort(cluster, kind="stable")
        chosen, sizes = np.unique(turns, return_counts=True)
        starts = np.searchsorted(cluster[order], chosen)
        stops = np.searchsorted(cluster[order], chosen, side="right")
        members, cut = [], 0
        most = len(points) if self.cap is None else limit(stops - starts, self.cap)
        for i in range(len(chosen)):
            rows = order[starts[i] : stops[i]]
            size = max(most, int(sizes[i]))
            if len(rows) > size:
                cut += 1
                rows = rows[rows >= n_labelled]
                rows = np.sort(rng.choice(rows, min(size, len(rows)), replace=False))
            members.append(rows)
        picks = np.empty(n_queries, dtype=np.int64)
        scores = np.full(len(points), np.nan)
        for i, distance in enumerate(self._distances(points, members, pool)):
            free = members[i] >= n_labelled
            rows, distance = members[i][free], distance[free]
            scores[rows] = -distance
            picks[turns == chosen[i]] = rows[np.argsort(distance, kind="stable")[: sizes[i]]]
        note = f"In {cut:,} of {len(chosen):,} clusters only some {most:,} samples were looked at, drawn uniformly (cap)." if cut else ""
        return Selection(pool.candidates[picks - n_labelled], spread(pool, scores[n_labelled:]), note=note)

    def _distances(self, points: Any, members: list[Indices], pool: PoolView) -> Iterator[Floats]:
        """Mean distances (`mean_distance`) in every cluster. Those that fit into one matrix are worked on several at a time."""

        def inside(i: int) -> Floats | None:
            rows = members[i]
            return mean_distance(Dense(points[beside(rows, points)]), self.neighbours, silent) if len(rows) <= MATRIX else None

        found: list[Floats | None] = []
        with team() as each:
            for small in each(inside, range(len(members))):
                pool.progress(0.9 + 0.05 * len(found) / len(members))
                found.append(small)
        for i, distance in enumerate(found):
            if distance is None:
                progress = _at(pool, 0.95 + 0.05 * i / len(members))
                distance = mean_distance(Dense(points[beside(members[i], points)]), self.neighbours, progress)
            yield distance


def together(pool: PoolView) -> tuple[Any, int]:
    """(features of the labelled samples and then of the candidates, where they live; how many are labelled)."""
    free, known = pool.resident("features"), pool.resident_labelled("features")
    return (namespace(free).concat([known, free]) if len(known) else free), len(known)


def clustered(points: Any, k: int, pool: PoolView) -> Indices:
    """(n,) k-means cluster of every point (of `together`).

    It depends on the samples, k and the pool's seed only, so rounds that have these in common share it: pool.run_cache keeps the last.
    """
    indices = np.concatenate([pool.labelled, pool.candidates])
    order = np.argsort(indices, kind="stable")
    known = pool.run_cache.get("clusters") if pool.labelled_source is pool.source else None
    if known is None or known[0] != k or not np.array_equal(known[1], indices[order]):
        whole = pool.shows_table and len(order) == pool.n
        samples = pool.resident_table("features") if whole else points[beside(order, points)]
        known = k, indices[order], _clustered(samples, k, np.random.default_rng([pool.seed, 0xC1, k]), pool)
        if pool.labelled_source is pool.source:
            pool.run_cache["clusters"] = known
    cluster = np.empty_like(order)
    cluster[order] = known[2]
    return cluster


def _clustered(points: Any, k: int, rng: np.random.Generator, pool: PoolView) -> Indices:
    """Lloyd's algorithm, or mini-batches and the nearest centroid where that would take too long."""
    x = host(points)
    if x.size * k <= FULL:
        return lloyd(x, k, rng, lambda share: pool.progress(0.9 * share))[1]
    return nearest_centroid(
        points, in_batches(x, k, rng, lambda share: pool.progress(0.8 * share)), lambda share: pool.progress(0.8 + 0.1 * share)
    )


def rounds(cluster: Indices, n_labelled: int, n_queries: int) -> Indices:
    """(n_queries,) the cluster that each pick comes from; the first n_labelled points are labelled, the others can be picked.

    The cluster with the fewest labels and picks comes first, then the largest, then the one with the lowest candidate; clusters of fewer
    than SMALLEST points come after all others.
    """
    k = int(cluster.max()) + 1
    size, taken = np.bincount(cluster, minlength=k), np.bincount(cluster[:n_labelled], minlength=k)
    first = np.full(k, len(cluster))
    np.minimum.at(first, cluster[n_labelled:], np.arange(n_labelled, len(cluster)))
    heap = [(bool(size[c] < SMALLEST), int(taken[c]), -int(size[c]), int(first[c]), c) for c in range(k) if taken[c] < size[c]]
    heapq.heapify(heap)
    turns = np.empty(n_queries, dtype=np.int64)
    for i in range(n_queries):
        small, count, minus_size, lowest, c = heap[0]
        turns[i] = c
        if count + 1 < -minus_size:
            heapq.heapreplace(heap, (small, count + 1, minus_size, lowest, c))
        else:
            heapq.heappop(heap)
    return turns


def limit(sizes: Indices, cap: int) -> int:
    """How many samples every cluster may show, so that all of them together have no more than cap² pairs; sizes: of the clusters."""
    sizes = np.sort(sizes)
    left = cap**2 - np.concatenate([[0], np.cumsum(sizes**2)[:-1]])  # when all smaller ones are shown whole
    share = np.sqrt(np.maximum(left, 0) / np.arange(len(sizes), 0, -1)).astype(np.int64)
    too_large = np.flatnonzero(share < sizes)
    return max(1, int(share[too_large[0]])) if len(too_large) else int(sizes[-1])


def mean_distance(points: Dense, neighbours: int, progress: Progress) -> Floats:
    """(n,) mean distance of every point to the nearest others, as many as there are up to `neighbours`; NaN for a point alone."""
    if len(points) == 1:
        return np.full(1, np.nan)
    k = min(neighbours, len(points) - 1)
    if len(points) > MATRIX:
        squares, _ = nearest(points, points, k, progress, skip_self=True)
    else:
        exact = points.double()
        squares = np.array(host(squared_distances(exact, exact)))
        np.fill_diagonal(squares, np.inf)
        squares = np.sort(np.partition(squares, k - 1, axis=1)[:, :k], axis=1)
    result: Floats = np.sqrt(squares).mean(axis=1)
    return result


def _at(pool: PoolView, share: float) -> Progress:
    """Reports that stand still at `share`: parts of the work too small for a share of their own."""
    return lambda _: pool.progress(share)


class Tcm(QueryStrategy):
    name = "tcm"
    card = Card(
        title="TypiClust, then margin",
        family="hybrid",
        idea="Ask for typical samples of all regions first, and once every class has had its share of labels, for what lies between "
        "two classes.",
        formula="TypiClust while L < labels_per_class · K at the start of the query, margin −(p₁ − p₂) from then on",
        needs="features and probabilities",
        cost="TypiClust's, later O(nK)",
        reference="Doucet, Estermann, Aczel and Wattenhofer, Bridging diversity and uncertainty in active learning with "
        "self-supervised pre-training (2024)",
        cites=("doucet2024tcm",),
        shines="One strategy for small and large budgets on good self-supervised features.",
        fails="The switch comes at a number of labels, whatever the model has learnt by then; rare classes may still be without one.",
        deviation="The switch is a number of labels per class, to be set: the better the features, the earlier it may come. A query "
        "is never split between the two.",
        options={"labels_per_class": "Labels per class, on average, from which margin chooses; 0: margin at once."},
    )
    needs = ("features", "probabilities")
    symmetries = TypiClust.symmetries

    def __init__(self, labels_per_class: int = 20):
        self.labels_per_class = whole(f"{self.name}: labels_per_class", labels_per_class, 0)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """TypiClust's or margin's selection, scores included."""
        early = len(pool.labelled) < self.labels_per_class * pool.n_classes
        return (TypiClust() if early else Margin()).select(pool, n_queries, rng)
