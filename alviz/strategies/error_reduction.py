"""Expected error reduction: train with every label a sample might get, and look what becomes of the errors."""

from typing import Literal

import numpy as np

from alviz.checks import choice, whole
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, finite, ranking, spread
from alviz.strategies.device import Array, Floats, host
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import confidence, entropy

LOSSES = ("log", "zero-one")
"""What a prediction is expected to cost when it is its own truth."""


class ExpectedErrorReduction(QueryStrategy):
    name = "expected-error-reduction"
    card = Card(
        title="Expected error reduction",
        family="look-ahead",
        idea="For each sample and each label it might get, train again and see how unsure the model is left about the pool. Label where it would be least "
        "unsure on average.",
        formula="argmin_x Σ_c p(c|x) (1/|E|) Σ_{e∈E} loss(p⁺(·|e)), p⁺: trained with (x, c) too; loss log: −Σ_y p⁺ ln p⁺, zero-one: 1 − max_y p⁺",
        needs="probabilities and a model that can be trained again",
        cost="K trainings per candidate looked at: candidates · K in all, each with |E| predictions",
        reference="Roy and McCallum, Toward optimal active learning through sampling estimation of error reduction (2001)",
        cites=("roy2001toward",),
        shines="Asks the right question: not which sample is uncertain, but which label helps. Good with few labels and a model that trains in "
        "milliseconds.",
        fails="Anything slow to train, many classes; an over-confident model believes that its errors are gone.",
        deviation="The paper scores a random part of the pool as well; it labels one sample at a time, and here the b highest scores are one batch, each as if "
        "it were the only one. Labels with probability 0 are not tried.",
        options={
            "candidates": "Samples that are tried, drawn uniformly (at least as many as are asked for).",
            "evaluate": "Samples of the pool on which the expected error is estimated, drawn uniformly.",
            "loss": "log takes the entropy of the predictions, zero-one the chance that the most probable class is wrong.",
        },
    )
    needs = ("probabilities", "refit")
    trains = True
    scalable = False  # it does not look at more samples of a larger pool, but trains K times for every label asked for
    symmetries = frozenset({"classes"})

    def __init__(self, candidates: int = 30, evaluate: int = 300, loss: Literal["log", "zero-one"] = "log"):
        self.candidates = whole(f"{self.name}: candidates", candidates, 1)
        self.evaluate = whole(f"{self.name}: evaluate", evaluate, 1)
        self.loss = choice(f"{self.name}: loss", loss, LOSSES)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The highest scores. scores: minus the expected loss of those tried."""
        m = len(pool)
        tried = np.sort(rng.choice(m, min(m, max(self.candidates, n_queries)), replace=False))
        judges = pool.candidates[np.sort(rng.choice(m, min(m, self.evaluate), replace=False))]
        chances = np.asarray(pool.probabilities[tried], dtype=np.float64)
        scores = np.full(m, np.nan)
        for i, position in enumerate(tried):
            x = pool.candidates[position : position + 1]
            losses = np.zeros(pool.n_classes)
            for c in np.flatnonzero(chances[i] > 0):
                pool.progress((i + c / pool.n_classes) / len(tried))
                after = pool.refit(x, np.array([c])).source.rows("probabilities", judges)
                losses[c] = expected_loss(host(after), self.loss)
            scores[position] = -np.sort(chances[i] * losses).sum()
        finite(scores[tried], self.name)
        best = tried[ranking(scores[tried], n=n_queries)]
        note = f"{len(tried):,} of {m:,} candidates were tried, their effect judged on {len(judges):,} (candidates, evaluate)."
        return Selection(pool.candidates[best], spread(pool, scores), note=note if len(tried) < m or len(judges) < m else "")


def expected_loss(p: Array, loss: str) -> float:
    """Mean loss that the predictions p (m, K) expect of themselves."""
    each: Floats = entropy(p) if loss == "log" else 1.0 - confidence(p)
    return float(each.mean())
