"""A duel: several strategies from the same start, pool and seed, in step; what they picked together and apart, and random from the same start."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.initial.base import InitialPool, checked
from alviz.loop.clock import CancelToken
from alviz.loop.curves import jaccard
from alviz.loop.round import Round
from alviz.loop.run import PoolExhausted, Run
from alviz.progress import Progress, silent
from alviz.strategies.base import QueryStrategy

Hooks = Callable[[int, int], Mapping[str, Any]]
"""(k, count) -> on_phase, progress and cancel (as `Run.step` takes them) for the k-th of `count` parts of the work."""


# ---- in step -----------------------------------------------------------------------------------------------------------------------


def start_together(dataset: Dataset, strategies: Sequence[QueryStrategy], hooks: Hooks = lambda k, count: {}, **settings: Any) -> list[Run]:
    """One run per strategy, all after the same round 0; each picks as a `Run` of its own with these settings would.

    settings: learner, initial, n_queries, n_initial, seed, as of `Run`. Round 0 is made once for all strategies that train in the same way; one that changes training makes its own. Nothing is
    stored yet (see `Run.keep`). Raises what `Run` raises.
    """
    runs: list[Run] = []
    shared: Run | None = None
    for k, strategy in enumerate(strategies):
        if shared is not None and strategy.learner(shared.base_learner) is shared.base_learner:
            run = shared.fork(strategy=strategy)
            run.parent = None  # a run from the beginning, not a branch
        else:
            run = Run(runs[0].dataset if runs else dataset, strategy=strategy, **settings, **hooks(k, len(strategies)))
            if run.learner is run.base_learner:
                shared = run
        runs.append(run)
    return runs


def unfinished(runs: Sequence[Run], budget: int) -> list[Run]:
    """Those that may label more within `budget` labels in all."""
    return [run for run in runs if run.n_labelled < budget and len(run.state.candidates)]


def step_together(runs: Sequence[Run], budget: int, hooks: Hooks = lambda k, count: {}) -> None:
    """One round of every run that may label more, cut to the budget; where some are behind (a process was killed between two of them), of those only.

    All or none: when one fails or is cancelled, those that had finished the round go back. Raises PoolExhausted where none may label more.
    """
    left = unfinished(runs, budget)
    if not left:
        raise PoolExhausted("nothing is left to query: every sample of the pool is labelled or left out, or the budget is spent")
    before = min(run.position for run in left)
    moved = [run for run in left if run.position == before]
    try:
        for k, run in enumerate(moved):
            one_round(run, budget, **hooks(k, len(moved)))
    except BaseException:
        for run in moved:
            if run.position > before:
                run.goto(before)
        raise


def undo_together(runs: Sequence[Run]) -> None:
    """Take the last round back. Raises ValueError where there is only round 0."""
    last = max(run.position for run in runs)
    for run in runs:
        if run.position == last:
            run.undo()


def one_round(run: Run, budget: int, **hooks: Any) -> None:
    """One round, cut to what `budget` leaves."""
    if budget - run.n_labelled >= run.n_queries:
        run.step(**hooks)  # one round, also where the oracle does not know every answer
    else:
        run.run(until=budget, **hooks)


# ---- picks together and apart ------------------------------------------------------------------------------------------------------


def picked_when(runs: Sequence[Sequence[Round]], n: int) -> NDArray[np.int64]:
    """(S, n) the round in which each of S runs asked for each sample, −1 = never. runs: the finished rounds that count, of each run."""
    when = np.full((len(runs), n), -1, dtype=np.int64)
    for row, rounds in zip(when, runs, strict=True):
        for finished in rounds:
            row[finished.queried] = finished.index
    return when


@dataclass(frozen=True, eq=False)
class Parting:
    """What S runs had picked after the common start and up to a round: shared: by all, some: by more than one but not all, alone (S,): by one and no other; overlap:
    mean Jaccard overlap |A ∩ B| / |A ∪ B| of two of them, NaN as long as nobody has picked anything.
    """

    round: int
    shared: int
    some: int
    alone: NDArray[np.int64]
    overlap: float


def parting(when: NDArray[np.int64], round: int) -> Parting:
    """The picks of `picked_when` up to `round`, counted; round 0 is the common start and nobody's pick."""
    mine = (when >= 1) & (when <= round)
    times = mine.sum(axis=0)
    anybody, shared = int((times > 0).sum()), int((times == len(when)).sum())
    alone = (mine & (times == 1)).sum(axis=1)
    picks = [np.flatnonzero(row) for row in mine]
    overlap = np.mean([jaccard(a, b) for a, b in combinations(picks, 2)]) if anybody else np.nan
    return Parting(round, shared, anybody - shared - int(alone.sum()), alone, float(overlap))


def only_one_saw(runs: Sequence[Sequence[Round]], n: int) -> list[NDArray[np.int64]]:
    """For each of S runs the dataset indices that it asked for, after the common start, and no other run ever did; the most informative for the others first.

    Those are samples of classes that no other run has a label of, then those whose label the others' present models believe least (the largest probability that any of them gives it, lowest first;
    ties by lowest index). Samples without a label come last.
    """
    when = picked_when(runs, n)
    asked = when >= 0
    found = []
    for s, rounds in enumerate(runs):
        ids = np.flatnonzero((when[s] >= 1) & (asked.sum(axis=0) == 1))
        labels = given_labels(rounds, n)[ids]
        others = [run[-1] for k, run in enumerate(runs) if k != s]
        known = np.max([last.class_counts for last in others], axis=0) > 0
        believed = np.max([last.probabilities[ids, labels] for last in others], axis=0)
        rank = np.where(labels < 0, 2, np.where(known[labels], 1, 0))
        found.append(ids[np.lexsort((ids, believed, rank))])
    return found


def given_labels(rounds: Sequence[Round], n: int) -> NDArray[np.int64]:
    """(n,) what the oracle said in these rounds, −1 = no label."""
    labels = np.full(n, -1, dtype=np.int64)
    for finished in rounds:
        labels[finished.queried] = finished.labels
    return labels


# ---- random from the same start ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Expectation:
    """Random sampling from one start: n_labelled (R + 1,) labels after each round; metrics: name -> (S, R + 1), a row per seed."""

    n_labelled: NDArray[np.int64]
    metrics: Mapping[str, NDArray[np.float64]]

    @property
    def seeds(self) -> int:
        """S."""
        return len(next(iter(self.metrics.values())))


class SameStart(InitialPool):
    """The samples of another run's round 0."""

    def __init__(self, indices: NDArray[np.int64]):
        self.indices = indices

    def choose(self, dataset: Dataset, n: int, rng: np.random.Generator, progress: Progress = silent) -> NDArray[np.int64]:
        """Those samples."""
        checked(self, dataset, n)
        return self.indices.copy()


Measured = tuple[tuple[int, Mapping[str, float]], ...]
"""Labels and metrics after every round of a run."""


def random_run(like: Run, budget: int, seed: int, *, progress: Progress = silent, cancel: CancelToken | None = None) -> Measured:
    """Random sampling with `seed` from the labels of like's round 0, with its learner and batch size, up to `budget` labels; progress: share of the labels."""
    done = 0.0
    hooks: dict[str, Any] = {"progress": lambda share: progress(done), "cancel": cancel}
    run = Run(
        like.dataset,
        learner=like.base_learner,
        strategy="random",
        initial=SameStart(like.rounds[0].queried),
        n_queries=like.n_queries,
        n_initial=like.n_initial,
        seed=seed,
        **hooks,
    )
    while unfinished([run], budget):
        done = run.n_labelled / min(budget, len(like.dataset))
        one_round(run, budget, **hooks)
    return tuple((finished.n_labelled, finished.metrics) for finished in run.rounds)


def expectation(runs: Sequence[Measured]) -> Expectation:
    """The metrics of runs of one budget; rounds that not all have are left out."""
    shortest = min(map(len, runs))
    tables = {
        name: np.array([[metrics.get(name, np.nan) for _, metrics in run[:shortest]] for run in runs], dtype=np.float64)
        for name in runs[0][0][1]
    }
    return Expectation(np.array([labels for labels, _ in runs[0][:shortest]], dtype=np.int64), tables)
