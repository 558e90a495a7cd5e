"""CLUE: k-means over the pool in which a sample weighs as much as its prediction is uncertain."""

import numpy as np

from alviz.checks import number
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.device import Array
from alviz.strategies.lloyd import BATCH, FULL, PASSES, clustered
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import BLOCK, Scores, entropy


class Clue(QueryStrategy):
    name = "clue"
    card = Card(
        title="CLUE",
        family="hybrid",
        idea="Cluster the candidates into as many clusters as there are labels to ask for, with uncertain samples pulling the centroids "
        "towards themselves, and label the sample nearest to each centroid.",
        formula="min over clusters S₁ … S_b of Σ_j Σ_{x ∈ S_j} H(x) ‖x − μ_j‖², with H the entropy of softmax(logits / temperature) and μ_j the "
        "mean weighted by H; picks argmin ‖x − μ_j‖",
        needs="embeddings (or features) and probabilities",
        cost=f"O(n d b) time per iteration of k-means, or {PASSES} passes of mini-batches of {BATCH:,} when n·d·b is above {FULL:,}; "
        "O(n + b d) memory",
        reference="Prabhu, Chandrasekaran, Saenko and Hoffman, Active domain adaptation via clustering uncertainty-weighted embeddings (2021), "
        "section 3",
        cites=("prabhu2021clue",),
        shines="Batches that are spread out and uncertain in one go, also when the pool looks different from what the model was trained on.",
        fails="The sample nearest to a centroid need not be uncertain itself; what is labelled already is not seen.",
        deviation="Two centroids with the same nearest sample take it and the next nearest, in turn; the authors' code fills up with the next nearest "
        "of any centroid. Logits are recovered from the probabilities, so they are known up to a constant, which softmax ignores. When no "
        "candidate is uncertain, all weigh the same.",
        options={
            "temperature": "Below 1, only samples near a decision boundary keep their weight (the authors' code: 1 with 10 classes, 0.1 with 345); "
            "above 1, all weigh more alike."
        },
    )
    needs = ("embeddings", "probabilities")
    symmetries = frozenset({"classes"})

    def __init__(self, temperature: float = 1.0):
        self.temperature = number(f"{self.name}: temperature", temperature, 0.01, 100)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """One sample per centroid, in the order of the centroids. scores: the weights."""
        weights = tempered_entropy(pool.probabilities, self.temperature)
        picks = clustered(pool.embeddings, n_queries, rng, pool.progress, weights)
        return Selection(pool.candidates[picks], spread(pool, weights))


def tempered_entropy(p: Array, temperature: float) -> Scores:
    """(m,) entropy of p^(1/temperature), normalised, of each row of p (m, K): softmax(logits / temperature), for p = softmax(logits)."""
    if temperature == 1:
        return entropy(p)
    out = np.empty(len(p))
    for a in range(0, len(p), BLOCK):
        rows = np.maximum(np.array(p[a : a + BLOCK], dtype=np.float64, order="C"), 0.0)  # a power of −1e-9 would be NaN
        powers = (rows / rows.max(axis=1, keepdims=True)) ** (1 / temperature)
        out[a : a + BLOCK] = entropy(powers / np.sort(powers, axis=1).sum(axis=1, keepdims=True))
    return out
