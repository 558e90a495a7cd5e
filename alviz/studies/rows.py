"""Rows of the store's tables: a round, a waiting query and the log as they are written, and what they say when they are read."""

import json
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from alviz.loop.keeping import Pending
from alviz.loop.labels import Event, standing
from alviz.loop.round import Round
from alviz.studies.packing import packed

BARE = ("queried", "labels", "class_counts", "recall")
"""What is kept of the arrays of a grid's round."""

WHOLE = ("queried", "labels", "class_counts", "probabilities", "recall", "confusion", "scores", "gains", "synthetic")


def round_row(finished: Round, bare: bool) -> dict[str, Any]:
    """A round but for its run: round, record, arrays."""
    record = {
        "strategy": finished.strategy,
        "note": finished.note,
        "n_labelled": finished.n_labelled,
        "metrics": dict(finished.metrics),
        "seconds": dict(finished.seconds),
        "cross_validated": finished.cross_validated,
    }
    arrays = {name: getattr(finished, name) for name in (BARE if bare else WHOLE) if getattr(finished, name) is not None}
    return {"round": finished.index, "record": json.dumps(record), "arrays": packed(arrays)}


def pending_row(pending: Pending) -> dict[str, Any]:
    """A waiting query but for its run: record, arrays."""
    selection = pending.selection
    record = {"round": pending.round, "strategy": pending.strategy, "seconds": dict(pending.seconds), "note": selection.note}
    arrays: dict[str, NDArray[Any]] = {"indices": selection.indices, "scores": selection.scores}
    more = {"gains": selection.gains, "synthetic": selection.synthetic}
    arrays |= {name: array for name, array in more.items() if array is not None}
    return {"record": json.dumps(record), "arrays": packed(arrays)}


def log_rows(run: str, events: Sequence[Event], first: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """Events as rows of the log, numbered from `first` on. names: the sample ids of the pool."""
    return [
        {
            "run": run,
            "seq": first + k,
            "round": e.round,
            "sample": None if e.sample < 0 else names[e.sample],
            "kind": e.kind,
            "label": e.label,
            "annotator": e.annotator,
            "time": e.time,
        }
        for k, e in enumerate(events)
    ]


def labelled(log: Sequence[Any]) -> list[str]:
    """The names of the samples that have a label, by the rows of the log."""
    number: dict[str | None, int] = {None: -1}
    events = [Event(e.round, number.setdefault(e.sample, len(number)), e.kind, e.label, e.annotator, e.time) for e in log]
    name = {k: sample for sample, k in number.items()}
    said = {event.sample: event for event in standing(events)}
    return [str(name[k]) for k, event in said.items() if event.kind in ("label", "relabel")]


def with_answers(rounds: Sequence[Round], log: Sequence[Event], time: float) -> list[Event]:
    """What a program answered in the rounds and what people said that still stands, in the order of the rounds. time: of the answers."""
    said = standing(log)
    known = {(event.round, event.sample) for event in said}
    answers = [
        Event(finished.index, i, "label" if label >= 0 else "skip", label, time=time)
        for finished in rounds
        for i, label in zip(finished.queried.tolist(), finished.labels.tolist(), strict=True)
        if (finished.index, i) not in known
    ]
    return sorted([*answers, *said], key=lambda event: event.round)
