"""The InitialPool contract: which samples are labelled before there is any model."""

from typing import ClassVar

import numpy as np

from alviz.data.dataset import Dataset
from alviz.progress import Progress, silent
from alviz.registry import Card, Registry
from alviz.strategies.device import Indices


class InitialPool:
    """Chooses the samples of round 0. Subclass it with a `name` and a `card`, and it is registered."""

    name: ClassVar[str] = ""
    card: ClassVar[Card]

    def __init_subclass__(cls, **kwargs: object):
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("name"):
            registry.add(cls.name, cls, cls.card)

    def choose(self, dataset: Dataset, n: int, rng: np.random.Generator, progress: Progress = silent) -> Indices:
        """n distinct dataset indices (1 ≤ n ≤ len(dataset), else ValueError); labels are not looked at."""
        raise NotImplementedError


registry: Registry[InitialPool] = Registry("initial pool", "alviz.initial")


def checked(dataset: Dataset, n: int) -> None:
    """Raises ValueError when n samples cannot be chosen from `dataset`."""
    if not 1 <= n <= len(dataset):
        raise ValueError(f"an initial pool of {n} samples cannot be chosen from the {len(dataset)} of dataset {dataset.name!r}")
