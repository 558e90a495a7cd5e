"""What the paper benchmarks share: seeds over processes, intervals, Markdown tables, and the marked sections of docs/papers.md."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "papers.md"

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Interval:
    """A mean and half the width of its 95 % interval (Student's t; infinite for a single value)."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        """Lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + self.half

    def __str__(self) -> str:
        return f"{self.mean:.1f} ± {self.half:.1f}"

    def signed(self, digits: int = 1) -> str:
        """As text, with the sign written out, as differences need it."""
        return f"{self.mean:+.{digits}f} ± {self.half:.{digits}f}"


def interval(values: ArrayLike) -> Interval:
    """Mean of `values` (one per seed) with its 95 % interval."""
    from scipy.special import stdtrit

    values = np.asarray(values, dtype=np.float64)
    m = len(values)
    half = stdtrit(m - 1, 0.975) * values.std(ddof=1) / np.sqrt(m) if m > 1 else np.inf
    return Interval(float(values.mean()), float(half))


def verdict(difference: Interval) -> str:
    """What the seeds say about the claim that `difference` is above 0."""
    if difference.low > 0:
        return "reproduced"
    if difference.high < 0:
        return "contradicted"
    return "same ordering, not decided" if difference.mean > 0 else "not reproduced"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, columns padded so that it can be read in a terminal too; the first column to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[c]) for row in cells) for c in range(len(head))]
    lines = [
        " | ".join(cell.ljust(w) if c == 0 else cell.rjust(w) for c, (cell, w) in enumerate(zip(row, widths, strict=True))) for row in cells
    ]
    rule = " | ".join("-" * w if c == 0 else "-" * (w - 1) + ":" for c, w in enumerate(widths))
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))


def over_processes(work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, title: str) -> list[Result]:
    """`work(task)` for every task, in the order of the tasks, over `jobs` processes, with a bar that shows the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        if jobs == 1:
            return [work(task) for task in progress.track(tasks, description=title)]
        # The arrays are small and the processes many: BLAS threads would only fight over the cores. New processes read this when they start.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            return list(progress.track(pool.map(work, tasks), total=len(tasks), description=title))


def write_section(name: str, text: str, document: Path = DOCUMENT) -> None:
    """Replace what stands between the markers `<!-- name -->` and `<!-- /name -->`. Raises ValueError where the document lacks them."""
    whole = document.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if whole.count(begin) != 1 or whole.count(end) != 1:
        raise ValueError(f"{document} needs the markers {begin} and {end} once each")
    before, rest = whole.split(begin)
    document.write_text(f"{before}{begin}\n{text.strip()}\n{end}{rest.split(end)[1]}", encoding="utf-8")
    print(f"written to {document}, section {name}")
