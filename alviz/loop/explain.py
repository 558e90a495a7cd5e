"""Why a sample was picked, or was not: what a run's records say about it, and the run without it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alviz.checks import whole
from alviz.data.dataset import Dataset
from alviz.loop.labels import WHAT_IF, Event, LabelState
from alviz.loop.ranks import chooser
from alviz.loop.round import Round
from alviz.loop.run import Run, strategy_name
from alviz.loop.signals import flattened
from alviz.strategies.arrays import Arrays
from alviz.strategies.device import Array, Indices
from alviz.strategies.pool import MissingSignal, PoolView

NEIGHBOURS = 5
"""Labelled samples that a sample is compared with."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a run's records say about one sample at one round.

    sample: dataset index. round: r, the one looked at. probabilities: (R, K) float32 of the sample under every round's model, R the finished rounds; row r − 1 is what the strategy saw when it
    chose round r. flips: the rounds whose model predicts another class than the one before it. score: in round r, NaN where it has none; rank: 1 = highest score,
    0 = none; tied: how many others have the same score; scored: how many have one. parts: what the score is made of, where the strategy says so and the records hold it.
    picked: the round that asked for it, −1 = none so far (it may lie after r); place: 1 = the first pick of that round, 0 = none; gain: of that pick, for greedy
    strategies, else NaN. since: the round since which it is labelled, −1 = not by the end of round r; label: its label then, or −1.
    left_out: it may not be asked for (any more). neighbours: (k,) the labelled samples (at the end of round r) nearest to it by
    Euclidean distance, nearest first, ties by lowest index; distances: (k,) float64; neighbour_labels: (k,). space: "features", or "pixels" where there are no features.
    """

    sample: int
    round: int
    probabilities: NDArray[np.float32]
    flips: tuple[int, ...]
    score: float
    rank: int
    tied: int
    scored: int
    parts: Mapping[str, float]
    picked: int
    place: int
    gain: float
    since: int
    label: int
    left_out: bool
    neighbours: Indices
    distances: NDArray[np.float64]
    neighbour_labels: Indices
    space: str


def explain(run: Run, round: int, sample: int) -> Explanation:
    """What `run` says about dataset index `sample` at `round`, from its records alone: nothing is trained or predicted.

    Raises ValueError for a round or a sample that there is not.
    """
    rounds = run.rounds
    r = whole("round", round, 0, len(rounds) - 1)
    i = whole("sample", sample, 0, len(run.dataset) - 1)
    state = _standing(run, r)
    probabilities = np.stack([finished.probabilities[i] for finished in rounds])
    said = probabilities.argmax(axis=1)
    score, rank, tied, scored = _placed(rounds[r].scores, i)
    picked = picked_in(rounds, i)
    asked = rounds[picked] if picked >= 0 else None
    place = 0 if asked is None else asked.queried.tolist().index(i) + 1
    near, distances, space = _nearest(run.dataset, state, i)
    return Explanation(
        sample=i,
        round=r,
        probabilities=probabilities,
        flips=tuple((np.flatnonzero(said[1:] != said[:-1]) + 1).tolist()),
        score=score,
        rank=rank,
        tied=tied,
        scored=scored,
        parts={} if rank == 0 else _parts(run, r, i),
        picked=picked,
        place=place,
        gain=math.nan if asked is None or asked.gains is None else float(asked.gains[place - 1]),
        since=-1 if state.ignored[i] else int(state.labelled_in_round[i]),
        label=int(state.labels[i]),
        left_out=bool(state.ignored[i]),
        neighbours=near,
        distances=distances,
        neighbour_labels=state.labels[near],
        space=space,
    )


def without(run: Run, sample: int) -> Run:
    """What if `sample` had not been picked: a fork from before the round that asked for it, which leaves it out of the pool.

    That is an "ignore" in the fork's label log, so the sample stays out as long as the fork is not undone to an earlier round; learners that train on the unlabelled pool
    do not see it either. Raises ValueError for a sample that was never picked, or that belongs to round 0, before which there is nothing to fork from.
    """
    i = whole("sample", sample, 0, len(run.dataset) - 1)
    r = picked_in(run.rounds, i)
    if r < 1:
        raise ValueError(
            f"sample {i} " + ("was never picked" if r < 0 else "is one of the initial pool: there is no round before it to go on from")
        )
    twin = run.fork(round=r - 1)
    left_out = Event(r - 1, i, "ignore", annotator=WHAT_IF)
    twin.state.append([left_out])
    if twin.store is not None and twin.id is not None:
        twin.store.append(twin.id, [left_out])
    return twin


def picked_in(rounds: Sequence[Round], sample: int) -> int:
    """The round that asked for a sample, −1 where none did."""
    return next((finished.index for finished in rounds if (finished.queried == sample).any()), -1)


def _standing(run: Run, r: int) -> LabelState:
    return LabelState(len(run.dataset), [event for event in run.state.events if event.round <= r])


def _placed(scores: NDArray[np.float64] | None, i: int) -> tuple[float, int, int, int]:
    """(score, rank, others tied with it, how many are scored)."""
    if scores is None:
        return math.nan, 0, 0, 0
    count = int(np.isfinite(scores).sum())
    if not np.isfinite(scores[i]):
        return math.nan, 0, 0, count
    return float(scores[i]), int((scores > scores[i]).sum()) + 1, int((scores == scores[i]).sum()) - 1, count


def _parts(run: Run, r: int, i: int) -> dict[str, float]:
    """What the score of round r is made of, from what the rounds have recorded; nothing where that is not enough."""
    dataset, state = run.dataset, _standing(run, r - 1)
    signals: dict[str, Array] = {"probabilities": run.rounds[r - 1].probabilities}
    if r > 1:
        signals["previous_probabilities"] = run.rounds[r - 2].probabilities
    if dataset.features is not None:
        signals["features"] = dataset.features
        if "embeddings" not in run.learner.provides:
            signals["embeddings"] = dataset.features
    labelled = state.labelled
    view = PoolView(
        Arrays(signals, None), state.candidates, labelled, state.labels[labelled], dataset.n_classes, len(dataset), seed=run.seed
    )
    own = chooser(run, r)
    strategy = None if own is None else own.fallback(view.provides)
    if strategy is None or strategy_name(strategy) != run.rounds[r].strategy:
        return {}
    try:
        parts = strategy.parts(view)
    except MissingSignal:
        return {}
    at = int(np.searchsorted(view.candidates, i))
    return {name: float(values[at]) for name, values in parts.items()}


def _nearest(dataset: Dataset, state: LabelState, i: int) -> tuple[Indices, NDArray[np.float64], str]:
    labelled = state.labelled[state.labelled != i]
    if dataset.features is not None:
        table, one, space = dataset.features[labelled], dataset.features[i], "features"
    else:
        assert dataset.images is not None
        table, one, space = flattened(dataset.images[labelled]), flattened(dataset.images[i : i + 1])[0], "pixels"
    distances = np.linalg.norm(table.astype(np.float64) - one.astype(np.float64), axis=1)
    first = np.argsort(distances, kind="stable")[:NEIGHBOURS]
    return labelled[first], distances[first], space
