"""DropQuery: samples whose prediction does not survive the loss of most of their features."""

import numpy as np

from alviz.checks import number, whole
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.changed import answers, blocks, representatives
from alviz.strategies.device import Indices
from alviz.strategies.pool import PoolView


class DropQuery(QueryStrategy):
    name = "drop-query"
    card = Card(
        title="DropQuery (feature dropout)",
        family="hybrid",
        idea="Predict each sample a few times with most of its features set to 0: where most of these predictions differ from the full one, "
        "the model is unsure. Cluster those samples, and label the one nearest to each centroid.",
        formula="x is a candidate where |{m : argmax p(mask_m ⊙ x / (1 − rate)) ≠ argmax p(x)}| > M/2; then k-means on x/‖x‖ to b clusters",
        needs="features, and the model's predictions for changed features",
        cost="M + 1 predictions of the pool and O(n d M) random numbers; then k-means of the candidates, O(n d b) per iteration",
        reference="Gupte et al., Revisiting active learning in the era of vision foundation models (2024)",
        cites=("gupte2024dropquery",),
        shines="Few labels on frozen features of a large network, with a linear classifier.",
        fails="Features in which 0 has no meaning (raw measurements); a model that predicts one class whatever it sees.",
        deviation="The authors' code asks for fewer disagreements, down to one, until 25 candidates stand for each label asked for; where there are "
        "fewer candidates than labels it takes all of them and random others. Here more than half must disagree, as the paper has it; where "
        "fewer samples than labels do, those with the next largest number of disagreements join, all of them, before the clustering (with no "
        "disagreement at all this is k-means of the pool). Features are dropped as by a dropout layer, as in their code (what stays is divided by "
        "1 − rate); scikit-activeml's copy does not rescale. Clusters are of the features; theirs of the features brought to one scale.",
        options={
            "rate": "The share of a sample's features that is set to 0 at random.",
            "draws": "How many times each sample is predicted with features dropped.",
        },
    )
    needs = ("features", "predict")
    symmetries = frozenset({"classes"})

    def __init__(self, rate: float = 0.75, draws: int = 3):
        self.rate = number(f"{self.name}: rate", rate, 0.01, 0.99)
        self.draws = whole(f"{self.name}: draws", draws, 1)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Representatives of the samples with most disagreements. scores: the share of predictions that differ from the full one."""
        differ = self._disagreements(pool, rng)
        # More than half of the draws, or as many as n_queries samples reach.
        least = min(self.draws // 2 + 1, int(np.partition(differ, -n_queries)[-n_queries]))
        rows = np.flatnonzero(differ >= least)
        picks = representatives(pool, rows, n_queries, rng, lambda share: pool.progress(0.5 + 0.5 * share))
        return Selection(pool.candidates[picks], spread(pool, differ / self.draws))

    def _disagreements(self, pool: PoolView, rng: np.random.Generator) -> Indices:
        """(m,) in how many draws the prediction differs from the one for the full features."""
        x = pool.features
        differ = np.zeros(len(pool), dtype=np.int64)
        for part in blocks(np.arange(len(pool)), x.shape[1]):
            rows = np.ascontiguousarray(x[part])
            full = answers(pool, rows)
            kept = rows / rows.dtype.type(1 - self.rate)
            for draw in range(self.draws):
                pool.progress(0.5 * (part[0] + len(part) * draw / self.draws) / len(pool))
                stays = rng.random(rows.shape, dtype=np.float32) >= self.rate
                differ[part] += answers(pool, np.where(stays, kept, rows.dtype.type(0))) != full
        return differ
