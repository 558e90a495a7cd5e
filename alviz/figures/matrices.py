"""Arms against arms: who wins, who is beaten, and who chooses the same."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.figures import palette
from alviz.figures.base import SPACE, Drawing, axis, escape, label, layout, nothing, percent, plural, shorten
from alviz.loop.metrics import difference_text
from alviz.studies.statistics import Overlap, Penalties, WinTieLoss

LONG_UP_TO, SHORT_UP_TO = 7, 15
"""Arms up to which cells hold long texts (7–2–1) and short ones (+6); with more the colours speak, and hovering."""

DEEP = 0.6
"""The deepest colour, through which the page's own text colour is still read in light and in dark."""

LOSS = palette.class_colors(2)[1]


def win_tie_loss_map(found: WinTieLoss) -> Drawing:
    """Rows against columns: settings won, tied and lost at the margin, summed over the settings; blue: the row wins more, orange: it loses more.

    Arms with the most wins over losses come first; the column "all" sums each row. Cells of up to seven arms read wins–ties–losses, of up to fifteen wins − losses.
    """
    revision = "win tie loss"
    wins, ties, losses = found.counts()
    played = wins + ties + losses
    if not played.any():
        return nothing("No two of them have a finished run with the same seed yet.", revision)
    order = np.argsort(-(wins - losses).sum(axis=1), kind="stable")
    arms = [found.arms[i] for i in order]
    wins, ties, losses = (counts[np.ix_(order, order)] for counts in (wins, ties, losses))
    wins, ties, losses = (np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1) for counts in (wins, ties, losses))
    played = wins + ties + losses
    net = np.divide(wins - losses, played, out=np.full(played.shape, np.nan), where=played > 0)
    long = len(arms) <= LONG_UP_TO
    texts = [
        [_outcome(w, t, lost, long) if w + t + lost else "" for w, t, lost in zip(*row, strict=True)]
        for row in zip(wins, ties, losses, strict=True)
    ]
    columns = [*arms, "all"]
    hover = [
        [
            f"{escape(arm)} against {escape(other)}<br>{w} won, {t} tied, {lost} lost" if w + t + lost else ""
            for other, w, t, lost in zip(columns, *row, strict=True)
        ]
        for arm, row in zip(arms, zip(wins.tolist(), ties.tolist(), losses.tolist(), strict=True), strict=True)
    ]
    scale = [(0.0, palette.faded(LOSS, DEEP)), (0.5, palette.faded(palette.POOL, 0.08)), (1.0, palette.faded(palette.MAIN, DEEP))]
    figure = _matrix(revision, arms, columns, net, (-1.0, 1.0), scale, texts, hover, "against", gap_before=len(arms))
    first, last = (f"{wins[i, -1]}–{ties[i, -1]}–{losses[i, -1]}" for i in (0, -1))
    where = plural(len(found.settings), "setting")
    text = f"{shorten(arms[0])} has the best balance of wins, ties and losses ({first}), {shorten(arms[-1])} the worst ({last})"
    return Drawing(figure, f"{text}, over {where} at a margin of {difference_text(found.margin, found.metric)}.")


def penalty_map(found: Penalties) -> Drawing:
    """Rows beat columns: settings, in shares of their label budgets, in which the row is significantly better; deeper: more. The row "mean" is the mean of
    each column, lower is better; arms come in its order.
    """
    revision = "penalties"
    if not found.compared.any():
        return nothing("A paired t-test needs two seeds that two of them share: run more seeds to see who beats whom.", revision)
    order = np.argsort(found.overall, kind="stable")
    arms = [found.arms[i] for i in order]
    compared = found.compared[np.ix_(order, order)]
    matrix = np.where(compared > 0, found.matrix[np.ix_(order, order)], np.nan)
    overall = found.overall[order]
    table = np.concatenate([matrix, overall[None]])
    texts = [[_few_digits(value) for value in row] for row in table.tolist()]
    beats = [
        [
            f"{escape(row)} beats {escape(column)}<br>in {value:.2f} of {plural(most, 'setting')}" if most else ""
            for column, value, most in zip(arms, values, settings, strict=True)
        ]
        for row, values, settings in zip(arms, matrix.tolist(), compared.tolist(), strict=True)
    ]
    means = [
        f"{escape(arm)}<br>is beaten by another in {value:.2f} settings on average"
        for arm, value in zip(arms, overall.tolist(), strict=True)
    ]
    scale = [(0.0, palette.faded(palette.MAIN, 0.04)), (1.0, palette.faded(palette.MAIN, DEEP))]
    most = float(np.nanmax(table)) or 1.0
    figure = _matrix(revision, [*arms, "mean"], arms, table, (0.0, most), scale, texts, [*beats, means], "is beaten", gap_below=len(arms))
    if not np.nansum(matrix):
        return Drawing(figure, f"None beats another significantly in {plural(len(found.settings), 'setting')}.")
    text = f"{shorten(arms[0])} is beaten least ({overall[0]:.2f} of {plural(len(found.settings), 'setting')} on average over the others)"
    return Drawing(figure, f"{text}, {shorten(arms[-1])} most ({overall[-1]:.2f}).")


def overlap_map(found: Overlap) -> Drawing:
    """Jaccard overlap of what arms chose with the same seed, in per cent, deeper: more; on the diagonal that of one arm between two seeds."""
    revision = "selection overlap"
    if not np.isfinite(found.matrix).any():
        return nothing("No two runs have come as far as this round.", revision)
    arms = list(found.arms)
    texts = [["" if np.isnan(value) else f"{100 * value:.0f}" for value in row] for row in found.matrix.tolist()]
    hover = [
        [
            "" if not pairs else f"{_whose(arms, i, j)}<br>{percent(value)}, mean of {plural(pairs, 'pair')} of runs"
            for j, (value, pairs) in enumerate(zip(values, counts, strict=True))
        ]
        for i, (values, counts) in enumerate(zip(found.matrix.tolist(), found.runs.tolist(), strict=True))
    ]
    scale = [(0.0, palette.faded(palette.MAIN, 0.04)), (1.0, palette.faded(palette.MAIN, DEEP))]
    most = float(np.nanmax(found.matrix)) or 1.0
    figure = _matrix(
        revision, arms, arms, found.matrix, (0.0, most), scale, texts, hover, f"overlap in{SPACE}%; diagonal: two seeds of one"
    )
    return Drawing(figure, _overlap_reading(found))


def _matrix(
    revision: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: NDArray[np.float64],
    span: tuple[float, float],
    scale: list[tuple[float, str]],
    texts: list[list[str]],
    hover: list[list[str]],
    title: str,
    *,
    gap_before: int | None = None,
    gap_below: int | None = None,
) -> dict[str, Any]:
    """A heat map (rows, columns) with a text in each cell of up to fifteen columns; a sum is set apart before column `gap_before`, below row `gap_below`."""
    across, down = np.arange(len(columns), dtype=np.float64), np.arange(len(rows), dtype=np.float64)
    heat = {
        "type": "heatmap",
        "x": across.astype(np.int32),
        "y": down.astype(np.int32),
        "z": values,
        "zmin": span[0],
        "zmax": span[1],
        "colorscale": scale,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "text": np.array(hover, dtype=object),
        "hovertemplate": "%{text}<extra></extra>",
        "hoverongaps": False,
    }
    data: list[dict[str, Any]] = [heat]
    arms = min(len(rows), len(columns))
    if arms <= SHORT_UP_TO:
        y, x = np.nonzero([[bool(text) for text in row] for row in texts])
        size = {"size": 12 if arms <= 5 else 11 if arms <= 10 else 9}
        cells = [texts[i][j] for i, j in zip(y.tolist(), x.tolist(), strict=True)]
        at = {"x": x.astype(np.int32), "y": y.astype(np.int32)}
        data.append({"type": "scatter", "mode": "text", **at, "text": cells, "textfont": size, "hoverinfo": "skip"})
    shapes = []
    if gap_before is not None:
        shapes.append({"type": "line", "x0": gap_before - 0.5, "x1": gap_before - 0.5, "y0": -0.5, "y1": len(rows) - 0.5, **_EDGE})
    if gap_below is not None:
        shapes.append({"type": "line", "x0": -0.5, "x1": len(columns) - 0.5, "y0": gap_below - 0.5, "y1": gap_below - 0.5, **_EDGE})
    named = [label(name, 16) for name in columns]
    ticks: dict[str, Any] = {"showgrid": False, "tickmode": "array", "ticklabelstandoff": 3}
    small: dict[str, Any] = {"tickfont": {"size": 10 if arms <= 20 else 8}} if arms > SHORT_UP_TO else {}
    slanted = {"tickangle": -90 if arms > SHORT_UP_TO else -45} if len(columns) > 4 or max(map(len, named)) > 10 else {}
    return {
        "data": data,
        "layout": layout(
            revision,
            xaxis=axis(
                title, range=[-0.5, len(columns) - 0.5], tickvals=list(range(len(columns))), ticktext=named, **ticks, **slanted, **small
            ),
            yaxis=axis(
                range=[len(rows) - 0.5, -0.5], tickvals=list(range(len(rows))), ticktext=[label(name) for name in rows], **ticks, **small
            ),
            shapes=shapes,
        ),
    }


_EDGE: dict[str, Any] = {"line": {"color": palette.POOL, "width": 2}}


def _outcome(wins: int, ties: int, losses: int, long: bool) -> str:
    if long:
        return f"{wins}–{ties}–{losses}"
    net = wins - losses
    return f"{'+' if net > 0 else '−' if net < 0 else ''}{abs(net)}"


def _few_digits(value: float) -> str:
    return "" if np.isnan(value) else "0" if value == 0 else f"{value:.2f}" if value < 1 else f"{value:.1f}"


def _whose(arms: list[str], i: int, j: int) -> str:
    return f"{escape(arms[i])}, two seeds" if i == j else f"{escape(arms[i])} and {escape(arms[j])}, same seed"


def _overlap_reading(found: Overlap) -> str:
    arms = [shorten(arm) for arm in found.arms]
    apart = np.where(np.triu(np.ones(found.matrix.shape, dtype=bool), 1), found.matrix, np.nan)
    parts = []
    if np.isfinite(apart).any():
        i, j = np.unravel_index(np.nanargmax(apart), apart.shape)
        parts.append(f"{arms[i]} and {arms[j]} choose most alike with the same seed ({percent(float(apart[i, j]))} of what either took)")
        if np.isfinite(apart).sum() > 1:
            i, j = np.unravel_index(np.nanargmin(apart), apart.shape)
            parts.append(f"{arms[i]} and {arms[j]} least ({percent(float(apart[i, j]))})")
    within = np.diag(found.matrix)
    if np.isfinite(within).any():
        k = int(np.nanargmax(within))
        parts.append(
            f"between two seeds {arms[k]} repeats itself most ({percent(float(within[k]))})"
            if len(arms) > 1
            else f"{arms[k]} chooses {percent(float(within[k]))} alike with two seeds"
        )
    return f"Up to round {found.up_to} {'; '.join(parts)}."
