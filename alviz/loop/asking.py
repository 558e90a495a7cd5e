"""Asking: what the oracle answers to a query, and what of it is new to the log."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alviz.loop.labels import Event, Kind, said_by_people
from alviz.loop.oracles import DONT_KNOW, NOT_YET, Oracle
from alviz.strategies.device import Indices


def asked(
    oracle: Oracle, round: int, indices: Indices, said: Sequence[Event], log: Sequence[Event], n_classes: int
) -> tuple[Indices, list[Event]]:
    """(answers (b,), the events among them that are not in the log of this query yet) to the query `indices` of a round.

    What people said about a sample answers it again where the oracle has no answer yet. said: what they said since the query was posed; log: everything before. Raises ValueError for an oracle that gives no
    answer, or none that there is.
    """
    answers = np.array(oracle.ask(indices), dtype=np.int64)
    if answers.shape != indices.shape or answers.min(initial=0) < NOT_YET or answers.max(initial=0) >= n_classes:
        raise ValueError(f"the oracle must give one answer per query in −2 … {n_classes - 1}")
    here, ever = said_by_people(said), said_by_people(log)
    fresh = []
    for position, i in enumerate(indices.tolist()):
        if i in here:
            answers[position] = here[i].label
        elif answers[position] != NOT_YET:
            kind: Kind = "skip" if answers[position] == DONT_KNOW else "label"
            fresh.append(Event(round, i, kind, int(answers[position]), oracle.annotator))
        elif i in ever:
            answers[position] = ever[i].label
            fresh.append(replace(ever[i], round=round))
    return answers, fresh
