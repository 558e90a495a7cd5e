"""Initial pools compared (paper 003): what is in each, and what becomes of the runs that start from it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.data.dataset import Dataset
from alviz.initial.base import InitialPool
from alviz.loop.clock import CancelToken
from alviz.loop.curves import jaccard
from alviz.loop.metrics import imbalance_ratio
from alviz.loop.round import PHASES
from alviz.loop.run import Run
from alviz.progress import Progress, silent
from alviz.strategies.base import QueryStrategy


@dataclass(frozen=True, eq=False)
class Contents:
    """What is in a pool. class_counts: (K,) samples per class, those of unknown class left out; covered: classes with at least one; ir: σ/μ of the
    counts, NaN where no class is known.
    """

    class_counts: NDArray[np.int64]
    covered: int
    ir: float


@dataclass(frozen=True, eq=False)
class Start:
    """A run from one initial pool and one seed. pool: its name. n_labelled, accuracy: (R + 1,) after every round; labelled: what each round labelled,
    dataset indices; contents: of the pool itself.
    """

    pool: str
    seed: int
    n_labelled: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    labelled: tuple[NDArray[np.int64], ...]
    contents: Contents


def first_samples(pool: InitialPool, dataset: Dataset, n: int, seed: int, progress: Progress = silent) -> NDArray[np.int64]:
    """(n,) what `pool` chooses in round 0 of a Run with that seed."""
    return pool.choose(dataset, n, np.random.default_rng([seed, 0, 1]), progress)


def contents(dataset: Dataset, indices: ArrayLike) -> Contents:
    """What is in the pool `indices`, by the dataset's targets."""
    targets = dataset.targets[np.asarray(indices, dtype=np.int64)]
    counts = np.bincount(targets[targets >= 0], minlength=dataset.n_classes).astype(np.int64)
    return Contents(counts, int((counts > 0).sum()), imbalance_ratio(counts))


def started(
    dataset: Dataset,
    pool: InitialPool,
    *,
    learner: Any,
    strategy: "str | QueryStrategy",
    n_initial: int,
    n_queries: int,
    rounds: int,
    seed: int,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Start:
    """A run from `pool` over `rounds` rounds after round 0; shorter where everything is labelled before."""
    done, at, told = 0, 0.0, 0.0

    def begins(phase: str) -> None:
        nonlocal at
        at = PHASES.index(phase) / len(PHASES)

    def report(share: float) -> None:
        nonlocal told  # phases report 0 once more before the next one begins
        told = max(told, min((done + at + share / len(PHASES)) / (rounds + 1), 1.0))
        progress(told)

    hooks: dict[str, Any] = {"on_phase": begins, "progress": report, "cancel": cancel}
    run = Run(dataset, learner=learner, strategy=strategy, initial=pool, n_initial=n_initial, n_queries=n_queries, seed=seed, **hooks)
    while run.position < rounds and len(run.state.candidates):
        done = run.position + 1
        run.step(**hooks)
    return Start(
        pool=pool.name,
        seed=seed,
        n_labelled=np.array([finished.n_labelled for finished in run.rounds], dtype=np.int64),
        accuracy=np.array([finished.metrics["accuracy"] for finished in run.rounds]),
        labelled=tuple(finished.queried for finished in run.rounds),
        contents=contents(dataset, run.rounds[0].queried),
    )


def overlap(a: Sequence[ArrayLike], b: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """(R + 1,) Jaccard overlap |A ∩ B| / |A ∪ B| of everything labelled up to each round. a, b: what each round labelled, dataset indices."""
    rounds = min(len(a), len(b))
    up_to = [[np.concatenate([np.asarray(one, dtype=np.int64) for one in run[: r + 1]]) for run in (a, b)] for r in range(rounds)]
    return np.array([jaccard(mine, its) for mine, its in up_to])


def together(starts: Iterable[Start], what: Callable[[Start], NDArray[Any]]) -> NDArray[Any]:
    """(S, R + 1) one row a start, cut to the shortest."""
    rows = [what(start) for start in starts]
    shortest = min(map(len, rows))
    return np.stack([row[:shortest] for row in rows])
