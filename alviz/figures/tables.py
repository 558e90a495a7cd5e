"""Accuracies of several strategies after each selection, as in table 3.1 of paper 002, with intervals."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alviz.figures.base import NAME_WIDTH, SPACE, shorten


@dataclass(frozen=True)
class AccuracyCell:
    """Mean accuracy over `seeds` runs, in [0, 1] (NaN: none measured), and half the width of its 95 % interval (NaN: fewer than two runs)."""

    mean: float
    half_width: float
    seeds: int


@dataclass(frozen=True)
class AccuracyRow:
    """One strategy: a cell per selection."""

    strategy: str
    cells: tuple[AccuracyCell, ...]


def accuracy_table(accuracies: Mapping[str, NDArray[np.float64]]) -> list[AccuracyRow]:
    """Rows in the order given. accuracies: strategy -> (seeds, selections) in [0, 1], NaN = not measured (left out).

    The interval is Student's t for the mean: t(0.975, m − 1)·s/√m over the m measured seeds. Raises ValueError where shapes differ in selections.
    """
    widths = {np.shape(values)[1:] for values in accuracies.values()}
    if len(widths) > 1 or any(len(width) != 1 for width in widths):
        raise ValueError(
            f"accuracies: wanted (seeds, selections) with as many selections for each strategy, got {[np.shape(v) for v in accuracies.values()]}"
        )
    return [AccuracyRow(name, tuple(_cell(np.asarray(column)) for column in np.transpose(values))) for name, values in accuracies.items()]


def accuracy_html(rows: Sequence[AccuracyRow], first: int = 1) -> str:
    """The rows as an HTML table: strategies down, selections across from number `first`, per cent with one decimal, names escaped, numbers
    right-aligned, the best mean of each column in bold."""
    if not rows:
        return '<p class="alviz-empty">Step to fill the table.</p>'
    best = [max((row.cells[i].mean for row in rows if row.cells[i].seeds), default=None) for i in range(len(rows[0].cells))]
    head = "".join(f'<th scope="col" style="text-align:right">Selection {first + i}</th>' for i in range(len(best)))
    body = ""
    for row in rows:
        cells = "".join(f'<td style="text-align:right">{_shown(cell, best[i])}</td>' for i, cell in enumerate(row.cells))
        name = html.escape(shorten(row.strategy, NAME_WIDTH))
        body += f'<tr><th scope="row" style="text-align:left" title="{html.escape(row.strategy)}">{name}</th>{cells}</tr>'
    caption = f"<caption>{html.escape(accuracy_reading(rows, first))}</caption>"
    head = f'<tr><th scope="col" style="text-align:left">Strategy</th>{head}</tr>'
    return f'<table class="alviz-table">{caption}<thead>{head}</thead><tbody>{body}</tbody></table>'


def accuracy_reading(rows: Sequence[AccuracyRow], first: int = 1) -> str:
    """Who leads after the last measured selection, and whether the seeds decide it (intervals that do not overlap)."""
    measured = [i for i in range(len(rows[0].cells) if rows else 0) if any(row.cells[i].seeds for row in rows)]
    if not measured:
        return "No accuracy has been measured yet."
    last = measured[-1]
    ranked = sorted((row for row in rows if row.cells[last].seeds), key=lambda row: -row.cells[last].mean)
    leader, cell = ranked[0].strategy, ranked[0].cells[last]
    text = f"After selection {first + last} {leader} has {100 * cell.mean:.1f}{SPACE}%"
    if len(ranked) == 1:
        return text + "."
    second = ranked[1].cells[last]
    lead = f"{100 * (cell.mean - second.mean):.1f}"
    text += f", as many as {ranked[1].strategy}" if lead == "0.0" else f", {lead} points more than {ranked[1].strategy}"
    if cell.seeds < 2 or second.seeds < 2:
        return text + "; one seed decides nothing."
    apart = cell.mean - cell.half_width > second.mean + second.half_width
    return text + (
        f"; the 95{SPACE}% intervals over {cell.seeds} seeds lie apart."
        if apart
        else f"; the 95{SPACE}% intervals over {cell.seeds} seeds overlap."
    )


def _cell(values: NDArray[np.float64]) -> AccuracyCell:
    values = values[np.isfinite(values)]
    m = len(values)
    if m < 2:
        return AccuracyCell(float(values[0]) if m else float("nan"), float("nan"), m)
    from scipy.stats import t

    return AccuracyCell(float(values.mean()), float(t.ppf(0.975, m - 1) * values.std(ddof=1) / np.sqrt(m)), m)


def _shown(cell: AccuracyCell, best: float | None) -> str:
    if cell.seeds == 0:
        return "–"
    mean = f"{100 * cell.mean:.1f}"
    mean = f"<b>{mean}</b>" if cell.mean == best else mean
    if cell.seeds < 2:
        return mean
    return f"{mean} ± " + (f"{100 * cell.half_width:.1f}" if cell.half_width < 1 else "over 100")
