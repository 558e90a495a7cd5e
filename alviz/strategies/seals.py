"""SEALS: any strategy, looking only at the neighbours of what is labelled."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from alviz.learners.base import Learner
from alviz.registry import Card
from alviz.strategies.base import Need, QueryStrategy, Selection, StrategyName, registry, whole
from alviz.strategies.device import BLOCK_BYTES, Array, Floats, Indices, host
from alviz.strategies.farthest import direct, product_dtype, rounding, squared_norms
from alviz.strategies.pool import PoolView

MARGIN = StrategyName("margin")

PLACES = ("features", "embeddings")
"""Where neighbours are looked for: fixed features where there are any."""

SAMPLE = 16384
"""Samples among which a first bound on the distance of the k-th neighbour is found."""

COLUMNS = 16384
"""Samples whose products with some labelled samples are taken at once."""


class Seals(QueryStrategy):
    name = "seals"
    card = Card(
        title="SEALS (neighbours of the labelled samples)",
        family="wrapper",
        idea="Let another strategy choose, but show it only the nearest neighbours of the samples labelled so far. In a large pool that is a "
        "small part of it, and for rare classes the part that matters.",
        formula="candidates: ∪ over labelled x of N(x, k), less what is labelled; then the base strategy on these",
        needs="features (embeddings where there are none), and what the base strategy needs",
        cost="O(n d) once per labelled sample for an exact search; the base strategy on at most L·k candidates instead of n",
        reference="Coleman et al., Similarity search for efficient active learning and search of rare concepts (2022)",
        shines="Rare classes, huge pools, features of a pretrained network that keep a class together.",
        fails="Classes of several far-off clusters: those without a labelled sample are never reached.",
        deviation="Exact neighbours, where the paper has an approximate index: a labelled sample is searched for once in a run, while the "
        "features stay the same. With nothing labelled, and where there are fewer neighbours than labels to ask for, the base strategy sees "
        "all candidates.",
        options={
            "base": "The strategy that chooses among the neighbours.",
            "neighbours": "How many nearest neighbours of each labelled sample are candidates.",
        },
    )
    needs: tuple[Need, ...] = ("probabilities", PLACES)  # type: ignore[misc]  # of the default base; an instance has its own

    def __init__(self, base: StrategyName = MARGIN, neighbours: int = 100):
        if not isinstance(base, str) or registry.resolve(base) == self.name:
            raise ValueError(f"seals: base must be the name of another strategy, got {base!r}")
        self.neighbours = whole(self.name, "neighbours", neighbours, 1)
        self._use(registry.create(base))

    def _use(self, base: QueryStrategy) -> None:
        """Declare what `base` declares."""
        self.base = base
        self.needs = base.needs if {*PLACES} & {*base.needs} else (*base.needs, PLACES)
        self.wants, self.oracle = base.wants, base.oracle  # type: ignore[misc]
        self.scalable, self.symmetries = base.scalable, base.symmetries  # type: ignore[misc]

    def fallback(self, provides: frozenset[str]) -> QueryStrategy:
        """The same neighbours under the base strategy's fallback."""
        base = self.base.fallback(provides)
        if base is self.base:
            return self
        other = Seals(neighbours=self.neighbours)
        other._use(base)
        return other

    def learner(self, base: Learner) -> Learner:
        """The learner that the base strategy asks for."""
        return self.base.learner(base)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The base strategy's choice among the neighbours; its scores, NaN for all others."""
        report = pool.progress
        near = self._neighbours(pool) if len(pool.labelled) else pool.candidates[:0]
        if len(near) < n_queries:
            why = "nothing is labelled yet" if not len(pool.labelled) else f"the labelled samples have {len(near):,} unlabelled neighbours"
            selection = self.base.select(pool, n_queries, rng)
            note = f"All {len(pool):,} candidates were looked at: {why}."
        else:
            view = pool.restrict(near)
            view.progress = lambda share: report(0.5 + 0.5 * share)
            selection = self.base.select(view, n_queries, rng)
            note = f"{len(near):,} of {len(pool):,} candidates were looked at: neighbours of the labelled samples."
        return replace(selection, note=f"{note} {selection.note}".rstrip())

    def _neighbours(self, pool: PoolView) -> Indices:
        """Candidates among the neighbours of the labelled samples, ascending."""
        signal = "features" if "features" in pool.provides else "embeddings"
        table = pool.source.rows(signal, None)
        same = pool.labelled_source is pool.source
        known = pool.run_cache.get((self.name, self.neighbours)) if same else None
        # Only the very same array has the same neighbours: embeddings of a model that was trained again are another one.
        if not isinstance(known, Known) or known.table is not table:
            known = Known(table, squared_norms(host(table)))
        new = np.array([i for i in pool.labelled if int(i) not in known.lists] if same else pool.labelled, dtype=np.int64)
        points = host(table)
        asked = points[new] if same else pool.labelled_signal(signal)
        found = nearest(asked, points, known.squares, self.neighbours, new if same else None, pool)
        near = np.zeros(pool.n, dtype=bool)
        near[found] = True
        if same:
            known.lists.update(zip(new.tolist(), found, strict=True))
            pool.run_cache[self.name, self.neighbours] = known
            near[np.concatenate([known.lists[int(i)] for i in pool.labelled])] = True
        return pool.candidates[near[pool.candidates]]


@dataclass
class Known:
    """What a run has found so far: the table that was searched, its squared norms, and for each labelled sample its neighbours."""

    table: Any
    squares: Floats
    lists: dict[int, Indices] = field(default_factory=dict)


def nearest(x: Array, table: Array, squares: Floats, k: int, own: Indices | None, pool: PoolView) -> Indices:
    """(len(x), ≤ k) rows of `table` (n, d) nearest to each row of x, ascending by distance; ties: the lower row.

    squares: squared norms of the table. own: the row of `table` that each row of x is and that is left out, or None. Decided by float64
    differences wherever rounding could matter, so that a list does not depend on what else is searched for along with it.
    """
    n = len(table)
    k = min(k, n if own is None else n - 1)
    dtype = product_dtype(table, squares)
    sizes = squares.astype(dtype)
    slack = 2 * rounding(dtype, table.shape[1])  # twice: the sums below are rounded to `dtype` too
    found = np.empty((len(x), k), dtype=np.int64)
    step = max(1, BLOCK_BYTES // (dtype.itemsize * n))
    for a in range(0, len(x), step):
        rows = x[a : a + step].astype(dtype, copy=False)
        norms = squared_norms(rows)
        square = np.empty((len(rows), n), dtype=dtype)
        for c in range(0, n, COLUMNS):
            pool.progress(0.4 * (a + step * c / n) / (len(x) + step))
            part = square[:, c : c + COLUMNS]
            np.matmul(rows, table[c : c + COLUMNS].astype(dtype, copy=False).T, out=part)
            part *= -2
            part += sizes[c : c + COLUMNS]  # ‖y‖² − 2 x·y: the squared distance less ‖x‖², which does not matter to the order
        for i, line in enumerate(square):
            pool.progress(0.4 + 0.1 * (a + i) / len(x))
            if own is not None:
                line[own[a + i]] = np.inf
            found[a + i] = closest(line, sizes, float(norms[i]), slack, table, x[a + i], k)
    return found


def closest(line: Array, sizes: Array, norm: float, slack: float, table: Array, point: Array, k: int) -> Indices:
    """The k rows y of `table` nearest to `point` x, ‖x‖² = norm, given ‖y‖² (n,) and ‖y‖² − 2 x·y (n,) up to slack · (‖x‖² + ‖y‖²)."""
    some = line[:: max(1, len(line) // max(SAMPLE, 4 * k))]
    near = np.flatnonzero(line <= np.partition(some, k - 1)[k - 1])  # the k-th of some is no nearer than the k-th of all
    limit = np.partition(line[near], k - 1)[k - 1]
    most = float(sizes[near[line[near] <= limit]].max())  # at least k rows are no farther than the limit and their own rounding
    limit += slack * (most + 2 * norm)
    rows = np.flatnonzero(line <= limit + slack * float(sizes.max()))
    rows = rows[line[rows] - slack * sizes[rows] <= limit]
    exact = np.concatenate([direct(table[rows[a : a + 4096]], point) for a in range(0, len(rows), 4096)])
    return rows[np.argsort(exact, kind="stable")[:k]]
