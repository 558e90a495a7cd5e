"""SEALS: any strategy, looking only at the neighbours of what is labelled."""

from dataclasses import dataclass, field, replace

import numpy as np

from alviz.checks import whole
from alviz.learners.base import Learner
from alviz.progress import Progress
from alviz.registry import Card
from alviz.strategies.base import Need, QueryStrategy, Selection, StrategyName, registry
from alviz.strategies.device import Indices, beside
from alviz.strategies.pool import PoolView
from alviz.strategies.vectors import Dense, neighbours

MARGIN = StrategyName("margin")

PLACES = ("features", "embeddings")
"""Where neighbours are looked for: fixed features where there are any."""


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
        cites=("coleman2022seals",),
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
        self.neighbours = whole(f"{self.name}: neighbours", neighbours, 1)
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
        if not isinstance(known, Known) or known.points.x is not table:
            known = Known(Dense.centred(table))
        near = np.zeros(pool.n, dtype=bool)
        if same:
            new = np.array([i for i in pool.labelled if int(i) not in known.lists], dtype=np.int64)
            if len(new):
                known.lists.update(zip(new.tolist(), _others(known.points, new, self.neighbours, pool), strict=True))
            pool.run_cache[self.name, self.neighbours] = known
            near[np.concatenate([known.lists[int(i)] for i in pool.labelled])] = True
        else:
            asked = Dense(pool.resident_labelled(signal), known.points.origin)
            near[neighbours(asked, known.points, min(self.neighbours, len(table)), _half(pool))] = True
        return pool.candidates[near[pool.candidates]]


@dataclass
class Known:
    """What a run has found so far: the points that were searched, and for each labelled sample its neighbours."""

    points: Dense
    lists: dict[int, Indices] = field(default_factory=dict)


def _others(points: Dense, rows: Indices, k: int, pool: PoolView) -> Indices:
    """(len(rows), ≤ k) the other points nearest to each of some rows; ties: the lower row."""
    k = min(k, len(points) - 1)
    found = neighbours(points.take(beside(rows, points.x)), points, k + 1, _half(pool))
    own = found == rows[:, None]
    # A row with more than k copies before it may be missing: then the last of those is one too many.
    extra = np.where(own.any(axis=1), own.argmax(axis=1), k)
    return found[np.arange(k + 1) != extra[:, None]].reshape(len(rows), k)


def _half(pool: PoolView) -> Progress:
    """The search is the first half of the work."""
    return lambda share: pool.progress(0.5 * share)
