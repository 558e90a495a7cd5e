"""cds-bal: certainty diversified sampling, towards minority classes and away from majority classes."""

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, ranking, spread
from alviz.strategies.device import Array, Floats, Indices, block_rows
from alviz.strategies.farthest import direct
from alviz.strategies.pool import PoolView

ROWS = 2048
"""Samples whose distance to a centroid is taken at once, at most."""


class CdsBal(QueryStrategy):
    name = "cds-bal"
    card = Card(
        title="Certainty diversified sampling, balanced (cds-bal)",
        family="class balance",
        idea="The minority classes take turns, fewest labels first; each asks for the sample that lies closest to its own centroid and farthest "
        "from the nearest majority centroid.",
        formula="argmax d(x, nearest majority centroid) − d(x, centroid of c); minority: s_c < μ = labelled/K, majority: the others",
        needs="embeddings (or features) and labels",
        cost="O(n d K) for the distances, and a sort of the candidates per minority class",
        reference="Aggarwal, Popescu and Hudelot, Minority class oriented active learning for imbalanced datasets (2020), section IV.A.4, "
        "after the same authors' Active learning for imbalanced datasets (2020)",
        cites=("aggarwal2020minority", "aggarwal2020imbalanced"),
        shines="The most balanced labelled set of all methods in the paper.",
        fails="Balance alone: it asks for safe samples near what it knows, and is not more accurate than random there.",
        deviation="The paper gives it in words only. Taking turns, one sample each, is our reading. A minority class without any label has no "
        "centroid: its turn is a uniform draw. With no minority (equal counts) every class has its turn, against all others; with nothing to "
        "compare (a single class, nothing labelled) the picks are uniform.",
    )
    needs = ("embeddings",)
    symmetries = frozenset({"classes"})  # a class without labels draws by number

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """One sample per turn. scores: the largest value over the classes served, NaN where none is."""
        counts = pool.class_counts
        served, rivals = turns(counts)
        distance = to_centroids(pool)
        values: dict[int, Floats] = {}
        for c in served[counts[served] > 0]:
            others = rivals[rivals != c]
            if len(others):
                values[int(c)] = distance[others].min(axis=0) - distance[c]
        orders = {c: iter(ranking(value, n=n_queries)) for c, value in values.items()}
        free = np.ones(len(pool), dtype=bool)
        shuffled = iter(rng.permutation(len(pool)))
        picks = np.empty(n_queries, dtype=np.int64)
        for i in range(n_queries):
            pool.progress(0.9 + 0.1 * i / n_queries)
            order = orders.get(int(served[i % len(served)]), shuffled)
            picks[i] = next(int(row) for row in order if free[row])
            free[picks[i]] = False
        scores = np.max(list(values.values()), axis=0) if values else np.full(len(pool), np.nan)
        return Selection(pool.candidates[picks], spread(pool, scores))


def turns(counts: Indices) -> tuple[Indices, Indices]:
    """(classes that take turns, in order; classes they stay away from) for the label counts (K,) of all classes; the latter have labels."""
    order = np.argsort(counts, kind="stable")
    minority = len(counts) * counts[order] < counts.sum()
    if not minority.any():
        return order, np.flatnonzero(counts)
    return order[minority], order[~minority]


def to_centroids(pool: PoolView) -> Floats:
    """(K, m) distance of every candidate to the mean of each class's labelled samples; infinite for a class without any."""
    x, labelled = pool.embeddings, pool.labelled_signal("embeddings")
    out = np.full((pool.n_classes, len(pool)), np.inf)
    known = np.flatnonzero(pool.class_counts)
    centroids: list[Array] = [labelled[pool.labels == c].mean(axis=0, dtype=np.float64) for c in known]
    step = min(ROWS, block_rows(x.shape[1], 16))
    for a in range(0, len(pool), step):
        rows = np.array(x[a : a + step], dtype=np.float64, order="C")
        pool.progress(0.9 * a / len(pool))
        for c, centroid in zip(known, centroids, strict=True):
            out[c, a : a + step] = np.sqrt(direct(rows, centroid))
    return out
