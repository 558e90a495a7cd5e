"""The strip beside the map in slow motion: the ranking as it forms, the gains, what the labels say, where the predictions went."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.figures import palette
from alviz.figures.base import CLEAR, NEUTRAL, axis, escape, label
from alviz.figures.walk import Stop, Walk

MAP, STRIP = [0.0, 0.69], [0.76, 1.0]
"""The parts of the width that the map and the strip take."""

SAMPLES = 300
"""Samples of the ranking drawn at most, beside the first and the picks."""

FIRST = 100
"""The highest scores are drawn one by one up to this rank."""

FAR = 20
"""A pool of more than this many batches is ranked on a logarithmic axis: on a straight one the batch would be a hair's breadth."""

ROWS = 6
"""Most rows of bars."""

ON_STRIP: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2", "showlegend": False, "cliponaxis": False}

Parts = tuple[list[dict[str, Any]], dict[str, Any]]
"""Traces, and changes of the strip's layout: "x", "y", "title" and further "annotations"."""


def strip(walk: Walk, stop: Stop) -> Parts:
    """What stands beside the map at a stop."""
    if stop.phase == "labels":
        return _labels(walk)
    if stop.phase == "model":
        return _flows(walk)
    if stop.phase == "picks" and walk.gains is not None:
        return _gains(walk, walk.gains, stop)
    return _ranking(walk, stop) if walk.cut else _empty(walk, stop)


def scale(walk: Walk) -> dict[str, Any]:
    """The colours of scores, the same on the map and in the strip."""
    assert walk.now.scores is not None
    low, high = float(walk.now.scores[walk.ranked[-1]]), float(walk.now.scores[walk.ranked[0]])
    return {"colorscale": palette.SEQUENTIAL, "cmin": low, "cmax": high if high > low else low + 1}


def star(size: int) -> dict[str, Any]:
    """The mark of a pick."""
    return {"symbol": "star", "size": size, "opacity": 1, "color": palette.ACCENT, "line": {"width": 0.5, "color": "white"}}


def _empty(walk: Walk, stop: Stop) -> Parts:
    if walk.now.index == 0:
        return _nothing("no model yet")
    return _nothing("no scores, no gains" if stop.phase == "picks" else "no scores")


def _nothing(text: str, title: str = "") -> Parts:
    """A word in the middle: where there is no trace there are no axes either."""
    middle = {"x": sum(STRIP) / 2, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
    hidden = {"visible": False, "range": [0, 1]}
    return [], {
        "x": hidden,
        "y": hidden,
        "title": title,
        "annotations": [{**middle, "text": text, "font": {"color": "var(--alviz-muted)"}}],
    }


def drawn_ranks(walk: Walk) -> NDArray[np.int64]:
    """The places in the ranking, from 0 and ascending, of the samples that the strip shows: the first, the picks, and some of all others."""
    m = len(walk.ranked)
    if not m:
        return np.empty(0, dtype=np.int64)
    picks = walk.rank[walk.now.queried]
    first = np.arange(min(m, max(FIRST, min(2 * walk.cut, SAMPLES))))
    others = np.concatenate([np.linspace(0, m - 1, SAMPLES // 2), np.geomspace(1, m, SAMPLES // 2) - 1]).round().astype(np.int64)
    return np.unique(np.concatenate([first, others, picks[picks >= 0]]))


def placed(walk: Walk, stop: Stop) -> int:
    """How many samples have found their place in the ranking."""
    ranks = drawn_ranks(walk)
    count = round(stop.formed * len(ranks))
    return int(ranks[count - 1]) + 1 if count else 0


def _height(walk: Walk, rank: Any) -> Any:
    """Where a rank stands on the axis: 0 = the first, 1 = the last."""
    m = len(walk.ranked)
    if m <= max(FAR * walk.cut, 1):
        return np.asarray(rank, dtype=np.float64) / max(m - 1, 1)
    return np.log(np.asarray(rank) + 1.0) / np.log(m)


def _ranking(walk: Walk, stop: Stop) -> Parts:
    """The scores in the pool's order, of which more and more find their place in the ranking, then with the batch's cut."""
    assert walk.now.scores is not None
    m, ranks = len(walk.ranked), drawn_ranks(walk)
    ids = walk.ranked[ranks]
    scores = walk.now.scores[ids].astype(np.float32)
    done = placed(walk, stop)
    heights = _height(walk, ranks)
    waiting = ranks >= done
    if waiting.any():  # below those in place, in the pool's order
        top = float(_height(walk, done - 1)) if done else 0.0
        heights[waiting] = top + (1 - top) * (np.argsort(np.argsort(ids[waiting])) + 1) / waiting.sum()
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "ranking",
            "x": scores,
            "y": heights.astype(np.float32),
            "marker": {"size": 5, "opacity": 0.8, "color": scores, "line": {"width": 0}, **scale(walk)},
            "customdata": ranks + 1,
            "hovertemplate": "rank %{customdata:,d}: score %{x:.3g}<extra></extra>",
            **_on_strip(ids),
        }
    ]
    low, high = float(scores.min()), float(scores.max())
    room = 0.06 * ((high - low) or 1)
    place = {
        "x": {"range": [low - room, high + room], "nticks": 3},
        "y": {"range": [1.03, -0.05], "showticklabels": False, "showgrid": False},
    }
    if not done:
        return data, {**place, "title": "scores as they come"}
    ticks = sorted({1, *(10**p for p in range(1, 9) if 10**p < m / 2), m} if m > FAR * walk.cut else {1, (m + 1) // 2, m})
    place["y"] |= {"showticklabels": True, "tickvals": [float(_height(walk, t - 1)) for t in ticks], "ticktext": [f"{t:,}" for t in ticks]}
    if done < walk.cut:
        return data, {**place, "title": "scores, highest first"}
    line = float(_height(walk, walk.cut - 0.5))
    shape = {"type": "line", "xref": "x2 domain", "yref": "y2", "x0": 0, "x1": 1, "y0": line, "y1": line}
    note = {
        "text": f"cut: {walk.cut:,}",
        "x": 0,
        "y": line,
        "xref": "x2 domain",
        "yref": "y2",
        "xanchor": "left",
        "xshift": 6,
        "yanchor": "top",
        "showarrow": False,
    }
    marked = walk.now.queried[: stop.picks]
    marked = marked[walk.rank[marked] >= 0]
    if len(marked):
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "picks in the ranking",
                "x": walk.now.scores[marked],
                "y": np.asarray(_height(walk, walk.rank[marked]), dtype=np.float64),
                "marker": star(10),
                "hoverinfo": "skip",
                **_on_strip(marked),
            }
        )
    cut = {"shapes": [{**shape, "line": {"color": NEUTRAL, "width": 1.5, "dash": "dash"}}], "annotations": [note]}
    return data, {**place, **cut, "title": "scores, highest first"}


def _gains(walk: Walk, gains: NDArray[np.float64], stop: Stop) -> Parts:
    """The gain of every pick so far as a bar, the first on top."""
    b = len(gains)
    numbers = np.arange(1, stop.picks + 1, dtype=np.int32)
    known = np.nan_to_num(gains[: stop.picks])
    fresh = numbers > stop.picks - stop.new
    bars = {
        "type": "bar",
        "orientation": "h",
        "name": "gains",
        "x": known,
        "y": numbers,
        "width": 0.75,
        "marker": {"color": [palette.ACCENT if new else palette.POOL for new in fresh], "line": {"width": 0}},
        "hovertemplate": "pick %{y}: gain %{x:.3g}<extra></extra>",
        **_on_strip(walk.now.queried[: stop.picks]),
    }
    low, high = min(float(np.nanmin(gains)), 0.0), max(float(np.nanmax(gains)), 0.0)
    room = 0.06 * ((high - low) or 1)
    rows = max(b, 5)
    ticks = sorted({1, *((b + 1) // 2,), b})
    x = {"range": [low - (room if low else 0), high + room], "nticks": 3}
    return [bars], {
        "x": x,
        "y": {"range": [rows + 0.6, 0.4], "showgrid": False, "tickvals": ticks, "ticktext": [f"{t:,}" for t in ticks]},
        "title": "gain per pick",
    }


def _labels(walk: Walk) -> Parts:
    """Per class the labels of this round: those that the model had predicted, and the surprises."""
    labels, k = walk.now.labels, walk.dataset.n_classes
    counts = np.bincount(labels[labels >= 0], minlength=k)
    wrong = np.bincount(labels[walk.surprises], minlength=k)
    classes = _most(counts)
    surprises = "" if walk.before is None else " (surprises)"
    texts = [f"{counts[i]:,} {label(walk.dataset.class_names[i], 14)}" + (f" ({wrong[i]:,})" if surprises else "") for i in classes]
    return _rows(walk, classes, texts, counts[classes], f"labels{surprises}", wrong[classes])


def _flows(walk: Walk) -> Parts:
    """Where the changed predictions went; of the first model, what it predicts."""
    names = walk.dataset.class_names
    if walk.before is None:
        counts = np.bincount(walk.predicted[walk.rest], minlength=len(names))
        classes = _most(counts)
        return _rows(walk, classes, [f"{counts[i]:,} {label(names[i], 14)}" for i in classes], counts[classes], "predictions")
    rows = walk.flows[:ROWS]
    texts = [f"{count:,} {label(names[source], 7)} → {label(names[target], 7)}" for source, target, count in rows]
    return _rows(walk, [target for _, target, _ in rows], texts, [count for *_, count in rows], "changed predictions")


def _most(counts: NDArray[np.int64]) -> list[int]:
    """The classes that have most, at most `ROWS` and none that has nothing."""
    return [int(i) for i in np.argsort(-counts, kind="stable")[:ROWS] if counts[i]]


def _rows(walk: Walk, classes: list[int], texts: list[str], values: Any, title: str, outlined: Any = ()) -> Parts:
    """Thin bars in their classes' colours, each below its class's mark and its text, the first on top. outlined: the part of each that is framed."""
    most = max(values, default=1)
    hidden = {"visible": False}
    place = {"x": {**hidden, "range": [0, 1.05 * most]}, "y": {**hidden, "range": [ROWS - 0.4, -0.9]}, "title": title}
    if not len(classes):
        return _nothing("none", title)
    rows = np.arange(len(classes), dtype=np.int32)
    k = walk.dataset.n_classes
    colors, shapes = palette.class_colors(k), palette.symbols(k)
    bars = {
        "type": "bar",
        "orientation": "h",
        "name": title,
        "x": np.asarray(values, dtype=np.int32),
        "y": rows,
        "width": 0.36,
        "marker": {"color": [colors[i] for i in classes], "line": {"width": 0}},
        "hoverinfo": "skip",
        **ON_STRIP,
    }
    marks = {
        "type": "scatter",
        "mode": "markers+text",
        "name": "classes",
        "x": np.full(len(rows), 0.04 * most),
        "y": rows - 0.42,
        "marker": {"symbol": [shapes[i] for i in classes], "size": 8, "color": [colors[i] for i in classes]},
        "text": texts,
        "textposition": "middle right",
        "textfont": {"size": 11},
        "hoverinfo": "skip",
        **ON_STRIP,
    }
    framed = np.flatnonzero(outlined)
    if not len(framed):
        return [bars, marks], place
    frame = {"color": CLEAR, "line": {"width": 1.5, "color": "var(--alviz-text)"}}
    surprises = {"name": "surprises", "x": np.asarray(outlined, dtype=np.int32)[framed], "y": rows[framed], "marker": frame}
    return [bars, {**bars, **surprises}, marks], place


def _on_strip(ids: Any) -> dict[str, Any]:
    return {**ON_STRIP, "alviz_ids": np.asarray(ids, dtype=np.int32)}


def axes(place: dict[str, Any]) -> dict[str, Any]:
    """The layout of the strip: xaxis2, yaxis2, shapes and annotations. Nothing in it moves the map: there is always room for what may stand there."""
    title = {
        "text": escape(place["title"]),
        "x": STRIP[0],
        "y": 1,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "top",
        "showarrow": False,
    }
    still: dict[str, Any] = {"automargin": False, "fixedrange": True}
    return {
        "xaxis2": axis(**{"domain": STRIP, "anchor": "y2", **still, **place["x"]}),
        "yaxis2": axis(**{"domain": [0.1, 0.92], "anchor": "x2", **still, **place["y"]}),
        "shapes": place.get("shapes", []),
        "annotations": [title, *place.get("annotations", [])],
    }
