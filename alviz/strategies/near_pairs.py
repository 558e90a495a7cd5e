"""Pairs of samples that resemble each other more than any labelled sample does: few once there are labels, and fewer with each of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress
from alviz.strategies.device import Indices, host
from alviz.strategies.directions import ROWS, Directions, Floats, Similarity, best_similarity, directions
from alviz.strategies.pool import PoolView

MOST = 3_000_000
"""Pairs that are kept (16 bytes each). Of n samples with L labels drawn from them, n² / (L + 1) pairs are to be expected."""

TRIED = 64
"""Samples by which it is judged how many pairs there are."""


@dataclass(frozen=True)
class NearPairs:
    """All pairs (row, column) of samples of a table whose similarity is above the cover of the column.

    labelled: (l,) ascending, those that the cover knows. cover: (n,) similarity to the most similar of them. rows, columns: (p,) int32, and
    similarity: (p,) float64. Every number depends on the table and on `labelled` only, not on how often labels were added.
    """

    labelled: Indices
    cover: Floats
    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    similarity: Floats

    def with_labels(self, labelled: Indices, cover: Floats) -> "NearPairs":
        """What is left of the pairs when more samples are labelled."""
        kept = self.similarity > cover[self.columns]
        return NearPairs(labelled, cover, self.rows[kept], self.columns[kept], self.similarity[kept])

    def herd(self, candidates: Indices, n_picks: int, progress: Progress) -> tuple[Indices, Floats, Floats]:
        """(picks, the gain of each, gain of every candidate as the first pick) of greedy coverage of the candidates.

        The gain of i is Σ_j (s_ij − c_j)₊, c_j the similarity of j to the labelled and picked samples; ties (1e-13 per candidate) to the lowest index.
        """
        from scipy.sparse import csr_array

        n = len(self.cover)
        free = np.zeros(n, dtype=bool)
        free[candidates] = True
        kept = free[self.rows] & free[self.columns]
        near = csr_array((self.similarity[kept], (self.rows[kept], self.columns[kept])), shape=(n, n))
        nearby = near.tocsc()
        cover, tie = self.cover.copy(), 1e-13 * len(candidates)
        value = np.bincount(self.rows[kept], self.similarity[kept] - cover[self.columns[kept]], minlength=n).astype(np.float64)
        first = value[candidates]
        value[~free] = -np.inf
        picks, gains = np.empty(n_picks, dtype=np.int64), np.empty(n_picks)
        for t in range(n_picks):
            progress(0.3 + 0.7 * t / n_picks)
            pick = int((value >= value.max() - tie).argmax())
            picks[t], gains[t] = pick, value[pick] if value[pick] > tie else 0.0
            own = slice(near.indptr[pick], near.indptr[pick + 1])
            closer = near.data[own] > cover[near.indices[own]]
            columns, now = near.indices[own][closer], near.data[own][closer]
            starts, sizes = nearby.indptr[columns], np.diff(nearby.indptr)[columns]
            at = np.arange(sizes.sum()) + np.repeat(starts - np.cumsum(sizes) + sizes, sizes)
            before, after = np.repeat(cover[columns], sizes), np.repeat(now, sizes)
            lost = np.maximum(np.minimum(nearby.data[at], after) - before, 0.0)
            value -= np.bincount(nearby.indices[at], lost, minlength=n)
            np.maximum(value, 0.0, where=value > -np.inf, out=value)
            value[pick] = -np.inf
            cover[columns] = now
        return picks, gains, first


def near_pairs(pool: PoolView, similarity: Similarity) -> NearPairs | None:
    """The pairs of the whole table, kept in pool.run_cache; None where they are too many, or where the view shows only some of the table."""
    if not len(pool.labelled) or not pool.shows_table:
        return None
    key = ("near pairs", similarity)
    known: NearPairs | None = pool.run_cache.get(key)
    if known is not None and not np.isin(known.labelled, pool.labelled).all():  # labels were taken back
        known = None
    new = pool.labelled if known is None else np.setdiff1d(pool.labelled, known.labelled)
    x = pool.resident_table("features")
    table, added = directions((x,), (pool.source.rows("features", new),))
    cover = best_similarity(table, added, similarity)
    found = _found(pool, table, similarity, cover) if known is None else known.with_labels(pool.labelled, np.maximum(cover, known.cover))
    if found is not None:
        pool.run_cache[key] = found
    return found


def _found(pool: PoolView, table: Directions, similarity: Similarity, cover: Floats) -> NearPairs | None:
    n = len(table)
    limit = similarity.cosine(cover) - 1e-9

    def cosines(rows: slice | Indices, columns: slice) -> Any:
        return table.cosines(rows, table, columns)

    some = np.arange(0, n, -(-n // TRIED))
    tried = sum(int((host(cosines(some, slice(b, b + ROWS))) > limit[b : b + ROWS]).sum()) for b in range(0, n, ROWS))
    if tried / len(some) * n > MOST:
        return None
    found: list[tuple[Indices, Indices, Floats]] = []
    for a in range(0, n, ROWS):
        pool.progress(0.3 * (1 - (1 - a / n) ** 2))
        left = table.double(np.arange(a, min(a + ROWS, n)))
        for b in range(a, n, ROWS):
            right = table.double(np.arange(b, min(b + ROWS, n)))
            cosine = host(left[0] @ right[0].T)
            i, j = np.nonzero(cosine > limit[b : b + ROWS])
            found.append((i + a, j + b, cosine[i, j]))
            if b > a:
                i, j = np.nonzero(cosine > limit[a : a + ROWS, None])
                found.append((j + b, i + a, cosine[i, j]))
    rows, columns = (np.concatenate([part[k] for part in found]).astype(np.int32) for k in (0, 1))
    values = similarity.exactly(np.concatenate([part[2] for part in found]))
    return NearPairs(pool.labelled, cover, rows, columns, values).with_labels(pool.labelled, cover)
