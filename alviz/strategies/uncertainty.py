"""Uncertainty of one prediction: least confidence, margin, entropy."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from alviz.registry import Card
from alviz.strategies.base import ScoringStrategy
from alviz.strategies.device import Array
from alviz.strategies.pool import PoolView

BLOCK = 8192
"""Rows that are scored together: bounds the float64 copies, whatever the size of the pool."""

Scores = NDArray[np.float64]


def by_block(function: Callable[[Array], Array], probabilities: Array) -> Scores:
    """`function` of (≤ BLOCK, K) float64 C-ordered rows, over all rows: one result for every memory layout of the input."""
    out = np.empty(len(probabilities))
    for start in range(0, len(out), BLOCK):
        stop = start + BLOCK
        out[start:stop] = function(np.array(probabilities[start:stop], dtype=np.float64, order="C"))
    return out


def confidence(p: Array) -> Scores:
    """(m,) largest probability of each row of p (m, K)."""
    return by_block(lambda rows: rows.max(axis=1), p)


def margin(p: Array) -> Scores:
    """(m,) p₁ − p₂, the gap between the two largest probabilities of each row of p (m, K); with one class, its probability."""
    if p.shape[1] == 1:
        return confidence(p)

    def gap(rows: Array) -> Array:
        rows.partition(rows.shape[1] - 2, axis=1)
        return rows[:, -1] - rows[:, -2]

    return by_block(gap, p)


def entropy(p: Array) -> Scores:
    """(m,) −Σ p ln p in nats of each row of p (m, K), with 0 ln 0 = 0.

    The terms are added in order of size, so that rows which are permutations of each other are exactly tied.
    """
    return by_block(lambda rows: np.sort(surprise(rows), axis=1).sum(axis=1), p)


def surprise(p: Array) -> Array:
    """−p ln p of every element, with 0 ln 0 = 0."""
    return -p * np.log(np.where(p > 0, p, 1.0))


class LeastConfidence(ScoringStrategy):
    name = "least-confidence"
    card = Card(
        title="Least confidence",
        family="uncertainty",
        idea="Label what the model is least sure of: the sample whose most probable class is least probable.",
        formula="1 − max_c p(c|x)",
        needs="probabilities",
        cost="O(nK)",
        reference="Lewis and Gale (1994); Zhan et al., A comparative survey of deep active learning (2022), equation 4",
        cites=("lewis1994sequential", "zhan2022survey"),
        shines="Simple and quick; good when the probabilities are calibrated.",
        fails="It looks at one class only, picks near-duplicates in a batch, and trusts an over-confident model.",
    )
    needs = ("probabilities",)

    def score(self, pool: PoolView) -> Array:
        """1 − max p."""
        return 1.0 - confidence(pool.probabilities)

    def parts(self, pool: PoolView) -> Mapping[str, Array]:
        """p₁."""
        return {"p₁": confidence(pool.probabilities)}


class Margin(ScoringStrategy):
    name = "margin"
    card = Card(
        title="Margin",
        family="uncertainty",
        idea="Label what lies between two classes: the sample whose two most probable classes are closest.",
        formula="−(p₁ − p₂), with p₁ ≥ p₂ the two largest probabilities",
        needs="probabilities",
        cost="O(nK)",
        reference="Scheffer, Decomain and Wrobel (2001); Zhan et al. (2022), equation 3",
        cites=("scheffer2001margin", "zhan2022survey"),
        shines="A strong baseline, with shallow classifiers above all: close to the distance from the boundary.",
        fails="Picks near-duplicates in a batch; early boundaries lie in the wrong place.",
    )
    needs = ("probabilities",)

    def score(self, pool: PoolView) -> Array:
        """p₂ − p₁."""
        return -margin(pool.probabilities)

    def parts(self, pool: PoolView) -> Mapping[str, Array]:
        """p₁ and p₂."""
        first = confidence(pool.probabilities)
        return {"p₁": first, "p₂": first - margin(pool.probabilities)}


class Entropy(ScoringStrategy):
    name = "entropy"
    card = Card(
        title="Entropy",
        family="uncertainty",
        idea="Label where the prediction as a whole is most spread out over the classes.",
        formula="−Σ_c p(c|x) ln p(c|x)",
        needs="probabilities",
        cost="O(nK)",
        reference="Shannon (1948); Zhan et al. (2022), equation 2",
        cites=("shannon1948theory", "zhan2022survey"),
        shines="Uses every class; with two classes it ranks as margin does.",
        fails="With many classes the small probabilities dominate: it asks about hopeless samples rather than useful ones.",
    )
    needs = ("probabilities",)

    def score(self, pool: PoolView) -> Array:
        """Entropy in nats."""
        return entropy(pool.probabilities)

    def parts(self, pool: PoolView) -> Mapping[str, Array]:
        """−p ln p of the most probable class, and what all others add."""
        first = surprise(confidence(pool.probabilities))
        return {"−p₁ ln p₁": first, "all other classes": entropy(pool.probabilities) - first}
