"""Whether there are enough seeds to decide anything."""

import math
from dataclasses import dataclass

import numpy as np

from alviz.loop.metrics import difference_text
from alviz.studies.statistics.bands import band
from alviz.studies.statistics.curves import Curves, Measure, per_run
from alviz.studies.statistics.paired import pairs_of
from alviz.studies.statistics.wins import MARGIN

MOST = 10_000
"""Seeds beyond which no number is named."""


@dataclass(frozen=True)
class Doubt:
    """Why the seeds cannot decide. sentence: in words. seeds: the fewest that a pair of arms shares. needed: how many would probably do, None where that cannot be told
    or is out of reach.
    """

    sentence: str
    seeds: int
    needed: int | None


def seeds_to_test(comparisons: int, alpha: float = 0.05) -> int:
    """The fewest seeds with which an exact two-sided sign-flip test, whose smallest p-value with S seeds is 2 / 2^S, can reach alpha after Holm's correction
    for so many comparisons.
    """
    return math.ceil(math.log2(2 * comparisons / alpha))


def too_few(
    curves: Curves, measure: Measure = "aubc", reference: str | None = None, margin: float = MARGIN, alpha: float = 0.05
) -> Doubt | None:
    """Whether the seeds are too few to decide between all pairs of arms, or every arm and `reference`: None, or the doubt in a sentence.

    Two things can be wrong. No test can find anything: 2 / 2^S, times the number of comparisons, is above alpha. Or a difference stays open: its interval
    holds 0 and is wider to each side than `margin`, so that the arms can neither be told apart nor called level. The seeds needed follow from
    the widest of those: half the interval shrinks with the root of the seeds. Its spread is an estimate itself, hence "probably".
    Raises ValueError for an unknown reference, and where there is no pair.
    """
    pairs, worth = pairs_of(curves, reference), per_run(curves, measure)
    differences = np.stack([worth[a] - worth[b] for a, b in pairs], axis=1)
    found = band(differences, level=1 - alpha)
    seeds = int(found.seeds.min())
    to_test = seeds_to_test(len(pairs), alpha)
    among = "" if len(pairs) == 1 else f" among {len(pairs)} comparisons"
    if seeds == 0:
        a, b = pairs[int(found.seeds.argmin())]
        return Doubt(f"{a} and {b} have no finished run with the same seed, so nothing can be said of them.", 0, to_test)
    if seeds == 1:
        text = f"One seed decides nothing: there is no interval, and a test needs {to_test} seeds to find a difference{among}."
        return Doubt(text, 1, to_test)
    half = (found.high - found.low) / 2
    open_ = (found.low <= 0) & (found.high >= 0) & (half > margin)
    wanted = max(
        [
            to_test,
            seeds + 1 if open_.any() else 0,
            *(_seeds_for(float(np.nanstd(differences[:, p], ddof=1)), margin, alpha) for p in np.flatnonzero(open_)),
        ]
    )
    needed = wanted if wanted <= MOST else None
    would = f"about {needed} would probably do" if needed else f"more than {MOST:,} would be needed"
    if seeds < to_test:
        least = min(1.0, len(pairs) * 2 / 2**seeds)
        after = "" if len(pairs) == 1 else f" after Holm's correction for {len(pairs)} comparisons"
        tail = f"at least {to_test} are needed" + (
            "" if needed == to_test else f", and {would} to settle differences of {difference_text(margin, curves.metric)}"
        )
        return Doubt(
            f"{seeds} seeds cannot decide: the smallest p-value that they allow is {least:.2g}{after}, above {alpha:g}; {tail}.",
            seeds,
            needed,
        )
    if not open_.any():
        return None
    worst = int(np.where(open_, half, -np.inf).argmax())
    which = "the difference" if len(pairs) == 1 else f"{int(open_.sum())} of {len(pairs)} differences"
    text = f"{seeds} seeds leave {which} open: {' − '.join(pairs[worst])} is known to ±{difference_text(half[worst], curves.metric)} only, the margin is {difference_text(margin, curves.metric)}; {would}."
    return Doubt(text, seeds, needed)


def _seeds_for(spread: float, margin: float, alpha: float) -> int:
    """Seeds with which half a Student interval of differences of standard deviation `spread` is at most `margin`."""
    from scipy import special

    n = 2
    while n <= MOST and -special.stdtrit(n - 1, alpha / 2) * spread / math.sqrt(n) > margin:
        n += max(1, n // 100)
    return n
