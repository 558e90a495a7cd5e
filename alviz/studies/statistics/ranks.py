"""Average ranks with the Friedman test and the Nemenyi critical difference."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alviz.studies.statistics.curves import Measure, Settings, arms_of, per_run
from alviz.studies.statistics.wins import DECIMALS


@dataclass(frozen=True, eq=False)
class Ranks:
    """Average ranks over blocks (a setting with a seed each).

    arms: (A,) best first. average: (A,) their average ranks, 1 the best. blocks: how many were ranked; left_out: how many were not, because an arm has
    no finished run there. chi2: Friedman's statistic, corrected for ties. f, p_value: Iman and Davenport's, of its distribution when all arms are alike,
    p_value never below what so few blocks can say.
    critical_difference: average ranks at least this far apart differ significantly (Nemenyi). cliques: the largest groups of neighbours that do not,
    two arms or more each; all arms where the test finds no difference at all (p_value ≥ alpha).
    """

    arms: tuple[str, ...]
    average: NDArray[np.float64]
    blocks: int
    left_out: int
    chi2: float
    f: float
    p_value: float
    alpha: float
    critical_difference: float
    cliques: tuple[tuple[str, ...], ...]


def average_ranks(settings: Settings, measure: Measure = "aubc", alpha: float = 0.05) -> Ranks:
    """Rank the arms in every setting and seed, ties sharing their ranks, and compare the averages (Demšar 2006, "Statistical comparisons of classifiers
    over multiple data sets", section 3.2.2: Friedman test with Iman and Davenport's F, Nemenyi's critical difference q_alpha √(k(k + 1) / 6N)).

    Demšar's blocks are data sets. Seeds of one setting are blocks as well, yet tell of that setting only: with one setting the result says which arms
    differ there. Blocks in which an arm misses are left out and counted. Raises ValueError for fewer than two arms, and where no block is whole.
    """
    from scipy import stats

    arms = arms_of(settings)
    k = len(arms)
    if k < 2:
        raise ValueError(f"at least two arms are wanted to rank, got only {arms[0]!r}")
    worth = [
        curves.sign * np.stack([found[arm] for arm in arms], axis=1) for curves in settings.values() for found in [per_run(curves, measure)]
    ]
    blocks = np.concatenate(worth)
    whole = np.isfinite(blocks).all(axis=1)
    n = int(whole.sum())
    if n == 0:
        raise ValueError("there is no setting and seed in which every arm has a finished run")
    ranked = stats.rankdata(-np.round(blocks[whole], DECIMALS), axis=1)
    average = ranked.mean(axis=0)
    middle = (k + 1) / 2
    spread = ((ranked - middle) ** 2).sum()  # n k (k² − 1) / 12 without ties
    chi2 = n**2 * (k - 1) * ((average - middle) ** 2).sum() / spread if spread else 0.0
    rest = n * (k - 1) - chi2
    f = (n - 1) * chi2 / rest if rest > 1e-9 else math.inf  # infinite: all blocks agree
    # F is an approximation, and 0 where all blocks agree; chance alone makes them agree once in k!^(n − 1), and no exact test goes below that
    least = math.exp((1 - n) * math.lgamma(k + 1))
    p_value = max(float(stats.f.sf(f, k - 1, (k - 1) * (n - 1))), least) if n > 1 else 1.0
    difference = critical_difference(k, n, alpha)
    order = np.argsort(average, kind="stable")
    names = tuple(arms[i] for i in order)
    cliques = _cliques(average[order], difference) if p_value < alpha else [(0, k)]
    groups = tuple(names[first:last] for first, last in cliques)
    return Ranks(names, average[order], n, len(blocks) - n, float(chi2), float(f), p_value, alpha, difference, groups)


def critical_difference(k: int, n: int, alpha: float = 0.05) -> float:
    """Nemenyi's critical difference between the average ranks of k arms over n blocks: q_alpha √(k(k + 1) / 6n), q_alpha the studentized range over √2."""
    from scipy import stats

    return float(stats.studentized_range.ppf(1 - alpha, k, np.inf) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n)))


def _cliques(average: NDArray[np.float64], difference: float) -> list[tuple[int, int]]:
    """(first, last + 1) of the largest runs of ascending average ranks that lie less than `difference` apart, two or more each."""
    found: list[tuple[int, int]] = []
    for first in range(len(average)):
        last = int(np.searchsorted(average, average[first] + difference, side="left"))
        if last - first > 1 and (not found or last > found[-1][1]):
            found.append((first, last))
    return found
