"""Paired permutation tests between arms."""

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.studies.statistics.bands import Band, band
from alviz.studies.statistics.curves import Curves, Measure, per_run

EXACT_UP_TO = 14
"""Seeds up to which all sign flips are gone through."""

FLIPS = 9_999
"""Random sign flips with more seeds."""


@dataclass(frozen=True, eq=False)
class PairedTests:
    """Tests between pairs of arms.

    pairs: (P,) (a, b). advantage: Band (P,) how much better a was than b with the same seeds, its paired interval, and the seeds that both have.
    p_values, adjusted: (P,) two-sided, and after Holm's correction for all pairs that could be tested; NaN where they share no seed.
    exact: whether all sign flips were gone through.
    """

    pairs: tuple[tuple[str, str], ...]
    advantage: Band
    p_values: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    exact: bool

    def significant(self, alpha: float = 0.05) -> NDArray[np.bool_]:
        """(P,) whether the two arms differ at the family-wise level alpha."""
        return self.adjusted <= alpha


def pairs_of(curves: Curves, reference: str | None = None) -> tuple[tuple[str, str], ...]:
    """Every pair of arms, or every other arm with `reference`. Raises ValueError for an unknown reference, and where there is no pair."""
    if reference is not None:
        curves.check_arm(reference)
    pairs = [(arm, reference) for arm in curves.arms if arm != reference] if reference else itertools.combinations(curves.arms, 2)
    found = tuple((a, b) for a, b in pairs)
    if not found:
        raise ValueError(f"at least two arms are wanted to compare, got only {curves.arms[0]!r}")
    return found


def paired_tests(curves: Curves, measure: Measure = "aubc", reference: str | None = None) -> PairedTests:
    """Paired permutation (sign-flip) tests of what runs were worth, between all pairs of arms or of every arm against `reference`, with Holm's correction.

    Were two arms alike, each seed's difference could as well have had the other sign: the p-value is the share of sign flips whose mean is at least as far
    from 0 (Good 2005, "Permutation, parametric and bootstrap tests of hypotheses", chapter 3). Seeds that one of the two misses do not count.
    Raises ValueError for an unknown reference, and where there is no pair.
    """
    pairs, worth = pairs_of(curves, reference), per_run(curves, measure)
    differences = curves.sign * np.stack([worth[a] - worth[b] for a, b in pairs], axis=1)
    p_values = sign_flip(differences)
    return PairedTests(pairs, band(differences), p_values, holm(p_values), len(differences) <= EXACT_UP_TO)


def sign_flip(differences: ArrayLike) -> NDArray[np.float64]:
    """(P,) two-sided p-values of the columns of differences (S, P); NaN does not count, and a column without a value has no p-value.

    Exact up to 14 seeds; beyond, (1 + hits) / (1 + flips) over 9,999 random flips (Phipson and Smyth 2010, "Permutation P-values should never be
    zero"), the same ones for the same number of seeds.
    """
    table = np.asarray(differences, dtype=np.float64)
    known = np.isfinite(table)
    values = np.where(known, table, 0.0)  # a difference of 0 is not changed by its sign
    size = np.abs(values).sum(axis=0)
    signs = _signs(len(values))
    hits = (np.abs(signs @ values) >= np.abs(values.sum(axis=0)) - 1e-9 * size).sum(axis=0)  # equal sums differ by rounding
    p = hits / len(signs) if len(values) <= EXACT_UP_TO else (1 + hits) / (1 + len(signs))
    return np.where(known.any(axis=0), p, np.nan)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """(P,) p-values adjusted for testing all of them (Holm 1979): the i-th smallest of m becomes the largest of (m − j + 1) p_j, j ≤ i, at most 1; NaN stays."""
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full_like(p, np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN comes last
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return adjusted


@lru_cache(maxsize=4)
def _signs(n: int) -> NDArray[np.float64]:
    """(F, n) sign flips of n differences: all with the first sign kept (the others mirror them), or random ones."""
    if n > EXACT_UP_TO:
        return np.random.default_rng(0).choice([-1.0, 1.0], size=(FLIPS, n))
    return np.array([(1.0, *rest) for rest in itertools.product((1.0, -1.0), repeat=n - 1)])
