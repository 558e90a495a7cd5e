"""alamp: shift from certainty to uncertainty between the last two models."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from alviz.checks import choice
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, ScoringStrategy, registry
from alviz.strategies.device import Array
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import Scores, confidence, entropy, margin


def negentropy(p: Array) -> Scores:
    """(m,) ln K − H(p) ≥ 0: how far from uniform each row of p (m, K) is."""
    return np.maximum(np.log(p.shape[1]) - entropy(p), 0.0)


CERTAINTIES: dict[str, Callable[[Array], Scores]] = {"margin": margin, "least-confidence": confidence, "entropy": negentropy}
"""The certainty m ≥ 0 that belongs to each base: p₁ − p₂, max p, ln K − H(p)."""


def shift(now: Scores, before: Scores) -> Scores:
    """(m' − m)/(m' + m) in [−1, 1] from the certainties m now and m' under the previous model; 0/0 → 0 (paper's equation 3)."""
    total = before + now
    return np.divide(before - now, total, out=np.zeros_like(total), where=total > 0)


class Alamp(ScoringStrategy):
    name = "alamp"
    card = Card(
        title="alamp",
        family="uncertainty",
        idea="Label what the previous model was sure of and the new one no longer is: something was learned there that does not fit yet.",
        formula="(m' − m)/(m' + m); m certainty now, m' under the previous model, 0/0 → 0. "
        "m = p₁ − p₂ (base margin), max p (least-confidence), ln K − H(p) (entropy)",
        needs="probabilities and last round's probabilities of the same samples",
        cost="O(nK) time; keeps one (n, K) table from the round before",
        reference="Aggarwal, Popescu and Hudelot, Optimizing active learning for low annotation budgets (2022), equation 3",
        cites=("aggarwal2022alamp",),
        shines="Small budgets with a shallow classifier on fixed features.",
        fails="With fine-tuned networks, where two models in a row share no feature space; it says nothing about diversity.",
        deviation="The paper defines it for the margin and says any uncertainty will do; the certainties of the other two are our choice. "
        "A run's first round has no previous model and uses the base strategy, as in the paper.",
        options={"base": "The uncertainty whose shift is measured, and the strategy of a run's first round."},
    )
    needs = ("probabilities", "previous_probabilities")

    def __init__(self, base: Literal["margin", "least-confidence", "entropy"] = "margin"):
        self.base = choice(f"{self.name}: base", base, CERTAINTIES)

    def score(self, pool: PoolView) -> Array:
        """Relative shift towards uncertainty."""
        certainty = CERTAINTIES[self.base]
        return shift(certainty(pool.probabilities), certainty(pool.previous_probabilities))

    def parts(self, pool: PoolView) -> Mapping[str, Array]:
        """The two certainties."""
        certainty = CERTAINTIES[self.base]
        return {"certainty before": certainty(pool.previous_probabilities), "certainty now": certainty(pool.probabilities)}

    def fallback(self, provides: frozenset[str]) -> QueryStrategy:
        """The base strategy while there is no previous model."""
        return self if "previous_probabilities" in provides else registry.create(self.base)
