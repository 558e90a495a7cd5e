"""Random sampling: the baseline that every other strategy has to beat."""

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection
from alviz.strategies.pool import PoolView


class Random(QueryStrategy):
    name = "random"
    card = Card(
        title="Random",
        family="baseline",
        idea="Every candidate is as likely as any other.",
        formula="P(x) = 1/n",
        needs="nothing",
        cost="O(n)",
        reference="The baseline of every active-learning paper, from Lewis and Gale, A sequential algorithm for training text classifiers (1994), on",
        cites=("lewis1994sequential",),
        shines="Hard to beat while the model knows little, and it never biases the labelled set.",
        fails="It repeats the imbalance of the pool and spends labels on what the model already knows.",
    )
    symmetries = frozenset({"classes"})

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """n_queries candidates without replacement; nothing is scored."""
        return Selection(pool.candidates[rng.choice(len(pool), n_queries, replace=False)], np.full(pool.n, np.nan))
