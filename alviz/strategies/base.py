"""The QueryStrategy contract, its scoring form, and the registry."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NewType

import numpy as np
from numpy.typing import NDArray

from alviz.checks import whole
from alviz.learners.base import Learner
from alviz.registry import Card, Registry
from alviz.strategies.device import Array, Indices
from alviz.strategies.pool import PoolView

StrategyName = NewType("StrategyName", str)
"""A parameter that is the registry name of another strategy (wrappers)."""

Need = str | tuple[str, ...]
"""A signal, or several of which one is enough."""


@dataclass(frozen=True, eq=False)
class Selection:
    """What a strategy chose. indices: (b,) dataset indices in pick order. scores: (n,) float64, NaN where labelled or not scored.

    gains: (b,) for greedy methods, the gain of each pick when it was made, else None. synthetic: (b, H, W[, C]) pictures made up by query synthesis, each beside
    the sample that is asked for in its place, else None.
    note: what the user should know of this query, in full sentences ("20,000 of 1,000,000 candidates were looked at …."), else "".
    """

    indices: Indices
    scores: NDArray[np.float64]
    gains: NDArray[np.float64] | None = None
    synthetic: NDArray[np.uint8] | None = None
    note: str = ""


FAMILIES = (
    "baseline",
    "uncertainty",
    "posterior",
    "diversity",
    "gradient",
    "class balance",
    "hybrid",
    "look-ahead",
    "synthesis",
    "wrapper",
)
"""What cards of strategies group by, in the order of menus and tables."""

registry: "Registry[QueryStrategy]" = Registry(
    "query strategy",
    "alviz.strategies",
    aliases={"coreset": "k-center", "cmcs": "cmcs-random", "umcs": "umcs-random", "dmcs": "dmcs-random"},
)


CAP = 20_000
"""Candidates that methods of quadratic cost look at unless told otherwise: some seconds on two cores."""

CAPPED = "drawn uniformly (cap)"
"""What the note of a selection says where the cap left candidates out."""


class QueryStrategy:
    """Chooses which candidates to label next. Subclass it with a `name` and a `card`, and it is registered.

    needs: signals that must be there; a tuple inside stands for "one of these". wants: signals used when they are there. oracle: True
    for strategies that may see the true targets (upper bounds to show in class). scalable: cost grows no faster than n. symmetries:
    what the picks do not depend on: the numbering of the "samples", that of the "classes" (with signals and draws renumbered alike, and no
    ties). Methods that draw samples by number lose the first. trains: choosing means training something of its own (networks, or the learner again and again), so it takes seconds or minutes
    where others take tenths of a second. stoppable: False where it reports no progress while it works, so that nobody can cancel it. sharding: how a pool in row shards is answered: "scores" where a sample's
    score depends on itself and the labelled set alone, "two-rounds" for picks in each shard and then among the picked, None: not at all.
    """

    name: ClassVar[str] = ""
    card: ClassVar[Card]
    needs: ClassVar[tuple[Need, ...]] = ()
    wants: ClassVar[tuple[str, ...]] = ()
    oracle: ClassVar[bool] = False
    scalable: ClassVar[bool] = True
    trains: ClassVar[bool] = False
    stoppable: ClassVar[bool] = True
    symmetries: ClassVar[frozenset[str]] = frozenset({"samples", "classes"})
    sharding: ClassVar[Literal["scores", "two-rounds"] | None] = None

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("name"):
            if not cls.__dict__.get("__doc__"):
                cls.__doc__ = cls.card.text()
            registry.add(cls.name, cls, cls.card)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Choose n_queries of pool.candidates (1 ≤ n_queries ≤ number of candidates). All randomness comes from rng."""
        raise NotImplementedError

    def prepare(self, pool: PoolView) -> None:
        """Put what is a property of the whole table (a radius, say) into pool.run_cache: called once before a pool is worked on in shards."""

    def fallback(self, provides: frozenset[str]) -> "QueryStrategy":
        """The strategy a Run uses in a round that cannot give every signal yet (alamp is margin before there is a previous model)."""
        return self

    def parts(self, pool: PoolView) -> Mapping[str, Array]:
        """What the scores are made of, to be shown to people: short name -> (m,) float. Nothing unless a strategy says so."""
        return {}

    def learner(self, base: Learner) -> Learner:
        """The learner a Run trains; strategies that change training (pseudo-labels, loss prediction) wrap it."""
        return base


class CappedStrategy(QueryStrategy):
    """A strategy whose cost grows faster than n: larger pools are cut to `cap` candidates drawn uniformly, and the selection says so.

    Implement `select_among`. cap: None looks at every candidate, however long it takes.
    """

    scalable = False

    def __init__(self, cap: int | None = CAP):
        self.cap = whole(f"{self.name}: cap", cap, 1, optional=True)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Choose among all candidates, or among max(cap, n_queries) of them."""
        size = len(pool) if self.cap is None else max(self.cap, n_queries)
        if len(pool) <= size:
            return self.select_among(pool, n_queries, rng)
        some = pool.candidates[np.sort(rng.choice(len(pool), size, replace=False))]
        selection = self.select_among(pool.restrict(some), n_queries, rng)
        note = f"{size:,} of {len(pool):,} candidates were looked at, {CAPPED}. {selection.note}"
        return replace(selection, note=note.rstrip())

    def select_among(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """`select`, for a pool that is not too large."""
        raise NotImplementedError


class ScoringStrategy(QueryStrategy):
    """A strategy that gives every candidate one number; the highest are labelled. Implement `score`, and if it must, `tiebreak`.

    A score that depends on other candidates, or on where they lie, needs `sharding = None`.
    """

    sharding: ClassVar[Literal["scores", "two-rounds"] | None] = "scores"

    def score(self, pool: PoolView) -> Array:
        """(m,) float, higher = label sooner."""
        raise NotImplementedError

    def tiebreak(self, pool: PoolView) -> Array | None:
        """(m,) second key for equal scores, higher first, or None. What is still equal goes by lowest dataset index."""
        return None

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The n_queries highest scores."""
        scores = finite(self.score(pool), self.name)
        chosen = ranking(scores, self.tiebreak(pool), n_queries)
        return Selection(pool.candidates[chosen], spread(pool, scores))


def ranking(scores: Array, second: Array | None = None, n: int | None = None) -> Indices:
    """Positions from highest to lowest score, the first n or all; ties by `second` (higher first), then by lowest position."""
    keys = [-np.asarray(key, dtype=np.float64) for key in (second, scores) if key is not None]
    if n is None or n >= len(keys[-1]):
        return np.lexsort(keys).astype(np.int64)
    if n == 0:
        return np.empty(0, dtype=np.int64)
    some = np.flatnonzero(keys[-1] <= np.partition(keys[-1], n - 1)[n - 1])
    return some[np.lexsort([key[some] for key in keys])[:n]]


def spread(pool: PoolView, scores: Array) -> NDArray[np.float64]:
    """Scores of the candidates laid out over the whole table: (n,) with NaN elsewhere."""
    out = np.full(pool.n, np.nan)
    out[pool.candidates] = scores
    return out


def finite(scores: Array, name: str) -> NDArray[np.float64]:
    """The scores as float64. Raises ValueError when one of them is NaN or infinite: a silent NaN would be labelled first or never."""
    scores = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise ValueError(f"query strategy {name!r} gave {int((~np.isfinite(scores)).sum())} scores that are NaN or infinite")
    return scores


def missing_needs(strategy: QueryStrategy | type[QueryStrategy], provides: frozenset[str]) -> list[Need]:
    """The needs of `strategy` that a source with the signals `provides` cannot meet."""
    given = provides | ({"gradients"} if {"probabilities", "embeddings"} <= provides else frozenset())
    return [need for need in strategy.needs if not (given & {need} if isinstance(need, str) else given & set(need))]
