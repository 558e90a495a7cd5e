"""What the runs of a grid say, in the form that statistics take: arms, settings, curves, times and selections from the table and the store."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alviz.loop.metrics import ROUND_METRICS, SMALLER_IS_BETTER, metric_name
from alviz.loop.round import PHASES
from alviz.studies.grid import AXES, Cell, Comparison, Part
from alviz.studies.statistics import Curves, Times, time_per_phase
from alviz.studies.store import Store

if TYPE_CHECKING:
    import pandas as pd

ARMS = ("strategy", "learner", "initial", "n_queries", "imbalance")
"""Axes whose places can be compared with one another, seed by seed; what is left makes the settings."""


def varied(grid: Comparison) -> tuple[str, ...]:
    """The axes with more than one place, seeds left out."""
    return tuple(axis for axis in AXES if axis != "seed" and len(grid.axes[axis]) > 1)


def places(grid: Comparison, axis: str) -> list[Any]:
    """The labels along an axis, in the order of the grid."""
    return [place.label if isinstance(place, Part) else place for place in grid.axes[axis]]


def usual_arms(grid: Comparison) -> str:
    """What a grid compares, as long as nobody says otherwise: strategies, or the first axis of ARMS that has more than one place."""
    return next((axis for axis in ARMS if axis in varied(grid)), "strategy")


def reference_of(arms: Sequence[str]) -> str | None:
    """The arm that others are measured against unless one is chosen: random, where there is one."""
    return next((arm for arm in arms if arm == "random" or arm.startswith("random ")), None)


def metrics_of(found: "pd.DataFrame") -> list[str]:
    """The metrics that were measured in any round of a table of `compare.table`, the usual ones first."""
    usual = [metric_name(metric) for metric in ROUND_METRICS]
    others = [name for name in found if name not in (*AXES, "run", "round", "n_labelled", *usual) and not name.startswith("seconds_")]
    return [name for name in [*usual, *others] if name in found and found[name].notna().any()]


def settings_of(grid: Comparison, found: "pd.DataFrame", metric: str, arms: str | None = None) -> dict[str, Curves]:
    """Setting -> Curves of a metric, from a table of `compare.table`; settings in which nothing has been done yet are left out.

    arms: the axis that is compared (default: `usual_arms`). A setting is what the other axes of the grid say, in words. Budgets that only some of the arms have
    (as with batches of different size) are left out; where a run has not come so far yet there is NaN. Raises ValueError for another axis, and for a
    metric that no round has.
    """
    arms = _checked(grid, arms)
    if metric not in found or not found[metric].notna().any():
        raise ValueError(f"metric: {', '.join(metrics_of(found)) or 'none'} were measured, got {metric!r}")
    names, seeds = [str(place) for place in places(grid, arms)], np.array(grid.seeds)
    made = {}
    for setting, rows in _by_setting(grid, found, arms):
        tables = {
            str(arm): runs.pivot_table(index="seed", columns="n_labelled", values=metric, dropna=False)
            for arm, runs in rows.groupby(arms, sort=False)
        }
        budgets = _common([table.columns.to_numpy() for table in tables.values()])
        if len(budgets):
            nothing = np.full((len(seeds), len(budgets)), np.nan)
            values = {arm: tables[arm].reindex(index=seeds, columns=budgets).to_numpy() if arm in tables else nothing for arm in names}
            made[setting] = Curves(metric, budgets, seeds, values, metric not in SMALLER_IS_BETTER)
    return made


def times_of(grid: Comparison, found: "pd.DataFrame", arms: str | None = None) -> dict[str, Times]:
    """Setting -> seconds per phase of the runs that are finished, of all arms with at least one; from a table of `compare.table`."""
    arms = _checked(grid, arms)
    columns = [f"seconds_{phase}" for phase in PHASES]
    made = {}
    for setting, rows in _by_setting(grid, found, arms):
        spent = rows.reindex(columns=[arms, "seed", "round", *columns]).fillna(dict.fromkeys(columns, 0.0))
        last = spent["round"].max()
        seconds = {}
        for arm, runs in spent.groupby(arms, sort=False):
            table = np.full((len(grid.seeds), last + 1, len(PHASES)), np.nan)
            at = runs["seed"].map({seed: k for k, seed in enumerate(grid.seeds)}).to_numpy()
            table[at, runs["round"].to_numpy()] = runs[columns].to_numpy()
            if np.isfinite(table).all(axis=(1, 2)).any():
                seconds[str(arm)] = table
        if seconds:
            made[setting] = time_per_phase(seconds)
    return made


def selections_of(
    grid: Comparison, store: Store, setting: str, arms: str | None = None
) -> Mapping[str, Mapping[int, Sequence[NDArray[np.int64]]]]:
    """arm -> seed -> what each round of a setting labelled, as `statistics.selection_overlap` takes it."""
    arms = _checked(grid, arms)
    cells = {cell.key: cell for cell in grid.cells() if setting_of(grid, cell, arms) == setting}
    made: dict[str, dict[int, list[NDArray[np.int64]]]] = defaultdict(lambda: defaultdict(list))
    for key, number, chosen in store.queried(cells):
        if number <= grid.rounds:
            made[str(cells[key].label(arms))][cells[key].seed].append(chosen)
    order = [str(place) for place in places(grid, arms)]
    return {arm: dict(made[arm]) for arm in order if arm in made}


def setting_of(grid: Comparison, cell: Cell, arms: str) -> str:
    """A cell's setting in words: where it stands on the axes that are not compared, or its data where nothing else varies."""
    said = [axis for axis in varied(grid) if axis != arms]
    return ", ".join(_word(axis, cell.label(axis)) for axis in said or ["dataset"])


def _by_setting(grid: Comparison, found: "pd.DataFrame", arms: str) -> "Iterator[tuple[str, pd.DataFrame]]":
    said = [axis for axis in varied(grid) if axis != arms] or ["dataset"]
    for place, rows in found.groupby(said, sort=False):
        yield ", ".join(_word(axis, label) for axis, label in zip(said, place, strict=True)), rows


def _word(axis: str, label: Any) -> str:
    if axis == "n_queries":
        return f"{label} a round"
    return "as it is" if axis == "imbalance" and label == "none" else str(label)


def _common(budgets: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Ascending label counts at which no arm that went further is without a round."""
    union = np.unique(np.concatenate(budgets))
    kept = [np.isin(union, own) | (union > own.max()) for own in budgets]
    common: NDArray[np.int64] = union[np.logical_and.reduce(kept)]
    return common


def _checked(grid: Comparison, arms: str | None) -> str:
    if arms is None:
        return usual_arms(grid)
    if arms not in ARMS:
        raise ValueError(f"arms must be one of {', '.join(ARMS)}, got {arms!r}")
    return arms
