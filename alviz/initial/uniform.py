"""The initial pool that everybody uses: drawn at random."""

from typing import ClassVar

import numpy as np

from alviz.data.dataset import Dataset
from alviz.initial.base import InitialPool, checked
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.device import Indices


class Random(InitialPool):
    """Uniformly at random, without replacement."""

    name: ClassVar[str] = "random"
    card: ClassVar[Card] = Card(
        title="Random",
        idea="Draw the first samples uniformly, without replacement. The usual start, and the one every other start is measured against.",
        formula="P(x) = 1/N",
        needs="nothing",
        cost="O(N)",
        reference="Chandra et al. 2020, On Initial Pools for Deep Active Learning (the baseline)",
        cites=("chandra2020initial",),
        shines="Unbiased: the labelled set looks like the pool.",
        fails="Rare classes may be missed altogether when the budget is small.",
    )

    def choose(self, dataset: Dataset, n: int, rng: np.random.Generator, progress: Progress = silent) -> Indices:
        """n distinct dataset indices in the order drawn. Raises ValueError for n outside 1 … len(dataset)."""
        checked(self, dataset, n)
        return rng.choice(len(dataset), size=n, replace=False).astype(np.int64)
