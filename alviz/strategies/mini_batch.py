"""Diverse mini-batch active learning: weighted k-means on the most uncertain candidates."""

from typing import Literal, get_args

import numpy as np

from alviz.checks import choice, number
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, finite, ranking, spread
from alviz.strategies.device import Array
from alviz.strategies.lloyd import BATCH, FULL, PASSES, clustered
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import Scores, confidence, entropy, margin

Base = Literal["margin", "least-confidence", "entropy"]


def uncertainty(base: str, p: Array) -> Scores:
    """(m,) 0 or more, higher where the prediction p (m, K) is less certain: 1 − (p₁ − p₂), 1 − p₁ or the entropy in nats."""
    if base == "entropy":
        return entropy(p)
    return np.maximum(1.0 - (margin(p) if base == "margin" else confidence(p)), 0.0)


class DiverseMiniBatch(QueryStrategy):
    name = "diverse-mini-batch"
    card = Card(
        title="Diverse mini-batch",
        family="hybrid",
        idea="Keep the β·b most uncertain candidates and cluster them into b clusters, each sample weighing as much as it is uncertain. "
        "Label the sample nearest to each centroid.",
        formula="k-means on the top β·b by u(x), minimising Σ_j Σ_{x ∈ S_j} u(x) ‖x − μ_j‖²; picks argmin ‖x − μ_j‖",
        needs="embeddings (or features) and probabilities",
        cost=f"O(n K) to rank, then O(β b² d) time per iteration of k-means ({PASSES} passes of mini-batches of {BATCH:,} when "
        f"β·b²·d is above {FULL:,}); O(n + β b d) memory",
        reference="Zhdanov, Diverse mini-batch active learning (2019), Algorithm 1; Zhan et al., A comparative survey of deep active learning "
        "(2022), section 2.2",
        cites=("zhdanov2019diverse", "zhan2022survey"),
        shines="Large batches: as cheap as an uncertainty ranking, without its near-duplicates.",
        fails="Where the filter cuts, a whole region can be lost; an over-confident model filters badly.",
        deviation="Two centroids with the same nearest sample take it and the next nearest, in turn. When no candidate is uncertain, all weigh the same.",
        options={
            "beta": "The filter: how many candidates are clustered for each label asked for (the paper: 10 to 50; 1 is plain uncertainty).",
            "base": "The uncertainty that ranks and weighs: 1 − margin as in the paper, 1 − p₁, or the entropy.",
        },
    )
    needs = ("embeddings", "probabilities")
    symmetries = frozenset({"classes"})

    def __init__(self, beta: float = 10.0, base: Base = "margin"):
        self.beta = number(f"{self.name}: beta", beta, 1)
        self.base = choice(f"{self.name}: base", base, get_args(Base))

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """One sample per centroid, in the order of the centroids. scores: the uncertainty of all candidates."""
        scores = finite(uncertainty(self.base, pool.probabilities), self.name)
        size = min(len(pool), int(self.beta * n_queries))
        kept = np.sort(ranking(scores, n=size))
        picks = kept[clustered(pool.restrict(pool.candidates[kept]).embeddings, n_queries, rng, pool.progress, scores[kept])]
        return Selection(pool.candidates[picks], spread(pool, scores))
