"""Mean curves with their intervals over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.figures import palette
from alviz.figures.base import axis, escape, label, layout, plural, shorten, whole_ticks
from alviz.figures.curves import END_WIDTH, end_labels, padded
from alviz.studies.statistics import Band, band

BANDS_UP_TO = 8
"""With more curves than this only those lit have a colour, a band and a name; hovering names the others."""

FEW = 5
"""Seeds below which a band is no interval: a bootstrap of fewer says no more than where they lie, and that holds the true mean too seldom."""


def band_curves(
    revision: str,
    n_labelled: NDArray[np.int64],
    values: Mapping[str, NDArray[np.float64]],
    title: str,
    *,
    share: bool = True,
    lit: Sequence[str] | None = None,
    skip: str = "",
) -> dict[str, Any]:
    """A line of means with its band per name, values (S, R) over n_labelled (R,), as a plotly figure; rounds that a curve does not have are bridged.

    share: the values are shares, read in per cent. lit: the names that stand out where there are many (None: all). skip: this name keeps its place among
    colours and dashes but is not drawn.
    """
    k = len(values)
    fills: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    ends: list[tuple[int, float, str, str]] = []
    shown: list[NDArray[np.float64]] = []
    styles = zip(values.items(), palette.class_colors(k), palette.dashes(k), palette.symbols(k), strict=True)
    for (name, table), color, dash, symbol in styles:
        known = np.flatnonzero(np.isfinite(table).any(axis=0))
        if name == skip or not len(known):
            continue
        x, found = n_labelled[known].astype(np.int32), band(table[:, known])
        bright = lit is None or name in lit
        sure = np.isfinite(found.low)
        low, high = np.where(sure, found.low, found.mean), np.where(sure, found.high, found.mean)
        shown += [low, high] if bright else [found.mean]
        if bright and sure.any():
            fills.append(_fill(x, low, high, color))
        line = {"color": color, "width": 2, "dash": dash} if bright else {"color": palette.faded(palette.POOL, 0.6), "width": 1}
        lines.append({**_mean(name, x, found, line, symbol if bright else None, share), "zorder": 2 if bright else 1})
        if bright:
            ends.append((int(x[-1]), float(found.mean[-1]), name, color))
    least, most = padded(np.concatenate(shown))
    room = 0.03 * min(1.0, most - least)  # too little for a tick beyond 0 or 1
    span = (max(least, -room), min(most, 1 + room)) if share else (least, most)
    budgets = padded(n_labelled)
    longest = max(len(shorten(name, END_WIDTH)) for *_, name, _ in ends)
    ticks = {"tickformat": ".0%" if span[1] - span[0] > 0.05 else ".1%"} if share else {}
    return {
        "data": fills + lines,  # lines above all bands
        "layout": layout(
            revision,
            margin={"l": 8, "r": 26 + 6.5 * longest, "t": 8, "b": 8},
            xaxis=axis("labels", range=list(budgets), **whole_ticks(budgets[1] - budgets[0])),
            yaxis=axis(title, range=list(span), **ticks),
            annotations=end_labels(ends, span),
        ),
    }


def _fill(x: NDArray[np.int32], low: NDArray[np.float64], high: NDArray[np.float64], color: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": np.concatenate([x, x[::-1]]),
        "y": np.concatenate([high, low[::-1]]),
        "fill": "toself",
        "fillcolor": palette.faded(color, 0.16),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def _mean(name: str, x: NDArray[np.int32], found: Band, line: dict[str, Any], symbol: str | None, share: bool) -> dict[str, Any]:
    form = ".1%" if share else ".3g"
    hover = f"{escape(name)}<br>%{{x:,d}} labels: %{{y:{form}}}"
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers" if symbol else "lines",
        "name": label(name),
        "x": x,
        "y": found.mean,
        "line": line,
        "hovertemplate": hover + f"<br>{plural(int(found.seeds.max()), 'seed')}<extra></extra>",
    }
    if symbol:
        trace["marker"] = {"color": line["color"], "size": 6, "symbol": symbol}
    if np.isfinite(found.low).all():
        trace["customdata"] = np.stack([found.low, found.high, found.seeds], axis=1)
        named = "95 % interval" if found.seeds.min() >= FEW else "range"
        told = f"{named} %{{customdata[0]:{form}}} … %{{customdata[1]:{form}}}, %{{customdata[2]}} seeds"
        trace["hovertemplate"] = f"{hover}<br>{told}<extra></extra>"
    return trace
