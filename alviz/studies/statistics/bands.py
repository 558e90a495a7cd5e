"""Means over seeds with bootstrap intervals."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 10_000
"""Bootstrap samples of an interval."""


@dataclass(frozen=True, eq=False)
class Band:
    """(…,) mean over seeds, low and high of its interval (NaN with fewer than two seeds), and seeds: how many were measured there."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    seeds: NDArray[np.int64]


def band(values: ArrayLike, level: float = 0.95, draws: int = DRAWS) -> Band:
    """Mean over the seeds (axis 0 of values (S, …)) with its bootstrap interval; what is NaN does not count there, and `seeds` says how many did.

    The expanded percentile interval (Hesterberg 2015, "What teachers should know about the bootstrap"): seeds are drawn with
    replacement `draws` times, and the quantiles are moved outwards so that the interval of a mean of n normal values is as wide as Student's.
    The plain percentile interval (Efron and Tibshirani 1993, chapter 13) is too narrow for few seeds: its 95 % are 83 % with five seeds and 90 % with
    ten; these are 91 % and 95 %. With fewer than five seeds it spans their
    values, and no bootstrap says more.
    The same values give the same interval. Differences between two arms of the same seeds make a paired interval.
    """
    table = np.asarray(values, dtype=np.float64)
    flat = table.reshape(len(table), math.prod(table.shape[1:]))
    mean, low, high = np.full((3, flat.shape[1]), np.nan)
    patterns, which = np.unique(np.isfinite(flat), axis=1, return_inverse=True)
    for k, seeds in enumerate(patterns.T):
        columns = which.reshape(-1) == k
        mean[columns], low[columns], high[columns] = _interval(flat[np.ix_(seeds, columns)], level, draws)
    shape = table.shape[1:]
    return Band(mean.reshape(shape), low.reshape(shape), high.reshape(shape), np.isfinite(table).sum(axis=0, dtype=np.int64))


def _interval(rows: NDArray[np.float64], level: float, draws: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(C,) mean, low and high over the n rows (n, C), all measured."""
    from scipy import special

    n = len(rows)
    nothing = np.full(rows.shape[1], np.nan)
    if n < 2:
        return (rows[0] if n else nothing), nothing, nothing
    tail = special.ndtr(math.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 - level) / 2))
    mean = rows.mean(axis=0)
    low, high = np.quantile(_shares(n, draws) @ (rows - mean), [tail, 1 - tail], axis=0) + mean
    return mean, low, high


@lru_cache(maxsize=32)
def _shares(n: int, draws: int) -> NDArray[np.float64]:
    """(draws, n) how often each of n seeds is in a bootstrap sample, over n."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=draws) / n
