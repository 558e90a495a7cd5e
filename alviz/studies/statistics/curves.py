"""Curves of paired runs, and what each run was worth: one number per seed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alviz.loop.curves import aubc, final_value, mean_gain

Measure = Literal["aubc", "final"]
"""What a run was worth: its AUBC (area under the budget curve over the budget range), or the value after its last round."""

_MEASURES = {"aubc": aubc, "final": final_value}


@dataclass(frozen=True, eq=False)
class Curves:
    """One metric over the rounds of paired runs.

    metric: its name. budgets: (R,) labels after each round, ascending. seeds: (S,), all different. values: arm -> (S, R) float64, row s belongs
    to seeds[s] in every arm; NaN: the metric was not measured there (a whole row: the arm has no run with that seed). larger_is_better: as it says.
    Raises ValueError where shapes do not fit, budgets do not ascend, a seed is there twice, or a value is infinite.
    """

    metric: str
    budgets: NDArray[np.int64]
    seeds: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    larger_is_better: bool = True

    def __post_init__(self) -> None:
        budgets, seeds = np.asarray(self.budgets, dtype=np.int64), np.asarray(self.seeds, dtype=np.int64)
        values = {arm: np.asarray(table, dtype=np.float64) for arm, table in self.values.items()}
        if budgets.ndim != 1 or not len(budgets) or (np.diff(budgets) <= 0).any():
            raise ValueError(f"budgets: one ascending label count per round is wanted, got {budgets.tolist()}")
        if seeds.ndim != 1 or not len(seeds) or len(np.unique(seeds)) != len(seeds):
            raise ValueError(f"seeds: at least one is wanted, and each once, got {seeds.tolist()}")
        if not values:
            raise ValueError("values: at least one arm is wanted, got none")
        for arm, table in values.items():
            if table.shape != (len(seeds), len(budgets)):
                raise ValueError(f"values[{arm!r}]: (seeds, rounds) = {(len(seeds), len(budgets))} is wanted, got {table.shape}")
            if np.isinf(table).any():
                raise ValueError(f"values[{arm!r}]: an infinite {self.metric} cannot be compared")
        for name, checked in (("budgets", budgets), ("seeds", seeds), ("values", values)):
            object.__setattr__(self, name, checked)

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms, in their order."""
        return tuple(self.values)

    @property
    def sign(self) -> float:
        """1.0, or −1.0 where smaller is better: sign · (a − b) > 0 says that a is better than b."""
        return 1.0 if self.larger_is_better else -1.0

    @property
    def measured(self) -> NDArray[np.bool_]:
        """(R,) the rounds in which at least one run of any arm was measured."""
        found: NDArray[np.bool_] = np.isfinite(np.concatenate(list(self.values.values()))).any(axis=0)
        return found

    def check_arm(self, arm: str) -> None:
        """Raises ValueError where there is no such arm."""
        if arm not in self.values:
            raise ValueError(f"there is no arm {arm!r}; there are {', '.join(self.arms)}")


def common_seeds(curves: Curves) -> Curves:
    """The finished runs alone, of the seeds that all arms with a finished run have finished (where there is no such seed: of all).

    While a comparison is under way its arms stand at different seeds, and means over different pools would be compared; a run that is not at its end yet has
    reached a level only if it was quick.
    """
    kept = curves.measured
    whole = {arm: np.isfinite(table[:, kept]).all(axis=1) & kept.any() for arm, table in curves.values.items()}
    common = np.logical_and.reduce([done for done in whole.values() if done.any()] or [np.zeros(len(curves.seeds), dtype=bool)])
    values = {arm: np.where((whole[arm] & (common | ~common.any()))[:, None], table, np.nan) for arm, table in curves.values.items()}
    return replace(curves, values=values)


Settings = Mapping[str, Curves]
"""Setting (dataset, imbalance, learner, batch size …) -> its curves; the same arms everywhere."""


def arms_of(settings: Settings) -> tuple[str, ...]:
    """The arms of all settings, in the order of the first. Raises ValueError without a setting, and where the arms, the metric or its direction differ."""
    if not settings:
        raise ValueError("settings: at least one is wanted, got none")
    name, first = next(iter(settings.items()))
    for other, curves in settings.items():
        if set(curves.arms) != set(first.arms):
            raise ValueError(f"settings {name!r} and {other!r} have different arms: {', '.join(first.arms)} and {', '.join(curves.arms)}")
        if (curves.metric, curves.larger_is_better) != (first.metric, first.larger_is_better):
            raise ValueError(f"settings {name!r} and {other!r} have different metrics: {first.metric} and {curves.metric}")
    return first.arms


def per_run(curves: Curves, measure: Measure = "aubc") -> dict[str, NDArray[np.float64]]:
    """arm -> (S,) what each run was worth, in the unit of the metric; NaN where the run misses a round that others have (it is not finished).

    Rounds in which no run at all was measured are left out. An AUBC needs two rounds. Raises ValueError for an unknown measure.
    """
    if measure not in _MEASURES:
        raise ValueError(f"measure must be {' or '.join(map(repr, _MEASURES))}, got {measure!r}")
    kept, worth = curves.measured, _MEASURES[measure]
    budgets = curves.budgets[kept]
    found = {}
    for arm, table in curves.values.items():
        whole = np.isfinite(table[:, kept]).all(axis=1)
        found[arm] = np.array([worth(np.stack([budgets, row], axis=1)) for row in table[:, kept]])
        found[arm][~whole] = np.nan
    return found


def mean_gains(curves: Curves, reference: str) -> dict[str, NDArray[np.float64]]:
    """arm -> (S,) mean over the selections of how much better the arm was than `reference` with the same seed and as many labels; of all but the reference.

    As tables 3.2, 4.1 and 4.2 of paper 002 ("average improvement over all selections"): round 0 is no selection and is left out. Positive: better, also for metrics where smaller is better. NaN where either run misses a round that others have.
    Raises ValueError for an unknown reference.
    """
    curves.check_arm(reference)
    kept = curves.measured
    kept[0] = True  # mean_gain takes the first row for round 0
    budgets = curves.budgets[kept]
    pairs = {arm: zip(table[:, kept], curves.values[reference][:, kept], strict=True) for arm, table in curves.values.items()}
    gains = {
        arm: [mean_gain(np.stack([budgets, mine], axis=1), np.stack([budgets, its], axis=1)) for mine, its in rows]
        for arm, rows in pairs.items()
        if arm != reference
    }
    return {arm: curves.sign * np.array(found) for arm, found in gains.items()}
