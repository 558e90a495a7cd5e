"""Curves over the rounds: a metric, and the imbalance ratio."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from alviz.data.dataset import Dataset
from alviz.figures import palette
from alviz.figures.balance import pool_shares
from alviz.figures.base import NEUTRAL, SPACE, Drawing, axis, escape, label, layout, nothing, number, plural, shorten, whole_ticks
from alviz.loop.metrics import SHARES, imbalance_ratio
from alviz.loop.round import Round

END_WIDTH = 18
"""Longest name at the end of a line; hovering has it whole."""

Runs = Sequence[tuple[str, Sequence[Round]]]


def learning_curve(
    runs: Runs, metric: str = "accuracy", shown_round: int | None = None, looked_at: int = 0, slots: Sequence[int] | None = None
) -> Drawing:
    """A metric over the number of labels: a run with its branches or other runs, each (name, rounds), named at the end of its line.

    looked_at: which run lies on top and is told of. shown_round: its round that gets the larger mark (default: the last). Rounds without the metric
    leave a gap. Trace i belongs to run i. slots: per run the place of its colour, line and mark in the palette (default: 0, 1, …).
    """
    curves = [(name, *_points(rounds, metric)) for name, rounds in runs]
    if not any(np.isfinite(values).any() for _, _, values in curves):
        return nothing(f"No {in_words(metric)} has been measured yet.", f"curve {metric}")
    validated = any(finished.cross_validated for _, rounds in runs for finished in rounds)
    form = ".1%" if metric in SHARES else ".3g"
    styles = style_of(range(len(curves)) if slots is None else slots)
    data, ends = [], []
    for i, ((name, labels, values), color, dash, symbol) in enumerate(zip(curves, *styles, strict=True)):
        data.append({**_line(name, labels, values, color, dash, symbol, form), "zorder": len(curves) - (i if i != looked_at else -1)})
        finite = np.flatnonzero(np.isfinite(values))
        if len(finite) and len(curves) > 1:
            ends.append((labels[finite[-1]], values[finite[-1]], name, color))
    _, labels, values = curves[looked_at]
    at = _shown(values, shown_round)
    if at is not None:
        data.append(_mark(labels[at], values[at], styles[0][looked_at]))
    span = padded(np.concatenate([values for _, _, values in curves]))
    if metric in SHARES:  # no ticks beyond what can be
        span = max(span[0], -0.02), min(span[1], 1.02)
    longest = max((len(shorten(name, END_WIDTH)) for *_, name, _ in ends), default=0)
    margin = {"l": 8, "r": 24 + 6.7 * longest, "t": 8, "b": 8}
    budgets = padded(np.concatenate([labels for _, labels, _ in curves]))
    title = in_words(metric) + (" (cross-validated)" if validated else "")
    look = layout(
        f"curve {metric}",
        margin=margin,
        xaxis=axis("labels", range=list(budgets), **whole_ticks(budgets[1] - budgets[0])),
        yaxis=axis(title, range=list(span), tickformat=_share_ticks(span) if metric in SHARES else ""),
        annotations=end_labels(ends, span),
    )
    return Drawing({"data": data, "layout": look}, _curve_reading(curves, looked_at, metric, at))


def _share_ticks(span: tuple[float, float]) -> str:
    """Percent with as many decimals as neighbouring ticks need to differ (an axis has about five)."""
    return ".1%" if span[1] - span[0] < 0.05 else ".0%"


def imbalance_curve(rounds: Sequence[Round], dataset: Dataset | None = None, shown_round: int | None = None) -> Drawing:
    """The imbalance ratio ir = σ/μ of the labelled set (papers 000 and 001) over the number of labels; dashed: that of the whole pool."""
    if not rounds:
        return nothing("Start a run to see how even its labels are.", "ir")
    labels = np.array([finished.n_labelled for finished in rounds], dtype=np.int32)
    values = np.array([imbalance_ratio(finished.class_counts) for finished in rounds])
    shares = None if dataset is None else pool_shares(dataset)
    pool = None if shares is None else imbalance_ratio(shares)
    data = [_line("ir", labels, values, palette.MAIN, "solid", "circle", ".2f")]
    at = _shown(values, shown_round)
    if at is None:
        return nothing("No label has come in yet.", "ir")
    data.append(_mark(labels[at], values[at], palette.MAIN))
    shapes, notes = [], []
    if pool is not None:
        shapes.append(
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": pool,
                "y1": pool,
                "line": {"color": NEUTRAL, "width": 1, "dash": "dash"},
            }
        )
        notes.append(
            {"text": "whole pool", "xref": "paper", "x": 1, "y": pool, "xanchor": "right", "yanchor": "bottom", "showarrow": False}
        )
    top = float(np.nanmax([*values, pool or 0.0]))
    look = layout("ir", xaxis=axis("labels"), yaxis=axis("imbalance ratio", range=[0, 1.15 * top or 1]), shapes=shapes, annotations=notes)
    text = f"The labelled set's imbalance ratio is {values[at]:.2f} after round {rounds[at].index}"
    if pool is None:
        return Drawing({"data": data, "layout": look}, text + f"; it began at {values[0]:.2f}." if np.isfinite(values[0]) else text + ".")
    word = "as even as" if abs(values[at] - pool) < 0.005 else ("more even than" if values[at] < pool else "less even than")
    return Drawing({"data": data, "layout": look}, f"{text}: {word} the whole pool ({pool:.2f}).")


def _points(rounds: Sequence[Round], metric: str) -> tuple[Any, Any]:
    labels = np.array([finished.n_labelled for finished in rounds], dtype=np.int32)
    return labels, np.array([finished.metrics.get(metric, np.nan) for finished in rounds], dtype=np.float64)


def style_of(slots: Sequence[int]) -> tuple[list[str], list[str], list[str]]:
    """Colours, dashes and markers of what has these places in the palette."""
    k = max(slots, default=-1) + 1
    colors, dashes, symbols = palette.class_colors(k), palette.dashes(k), palette.symbols(k)
    return [colors[i] for i in slots], [dashes[i] for i in slots], [symbols[i] for i in slots]


def _line(name: str, labels: Any, values: Any, color: str, dash: str, symbol: str, form: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": label(name),
        "x": labels,
        "y": values,
        "line": {"color": color, "width": 2, "dash": dash},
        "marker": {"color": color, "size": 6, "symbol": symbol},
        "hovertemplate": f"{escape(name)}<br>%{{x:,d}} labels: %{{y:{form}}}<extra></extra>",
    }


def _mark(x: Any, y: Any, color: str) -> dict[str, Any]:
    """A ring around the shown round."""
    marker = {"symbol": "circle-open", "size": 14, "color": color, "line": {"width": 2}}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": np.array([x]),
        "y": np.array([y]),
        "marker": marker,
        "hoverinfo": "skip",
        "zorder": 1000,
    }


def _shown(values: Any, shown_round: int | None) -> int | None:
    """The position of the shown round, or None where it has no value."""
    if shown_round is None:
        shown_round = len(values) - 1
    return shown_round if 0 <= shown_round < len(values) and np.isfinite(values[shown_round]) else None


def padded(values: Any) -> tuple[float, float]:
    """(least, most) of the finite values, with some room."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    pad = 0.08 * (high - low) or 0.05 * (abs(high) or 1)
    return low - pad, high + pad


def end_labels(ends: list[tuple[Any, Any, str, str]], span: tuple[float, float]) -> list[dict[str, Any]]:
    """Names beside the line ends, moved apart where they would overlap and down where they would leave the plot (which would hide them)."""
    least = 0.1 * (span[1] - span[0])
    ends = sorted(ends, key=lambda end: float(end[1]))
    heights: list[float] = []
    for _, y, _, _ in ends:
        heights.append(max(float(y), heights[-1] + least) if heights else float(y))
    for i in reversed(range(len(ends))):
        heights[i] = min(heights[i], span[1] - (len(ends) - 1 - i) * least)
    notes = []
    shared = {"x": 1, "xref": "paper", "xanchor": "left", "xshift": 4, "showarrow": False, "font": {"size": 11}}
    for (_, _, name, color), y in zip(ends, heights, strict=True):
        dot = f'<span style="color:{color}">●</span> '
        notes.append({"text": dot + label(name, END_WIDTH), "y": y, **shared})
    return notes


def in_words(metric: str) -> str:
    """The name of a metric in a sentence."""
    return metric.replace("_", " ")


def value_text(value: float, metric: str) -> str:
    """A value of a metric in a sentence."""
    return f"{100 * value:.1f}{SPACE}%" if metric in SHARES else number(value)


def _difference(change: float, metric: str, what: str) -> str:
    size = f"{100 * abs(change):.1f} points" if metric in SHARES else number(abs(change))
    if size in ("0.0 points", "0"):
        return f"level with {what}"
    return f"{size} {'above' if change > 0 else 'below'} {what}"


def _curve_reading(curves: list[tuple[str, Any, Any]], looked_at: int, metric: str, at: int | None) -> str:
    _, labels, values = curves[looked_at]
    words = in_words(metric)
    words = words[0].upper() + words[1:]
    if at is None:
        return f"{words} is not known for the shown round."
    text = f"{words} is {value_text(values[at], metric)} with {plural(int(labels[at]), 'label')}"
    if at > 0 and np.isfinite(values[0]):
        text += f", {_difference(values[at] - values[0], metric, 'the start')}"
    rivals = [
        (float(v[same[0]]), name)
        for name, x, v in curves[:looked_at] + curves[looked_at + 1 :]
        if len(same := np.flatnonzero((x == labels[at]) & np.isfinite(v)))
    ]
    if rivals:
        best, name = max(rivals)
        text += f" and {_difference(values[at] - best, metric, shorten(name))} with as many labels"
    return text + "."
