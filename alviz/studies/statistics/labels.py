"""Labels needed to reach a level, and labels saved against a reference."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alviz.studies.statistics.bands import Band, band
from alviz.studies.statistics.curves import Curves


@dataclass(frozen=True, eq=False)
class Reached:
    """Labels that each run needed to reach a level.

    labels: arm -> (S,) NaN where the run never reached it, or is not finished. told: arm -> (S,) whether the run says it: it reached the level, or
    went to the end without. shares: arm -> the share of the runs that say it which reached the level, NaN without one.
    """

    level: float
    labels: Mapping[str, NDArray[np.float64]]
    told: Mapping[str, NDArray[np.bool_]]

    @property
    def shares(self) -> dict[str, float]:
        reached = {arm: np.isfinite(labels) for arm, labels in self.labels.items()}
        return {arm: float(reached[arm][told].mean()) if told.any() else float("nan") for arm, told in self.told.items()}


@dataclass(frozen=True, eq=False)
class Saved:
    """Labels that each arm saved against `reference` on the way to `level`, seed by seed.

    arms: (A,) all but the reference. per_seed: (A, S) labels the reference needed minus those of the arm, a run that never reached the level counted
    with the whole budget; NaN where one of the two runs does not say it (and for all seeds of an arm where no run of the two reached the level).
    saved: Band (A,) over the seeds. both, only_arm, only_reference, neither: (A,) seeds in which these reached the level; where one alone did, the
    true saving or loss is larger than the one counted.
    """

    level: float
    reference: str
    arms: tuple[str, ...]
    per_seed: NDArray[np.float64]
    saved: Band
    both: NDArray[np.int64]
    only_arm: NDArray[np.int64]
    only_reference: NDArray[np.int64]
    neither: NDArray[np.int64]


def labels_to_reach(curves: Curves, level: float) -> Reached:
    """Labels at the first crossing of `level`, on the straight line between neighbouring measured rounds; what the first round reaches needs its labels."""
    finished = np.flatnonzero(curves.measured)[-1:]
    labels, told = {}, {}
    for arm, table in curves.values.items():
        labels[arm] = np.array([_crossing(curves.budgets, curves.sign * row, curves.sign * level) for row in table])
        told[arm] = np.isfinite(labels[arm]) | np.isfinite(table[:, finished]).any(axis=1)
    return Reached(level, labels, told)


def labels_saved(curves: Curves, level: float, reference: str) -> Saved:
    """Labels that every other arm saved against `reference` to reach `level`, with a paired bootstrap interval over the seeds.

    A run that never reaches the level needs an unknown number of labels beyond its budget. Leaving such seeds out would favour the arm that fails
    where it is hard; so it counts with the whole budget (the restricted mean of survival analysis: Royston and Parmar 2013, "Restricted mean
    survival time", BMC Medical Research Methodology 13:152): a saving that is at least as large in truth where the arm alone reached the level,
    a loss that is at least as large where the reference alone did, and nothing saved within the budget where neither did.
    Raises ValueError for an unknown reference, and where there is no other arm.
    """
    curves.check_arm(reference)
    arms = tuple(arm for arm in curves.arms if arm != reference)
    if not arms:
        raise ValueError(f"labels saved need an arm beside the reference {reference!r}, got none")
    found = labels_to_reach(curves, level)
    budget = float(curves.budgets[curves.measured][-1]) if curves.measured.any() else float("nan")
    its = found.labels[reference]
    rows, counts = [], []
    for arm in arms:
        mine, told = found.labels[arm], found.told[arm] & found.told[reference]
        a, b = np.isfinite(mine) & told, np.isfinite(its) & told
        saved = np.where(np.isfinite(its), its, budget) - np.where(np.isfinite(mine), mine, budget)
        rows.append(np.where(told & (a | b).any(), saved, np.nan))
        counts.append([(a & b).sum(), (a & ~b).sum(), (b & ~a).sum(), (told & ~a & ~b).sum()])
    per_seed, (both, only_arm, only_reference, neither) = np.stack(rows), np.array(counts, dtype=np.int64).T
    return Saved(level, reference, arms, per_seed, band(per_seed.T), both, only_arm, only_reference, neither)


def common_level(curves: Curves) -> float:
    """The best level that every finished run of every arm reaches, so that nothing has to be guessed beyond a budget; NaN without a finished run."""
    kept = curves.measured
    tables = [curves.sign * table[:, kept] for table in curves.values.values()]
    best = [row.max() for table in tables for row in table if np.isfinite(row).all()]
    return float(curves.sign * min(best)) if best else float("nan")


def _crossing(budgets: NDArray[np.int64], row: NDArray[np.float64], level: float) -> float:
    """Labels where the row first is at `level` or above it; NaN where it never is."""
    known = np.flatnonzero(np.isfinite(row))
    x, y = budgets[known], row[known]
    above = np.flatnonzero(y >= level)
    if not len(above):
        return float("nan")
    r = above[0]
    return float(x[0] if r == 0 else x[r - 1] + (level - y[r - 1]) / (y[r] - y[r - 1]) * (x[r] - x[r - 1]))
