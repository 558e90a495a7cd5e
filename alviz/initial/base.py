"""The InitialPool contract: which samples are labelled before there is any model."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.initial.pictures import SIZE
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

    def unmet(self, dataset: Dataset) -> str:
        """What this pool needs and `dataset` does not have, in words ("images"); "" where it can choose."""
        return ""

    def choose(self, dataset: Dataset, n: int, rng: np.random.Generator, progress: Progress = silent) -> Indices:
        """n distinct dataset indices (1 ≤ n ≤ len(dataset), else ValueError); labels are not looked at."""
        raise NotImplementedError


registry: Registry[InitialPool] = Registry("initial pool", "alviz.initial")


def checked(pool: InitialPool, dataset: Dataset, n: int) -> None:
    """Raises ValueError when `pool` cannot choose n samples from `dataset`."""
    if not 1 <= n <= len(dataset):
        raise ValueError(f"an initial pool of {n} samples cannot be chosen from the {len(dataset)} of dataset {dataset.name!r}")
    missing = pool.unmet(dataset)
    if missing:
        raise ValueError(f"initial pool {pool.name!r} needs {missing}, which dataset {dataset.name!r} does not have")


PART = 1024
"""Pictures whose pixels are looked at together."""


def table_of(dataset: Dataset) -> NDArray[np.float32]:
    """(n, d) the features; where there are none the flattened pixels in [0, 1], of larger pictures the means of blocks, at most SIZE a side."""
    if dataset.features is not None:
        return dataset.features
    assert dataset.images is not None
    return np.concatenate([_pixels(dataset.images[start : start + PART]) for start in range(0, len(dataset), PART)])


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    step = -(-max(images.shape[1:3]) // SIZE)
    x = images.astype(np.float32) / np.float32(255)
    if step > 1:
        for axis in (1, 2):
            first = np.arange(0, x.shape[axis], step)
            width = np.diff(first, append=x.shape[axis]).astype(np.float32)
            x = np.add.reduceat(x, first, axis=axis) / width.reshape(-1, *[1] * (x.ndim - axis - 1))
    return x.reshape(len(x), -1)
