"""A comparison driven: what is still to do, the work, and the table of what came out."""

import itertools
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from alviz.studies.executors import Here, cluster, cores, hand_out, processes
from alviz.studies.grid import AXES, Cell, Comparison
from alviz.studies.store import Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Standing:
    """How far a grid is. cells, rounds: in all; finished: cells; done: rounds; failed: (cell, what went wrong)."""

    cells: int
    rounds: int
    finished: int
    done: int
    failed: list[tuple[Cell, Exception]] = field(default_factory=list)


def standing(grid: Comparison, store: Store) -> Standing:
    """How far a grid is, by what the store has."""
    counts = store.counts(cell.key for cell in grid.cells())
    wanted = grid.rounds + 1
    return Standing(
        cells=len(grid),
        rounds=len(grid) * wanted,
        finished=sum(count >= wanted for count in counts.values()),
        done=sum(min(count, wanted) for count in counts.values()),
    )


def go_on(
    grid: Comparison,
    store: Store,
    *,
    workers: int | None = None,
    threads: int = 1,
    scheduler: str = "",
    told: Callable[[Cell, "Exception | None"], None] = lambda cell, error: None,
    stop: threading.Event | None = None,
) -> Standing:
    """Begin a grid, or go on with it where it stopped, until every cell is done, has failed, or `stop` is set.

    workers: processes (default: one per core; 0: this process). threads: for arithmetic in each; another number may change the last digits of results. scheduler:
    the address of a Dask cluster, whose workers must reach the store; then workers and threads are its own. told(cell, error): a cell is done,
    or could not be. Every round is in the store as soon as the next is finished. Raises ValueError for a cluster that does not answer, or workers that keep dying.
    """
    store.keep_comparison(grid.key, grid.name, grid.spec())
    counts = store.counts(cell.key for cell in grid.cells())
    todo = [cell for cell in grid.cells() if counts.get(cell.key, 0) <= grid.rounds]
    failed: list[tuple[Cell, Exception]] = []

    def heard(cell: Cell, error: Exception | None) -> None:
        if error is not None:
            failed.append((cell, error))
        told(cell, error)

    executor: Callable[[], Any]
    if scheduler:
        executor = partial(cluster, scheduler)
    elif workers == 0:
        executor = partial(nullcontext, Here())
    else:
        executor = partial(processes, min(workers or cores(), max(len(todo), 1)), threads)
    hand_out(todo, grid.rounds, store.url, executor, heard, stop)
    reached = standing(grid, store)
    reached.failed = failed
    return reached


def table(grid: Comparison, store: Store) -> "pd.DataFrame":
    """One row per round of every cell that has begun: the axes of the grid by their labels, run (its id), round, n_labelled, every metric, seconds_<phase>.

    Rows are in the order of the cells; all but the seconds are the same whenever and wherever the grid was worked on.
    """
    import pandas as pd

    found: dict[str, list[tuple[str, int, dict[str, Any]]]] = {}
    for key, run, number, record in store.records(cell.key for cell in grid.cells()):
        if number <= grid.rounds:
            found.setdefault(key, []).append((run, number, record))
    cells = [cell for cell in grid.cells() if cell.key in found]
    if not cells:
        return pd.DataFrame(columns=[*AXES, "run", "round", "n_labelled"])
    rows = [row for cell in cells for row in found[cell.key]]
    columns: dict[str, list[Any]] = {axis: [cell.label(axis) for cell in cells for _ in found[cell.key]] for axis in AXES}
    columns |= {"run": [run for run, _, _ in rows], "round": [number for _, number, _ in rows]}
    return pd.DataFrame({**columns, **measured([record for _, _, record in rows])})


def measured(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """What rounds have measured, as columns: n_labelled, every metric, seconds_<phase>; NaN where a round has none. records: as the store gives them."""
    rows = [{**record["metrics"], **{f"seconds_{phase}": taken for phase, taken in record["seconds"].items()}} for record in records]
    names = dict.fromkeys(itertools.chain.from_iterable(rows))
    return {
        "n_labelled": [record["n_labelled"] for record in records],
        **{name: [row.get(name, math.nan) for row in rows] for name in names},
    }
