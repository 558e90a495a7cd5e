"""Oracles: who answers a query. A simulated one knows the targets; a person may need time."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset

DONT_KNOW = -1
NOT_YET = -2


class Oracle(Protocol):
    """Answers queries. `annotator` names it in the label log ("simulated" for programs)."""

    annotator: str

    def ask(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """(b,) one answer per dataset index: a class index, DONT_KNOW (−1) or NOT_YET (−2, a person who has not answered)."""
        ...


class TrueLabels:
    """Answers with the dataset's targets, at once and without error; "don't know" where the target is unknown."""

    annotator = "simulated"

    def __init__(self, dataset: Dataset):
        self.targets = dataset.targets

    def ask(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """The targets of `indices`."""
        return self.targets[indices]


class NoisyOracle:
    """Answers with another class, uniformly chosen, for a share `noise` of the samples; asked twice about one sample it says the same.

    abstain: share of the samples it does not know. Raises ValueError for shares outside 0 … 1.
    """

    annotator = "simulated"

    def __init__(self, dataset: Dataset, noise: float = 0.1, abstain: float = 0.0, seed: int = 0):
        if not (0 <= noise <= 1 and 0 <= abstain <= 1):
            raise ValueError(f"noise and abstain must lie in 0 … 1, got {noise} and {abstain}")
        rng = np.random.default_rng([seed, 0x0AC])
        shift = rng.integers(1, max(dataset.n_classes, 2), size=len(dataset))
        wrong = rng.random(len(dataset)) < noise
        answers = np.where(wrong & (dataset.targets >= 0), (dataset.targets + shift) % dataset.n_classes, dataset.targets)
        self.answers = np.where(rng.random(len(dataset)) < abstain, DONT_KNOW, answers).astype(np.int64)

    def ask(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """The answers to `indices`."""
        return self.answers[indices]


class Person:
    """A person who answers when they like: `ask` gives what was said so far and NOT_YET for the rest. `annotator` is their name."""

    def __init__(self, annotator: str = "person", said: Mapping[int, int] | None = None):
        self.annotator = annotator
        self.said: dict[int, int] = dict(said or {})

    def tell(self, index: int, label: int) -> None:
        """Record the answer for one sample: a class index, or DONT_KNOW."""
        self.said[int(index)] = int(label)

    def ask(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """What was said about `indices`."""
        return np.array([self.said.get(int(i), NOT_YET) for i in indices], dtype=np.int64)
