"""Who beats whom: win, tie and loss at a margin, and the pairwise penalty matrix."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alviz.studies.statistics.curves import Curves, Measure, Settings, arms_of, per_run

MARGIN = 0.005
"""Half a point of accuracy: the margin of Zhan et al. 2022."""

DECIMALS = 12
"""Differences are compared after rounding to these, so that 0.605 − 0.600 is as large as 0.005."""


@dataclass(frozen=True, eq=False)
class WinTieLoss:
    """Pairwise outcomes. arms: (A,). settings: (N,). advantage: (N, A, A) how much better arm i was than arm j, mean over the seeds that both have; NaN
    without one, and on the diagonal. margin: the least advantage that wins. metric: what was measured.
    """

    arms: tuple[str, ...]
    settings: tuple[str, ...]
    advantage: NDArray[np.float64]
    margin: float
    metric: str

    @property
    def outcome(self) -> NDArray[np.float64]:
        """(N, A, A) 1 where arm i wins against arm j, 0 for a tie, −1 where it loses, NaN where they did not meet."""
        rounded = np.round(self.advantage, DECIMALS)
        won = (rounded >= self.margin).astype(np.float64) - (rounded <= -self.margin)
        return np.where(np.isnan(rounded), np.nan, won)

    def counts(self) -> NDArray[np.int64]:
        """(3, A, A) settings in which arm i wins against, ties with and loses to arm j."""
        outcome = self.outcome
        return np.stack([(outcome == kind).sum(axis=0) for kind in (1, 0, -1)]).astype(np.int64)

    def totals(self) -> NDArray[np.int64]:
        """(3, A) wins, ties and losses of each arm over all settings and opponents."""
        return self.counts().sum(axis=2)


@dataclass(frozen=True, eq=False)
class Penalties:
    """arms: (A,). settings: (N,). matrix: (A, A) P[i, j]: settings, in shares of their label budgets, in which arm i beats arm j significantly. compared:
    (A, A) the largest that P[i, j] could be: settings in which the two could be tested. overall: (A,) column means, lower is better.
    """

    arms: tuple[str, ...]
    settings: tuple[str, ...]
    matrix: NDArray[np.float64]
    compared: NDArray[np.int64]

    @property
    def overall(self) -> NDArray[np.float64]:
        return self.matrix.mean(axis=0)


def win_tie_loss(settings: Settings, measure: Measure = "aubc", margin: float = MARGIN) -> WinTieLoss:
    """Arm i wins against arm j in a setting where its mean is better by at least `margin` (Zhan et al. 2022, "A comparative survey of deep active
    learning", table 3: 0.5 points), over the seeds that both have; else it is a tie. Raises ValueError for fewer than two arms and a margin that is not positive.
    """
    arms = _pairable(settings)
    if not margin > 0:
        raise ValueError(f"margin must be above 0, got {margin}")
    advantage = np.full((len(settings), len(arms), len(arms)), np.nan)
    for n, curves in enumerate(settings.values()):
        worth = per_run(curves, measure)
        for i, j in itertools.permutations(range(len(arms)), 2):
            differences = curves.sign * (worth[arms[i]] - worth[arms[j]])
            shared = differences[np.isfinite(differences)]
            advantage[n, i, j] = shared.mean() if len(shared) else np.nan
    return WinTieLoss(arms, tuple(settings), advantage, margin, next(iter(settings.values())).metric)


def penalties(settings: Settings, reference: str | None = None, alpha: float = 0.05) -> Penalties:
    """The pairwise penalty matrix (Ash et al. 2020, "Deep batch active learning by diverse, uncertain gradient lower bounds", section 4).

    In every setting and at each of its |L| budgets, arm i gets 1/|L| against arm j where a two-sided paired t-test over the seeds finds it better
    (p < alpha). L: with a `reference` (random) the paper's, while learning still progresses: the rounds 1, 2, 4, … 2^(m − 1), m ≤ log2(n0), n0 the first
    round in which the reference's mean reaches 99 % of its last (of a metric where smaller is better: falls to 101 %); round 1 where that leaves none.
    Without a reference all rounds after round 0. Seeds that one of the two misses do not count; budgets where fewer than two are left favour
    nobody. There is no correction for testing many pairs. Raises ValueError for fewer than two arms, a single round, and a reference that is unknown or
    has no finished run.
    """
    from scipy import special

    arms = _pairable(settings)
    matrix, compared = np.zeros((len(arms), len(arms))), np.zeros((len(arms), len(arms)), dtype=np.int64)
    for name, curves in settings.items():
        rounds = _rounds(name, curves, reference)
        for i, j in itertools.permutations(range(len(arms)), 2):
            better = np.round(curves.sign * (curves.values[arms[i]] - curves.values[arms[j]])[:, rounds], DECIMALS)
            n = np.isfinite(better).sum(axis=0)
            better, n = better[:, n >= 2], n[n >= 2]
            if not len(n):
                continue
            mean = np.nanmean(better, axis=0)
            error = np.nanstd(better, axis=0, ddof=1) / np.sqrt(n)
            with np.errstate(divide="ignore", invalid="ignore"):  # all seeds alike: t is infinite, or undefined where all are level
                beats = special.stdtr(n - 1, -mean / error) < alpha / 2
            matrix[i, j] += beats.sum() / len(rounds)
            compared[i, j] += 1
    return Penalties(arms, tuple(settings), matrix, compared)


def _pairable(settings: Settings) -> tuple[str, ...]:
    arms = arms_of(settings)
    if len(arms) < 2:
        raise ValueError(f"at least two arms are wanted to compare, got only {arms[0]!r}")
    return arms


def _rounds(name: str, curves: Curves, reference: str | None) -> list[int]:
    """The rounds at which the arms of a setting are compared."""
    kept = curves.measured
    after: list[int] = (np.flatnonzero(kept[1:]) + 1).tolist()
    if not after:
        raise ValueError(f"setting {name!r}: nothing was measured after round 0, which the arms share")
    if reference is None:
        return after
    curves.check_arm(reference)
    table = curves.values[reference]
    finished = table[np.isfinite(table[:, kept]).all(axis=1)]
    if not len(finished):
        raise ValueError(f"setting {name!r}: no run of the reference {reference!r} is finished, so it cannot say while learning progresses")
    mean = curves.sign * finished.mean(axis=0)
    last = mean[kept][-1]
    reached = np.flatnonzero(mean >= last - 0.01 * abs(last))[0]
    return [2**k for k in range(int(np.log2(max(reached, 1))))] or [1]
