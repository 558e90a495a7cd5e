"""The best of several strategies' batches, judged with the true labels: an upper bound to show in class."""

import numpy as np

from alviz.checks import whole
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, missing_needs, registry, spread
from alviz.strategies.device import Array, Indices, host
from alviz.strategies.pool import PoolView

ENSEMBLE = (
    "random",
    "margin",
    "k-center",
    "badge",
    "typiclust",
    "max-herding",
    "uncertainty-herding",
    "alfa-mix",
    "drop-query",
    "bait",
)
"""Strategies that propose batches, those of the paper as far as they are no oracles themselves; those that the pool cannot serve are left out."""

LARGEST = 5000
"""Candidates that a strategy sees at most for one proposal."""


class BossOracle(QueryStrategy):
    name = "boss-oracle"
    card = Card(
        title="Best of strategies (oracle)",
        family="look-ahead",
        idea="Several strategies propose batches from random parts of the pool; the model is trained with the true labels of each, and the batch that "
        "gives the best one is taken. Nobody can do this with real data: it shows how much better a choice could have been.",
        formula="argmin over proposed batches B of (1/|E|) Σ_{e∈E} 1[argmax p⁺(·|e) ≠ y_e], p⁺: trained with B and its true labels too; ties by log loss",
        needs="the true labels of the pool (simulation only), and a model that can be trained again",
        cost="n_batches queries on at most 5,000 candidates, and as many trainings",
        reference="Huseljic et al., BoSS: a best-of-strategies selector as an oracle for deep active learning (2026); Zhou, Renduchintala, Li, "
        "Wang, Mehdad and Ghoshal, Towards understanding the behaviors of optimal deep active learning algorithms (2021)",
        cites=("huseljic2026boss", "zhou2021optimal"),
        shines="A yardstick: the gap between a strategy and this one is what is still to be won.",
        fails="It is greedy, one round ahead, and never better than the best proposal: the true optimum lies higher.",
        deviation="The authors judge on the test set, which makes the curve an optimist's: here a random part of the pool is set aside in each round to judge on, "
        "and not proposed. Proposals go round the strategies in turn (theirs draw one each time); the two strategies of theirs that look at labels are left out.",
        options={
            "n_batches": "Batches that are proposed and tried; the authors use 100.",
            "evaluate": "Samples of the pool with their true labels on which a batch is judged.",
        },
    )
    needs = ("probabilities", "refit")
    trains = True
    oracle = True
    symmetries = frozenset({"classes"})

    def __init__(self, n_batches: int = 20, evaluate: int = 500):
        self.n_batches = whole(f"{self.name}: n_batches", n_batches, 1)
        self.evaluate = whole(f"{self.name}: evaluate", evaluate, 1)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The best proposal, in its own order. scores: for each candidate the best accuracy of a batch that it was in."""
        targets = np.asarray(pool.true_targets)
        judges, proposers = self._set_aside(pool, targets, n_queries, rng)
        names = [name for name in ENSEMBLE if not missing_needs(registry.factory(name), pool.provides)]  # type: ignore[arg-type]
        scores = np.full(pool.n, np.nan)
        if not len(judges):
            batch = self._proposal(pool, proposers, names[0], n_queries, rng, 0)
            return Selection(batch, scores, note=f"No samples could be set aside to judge on: the batch is the one of {names[0]}, untried.")
        best, found, accuracies = (np.inf, np.inf), (np.empty(0, dtype=np.int64), ""), []
        for i in range(self.n_batches):
            name = names[i % len(names)]
            batch = self._proposal(pool, proposers, name, n_queries, rng, i)
            known = batch[targets[batch] >= 0]
            after = pool.refit(known, targets[known]).source.rows("probabilities", judges)
            errors, loss = judged(host(after), targets[judges])
            scores[batch] = np.fmax(scores[batch], 1 - errors)
            accuracies.append(1 - errors)
            if (errors, loss) < best:
                best, found = (errors, loss), (batch, name)
        note = (
            f"{len(accuracies)} batches were tried; the one of {found[1]} gave accuracy {max(accuracies):.3f} on {len(judges):,} samples set aside, "
            f"the worst {min(accuracies):.3f}, the median {np.median(accuracies):.3f}."
        )
        return Selection(found[0], spread(pool, scores[pool.candidates]), note=note)

    def _set_aside(self, pool: PoolView, targets: Indices, n_queries: int, rng: np.random.Generator) -> tuple[Indices, PoolView]:
        """(dataset indices to judge on, the view of the others): at most half of what the batch leaves over."""
        known = pool.candidates[targets[pool.candidates] >= 0]
        size = min(self.evaluate, (len(pool) - n_queries) // 2, len(known))
        judges = np.sort(rng.choice(known, size, replace=False))
        return judges, pool.restrict(np.setdiff1d(pool.candidates, judges))

    def _proposal(self, pool: PoolView, proposers: PoolView, name: str, n_queries: int, rng: np.random.Generator, i: int) -> Indices:
        """The batch that a strategy would choose from a random part of the pool, of a random size."""
        largest = min(len(proposers), max(LARGEST, n_queries))
        size = int(rng.integers(min(4 * n_queries, largest), largest + 1))
        view = proposers.restrict(rng.choice(proposers.candidates, size, replace=False))
        view.true_targets = None
        view.progress = lambda share: pool.progress((i + 0.5 * share) / self.n_batches)
        view.progress(0.0)
        return registry.create(name).select(view, n_queries, rng).indices


def judged(p: Array, targets: Indices) -> tuple[float, float]:
    """(share of errors, log loss) of predictions p (m, K)."""
    right = np.asarray(p[np.arange(len(p)), targets], dtype=np.float64)
    return float((p.argmax(axis=1) != targets).mean()), float(-np.log(np.maximum(right, 1e-12)).mean())
