"""Query strategies of coverage, started with nothing labelled."""

import copy
from dataclasses import replace
from functools import wraps
from typing import Any, ClassVar

import numpy as np

from alviz.data.dataset import Dataset
from alviz.initial.base import InitialPool, checked, table_of
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.arrays import Arrays
from alviz.strategies.base import QueryStrategy
from alviz.strategies.device import Indices
from alviz.strategies.herding import MaxHerding
from alviz.strategies.k_center import KCenter
from alviz.strategies.pool import PoolView
from alviz.strategies.probcover import ProbCover
from alviz.strategies.typiclust import TypiClust

NOTHING = np.empty(0, dtype=np.int64)


def card_of(strategy: type[QueryStrategy], idea: str, fails: str) -> Card:
    """The strategy's card, said of a start."""
    return replace(strategy.card, family="", idea=idea, needs="features (or the pixels of the images)", fails=fails)


class _FromNothing(InitialPool):
    """The strategy's own selection on the features (flattened pixels where there are none) while nothing is labelled; takes its parameters."""

    strategy: ClassVar[type[QueryStrategy]]
    made: Any

    def __init_subclass__(cls, **kwargs: object):
        @wraps(cls.strategy.__init__)
        def __init__(self: _FromNothing, **params: Any) -> None:
            self.made = cls.strategy(**params)

        cls.__init__ = __init__  # type: ignore[method-assign, assignment]
        super().__init_subclass__(**kwargs)

    def choose(self, dataset: Dataset, n: int, rng: np.random.Generator, progress: Progress = silent) -> Indices:
        """n distinct dataset indices in pick order. Raises ValueError for n outside 1 … len(dataset)."""
        checked(self, dataset, n)
        table = table_of(dataset)
        source = Arrays({"features": table, "embeddings": table})
        everyone = np.arange(len(dataset), dtype=np.int64)
        # What strategies share between the rounds of a run (clusters, a radius) comes from the pool's seed; a copy is asked for it, so that
        # what the strategy draws itself stays what it draws on arrays.
        seed = int(copy.deepcopy(rng).integers(2**31))
        pool = PoolView(source, everyone, NOTHING, NOTHING, dataset.n_classes, len(dataset), seed=seed, progress=progress)
        chosen: Indices = self.made.select(pool, n, rng).indices
        return chosen


class KCenterStart(_FromNothing):
    """k-center with no centre to begin with."""

    name = "k-center"
    strategy = KCenter
    card = card_of(
        KCenter,
        idea="Begin with the sample nearest to the middle of the pool, then take again and again the one that is farthest from all taken so far.",
        fails="Outliers come first, and they teach little about the rest.",
    )


class TypiClustStart(_FromNothing):
    """TypiClust with as many clusters as labels."""

    name = "typiclust"
    strategy = TypiClust
    card = card_of(
        TypiClust,
        idea="Cluster the pool into as many clusters as there will be labels, and take the most typical sample of each: the one whose neighbours are nearest.",
        fails="Features without clusters. Rare kinds share a cluster with a large one and are passed over.",
    )


class ProbCoverStart(_FromNothing):
    """ProbCover with nothing covered."""

    name = "probcover"
    strategy = ProbCover
    card = card_of(
        ProbCover,
        idea="Put a ball of one radius about every sample and take the centre of the ball that covers most samples that nobody has covered yet.",
        fails="Features whose neighbours are of other classes; the radius decides everything, and pseudo-labels decide the radius.",
    )

    def unmet(self, dataset: Dataset) -> str:
        """The number of classes, where the radius hangs on it and it is not known."""
        known = dataset.n_classes or self.made.n_clusters or self.made.delta is not None
        return "" if known else "the number of classes (or give `n_clusters`)"


class MaxHerdingStart(_FromNothing):
    """MaxHerding with nothing covered."""

    name = "max-herding"
    strategy = MaxHerding
    card = card_of(
        MaxHerding,
        idea="Take again and again the sample that raises the mean similarity of the pool to its nearest taken sample most: dense regions first, then the gaps.",
        fails="Rare kinds far from the bulk weigh little. A kernel too wide sees one blob, one too narrow sees none.",
    )
