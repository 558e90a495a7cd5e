"""Diversification by pseudo-class: sweeps that take at most one sample per predicted class (alamp-div, margin-div, random-div)."""

from collections.abc import Mapping

import numpy as np

from alviz.registry import Card
from alviz.strategies.asynchronous import shift
from alviz.strategies.base import QueryStrategy, Selection, finite, ranking, registry, spread
from alviz.strategies.device import Array, Indices
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import margin

_REFERENCE = "Aggarwal, Popescu and Hudelot, Optimizing active learning for low annotation budgets (2022), Algorithm 1"
_COST = "O(nK + n log n) time, whatever the number of sweeps"


def sweeps(order: Indices, pseudo: Indices, n_queries: int) -> Indices:
    """The first n_queries elements that Algorithm 1 takes from `order` (m,), best first, with the classes pseudo (m,) of all positions.

    Sweep s takes the s-th best of every class, in the order of the list. So an element's sweep is its rank within its class, and one
    stable sort by that rank replaces the paper's O(n_queries · m) loop.
    """
    classes = pseudo[order]
    grouped = np.argsort(classes, kind="stable")
    sizes = np.bincount(classes)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    sweep = np.empty(len(order), dtype=np.int64)
    sweep[grouped] = np.arange(len(order)) - starts
    return order[np.argsort(sweep, kind="stable")[:n_queries]]


def _diversified(strategy: QueryStrategy, pool: PoolView, scores: Array, predictions: Array, n_queries: int) -> Selection:
    scores = finite(scores, strategy.name)
    chosen = sweeps(ranking(scores), np.asarray(predictions).argmax(axis=1), n_queries)
    return Selection(pool.candidates[chosen], spread(pool, scores))


class AlampDiv(QueryStrategy):
    name = "alamp-div"
    card = Card(
        title="alamp, diversified",
        family="class balance",
        idea="alamp's list, swept again and again; each sweep takes at most one sample of every class that the previous model predicted.",
        formula="(m' − m)/(m' + m) with m = p₁ − p₂; pseudo-class argmax p' under the previous model",
        needs="probabilities and last round's probabilities of the same samples",
        cost=_COST,
        reference=_REFERENCE,
        cites=("aggarwal2022alamp",),
        shines="Small budgets and imbalanced pools, shallow classifiers on fixed features.",
        fails="With fine-tuned networks; with fewer labels per round than classes it is one sweep.",
        deviation="A run's first round has no previous model and uses margin-div.",
    )
    needs = ("probabilities", "previous_probabilities")

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Algorithm 1 over alamp's list with the previous model's classes."""
        before = pool.previous_probabilities
        return _diversified(self, pool, shift(margin(pool.probabilities), margin(before)), before, n_queries)

    def parts(self, pool: PoolView) -> Mapping[str, Array]:
        """alamp's."""
        return registry.create("alamp").parts(pool)

    def fallback(self, provides: frozenset[str]) -> QueryStrategy:
        """margin-div while there is no previous model."""
        return self if "previous_probabilities" in provides else registry.create("margin-div")


class MarginDiv(QueryStrategy):
    name = "margin-div"
    card = Card(
        title="Margin, diversified",
        family="class balance",
        idea="The margin list, swept again and again; each sweep takes at most one sample of every predicted class.",
        formula="−(p₁ − p₂); pseudo-class argmax p",
        needs="probabilities",
        cost=_COST,
        reference=_REFERENCE,
        cites=("aggarwal2022alamp",),
        shines="Keeps a batch from filling up with one pair of classes.",
        fails="Small margins are where predicted classes mean least; the paper sees little effect.",
    )
    needs = ("probabilities",)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Algorithm 1 over the margin list with the current classes."""
        return _diversified(self, pool, -margin(pool.probabilities), pool.probabilities, n_queries)

    def parts(self, pool: PoolView) -> Mapping[str, Array]:
        """margin's."""
        return registry.create("margin").parts(pool)


class RandomDiv(QueryStrategy):
    name = "random-div"
    card = Card(
        title="Random, diversified",
        family="class balance",
        idea="A shuffled list, swept again and again; each sweep takes at most one sample of every predicted class.",
        formula="a random permutation; pseudo-class argmax p",
        needs="probabilities",
        cost=_COST,
        reference=_REFERENCE,
        cites=("aggarwal2022alamp",),
        shines="Early rounds and imbalanced pools: as robust as random, and closer to balance.",
        fails="Spends labels on what the model already knows.",
    )
    needs = ("probabilities",)
    symmetries = frozenset({"classes"})

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Algorithm 1 over a shuffled list with the current classes; nothing is scored."""
        chosen = sweeps(rng.permutation(len(pool)), np.asarray(pool.probabilities).argmax(axis=1), n_queries)
        return Selection(pool.candidates[chosen], np.full(pool.n, np.nan))
