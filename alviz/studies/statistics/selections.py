"""How much of what they chose to label arms have in common."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Labelled = Mapping[str, Mapping[int, Sequence[ArrayLike]]]
"""arm -> seed -> what each round labelled, round 0 first: dataset indices of the same pool everywhere."""


@dataclass(frozen=True, eq=False)
class Overlap:
    """arms: (A,). matrix: (A, A) mean Jaccard overlap |A ∩ B| / |A ∪ B|: of two arms with the same seed, and on the diagonal of one arm between two
    seeds; NaN where no two runs can be compared. runs: (A, A) pairs of runs behind each mean. up_to: the last round that counts.
    """

    arms: tuple[str, ...]
    matrix: NDArray[np.float64]
    runs: NDArray[np.int64]
    up_to: int


def selection_overlap(labelled: Labelled, up_to: int | None = None, first: int = 1) -> Overlap:
    """Mean Jaccard overlap of what runs labelled in the rounds `first` … `up_to` (None: the last round that any run has).

    Round 0 is left out by default: paired runs share their initial pool, which nobody selected; pass first=0 to compare initial pools. Runs that did not get
    as far as `up_to` are not compared. Raises ValueError where there is no run, or no round between the two.
    """
    longest = max((len(run) for runs in labelled.values() for run in runs.values()), default=0)
    last = longest - 1 if up_to is None else up_to
    if not first <= last < longest:
        raise ValueError(f"up_to: a round from {first} to {longest - 1} is wanted, got {last}")
    runs = [(i, seed, run[first : last + 1]) for i, arm in enumerate(labelled) for seed, run in labelled[arm].items() if len(run) > last]
    arm, seed = np.array([run[:2] for run in runs], dtype=np.int64).reshape(-1, 2).T
    shares = _jaccard([np.unique(np.concatenate([np.asarray(one, dtype=np.int64) for one in rounds])) for *_, rounds in runs])
    arms = tuple(labelled)
    matrix, counts = np.full((len(arms), len(arms)), np.nan), np.zeros((len(arms), len(arms)), dtype=np.int64)
    paired = np.where(
        arm[:, None] == arm, seed[:, None] < seed, seed[:, None] == seed
    )  # two seeds of one arm once each, two arms with the same seed
    for i, j in itertools.combinations_with_replacement(range(len(arms)), 2):
        found = shares[np.ix_(arm == i, arm == j)][paired[np.ix_(arm == i, arm == j)]]
        if len(found):
            matrix[i, j] = matrix[j, i] = found.mean()
            counts[i, j] = counts[j, i] = len(found)
    return Overlap(arms, matrix, counts, last)


def _jaccard(sets: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """(S, S) Jaccard overlaps of sets of indices, NaN for two empty ones: all at once, as products of their indicators."""
    from scipy import sparse

    ends = np.cumsum([0, *map(len, sets)])
    members = np.concatenate(sets) if sets else np.zeros(0, dtype=np.int64)
    shape = (len(sets), int(members.max(initial=-1)) + 1)
    indicators = sparse.csr_matrix((np.ones(len(members), dtype=np.int64), members, ends), shape=shape)
    both = (indicators @ indicators.T).toarray()
    either = np.diff(ends)[:, None] + np.diff(ends) - both
    return np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)
