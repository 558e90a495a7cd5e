"""How far the runs of a comparison are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alviz.figures import palette
from alviz.figures.base import CLEAR, SPACE, Drawing, axis, escape, label, layout, name_rows, nothing, percent, plural

MARKED_UP_TO = 30
"""Columns up to which there is room for a mark in every cell."""

TICKS = 15
"""Columns that have their number, at most."""


def grid_progress(
    rows: Sequence[str],
    columns: Sequence[str],
    done: NDArray[np.int64],
    wanted: int,
    failed: NDArray[np.bool_],
    chosen: tuple[int, int] | None = None,
) -> Drawing:
    """A cell per run, deeper: more of its rounds are done. done: (R, C) rounds of the run in that row and column, of `wanted`. failed: (R, C) it could not be made. chosen: the
    (row, column) that is marked.
    """
    if not len(rows) or not len(columns):
        return nothing("There is no run yet.", "progress")
    share = np.clip(done / wanted, 0, 1)
    state = [
        [
            "could not be made" if failed[i, j] else f"{min(int(done[i, j]), wanted)} of {wanted} rounds, round 0 included"
            for j in range(len(columns))
        ]
        for i in range(len(rows))
    ]
    hover = [[f"{escape(name)}<br>seed {escape(columns[j])}: {state[i][j]}" for j in range(len(columns))] for i, name in enumerate(rows)]
    finished = share >= 1
    marks = [(failed, "✗", palette.ACCENT), (finished & ~failed, "✓", "#FFFFFF")]
    data = [
        {
            "type": "heatmap",
            "z": share,
            "zmin": 0,
            "zmax": 1,
            "showscale": False,
            "xgap": 2 if len(columns) <= MARKED_UP_TO else 0,
            "ygap": 2,
            "colorscale": [(0.0, palette.faded("#808080", 0.16)), (0.001, palette.faded(palette.MAIN, 0.25)), (1.0, palette.MAIN)],
            "hoverinfo": "text",
            "text": hover,
        }
    ]
    for where, mark, color in marks:
        y, x = np.nonzero(where)
        if len(y) and len(columns) <= MARKED_UP_TO:
            data.append(
                {
                    "type": "scatter",
                    "mode": "text",
                    "x": x.astype(np.int32),
                    "y": y.astype(np.int32),
                    "text": [mark] * len(y),
                    "textfont": {"color": color, "size": 11},
                    "hoverinfo": "skip",
                }
            )
    shapes = []
    if chosen is not None:
        i, j = chosen
        box = {"x0": j - 0.5, "x1": j + 0.5, "y0": i - 0.5, "y1": i + 0.5}
        shapes = [{"type": "rect", **box, "line": {"color": palette.ACCENT, "width": 2}, "fillcolor": CLEAR}]
    every = max(1, -(-len(columns) // TICKS))
    ticks = list(range(0, len(columns), every))
    look = layout(
        "progress",
        xaxis=axis(
            "seed",
            showgrid=False,
            range=[-0.5, len(columns) - 0.5],
            tickvals=ticks,
            ticktext=[label(columns[j], 8) for j in ticks],
            tickmode="array",
            tickangle=0,
            fixedrange=True,
        ),
        yaxis={**name_rows([label(name, 40) for name in rows]), "fixedrange": True},
        shapes=shapes,
    )
    return Drawing({"data": data, "layout": look}, _reading(share, failed, wanted))


def _reading(share: NDArray[np.float64], failed: NDArray[np.bool_], wanted: int) -> str:
    runs, done = share.size, int((share >= 1).sum())
    text = f"{done:,} of {plural(runs, 'run')} {'is' if runs == 1 else 'are'} finished"
    if done < runs:
        text += f", {percent(float(share.mean()))} of all rounds"
    if failed.any():
        text += f"; {int(failed.sum())} could not be made"
    return f"{text}. A run has {plural(wanted - 1, 'round')} after round{SPACE}0; choose one to open it."
