"""Tracks: the runs on a page, and snapshots of one at one round."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.loop import Run
from alviz.loop.round import Round


@dataclass(frozen=True, eq=False)
class Track:
    """A run on the page: its label in legends, the labels it may spend in all, and the settings it was made with. duel: the runs that go in step, this one among
    them, or none. slot: the place of its colour in the palette, its own as long as it is on the page."""

    run: Run
    label: str
    budget: int
    config: dict[str, Any] = field(default_factory=dict)
    duel: tuple[Run, ...] = ()
    slot: int = 0

    @property
    def moved(self) -> tuple[Run, ...]:
        """What a step moves: the run, or all of its duel."""
        return self.duel or (self.run,)

    @property
    def planned(self) -> int:
        """R: the rounds that the budget allows."""
        budget = min(self.budget, len(self.run.dataset))
        return max(math.ceil((budget - self.run.n_initial) / self.run.n_queries), self.run.position, 0)


@dataclass(frozen=True, eq=False)
class View:
    """One run at one round, as a snapshot that a step under way does not change.

    rounds: all finished rounds; shown: the one looked at. labelled_in_round: (n,) int64, −1 = not labelled until the round looked at.
    """

    track: Track
    rounds: tuple[Round, ...]
    shown: int
    labelled_in_round: NDArray[np.int64]

    @classmethod
    def of(cls, track: Track, shown: int) -> "View":
        """The run of `track` as it stands now, at round `shown` (cut to the last one)."""
        rounds = track.run.rounds
        shown = max(0, min(shown, len(rounds) - 1))
        when = track.run.state.labelled_in_round.copy()
        when[when > shown] = -1
        return cls(track, rounds, shown, when)

    @property
    def dataset(self) -> Dataset:
        """The pool."""
        return self.track.run.dataset

    @property
    def round(self) -> Round:
        """The round looked at."""
        return self.rounds[self.shown]

    def status(self) -> str:
        """Where the run stands: "round r/R · n/N labels"."""
        budget = min(self.track.budget, len(self.dataset))
        return f"round {self.shown}/{self.track.planned} · {self.round.n_labelled:,}/{budget:,} labels"
