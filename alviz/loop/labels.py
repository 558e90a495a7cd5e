"""The label log and the state that follows from it."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["label", "skip", "ignore", "relabel", "undo"]


WHAT_IF = "what if"
"""Who leaves a sample out of a branch, in its label log; a person in that it is no oracle's answer, and so is kept."""


@dataclass(frozen=True)
class Event:
    """One line of the append-only label log.

    round: the round in which it happened (for an "undo" of rounds: the round gone back to). sample: dataset index. kind: "label", "skip" (the annotator
    does not know), "ignore" (leave it out), "relabel" (a correction) or "undo": of the last thing said about `sample`, or, where that is −1, of
    all rounds after `round`. label: class index, −1 where there is none. annotator: who said it. time: seconds since the epoch.
    """

    round: int
    sample: int
    kind: Kind
    label: int = -1
    annotator: str = "simulated"
    time: float = field(default_factory=time.time)


class LabelState:
    """What the log says now. n: samples in the pool.

    labelled_in_round (n,) int64, −1 = unlabelled; labels (n,) int64, −1 = unknown; ignored (n,) bool: skipped or left out, never asked again.
    """

    def __init__(self, n: int, events: Iterable[Event] = ()):
        self.n = n
        self.events: list[Event] = []
        self._clear()
        self.append(events)

    def _clear(self) -> None:
        self.labelled_in_round: NDArray[np.int64] = np.full(self.n, -1, dtype=np.int64)
        self.labels: NDArray[np.int64] = np.full(self.n, -1, dtype=np.int64)
        self.ignored: NDArray[np.bool_] = np.zeros(self.n, dtype=bool)

    def append(self, events: Iterable[Event]) -> None:
        """Add events to the log and follow them. An "undo" of rounds takes back everything said after its round, relabels and ignores included."""
        fresh = list(events)
        self.events.extend(fresh)
        if any(event.kind == "undo" for event in fresh):
            self._clear()
            fresh = standing(self.events)
        for event in fresh:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        if event.kind in ("label", "relabel"):
            if self.labelled_in_round[event.sample] < 0:
                self.labelled_in_round[event.sample] = event.round
            self.labels[event.sample] = event.label
            self.ignored[event.sample] = False
        else:
            self.ignored[event.sample] = True

    @property
    def labelled(self) -> NDArray[np.int64]:
        """(l,) dataset indices with a label, ascending."""
        return np.flatnonzero((self.labelled_in_round >= 0) & ~self.ignored).astype(np.int64)

    @property
    def candidates(self) -> NDArray[np.int64]:
        """(m,) dataset indices that may be queried: unlabelled and not ignored, ascending."""
        return np.flatnonzero((self.labelled_in_round < 0) & ~self.ignored).astype(np.int64)


def standing(events: Iterable[Event]) -> list[Event]:
    """The events that no later "undo" has taken back, in order."""
    kept: list[Event] = []
    for event in events:
        if event.kind != "undo":
            kept.append(event)
        elif event.sample < 0:
            kept = [earlier for earlier in kept if earlier.round <= event.round]
        else:
            last = next((k for k in reversed(range(len(kept))) if kept[k].sample == event.sample), None)
            if last is not None:
                del kept[last]
    return kept


def said_by_people(events: Iterable[Event]) -> dict[int, Event]:
    """The last thing a person said about each sample and did not take back themselves: undoing a round never loses it."""
    by_people = [event for event in events if event.annotator != "simulated" and event.sample >= 0]
    return {event.sample: event for event in standing(by_people)}
