"""`alviz compare`: a grid of runs from the command line, and what came of it. `alviz runs`: what the store has."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from alviz.loop.curves import aubc
from alviz.studies.compare import Standing, go_on, standing, table
from alviz.studies.grid import AXES, Cell, Comparison
from alviz.studies.store import Store

EVERY = 0.5
"""Seconds between two looks at the store."""


def drive(grid: Comparison, store: Store, console: Console, **how: Any) -> Standing:
    """Work on a grid, with a bar that counts the rounds in the store; a cell that cannot be done is said at once."""
    before = standing(grid, store)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} rounds"),
        TimeRemainingColumn(),
    )
    over = threading.Event()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(grid.name or "comparing", total=before.rounds, completed=before.done)

        def watch() -> None:
            while not over.wait(EVERY):
                bar.update(task, completed=standing(grid, store).done)

        def told(cell: Cell, error: Exception | None) -> None:
            if error is not None:
                bar.console.print(f"{title(cell)}: {error}", style="red", markup=False)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            return go_on(grid, store, told=told, **how)
        finally:
            over.set()
            watcher.join()


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


def runs(store: Store, keep: Callable[[dict[str, Any]], bool]) -> tuple[RenderableType, list[dict[str, Any]]]:
    """(a table of the runs that `keep` lets through, newest first; the same as dicts)."""
    found = [flat(entry) for entry in store.runs()]
    found = [entry for entry in found if keep(entry)]
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("run", "began", "dataset", "learner", "strategy", "initial", "per round", "seed", "rounds", "by"):
        shown.add_column(heading, justify="right" if heading in ("per round", "seed", "rounds") else "left")
    for entry in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry["began"]))
        shown.add_row(*(Text(str(value)) for value in (entry["id"], when, *list(entry.values())[2:])))
    return shown, found


def flat(entry: dict[str, Any]) -> dict[str, Any]:
    """A run of the store as plain values: id, began, dataset, learner, strategy, initial, n_queries, seed, rounds, annotator."""
    config = entry["config"]
    parts = {part: (config.get(part) or {}).get("name", "not by name") for part in ("dataset", "learner", "strategy", "initial")}
    imbalance = ((config.get("dataset") or {}).get("params") or {}).get("imbalance")
    if imbalance not in (None, "none"):
        parts["dataset"] += f" ({imbalance})"
    numbers = {"n_queries": config["n_queries"], "seed": config["seed"], "rounds": entry["rounds"]}
    return {"id": entry["id"], "began": entry["began"], **parts, **numbers, "annotator": config.get("annotator", "simulated")}


def write(found: pd.DataFrame, path: str) -> None:
    """A table as .csv or .parquet. Raises ValueError for another ending, OSError where it cannot be written."""
    kind = Path(path).suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise ValueError(f"a table is written as .csv or .parquet, got {path!r}")
    found.to_csv(path, index=False) if kind == ".csv" else found.to_parquet(path, index=False)


def whole(grid: Comparison, store: Store) -> pd.DataFrame:
    """The table of a grid. Raises ValueError where nothing has been done yet."""
    found = table(grid, store)
    if len(found) == 0:
        raise ValueError("nothing of this grid has been done yet")
    return found
