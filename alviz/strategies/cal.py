"""CAL: candidates whose prediction differs from those of the labelled samples nearest to them."""

import numpy as np

from alviz.checks import whole
from alviz.progress import Progress
from alviz.registry import Card
from alviz.strategies.base import ScoringStrategy
from alviz.strategies.device import Array, Floats, Indices
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import BLOCK, by_block, entropy, surprise
from alviz.strategies.vectors import Dense, neighbours

LEAST = 1e-12
"""What a candidate's probability counts as, at least, in a logarithm."""


class Cal(ScoringStrategy):
    name = "cal"
    card = Card(
        title="CAL",
        family="hybrid",
        idea="Look at the labelled samples nearest to a candidate: where the model predicts something else for the candidate, it contradicts itself. "
        "Label where it does so most.",
        formula="1/k Σ_{l ∈ k nearest labelled} KL(p(·|l) ‖ p(·|x)), KL(q ‖ p) = Σ_c q_c ln(q_c / p_c)",
        needs="embeddings (or features) and probabilities, of the labelled samples too",
        cost="O(n L d) time for the neighbours and O(n k K) for the divergences; O(n k) memory",
        reference="Margatina, Vernikos, Barrault and Aletras, Active learning by acquiring contrastive examples (2021), Algorithm 1",
        cites=("margatina2021cal",),
        shines="Fine-tuned networks, whose embeddings say what the model takes for similar.",
        fails="With few labels the nearest ones are far away; nothing keeps a batch from being one group of look-alikes.",
        deviation="Euclidean distances between embeddings as they are (the authors' code scales them to length 1 first). Probabilities of "
        f"candidates count as at least {LEAST:g} in logarithms, so that a score is never infinite. Fewer than k labelled: all of them. Nothing labelled: "
        "the entropy decides.",
        options={"k": "How many labelled neighbours a candidate is compared with (the paper: 10)."},
    )
    needs = ("embeddings", "probabilities")

    def __init__(self, k: int = 10):
        self.k = whole(f"{self.name}: k", k, 1)

    def score(self, pool: PoolView) -> Array:
        """The mean divergence, or the entropy while nothing is labelled."""
        if not len(pool.labelled):
            return entropy(pool.probabilities)
        known = Dense.centred(pool.resident_labelled("embeddings"))
        asked = Dense(pool.resident("embeddings"), known.origin)
        near = neighbours(asked, known, min(self.k, len(known)), lambda share: pool.progress(0.9 * share))
        return mean_divergence(
            pool.probabilities, pool.labelled_signal("probabilities"), near, lambda share: pool.progress(0.9 + 0.1 * share)
        )


def mean_divergence(p: Array, q: Array, near: Indices, progress: Progress) -> Floats:
    """(m,) mean of KL(q[j] ‖ p[i]) over j in near[i] (m, k), for rows of p (m, K) and q (l, K).

    As (1/k Σ_j Σ_c q ln q) − Σ_c (1/k Σ_j q) ln p: one logarithm per candidate and class, whatever k. 0 ln 0 = 0.
    """
    certainty = -by_block(lambda rows: surprise(rows).sum(axis=1), q)
    out = np.empty(len(p))
    step = max(1, BLOCK // near.shape[1])
    for a in range(0, len(p), step):
        progress(a / len(p))
        some = near[a : a + step]
        logs = np.log(np.maximum(np.array(p[a : a + step], dtype=np.float64, order="C"), LEAST))
        means = np.asarray(q, dtype=np.float64)[some].mean(axis=1)
        out[a : a + step] = certainty[some].mean(axis=1) - (means * logs).sum(axis=1)
    return out
