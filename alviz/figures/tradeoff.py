"""What the time of a run buys."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.figures import palette
from alviz.figures.base import NEUTRAL, SPACE, Drawing, axis, escape, label, layout, nothing, number, shorten
from alviz.figures.curves import in_words, padded, value_text
from alviz.loop.metrics import SHARES
from alviz.studies.statistics import Band, Curves, Measure, Times, band, per_run

NAMED_UP_TO = 15
"""Arms up to which all are named."""


def time_against(curves: Curves, times: Times, measure: Measure = "aubc", reference: str | None = None) -> Drawing:
    """What the time of a run buys: the measure over its seconds, a point with 95 % intervals per arm; dotted: no arm is both faster and better than these.

    Arms of one of the two alone are not drawn. With more than fifteen arms those on the dotted line and the reference are named, hovering names all.
    """
    revision = "time against"
    worth = {arm: band(runs) for arm, runs in per_run(curves, measure).items()}
    where = {arm: i for i, arm in enumerate(times.arms)}
    arms = [arm for arm in curves.arms if arm in where and np.isfinite([worth[arm].mean, times.total.mean[where[arm]]]).all()]
    if not arms:
        return nothing("No run is finished yet: what its time buys stands here then.", revision)
    place = [where[arm] for arm in arms]
    seconds = Band(*(getattr(times.total, name)[place] for name in ("mean", "low", "high", "seeds")))
    value = Band(*(np.array([getattr(worth[arm], name) for arm in arms]) for name in ("mean", "low", "high", "seeds")))
    front = _front(seconds.mean, curves.sign * value.mean)
    named = [len(arms) <= NAMED_UP_TO or i in front or arm == reference for i, arm in enumerate(arms)]
    share = curves.metric in SHARES
    form = ".1%" if share else ".3g"
    log = seconds.mean.max() > 20 * seconds.mean.min() > 0
    colors, symbols = (style(len(curves.arms)) for style in (palette.class_colors, palette.symbols))
    chosen = [curves.arms.index(arm) for arm in arms]
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": seconds.mean,
        "y": value.mean,
        "error_x": _error(seconds),
        "error_y": _error(value),
        "marker": {"color": [colors[i] for i in chosen], "symbol": [symbols[i] for i in chosen], "size": 9},
        "customdata": np.array([escape(arm) for arm in arms], dtype=object),
        "hovertemplate": f"%{{customdata}}<br>%{{x:.3s}} s a run, %{{y:{form}}}<extra></extra>",
    }
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": seconds.mean[front],
        "y": value.mean[front],
        "line": {"color": NEUTRAL, "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
    }
    span = padded(np.concatenate([value.mean, value.low, value.high]))
    shown = np.flatnonzero(named)
    x = np.log10(seconds.mean) if log else seconds.mean
    wide = padded(np.concatenate([x, *(np.log10(edge) if log else edge for edge in (seconds.low, seconds.high))]))
    wide = wide[0], wide[1] + 0.12 * (wide[1] - wide[0])
    metric = in_words(curves.metric)
    look = layout(
        revision,
        xaxis=axis("seconds a run", range=list(wide), **({"type": "log", "dtick": 1} if log else {})),
        yaxis=axis(
            f"AUBC of {metric}" if measure == "aubc" else f"{metric} at the end",
            range=list(span),
            **({"tickformat": ".1%" if span[1] - span[0] < 0.05 else ".0%"} if share else {}),
        ),
        annotations=_names_beside([arms[i] for i in shown], x[shown], value.mean[shown], wide, span),
    )
    return Drawing({"data": [line, points], "layout": look}, _time_reading(curves, arms, seconds, value, measure))


def _names_beside(
    names: list[str], x: NDArray[np.float64], y: NDArray[np.float64], wide: tuple[float, float], span: tuple[float, float]
) -> list[dict[str, Any]]:
    """A name above each point, to its right, or to its left where it lies in the right half; those that would cover each other are moved apart upwards."""
    height, reach = 0.08 * (span[1] - span[0]), 0.3 * (wide[1] - wide[0])
    notes: list[dict[str, Any]] = []
    placed: list[tuple[float, float, float]] = []  # height, left end, right end
    for i in np.argsort(y, kind="stable"):
        left = bool(x[i] > (wide[0] + wide[1]) / 2)
        first, last = (x[i] - reach, x[i]) if left else (x[i], x[i] + reach)
        above = float(y[i])
        for at, its_first, its_last in sorted(placed):
            if its_first < last and first < its_last and abs(at - above) < height:
                above = at + height
        placed.append((above, first, last))
        side = {"xanchor": "right", "xshift": -3} if left else {"xanchor": "left", "xshift": 3}
        note = {"x": float(x[i]), "y": above, "text": label(names[i], 18), "showarrow": False, "yshift": 9, "font": {"size": 11}}
        notes.append({**note, **side})
    return notes


def _front(seconds: NDArray[np.float64], worth: NDArray[np.float64]) -> list[int]:
    """The points that no other beats in both, fastest first."""
    best, front = -np.inf, []
    for i in np.lexsort((-worth, seconds)).tolist():
        if worth[i] > best:
            best = worth[i]
            front.append(i)
    return front


def _error(found: Band) -> dict[str, Any]:
    sure = np.isfinite(found.low)
    up, down = (np.where(sure, np.abs(edge - found.mean), 0.0) for edge in (found.high, found.low))
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": NEUTRAL, "thickness": 1, "width": 0}


def _time_reading(curves: Curves, arms: list[str], seconds: Band, value: Band, measure: Measure) -> str:
    best, fast = int((curves.sign * value.mean).argmax()), int(seconds.mean.argmin())
    what = f"{in_words(curves.metric)}{' on average' if measure == 'aubc' else ' at the end'}"

    def told(i: int) -> str:
        return f"{value_text(float(value.mean[i]), curves.metric)} {what} in {number(float(seconds.mean[i]))}{SPACE}s a run"

    if best == fast:
        others = "" if len(arms) == 1 else ", and the fastest too"
        return f"{shorten(arms[best])} is best{others}: {told(best)}."
    ratio = seconds.mean[best] / seconds.mean[fast] if seconds.mean[fast] else np.inf
    times = f", {number(float(ratio), 2)} times as long as" if np.isfinite(ratio) else ", longer than"
    return f"{shorten(arms[best])} is best ({told(best)}){times} the fastest, {shorten(arms[fast])} ({told(fast)})."
