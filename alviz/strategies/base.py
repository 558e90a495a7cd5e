"""The QueryStrategy contract, its scoring form, and the registry."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alviz.learners.base import Learner
from alviz.registry import Card, Registry
from alviz.strategies.pool import Array, Indices, PoolView

Need = str | tuple[str, ...]
"""A signal, or several of which one is enough."""


@dataclass(frozen=True, eq=False)
class Selection:
    """What a strategy chose. indices: (b,) dataset indices in pick order. scores: (n,) float64, NaN where labelled or not scored.

    gains: (b,) for greedy methods, the gain of each pick when it was made, else None. synthetic: images made up by query synthesis, else None.
    """

    indices: Indices
    scores: NDArray[np.float64]
    gains: NDArray[np.float64] | None = None
    synthetic: NDArray[np.uint8] | None = None


registry: "Registry[QueryStrategy]" = Registry(
    "query strategy",
    "alviz.strategies",
    aliases={"coreset": "k-center", "cmcs": "cmcs-random", "umcs": "umcs-random", "dmcs": "dmcs-random"},
)


class QueryStrategy:
    """Chooses which candidates to label next. Subclass it with a `name` and a `card`, and it is registered.

    needs: signals that must be there; a tuple inside stands for "one of these". wants: signals used when they are there. oracle: True
    for strategies that may see the true targets (upper bounds to show in class). scalable: cost grows no faster than n.
    """

    name: ClassVar[str] = ""
    card: ClassVar[Card]
    needs: ClassVar[tuple[Need, ...]] = ()
    wants: ClassVar[tuple[str, ...]] = ()
    oracle: ClassVar[bool] = False
    scalable: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("name"):
            if not cls.__dict__.get("__doc__"):
                cls.__doc__ = cls.card.text()
            registry.add(cls.name, cls, cls.card)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Choose n_queries of pool.candidates (1 ≤ n_queries ≤ number of candidates). All randomness comes from rng."""
        raise NotImplementedError

    def fallback(self, provides: frozenset[str]) -> "QueryStrategy":
        """The strategy a Run uses in a round that cannot give every signal yet (alamp is margin before there is a previous model)."""
        return self

    def learner(self, base: Learner) -> Learner:
        """The learner a Run trains; strategies that change training (pseudo-labels, loss prediction) wrap it."""
        return base


class ScoringStrategy(QueryStrategy):
    """A strategy that gives every candidate one number; the highest are labelled. Implement `score`, and if it must, `tiebreak`."""

    def score(self, pool: PoolView) -> Array:
        """(m,) float, higher = label sooner."""
        raise NotImplementedError

    def tiebreak(self, pool: PoolView) -> Array | None:
        """(m,) second key for equal scores, higher first, or None. What is still equal goes by lowest dataset index."""
        return None

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The n_queries highest scores."""
        scores = finite(self.score(pool), self.name)
        chosen = ranking(scores, self.tiebreak(pool))[:n_queries]
        return Selection(pool.candidates[chosen], spread(pool, scores))


def ranking(scores: Array, second: Array | None = None) -> Indices:
    """Positions from highest to lowest score; ties by `second` (higher first), then by lowest position."""
    keys = [-np.asarray(scores, dtype=np.float64)] if second is None else [-np.asarray(second, np.float64), -np.asarray(scores, np.float64)]
    return np.lexsort(keys).astype(np.int64)


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
