"""What a run hands to a store, and gets back from one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.loop.labels import Event
from alviz.loop.round import Round
from alviz.loop.script import Era
from alviz.strategies.base import Selection

Arrays = dict[str, NDArray[np.generic]]
"""A model as arrays of numbers."""


@dataclass(frozen=True, eq=False)
class Pending:
    """A query that waits for a person: its round, what was selected by which strategy, the seconds so far, and what was said already."""

    round: int
    selection: Selection
    strategy: str
    seconds: dict[str, float]
    events: tuple[Event, ...]


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A run as a store gives it back for a dataset: indices are that dataset's.

    joined: samples of the dataset that the store does not know; gone: unlabelled ones that it knows and the dataset has not; moved: there are such, or the order is
    another; bare: its rounds have neither probabilities (none are there: (0, K)) nor scores nor a confusion matrix. models: round -> the arrays of its model, for the last rounds, where the learner gives any.
    """

    id: str
    config: dict[str, Any]
    rounds: list[Round]
    events: list[Event]
    pending: Pending | None
    joined: int
    gone: int
    moved: bool
    bare: bool
    models: Mapping[int, Arrays]


class RunStore(Protocol):
    """Where runs are kept (alviz.studies.Store). Everything is written before the user sees it as done."""

    def create(self, config: dict[str, Any], dataset: Dataset) -> str:
        """Start a run; gives its id."""
        ...

    def commit(self, run: str, finished: Round, events: list[Event], model: Arrays | None) -> None:
        """Keep a finished round, its label events and its model, all or nothing; what was pending is done. Of models the last two are kept."""
        ...

    def keep_pending(self, run: str, pending: Pending, events: list[Event]) -> None:
        """Keep a query that waits for a person, and what they said so far; its round and later ones are no longer finished."""
        ...

    def append(self, run: str, events: Sequence[Event]) -> None:
        """Keep what a person said."""
        ...

    def add_class(self, run: str, index: int, name: str) -> None:
        """Keep the name of the class `index`, which was added on the way."""
        ...

    def move(self, run: str, dataset: Dataset, rounds: Sequence[Round], pending: Pending | None) -> None:
        """Keep the run over `dataset`, which has other unlabelled samples than the stored pool, or another order, from now on."""
        ...

    def truncate(self, run: str, event: Event, before: Sequence[Era]) -> None:
        """Drop the rounds after event.round; keep the undo event itself in the log, and what the rounds that stay were made with (see `Run.config`)."""
        ...
