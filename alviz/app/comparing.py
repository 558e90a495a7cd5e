"""`alviz compare`: a grid of runs from the command line, and what came of it."""

import threading
from collections import Counter
from typing import Any

import pandas as pd
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from alviz.loop.curves import aubc
from alviz.studies.compare import Standing, go_on, standing, table
from alviz.studies.grid import AXES, Cell, Comparison
from alviz.studies.store import Store

EVERY = 0.5
"""Seconds between two looks at the store."""


def drive(grid: Comparison, store: Store, console: Console, **how: Any) -> Standing:
    """Work on a grid, with a bar that counts the rounds in the store; the first cell that cannot be done for some reason is said at once, others are counted."""
    before = standing(grid, store)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} rounds"),
        TimeRemainingColumn(),
    )
    over = threading.Event()
    failures = Counter[str]()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(grid.name or "comparing", total=before.rounds, completed=before.done)

        def watch() -> None:
            while not over.wait(EVERY):
                bar.update(task, completed=standing(grid, store).done)

        def told(cell: Cell, error: Exception | None) -> None:
            if error is not None:
                failures[str(error)] += 1
                if failures[str(error)] == 1:
                    bar.console.print(f"{title(cell)}: {error}", style="red", markup=False)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            return go_on(grid, store, told=told, **how)
        finally:
            over.set()
            watcher.join()
            for error, many in failures.items():
                if many > 1:
                    bar.console.print(f"{many - 1:,} more, for the same reason as the first: {error}", style="red", markup=False)


def title(cell: Cell) -> str:
    """A cell in words."""
    return ", ".join(str(cell.label(axis)) for axis in AXES if axis != "seed") + f", seed {cell.seed}"


def summary(grid: Comparison, found: pd.DataFrame) -> RenderableType:
    """A row for every setting and strategy: means over the seeds, the best of a setting in bold."""
    several = [axis for axis in AXES if axis not in ("seed", "strategy") and found[axis].nunique() > 1]
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for axis in (*several, "strategy"):
        shown.add_column(axis)
    for heading in ("seeds", "labels", "accuracy", "mean over the budget", "seconds a run"):
        shown.add_column(heading, justify="right")
    for place, setting in found.groupby(several, sort=False) if several else [((), found)]:
        rows = []
        for strategy, runs in setting.groupby("strategy", sort=False):
            each = [one.sort_values("round") for _, one in runs.groupby("seed")]
            areas = [aubc(one[["n_labelled", "accuracy"]].to_numpy()) for one in each]
            seconds = sum(runs[column].sum() for column in runs if column.startswith("seconds_")) / len(each)
            final = sum(one.accuracy.iloc[-1] for one in each) / len(each)
            rows.append((strategy, len(each), int(runs.n_labelled.max()), final, sum(areas) / len(areas), seconds))
        best = max(row[4] for row in rows)
        for strategy, seeds, labels, final, area, seconds in rows:
            values = [str(strategy), str(seeds), f"{labels:,}", f"{final:.1%}", f"{area:.1%}", f"{seconds:.1f}"]
            shown.add_row(*map(str, place), *values, style="bold" if area == best else "")
    return shown


def whole(grid: Comparison, store: Store) -> pd.DataFrame:
    """The table of a grid. Raises ValueError where nothing has been done yet."""
    found = table(grid, store)
    if len(found) == 0:
        raise ValueError("nothing of this grid has been done yet")
    return found
