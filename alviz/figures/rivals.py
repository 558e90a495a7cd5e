"""A duel in pictures: picks together and apart, curves against random, class counts side by side, and what only one saw."""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.figures import palette
from alviz.figures.balance import NAMED_UP_TO, Part, class_bars, pool_shares
from alviz.figures.base import (
    CLEAR,
    NEUTRAL,
    Drawing,
    axis,
    bare_axis,
    escape,
    label,
    layout,
    nothing,
    number,
    percent,
    plural,
    shorten,
    spoken,
    whole_ticks,
)
from alviz.figures.curves import END_WIDTH, Runs, end_labels, in_words, learning_curve, padded, style_of
from alviz.figures.embedding import GL_FROM
from alviz.loop.metrics import SHARES, imbalance_ratio
from alviz.loop.round import Round
from alviz.studies.duels import Expectation, parting

ALL, SOME, START = "pentagon", "pentagon-open", "circle-open"
"""What was picked by all, by some, and is the common start: grey, as it is nobody's own."""


def duel_map(
    points: NDArray[Any],
    dataset: Dataset,
    names: Sequence[str],
    when: NDArray[np.int64],
    *,
    shown: int,
    title: str = "",
    slots: Sequence[int] | None = None,
) -> Drawing:
    """All n samples at `points` (n, 2), those that the strategies `names` picked up to round `shown` marked by who picked them: all, some, or one alone.

    when: (S, n) of `picked_when`. slots: per strategy the place of its colour and mark in the palette, as in `duel_curve` (default: 0, 1, …).
    """
    mine = (when >= 1) & (when <= shown)
    times, start = mine.sum(axis=0), (when == 0).any(axis=0)
    said = _said(dataset, names, np.where(when <= shown, when, -1))
    gl = "scattergl" if len(dataset) > GL_FROM else "scatter"
    x, y = np.ascontiguousarray(points.T, dtype=np.float32)

    def trace(members: NDArray[np.bool_], name: str, marker: dict[str, Any]) -> dict[str, Any]:
        ids = np.flatnonzero(members)
        texts, codes = np.unique(said[ids], return_inverse=True)
        return {
            "type": gl,
            "mode": "markers",
            "name": f"{label(name)} ({len(ids):,})",
            "x": x[ids],
            "y": y[ids],
            "marker": marker,
            "customdata": ids.astype(np.float32),
            "hovertemplate": "<b>#%{customdata:d}</b> %{text}<extra></extra>",
            "alviz_ids": ids.astype(np.int32),
            "alviz_codes": codes.astype(np.uint16),
            "alviz_names": texts.tolist(),
        }

    large, opacity = (9, 1.0) if (times > 0).sum() <= 300 else (6, 0.8)  # many marks must not hide one another
    some = (times > 1) & (times < len(names))
    data = [
        trace((times == 0) & ~start, "pool", {"size": 3 if gl == "scattergl" else 4, "opacity": 0.35, "color": palette.POOL}),
        trace(start, "common start", {"symbol": START, "size": 7, "color": NEUTRAL, "line": {"width": 1.5}}),
        trace(times == len(names), "picked by all", {"symbol": ALL, "size": large + 1, "color": NEUTRAL}),
        trace(some, "by some", {"symbol": SOME, "size": large + 1, "color": NEUTRAL, "line": {"width": 2}}),
    ]
    colors, _, symbols = style_of(range(len(names)) if slots is None else slots)
    for s, (name, color, symbol) in enumerate(zip(names, colors, symbols, strict=True)):
        own = {"symbol": symbol, "size": large, "opacity": opacity, "color": color, "line": {"width": 0.5, "color": "white"}}
        data.append(trace(mine[s] & (times == 1), f"{name} only", own))
    note = {
        "text": escape(title),
        "x": 0,
        "y": 0,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
    }
    look = layout(
        f"duel {title}",
        xaxis=bare_axis(),
        yaxis=bare_axis(scaleanchor="x"),
        showlegend=True,
        margin={"l": 8, "r": 8, "t": 2, "b": 2},
        legend={"x": 1, "y": 1, "xanchor": "left", "yanchor": "top", "traceorder": "normal", "bgcolor": CLEAR, "itemsizing": "constant"},
        dragmode="lasso",
        annotations=[note] if title else [],
    )
    return Drawing({"data": [t for t in data if len(t["x"])], "layout": look}, _map_reading(names, when, shown))


def _said(dataset: Dataset, names: Sequence[str], when: NDArray[np.int64]) -> NDArray[np.object_]:
    """(n,) escaped hover texts: the class, and who asked for it when."""
    classes = np.array([escape(name) for name in dataset.class_names] + ["class not known"], dtype=object)
    said: NDArray[np.object_] = classes[dataset.targets]
    for s, name in enumerate(names):
        picked = when[s] >= 1
        said[picked] = said[picked] + np.array([f"<br>{escape(name)}: round {r}" for r in when[s, picked].tolist()], dtype=object)
    start = (when == 0).any(axis=0)
    said[start] = said[start] + "<br>common start"
    return said


def _map_reading(names: Sequence[str], when: NDArray[np.int64], shown: int) -> str:
    found = parting(when, shown)
    anybody = found.shared + found.some + int(found.alone.sum())
    if not anybody:
        return f"All {len(names)} strategies begin with the same {plural(int((when == 0).any(axis=0).sum()), 'label')}: press Step to see them part."
    apart = ", ".join(f"{shorten(name)} {count:,}" for name, count in zip(names, found.alone.tolist(), strict=True))
    some = f", {found.some:,} by some" if len(names) > 2 else ""
    all_ = "both" if len(names) == 2 else "all"
    return f"Of {plural(anybody, 'sample')} picked since the common start {found.shared:,} ({percent(found.shared / anybody)}) were picked by {all_}{some}, and by one alone: {apart}."


def overlap_html(names: Sequence[str], when: NDArray[np.int64], shown: int) -> str:
    """A table, names escaped: after every round up to `shown`, the last on top, how many samples were picked by all, by some and by one alone."""
    rows = [parting(when, r) for r in range(shown, 0, -1)]
    many = len(names) > 2
    heads = ["Round", "Overlap", "All" if many else "Both", *(["Some"] if many else []), *(f"{shorten(name, 18)} only" for name in names)]
    body = "".join(
        f'<tr><th scope="row">{row.round}</th><td>{percent(row.overlap)}</td><td>{row.shared:,}</td>'
        + (f"<td>{row.some:,}</td>" if many else "")
        + "".join(f"<td>{count:,}</td>" for count in row.alone.tolist())
        + "</tr>"
        for row in rows
        if np.isfinite(row.overlap)
    )
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    mean = ", the mean of all pairs" if many else ""
    caption = f"<caption>Picks up to each round; overlap: shared by two of all that the two picked{mean}.</caption>"
    return f'<table class="alviz-table">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>' if body else ""


def duel_curve(
    runs: Runs,
    random: Expectation | None,
    metric: str = "accuracy",
    shown_round: int | None = None,
    looked_at: int = 0,
    slots: Sequence[int] | None = None,
) -> Drawing:
    """A metric of every strategy (name, rounds) over the labels, before the range that random from the same start covers over its seeds, and its mean.

    looked_at, slots: as `learning_curve` takes them.
    """
    drawing = learning_curve(runs, metric, shown_round, looked_at, slots)
    if random is None or metric not in random.metrics or not drawing.figure["data"]:
        return drawing
    curves = [(name, [r.n_labelled for r in rounds], np.array([r.metrics.get(metric, np.nan) for r in rounds])) for name, rounds in runs]
    here = random.n_labelled <= max(x[-1] for _, x, _ in curves)
    table = random.metrics[metric][:, here]
    x, table = random.n_labelled[here][(known := np.isfinite(table).all(axis=0))].astype(np.int32), table[:, known]
    if not len(x):
        return drawing
    low, mean, high = table.min(axis=0), table.mean(axis=0), table.max(axis=0)
    form = ".1%" if metric in SHARES else ".3g"
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": np.concatenate([x, x[::-1]]),
        "y": np.concatenate([high, low[::-1]]),
        "fill": "toself",
        "fillcolor": palette.faded(palette.POOL, 0.3),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    middle = {
        "type": "scatter",
        "mode": "lines",
        "name": "random, mean",
        "x": x,
        "y": mean,
        "line": {"color": palette.POOL, "width": 2, "dash": "dot"},
        "customdata": np.stack([low, high], axis=1),
        "hovertemplate": f"random, {plural(random.seeds, 'seed')}<br>%{{x:,d}} labels: mean %{{y:{form}}}, %{{customdata[0]:{form}}} … %{{customdata[1]:{form}}}<extra></extra>",
    }
    span = padded(np.concatenate([*(values for *_, values in curves), low, high]))
    if metric in SHARES:
        span = max(span[0], -0.02), min(span[1], 1.02)
    ends = [(int(x[-1]), float(mean[-1]), f"random ×{random.seeds}", palette.POOL)]
    for (name, labels, values), color in zip(curves, style_of(range(len(curves)) if slots is None else slots)[0], strict=True):
        if len(measured := np.flatnonzero(np.isfinite(values))):
            ends.append((labels[measured[-1]], float(values[measured[-1]]), name, color))
    look = drawing.figure["layout"]
    ticks = {"tickformat": ".0%" if span[1] - span[0] > 0.05 else ".1%"} if metric in SHARES else {}
    look = {**look, "yaxis": {**look["yaxis"], "range": list(span), **ticks}, "annotations": end_labels(ends, span)}
    look["margin"] = {**look["margin"], "r": 30 + 6.7 * max(len(shorten(name, END_WIDTH)) for *_, name, _ in ends)}
    last = len(curves[0][1]) - 1
    at = last if shown_round is None else min(shown_round, last)
    reading = _band_reading(
        [(name, float(v[at])) for name, _, v in curves if at < len(v)], x, (low, mean, high), curves[0][1][at], random.seeds, metric
    )
    return Drawing({"data": [band, middle, *drawing.figure["data"]], "layout": look}, reading or drawing.reading)


def _band_reading(values: list[tuple[str, float]], x: Any, band: Any, labels: int, seeds: int, metric: str) -> str:
    """How many strategies lie outside the band with as many labels as the first has in the round looked at; "" where that cannot be said."""
    column = np.flatnonzero(x == labels)
    values = [(name, value) for name, value in values if np.isfinite(value)]
    if not len(column) or not values:
        return ""
    low, mean, high = (float(part[column[0]]) for part in band)
    over = [name for name, value in values if value > high]
    under = [name for name, value in values if value < low]
    if column[0] == 0 and not over and not under:
        return f"All begin with the same {plural(labels, 'label')}, and so does random, over {plural(seeds, 'seed')}."

    def named(some: list[str], side: str) -> str:
        away = {name: abs(value - mean) for name, value in values if name in some}
        size = {name: f"{100 * d:.1f}" if metric in SHARES else number(d) for name, d in away.items()}
        listed = ", ".join(f"{shorten(name)} {text}" for name, text in size.items())
        return f" ({listed}{' points' if metric in SHARES else ''} {side} its mean)" if some else ""

    verb = "lies" if len(over) == 1 else "lie"
    text = f"{in_words(metric).capitalize()} with {plural(labels, 'label')}: {len(over)} of {len(values)} strategies {verb} above all {seeds} runs of random from this start{named(over, 'above')}"
    text += f", {len(under)} below{named(under, 'below')}" if under else ""
    return f"{text}; one more run of random would lie above them in 1 of {seeds + 1} cases."


def duel_balance(names: Sequence[str], rounds: Sequence[Round], dataset: Dataset, slots: Sequence[int] | None = None) -> Drawing:
    """Labels per class of every strategy after its round of `rounds`, the common start included: bars side by side, or with many classes the sorted counts as lines.

    slots: as `learning_curve` takes them.
    """
    counts = [finished.class_counts for finished in rounds]
    colors, dashes, _ = style_of(range(len(names)) if slots is None else slots)
    if not any(one.sum() for one in counts):
        return nothing("No label has come in yet.", "duel balance")
    if dataset.n_classes <= NAMED_UP_TO:
        patterns = ("", "/", "x", ".")
        parts: list[Part] = [
            (
                label(name),
                one,
                {
                    "color": color,
                    "line": {"width": 0},
                    "pattern": {"shape": shape, "size": 5, "fillmode": "overlay", "fgcolor": "white", "fgopacity": 0.7, "solidity": 0.25},
                },
            )
            for name, one, color, shape in zip(names, counts, colors, patterns, strict=False)
        ]
        data, axes = class_bars(dataset.class_names, parts, order=-counts[0], value="labels,")
        look = {"barmode": "group", "bargap": 0.25, "bargroupgap": 0.05}
    else:
        data = [
            {
                "type": "scatter",
                "mode": "lines",
                "name": label(name),
                "x": np.arange(1, len(one) + 1, dtype=np.int32),
                "y": np.sort(one)[::-1],
                "line": {"color": color, "dash": dash, "width": 2, "shape": "hvh"},
                "hovertemplate": f"{escape(name)}: %{{y:,d}} labels of its class number %{{x}}<extra></extra>",
            }
            for name, one, color, dash in zip(names, counts, colors, dashes, strict=True)
        ]
        most = float(max(one.max() for one in counts))
        axes = {
            "xaxis": axis("classes, each strategy's most labelled first"),
            "yaxis": axis("labels", rangemode="tozero", **whole_ticks(most)),
        }
        look = {}
    return Drawing(
        {"data": data, "layout": layout("duel balance", showlegend=True, **look, **axes)}, _balance_reading(names, counts, dataset)
    )


def _balance_reading(names: Sequence[str], counts: list[NDArray[np.int64]], dataset: Dataset) -> str:
    ratios = [imbalance_ratio(one) for one in counts]
    shares = pool_shares(dataset)
    pool = "" if shares is None else f", the pool {imbalance_ratio(shares):.2f}"
    text = "Imbalance ratio: " + ", ".join(f"{shorten(name)} {ratio:.2f}" for name, ratio in zip(names, ratios, strict=True)) + pool
    gaps = [(int((one == 0).sum()), name) for one, name in zip(counts, names, strict=True)]
    missing = [f"{shorten(name)} has no label of {gap} of {dataset.n_classes} classes" for gap, name in gaps if gap]
    least = min(ratios)
    even = [name for name, ratio in zip(names, ratios, strict=True) if round(ratio, 2) == round(least, 2)]
    text += f": {shorten(even[0])} labels most evenly" if len(even) == 1 else ": as even as one another" if len(even) == len(names) else ""
    return text + ("; " + ", ".join(missing) if missing else "") + "."


def only_sentence(s: int, names: Sequence[str], rounds: Sequence[Round], count: int, class_names: Sequence[str]) -> str:
    """What strategy s saw that no other did: `count` samples, and the class that it has most beyond the others after their rounds of `rounds`."""
    if not count:
        return f"{names[s]} picked nothing that no other picked too."
    others = [k for k in range(len(names)) if k != s]
    counts = np.array([finished.class_counts for finished in rounds])
    rival = counts[others].max(axis=0)
    unseen = np.where(rival == 0, counts[s], 0)
    c = int(unseen.argmax()) if unseen.any() else int((counts[s] - rival).argmax())
    text = f"{plural(count, 'sample')} that no other picked"
    if counts[s, c] <= rival[c]:
        return f"{text}; of no class has it more labels than every other."
    if rival[c]:
        next_ = names[others[int(counts[others, c].argmax())]]
        return f"{text}. Most beyond the others: {spoken(class_names[c])}, of which it labelled {counts[s, c]:,}, {shorten(next_)} {rival[c]:,}."
    whom = shorten(names[others[0]]) if len(others) == 1 else "the others"
    missed = f" (one of {int((unseen > 0).sum())} such classes)" if (unseen > 0).sum() > 1 else ""
    return f"{text}. Of {spoken(class_names[c])} it labelled {counts[s, c]:,}, {whom} none{missed}."
