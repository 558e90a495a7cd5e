"""What a run hands to a store, and gets back from one."""

from dataclasses import dataclass
from typing import Any, Protocol

from alviz.data.dataset import Dataset
from alviz.loop.labels import Event
from alviz.loop.round import Round
from alviz.strategies.base import Selection


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
    """A run as a store gives it back for a dataset: indices are that dataset's. grown: the dataset has samples that the store does not know."""

    id: str
    config: dict[str, Any]
    rounds: list[Round]
    events: list[Event]
    pending: Pending | None
    grown: bool


class RunStore(Protocol):
    """Where runs are kept (alviz.studies.Store). Everything is written before the user sees it as done."""

    def create(self, config: dict[str, Any], dataset: Dataset) -> str:
        """Start a run; gives its id."""
        ...

    def commit(self, run: str, finished: Round, events: list[Event]) -> None:
        """Keep a finished round and its label events, all or nothing; what was pending is done."""
        ...

    def keep_pending(self, run: str, pending: Pending, events: list[Event]) -> None:
        """Keep a query that waits for a person, and what they said so far."""
        ...

    def truncate(self, run: str, event: Event) -> None:
        """Drop the rounds after event.round; keep the undo event itself in the log."""
        ...
