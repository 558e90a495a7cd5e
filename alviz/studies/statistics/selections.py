"""How much of what they chose to label arms have in common."""

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
    arms = tuple(labelled)
    runs = [(i, seed, run[first : last + 1]) for i, arm in enumerate(arms) for seed, run in labelled[arm].items() if len(run) > last]
    arm, seed = np.array([run[:2] for run in runs], dtype=np.int64).reshape(-1, 2).T
    chosen = _Sets([np.unique(np.concatenate([np.asarray(one, dtype=np.int64) for one in rounds])) for *_, rounds in runs])
    sums, counts = np.zeros((len(arms), len(arms))), np.zeros((len(arms), len(arms)), dtype=np.int64)

    def count(i: NDArray[np.int64], j: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
        known = np.isfinite(shares)
        np.add.at(sums, (i[known], j[known]), shares[known])
        np.add.at(counts, (i[known], j[known]), 1)

    for one in np.unique(seed):  # two arms with the same seed
        rows = np.flatnonzero(seed == one)
        a, b = np.nonzero(~np.eye(len(rows), dtype=bool))
        count(arm[rows[a]], arm[rows[b]], chosen.jaccard(rows)[a, b])
    for i in range(len(arms)):  # two seeds of one arm, once each
        rows = np.flatnonzero(arm == i)
        a, b = np.triu_indices(len(rows), 1)
        count(arm[rows[a]], arm[rows[b]], chosen.jaccard(rows)[a, b])
    matrix = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return Overlap(arms, matrix, counts, last)


class _Sets:
    """Sets of indices as rows of a sparse table of indicators, so that overlaps are products."""

    def __init__(self, sets: list[NDArray[np.int64]]):
        from scipy import sparse

        ends = np.cumsum([0, *map(len, sets)])
        members = np.concatenate(sets) if sets else np.zeros(0, dtype=np.int64)
        self.sizes = np.diff(ends)
        shape = (len(sets), int(members.max(initial=-1)) + 1)
        self.table = sparse.csr_matrix((np.ones(len(members), dtype=np.int64), members, ends), shape=shape)

    def jaccard(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(m, m) overlaps of some of the sets, NaN for two empty ones."""
        some = self.table[rows]
        both = (some @ some.T).toarray()
        either = self.sizes[rows][:, None] + self.sizes[rows] - both
        return np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)
