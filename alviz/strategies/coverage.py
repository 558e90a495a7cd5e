"""Coverage by balls: which points lie within a radius of each other, and how many uncovered ones each of them would cover."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress
from alviz.strategies.device import BLOCK_BYTES, Array, Indices, beside, block_rows, host, namespace
from alviz.strategies.lloyd import lloyd
from alviz.strategies.pool import PoolView
from alviz.strategies.vectors import Dense, squared_distances, wide

COLUMNS = 4096
"""Points that a block of balls is compared with at once."""

EDGES = 10_000_000
"""Pairs of neighbours that are kept (18 bytes each at most); where there are more, they are found again when they are needed."""

KEPT = 2_000_000
"""Pairs of neighbours in a whole table that are kept from one round to the next (10 bytes each)."""

CLUSTERED = 10_000
"""Points that pseudo-labels are clustered from, at most; the others belong to the nearest centroid."""

CENTRES = 2_000
"""Balls whose purity is looked at, at most."""

Mask = NDArray[np.bool_]


def within(x: Dense, y: Dense, radius: float) -> Any:
    """(len(x), len(y)) bool, where they live: is the distance less than radius, or 0? The caller keeps len(x) · len(y) small.

    Where rounding could tell otherwise, sums of squared float64 differences decide.
    """
    x, y = wide(x, y)
    single = namespace(x.x).finfo(x.x.dtype).eps > 1e-10
    radius = min(
        max(radius, np.finfo(np.float64).tiny), 1e18 if single else 1e150
    )  # no two points are farther apart, and squares are finite
    inner = x.products(y)
    xp = namespace(inner)
    inner -= xp.astype(y.squared_norms / 2, inner.dtype)[None, :]
    level = xp.astype((x.squared_norms - radius**2) / 2, inner.dtype)[:, None]
    slack = xp.astype(x.noise * (x.squared_norms + xp.max(y.squared_norms)), inner.dtype)[:, None]
    inside = inner > level + slack
    doubtful = host(xp.nonzero(xp.reshape((inner > level - slack) ^ inside, (-1,)))[0])
    if 64 * len(doubtful) > len(x) * len(y) and x.noise > 1e-9:
        return within(x.double(), y.double(), radius)
    step = block_rows(x.x.shape[1], 32)
    for a in range(0, len(doubtful), step):
        rows, columns = np.divmod(doubtful[a : a + step], len(y))
        settled = np.sqrt(x.pairs(rows, y, columns)) < radius
        inside[beside(rows, inside), beside(columns, inside)] = beside(settled, inside)
    return inside


def balls(points: Dense, rows: Indices, radius: float) -> Iterator[tuple[Indices, Indices]]:
    """(sizes, members one ball after the other) of the open balls about some points, a block of balls at a time. A point is in its own."""
    m = len(points)
    step = int(np.clip(BLOCK_BYTES // (8 * m), 16, 1024))
    for a in range(0, len(rows), step):
        centres = points.take(rows[a : a + step])
        inside = np.empty((len(centres), m), dtype=bool)
        for c in range(0, m, COLUMNS):
            inside[:, c : c + COLUMNS] = host(within(centres, points.take(slice(c, c + COLUMNS)), radius))
        yield np.count_nonzero(inside, axis=1).astype(np.int64), np.nonzero(inside)[1]


def covered_by(centres: Dense, radii: NDArray[np.float64], points: Dense, progress: Progress) -> Mask:
    """(points,) bool: which points lie in one of the open balls about the centres, each with its own radius?"""
    covered = np.zeros(len(points), dtype=bool)
    for radius in np.unique(radii):
        rows = np.flatnonzero(radii == radius)
        step = block_rows(COLUMNS, 16)
        for a in range(0, len(rows), step):
            some = centres.take(rows[a : a + step])
            for c in range(0, len(points), COLUMNS):
                progress(0.0)
                inside = within(some, points.take(slice(c, c + COLUMNS)), float(radius))
                covered[c : c + COLUMNS] |= host(namespace(inside).any(inside, axis=0))
    return covered


def neighbourhoods(pool: PoolView, radius: float) -> Any:
    """(n, n) sparse boolean matrix: which samples of the table lie in the open ball about each, itself left out. It is kept in pool.run_cache.

    None where there are more than KEPT pairs, or where the view shows only some of the table.
    """
    if not pool.shows_table:
        return None
    key = ("neighbourhoods", radius)
    if key not in pool.run_cache:
        pool.run_cache[key] = _neighbourhoods(Dense(pool.resident_table("features")), radius, pool.progress)
    return pool.run_cache[key]


def _neighbourhoods(points: Dense, radius: float, progress: Progress) -> Any:
    from scipy.sparse import csr_array

    n = len(points)
    step = block_rows(COLUMNS, 16)
    rows, columns = [], []
    kept = 0
    for a in range(0, n, step):
        centres = points.take(slice(a, a + step))
        for c in range(a, n, COLUMNS):
            progress(0.8 * (1 - ((n - a) / n) ** 2))
            inside = host(within(centres, points.take(slice(c, c + COLUMNS)), radius))
            i, j = np.divmod(np.flatnonzero(inside), inside.shape[1])
            i, j = (i + a).astype(np.int32), (j + c).astype(np.int32)
            upper = i < j  # the others come from the mirrored block, or are the centres
            rows.append(i[upper])
            columns.append(j[upper])
            kept += len(rows[-1])
            if kept > KEPT:
                return None
    i, j = np.concatenate(rows), np.concatenate(columns)
    return csr_array((np.ones(2 * kept, dtype=bool), (np.concatenate([i, j]), np.concatenate([j, i]))), shape=(n, n))


class KnownCoverage:
    """`Coverage` of a view's candidates on the neighbourhoods of its table; what the labelled samples cover is covered."""

    def __init__(self, graph: Any, pool: PoolView):
        self.graph, self.candidates, self.progress = graph, pool.candidates, pool.progress
        self._covered = np.ones(pool.n, dtype=bool)
        self._covered[pool.candidates] = False
        self._covered[graph[pool.labelled].indices] = True
        left = np.flatnonzero(~self._covered)
        self._degrees = np.bincount(graph[left].indices, minlength=pool.n)
        self._degrees[left] += 1

    @property
    def degrees(self) -> Indices:
        """(m,) uncovered candidates in the ball about each, itself included."""
        return self._degrees[self.candidates]

    def take(self, row: int, share: float) -> int:
        """Cover what the ball about a candidate holds; returns how many that are. share: of all progress."""
        self.progress(share)
        centre = self.candidates[row]
        members = np.append(self.graph.indices[self.graph.indptr[centre] : self.graph.indptr[centre + 1]], centre)
        new = members[~self._covered[members]]
        self._covered[new] = True
        self._degrees[new] -= 1
        self._degrees -= np.bincount(self.graph[new].indices, minlength=len(self._degrees))
        return len(new)


class Coverage:
    """Greedy maximum coverage: how many uncovered points every open ball holds, kept up to date as balls are taken.

    points: m vectors, each the centre of a ball of `radius` and a point to cover. covered: (m,) bool, those that are covered already.

    Exact. Every pair of points, one of which at least is uncovered, is compared once, in blocks. Memory is O(m) and up to `EDGES` pairs of
    neighbours; where there are more, those of newly covered points are found again when they are covered.
    """

    def __init__(self, points: Dense, radius: float, covered: Mask, progress: Progress):
        self.radius = radius
        self.progress = progress
        self._order = np.argsort(covered, kind="stable")  # inside, the uncovered points come first
        self._points = points.take(self._order) if covered.any() else points
        self._place = np.argsort(self._order)
        self._covered = covered[self._order]
        self._degrees = np.zeros(len(points), dtype=np.int64)
        self._edges: tuple[Any, Any] | None = None
        self._compare(int((~covered).sum()))

    @property
    def degrees(self) -> Indices:
        """(m,) uncovered points in the ball about each point, itself included."""
        return self._degrees[self._place]

    def take(self, row: int, share: float) -> int:
        """Cover what the ball about `row` holds; returns how many points that are. share: of all progress."""
        self.progress(share)
        row = int(self._place[row])
        if self._edges is None:
            members = next(balls(self._points, np.array([row]), self.radius))[1]
        else:
            members = np.concatenate([[row], *(edges.indices[edges.indptr[row] : edges.indptr[row + 1]] for edges in self._edges)])
        new = members[~self._covered[members]]
        self._covered[new] = True
        if self._edges is not None:
            self._degrees[new] -= 1
            for edges in self._edges:
                self._degrees -= np.bincount(edges[new].indices, minlength=len(self._degrees))
            return len(new)
        left = np.flatnonzero(~self._covered)
        anew = len(left) < len(new)
        if anew:
            self._degrees[:] = 0
        for _, members in balls(self._points, left if anew else new, self.radius):
            self.progress(share)
            self._degrees += np.bincount(members, minlength=len(self._degrees)) * (1 if anew else -1)
        return len(new)

    def _compare(self, n_uncovered: int) -> None:
        """Count the degrees, and keep the pairs (i, j) with i < j, i uncovered, if they are not too many."""
        m = len(self._points)
        rows, columns = [np.empty(0, dtype=np.int32)], [np.empty(0, dtype=np.int32)]
        kept = 0
        step = block_rows(COLUMNS, 16)
        for a in range(0, n_uncovered, step):
            z = min(a + step, n_uncovered)
            centres = self._points.take(slice(a, z))
            self._degrees[a:z] += 1
            for c in range(a, m, COLUMNS):
                self.progress(1 - ((n_uncovered - a) / n_uncovered) ** 2)
                inside = host(within(centres, self._points.take(slice(c, c + COLUMNS)), self.radius))
                if c < z:
                    inside &= np.arange(c, c + inside.shape[1]) > np.arange(a, z)[:, None]
                self._degrees[c : c + COLUMNS] += np.count_nonzero(inside, axis=0)
                self._degrees[a:z] += np.count_nonzero(inside[:, : max(0, n_uncovered - c)], axis=1)
                if kept <= EDGES:
                    i, j = np.divmod(np.flatnonzero(inside).astype(np.int32), np.int32(inside.shape[1]))
                    kept += len(i)
                    rows.append(i + np.int32(a))
                    columns.append(j + np.int32(c))
        if kept <= EDGES:
            from scipy.sparse import csr_array

            pair = np.concatenate(rows), np.concatenate(columns)
            edges = csr_array((np.ones(kept, dtype=bool), pair), shape=(m, m))
            self._edges = edges, edges.T.tocsr()


def purity_radius(pool: PoolView, n_clusters: int | None, alpha: float) -> float:
    """The largest radius at which a share of at least alpha of the open balls hold one pseudo-label only.

    Infinite when all points have the same. Pseudo-labels: k-means clusters of the features, n_clusters of them (None: as many as classes, at least 2). A property of the whole
    table and the seed, not of the round, so it is computed once for a run, and again to the same value when the run is resumed.
    Yehuda et al. (2022), section 3.3: δ* = max {δ : purity(δ) ≥ α}.
    """
    k = max(2, pool.n_classes) if n_clusters is None else n_clusters
    key = ("purity radius", k, alpha)
    if key not in pool.run_cache:
        pool.run_cache[key] = _purity_radius(pool.labelled_source.rows("features", None), k, alpha, pool)
    radius: float = pool.run_cache[key]
    return radius


def _purity_radius(x: Any, k: int, alpha: float, pool: PoolView) -> float:
    rng = np.random.default_rng([pool.seed, 0xBA11])
    points, n = Dense(x), len(x)
    some = np.sort(rng.permutation(n)[:CLUSTERED])
    found, _ = lloyd(host(x[beside(some, x)]), min(k, len(some)), rng, still(pool.progress))
    pseudo = nearest_centroid(x, found, still(pool.progress))
    rows = np.sort(rng.permutation(n)[:CENTRES])
    centres = points.take(beside(rows, x))
    step = block_rows(len(rows), 16)
    nearest, which = np.full(len(rows), np.inf), np.full(len(rows), -1)
    for a in range(0, n, step):
        pool.progress(0.0)
        square = host(squared_distances(centres, points.take(slice(a, a + step))))
        square[pseudo[rows][:, None] == pseudo[None, a : a + step]] = np.inf
        least = square.argmin(axis=1)
        value = square[np.arange(len(rows)), least]
        closer = value < nearest
        nearest[closer], which[closer] = value[closer], least[closer] + a
    alone = which < 0
    strangers = np.full(len(rows), np.inf)
    strangers[~alone] = np.sqrt(points.pairs(rows[~alone], points, which[~alone]))
    impure = int(np.floor((1 - alpha) * len(rows) + 1e-9))
    return float(np.append(np.sort(strangers), np.inf)[impure])


def still(progress: Progress) -> Progress:
    """Reports that keep the share at 0, for work that is seldom done."""
    return lambda share: progress(0.0)


def nearest_centroid(points: Any, centroids: Array, progress: Progress) -> Indices:
    """(n,) centroid nearest to every row of points (n, d), which may live on a device; the lower one of two."""
    x, y = Dense(points), Dense(beside(centroids.astype(host(points[:1]).dtype, copy=False), points))
    out = np.empty(len(x), dtype=np.int64)
    step = min(8192, block_rows(len(y), 16))
    for a in range(0, len(x), step):
        progress(a / len(x))
        square = squared_distances(x.take(slice(a, a + step)), y)
        out[a : a + step] = host(namespace(square).argmin(square, axis=1))
    return out
