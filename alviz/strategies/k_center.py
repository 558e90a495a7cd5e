"""Greedy k-center (core-set selection)."""

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.pool import Array, PoolView


class KCenter(QueryStrategy):
    name = "k-center"
    card = Card(title="k-center", idea="thin version")
    needs = ("embeddings",)

    def __init__(self, pca: int | None = None):
        self.pca = pca

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        x = np.asarray(pool.embeddings, dtype=np.float64)
        best = np.full(len(x), np.inf)
        if len(pool.labelled):
            for c in np.asarray(pool.labelled_signal("embeddings"), dtype=np.float64):
                best = np.minimum(best, ((x - c) ** 2).sum(axis=1))
        scores: Array = np.sqrt(best) if len(pool.labelled) else np.full(len(x), np.nan)
        picks, gains = [], []
        for i in range(n_queries):
            pool.progress(i / n_queries)
            j = int(((x - x.mean(axis=0)) ** 2).sum(axis=1).argmin()) if np.isinf(best).all() else int(best.argmax())
            picks.append(j)
            gains.append(np.sqrt(best[j]))
            best = np.minimum(best, ((x - x[j]) ** 2).sum(axis=1))
            best[picks] = -1
        return Selection(pool.candidates[picks], spread(pool, scores), np.array(gains))
