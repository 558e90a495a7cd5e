"""Labelling: a person answers a run's queries one by one, and can take every answer back."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.loop.clock import CancelToken, OnPhase
from alviz.loop.keeping import RunStore
from alviz.loop.labels import Event, Kind, LabelState, standing
from alviz.loop.oracles import Person
from alviz.loop.run import PoolExhausted, Run
from alviz.progress import Progress


@dataclass(frozen=True)
class Standing:
    """Where a labelling stands. round: the one whose query waits. answered of asked: in this round. labelled, skipped, left_out ("none of these"), remaining: of the whole pool."""

    round: int
    answered: int
    asked: int
    labelled: int
    skipped: int
    left_out: int
    remaining: int


class Labelling:
    """A person labels the pool of `run`, whose oracle must be a Person.

    Every answer is in the run's store when the method that takes it returns, so a session can end anywhere and go on with `resume`. `proceed`
    trains and poses the next query once everything is answered. joined, gone: samples that came to the pool, or went from it, since the run was
    stored. Raises ValueError for a run whose oracle is a program.
    """

    def __init__(self, run: Run):
        if run.oracle.annotator == "simulated":
            raise ValueError("this run's labels come from a program: a person can go on only with a run that a person began")
        self.run = run
        self.annotator = run.oracle.annotator
        self.joined = self.gone = 0
        self._refresh()

    @classmethod
    def start(
        cls,
        dataset: Dataset,
        class_names: Sequence[str],
        *,
        annotator: str = "person",
        store: RunStore | None = None,
        **settings: Any,
    ) -> "Labelling":
        """A new session on `dataset` with the classes `class_names` (two at least; more can be added later). settings: as Run takes them.

        annotator: who answers. Raises ValueError for settings that cannot work.
        """
        names = [name.strip() for name in class_names]
        if len(names) < 2 or not all(names) or len(set(names)) < len(names):
            raise ValueError(f"class_names must be two different names or more, none of them empty, got {names}")
        run = Run(dataset.with_classes(names), oracle=Person(annotator), store=store, **settings)
        return cls(run)

    @classmethod
    def resume(cls, store: Any, run: str, dataset: Dataset, *, annotator: str | None = None) -> "Labelling":
        """The session `run` of a Store, where it stopped. dataset: its pool, to which samples may have been added; those without a label may be gone.

        annotator: who answers from now on, if it is somebody else. Raises ValueError for an unknown run, or one that a program has labelled.
        """
        oracle = None if annotator is None else Person(annotator)
        stored = store.load(run, dataset)
        if stored.config.get("annotator", "simulated") == "simulated":
            raise ValueError(f"run {run!r} was not labelled by a person")
        session = cls(Run.resume(stored, dataset, store=store, oracle=oracle))
        session.joined, session.gone = stored.joined, stored.gone
        return session

    # ---- where it stands -----------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> LabelState:
        """All that has been said, this round's answers included. (`run.state` has them once the round is finished.)"""
        return self._now

    @property
    def waiting(self) -> NDArray[np.int64]:
        """(m,) dataset indices that wait for an answer, in pick order."""
        if self.run.pending is None:
            return np.zeros(0, dtype=np.int64)
        asked = self.run.pending.selection.indices
        return asked[(self._now.labels[asked] < 0) & ~self._now.ignored[asked]]

    @property
    def exhausted(self) -> bool:
        """Whether every sample has an answer that a model has seen."""
        return self.run.pending is None and len(self._now.candidates) == 0

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """(K,) labels given to each class so far."""
        return np.bincount(self._now.labels[self._now.labelled], minlength=self.run.dataset.n_classes).astype(np.int64)

    def said(self, sample: int) -> Event | None:
        """What stands about a sample, or None."""
        return next((event for event in reversed(standing(self._now.events)) if event.sample == sample), None)

    def recent(self, most: int) -> list[Event]:
        """What stands about the samples that something was said about last, newest first."""
        last: dict[int, Event] = {}
        for event in reversed(standing(self._now.events)):
            if len(last) == most:
                break
            last.setdefault(event.sample, event)
        return list(last.values())

    def standing(self) -> Standing:
        """The numbers of the session."""
        asked = 0 if self.run.pending is None else len(self.run.pending.selection.indices)
        last = {event.sample: event.kind for event in standing(self._now.events)}
        kinds = list(last.values())
        return Standing(
            round=self.run.position + 1,
            answered=asked - len(self.waiting),
            asked=asked,
            labelled=len(self._now.labelled),
            skipped=kinds.count("skip"),
            left_out=kinds.count("ignore"),
            remaining=len(self._now.candidates),
        )

    # ---- answering -----------------------------------------------------------------------------------------------------------------

    def label(self, sample: int, label: int) -> None:
        """Class `label` for a sample that waits, or another label for one that has its answer. Raises ValueError for any other."""
        if not 0 <= label < self.run.dataset.n_classes:
            raise ValueError(f"label must lie in 0 … {self.run.dataset.n_classes - 1}, got {label}")
        self._say(sample, "label", label)

    def skip(self, sample: int) -> None:
        """The person does not know; the sample is not asked again. Raises ValueError for a sample that was never asked about."""
        self._say(sample, "skip")

    def ignore(self, sample: int) -> None:
        """None of the classes: the sample is left out. Raises ValueError for a sample that was never asked about."""
        self._say(sample, "ignore")

    def add_class(self, name: str) -> int:
        """A further class; gives its index. The model knows it from the next round on. Raises ValueError for a name that is empty or taken."""
        return self.run.add_class(name.strip())

    def undo(self) -> int | None:
        """Take the last answer back, again and again if need be; gives the sample. None where there is nothing to take back.

        The last answer of a finished round opens that round again: it is trained anew once everything is answered.
        """
        pending = self.run.pending
        if (pending is None or not standing(pending.events)) and self.run.position >= 0:
            self.run.reopen()
            pending = self.run.pending
        said = [] if pending is None else standing(pending.events)
        if pending is None or not said:
            return None
        sample = said[-1].sample
        self.run.record([Event(pending.round, sample, "undo", annotator=self.annotator)])
        self._refresh()
        return sample

    def proceed(self, *, on_phase: OnPhase | None = None, progress: Progress | None = None, cancel: CancelToken | None = None) -> None:
        """Train on what was answered and pose the next query, as far as either is due. Raises Cancelled when `cancel` was set; no answer is lost."""
        hooks: dict[str, Any] = {"on_phase": on_phase, "progress": progress, "cancel": cancel}
        if self.run.pending is not None and len(self.waiting) == 0:
            self.run.step(**hooks)
        if self.run.pending is None:
            with suppress(PoolExhausted):
                self.run.step(**hooks)
        self._refresh()

    # ---- inside --------------------------------------------------------------------------------------------------------------------

    def _say(self, sample: int, kind: Kind, label: int = -1) -> None:
        waits = sample in self.waiting
        if not waits and self.said(sample) is None:
            raise ValueError(f"sample {sample} does not wait for an answer")
        if self.run.pending is None:  # everything is answered and trained: a second thought opens the last round again
            self.run.reopen()
        assert self.run.pending is not None
        if kind == "label" and not waits:
            kind = "relabel"
        event = Event(self.run.pending.round, int(sample), kind, int(label), self.annotator)
        self.run.record([event])
        self._now.append([event])

    def _refresh(self) -> None:
        pending = self.run.pending
        events = [*self.run.state.events, *(() if pending is None else pending.events)]
        self._now = LabelState(len(self.run.dataset), events)
