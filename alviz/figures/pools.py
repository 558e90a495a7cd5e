"""Initial pools side by side: where they lie, which classes they hold, and how the runs go that start from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.figures import palette
from alviz.figures.base import SPACE, Drawing, axis, escape, label, layout, nothing, percent, plural, shorten, spoken, whole_ticks
from alviz.figures.curves import end_labels, padded
from alviz.figures.embedding import embedding_map
from alviz.loop.metrics import imbalance_ratio
from alviz.studies.initial import Band, band

COUNTS_UP_TO = 15
"""With more classes than this the cells hold no numbers and the axis no names; hovering tells both."""

FEW = 5
"""Seeds below which a reading warns of them."""

REFERENCE = "random"
"""The start that all others are measured against."""


def pool_map(points: NDArray[Any], dataset: Dataset, indices: NDArray[np.int64]) -> Drawing:
    """The samples `indices` of an initial pool as stars over the pool at `points` (n, 2), by class; no legend, so that several stand side by side."""
    drawing = embedding_map(points, dataset, None, np.full(len(dataset), -1, dtype=np.int64), queried=indices)
    data = [trace for trace in drawing.figure["data"] if "alviz_ids" in trace]
    for trace in data:
        if trace["marker"].get("symbol") == "star":  # these maps are small
            trace["marker"]["size"] = 11 if len(indices) <= 50 else 8
    look = {**drawing.figure["layout"], "showlegend": False, "margin": {"l": 2, "r": 2, "t": 2, "b": 2}}
    return Drawing({"data": data, "layout": look}, _contents_reading(dataset, indices))


def pool_counts(counts: Mapping[str, NDArray[np.int64]], class_names: Sequence[str]) -> Drawing:
    """Samples per class (K,) of each initial pool, one row a pool; deeper: more. Numbers in the cells of up to 15 classes."""
    if not counts:
        return nothing("Press Start to see how many samples of each class a pool holds.", "pool counts")
    names, table = list(counts), np.stack(list(counts.values()))
    k = len(class_names)
    named = k <= COUNTS_UP_TO
    place, rows = np.arange(k, dtype=np.int32), np.arange(len(names), dtype=np.int32)
    most = max(int(table.max(initial=0)), 1)
    heat = {
        "type": "heatmap",
        "x": place,
        "y": rows,
        "z": table.astype(np.int32),
        "zmin": 0,
        "zmax": most,
        "colorscale": [(0.0, palette.faded(palette.MAIN, 0)), (1.0, palette.MAIN)],
        "showscale": False,
        "xgap": 1 if k <= 50 else 0,
        "ygap": 2,
        "hovertemplate": "%{y}: %{z:,d} of %{x}<extra></extra>",
    }
    data: list[dict[str, Any]] = [heat]
    if named:
        dark = table > 0.8 * most  # where white is read better on the blue than the page's own text colour
        size = {"size": 12 if k <= 10 else 10}
        for chosen, font in ((~dark, size), (dark, {**size, "color": "white"})):
            y, x = (at.astype(np.int32) for at in np.nonzero(chosen))
            text = [f"{count:,}" for count in table[chosen].tolist()]
            data.append({"type": "scatter", "mode": "text", "x": x, "y": y, "text": text, "textfont": font, "hoverinfo": "skip"})
    across = [label(name, 12) if named else escape(name) for name in class_names]
    ticks: dict[str, Any] = {"showgrid": False, "tickmode": "array", "ticklabelstandoff": 3}
    slanted = {"tickangle": -45} if k > 6 and max(map(len, across)) > 8 else {}
    look = layout(
        "pool counts",
        xaxis=axis("" if named else "classes", tickvals=list(range(k)), ticktext=across, showticklabels=named, **slanted, **ticks),
        yaxis=axis(range=[len(names) - 0.5, -0.5], tickvals=list(range(len(names))), ticktext=[label(name) for name in names], **ticks),
    )
    return Drawing({"data": data, "layout": look}, _counts_reading(names, table, class_names))


def start_curves(n_labelled: NDArray[np.int64], accuracy: Mapping[str, NDArray[np.float64]]) -> Drawing:
    """Test accuracy over the labels, n_labelled (R + 1,), of the runs from each initial pool, accuracy (S, R + 1), one row a seed.

    Lines: means over the seeds; bands: 95 % bootstrap intervals of the mean (from two seeds on). Rounds that were not measured everywhere are left out.
    """
    if not accuracy:
        return nothing("Press Run, or Step for one seed, to see how runs go on from each pool.", "start curves")
    measured = np.flatnonzero(np.isfinite(np.concatenate(list(accuracy.values()))).all(axis=0))
    if not len(measured):
        return nothing("No accuracy could be measured: too few of these samples have a known class.", "start curves")
    n_labelled, accuracy = n_labelled[measured], {name: table[:, measured] for name, table in accuracy.items()}
    figure = _bands("start curves", n_labelled, accuracy, "accuracy, mean over seeds")
    return Drawing(figure, _curves_reading(n_labelled, accuracy))


def start_overlap(n_labelled: NDArray[np.int64], overlaps: Mapping[str, NDArray[np.float64]]) -> Drawing:
    """Jaccard overlap of everything labelled with the run of the same seed that started at random, overlaps (S, R + 1), over the labels (R + 1,)."""
    others = {name: values for name, values in overlaps.items() if name != REFERENCE}
    if not others:
        message = "Choose a pool beside random, and press Run: the overlap of its runs with those from a random start stands here."
        return nothing(message, "start overlap")
    figure = _bands("start overlap", n_labelled, overlaps, "overlap with random start", skip=REFERENCE)
    return Drawing(figure, _overlap_reading(n_labelled, others))


def _bands(
    revision: str, n_labelled: NDArray[np.int64], values: Mapping[str, NDArray[np.float64]], title: str, skip: str = ""
) -> dict[str, Any]:
    """A line with its band per name; `skip` keeps its place among colours and dashes but is not drawn."""
    k = len(values)
    data, ends, shown = [], [], []
    x = n_labelled.astype(np.int32)
    styles = zip(values.items(), palette.class_colors(k), palette.dashes(k), palette.symbols(k), strict=True)
    for (name, table), color, dash, symbol in styles:
        if name == skip:
            continue
        found = band(table)
        low, high = (np.where(np.isfinite(edge), edge, found.mean) for edge in (found.low, found.high))
        shown += [low, high]
        if len(table) > 1:
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": np.concatenate([x, x[::-1]]),
                    "y": np.concatenate([high, low[::-1]]),
                    "fill": "toself",
                    "fillcolor": palette.faded(color, 0.16),
                    "line": {"width": 0},
                    "hoverinfo": "skip",
                }
            )
        data.append(_mean(name, x, found, table, {"color": color, "width": 2, "dash": dash}, symbol))
        ends.append((int(x[-1]), float(found.mean[-1]), name, color))
    data.sort(key=lambda trace: "fill" not in trace)  # lines above all bands
    least, most = padded(np.concatenate(shown))
    span = max(least, -0.02), min(most, 1.02)
    budgets = padded(x)
    longest = max(len(shorten(name, 18)) for *_, name, _ in ends)
    return {
        "data": data,
        "layout": layout(
            revision,
            margin={"l": 8, "r": 22 + 6 * longest, "t": 8, "b": 8},
            xaxis=axis("labels", range=list(budgets), **whole_ticks(budgets[1] - budgets[0])),
            yaxis=axis(title, range=list(span), tickformat=".0%" if span[1] - span[0] > 0.05 else ".1%"),
            annotations=end_labels(ends, span),
        ),
    }


def _mean(name: str, x: NDArray[Any], found: Band, table: NDArray[np.float64], line: dict[str, Any], symbol: str) -> dict[str, Any]:
    hover = f"{escape(name)}<br>%{{x:,d}} labels: %{{y:.1%}}"
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": label(name),
        "x": x,
        "y": found.mean,
        "line": line,
        "marker": {"color": line["color"], "size": 6, "symbol": symbol},
        "hovertemplate": hover + f"<br>{plural(len(table), 'seed')}<extra></extra>",
    }
    if len(table) > 1:
        trace["customdata"] = np.stack([found.low, found.high], axis=1)
        trace["hovertemplate"] = (
            hover + f"<br>95 % interval %{{customdata[0]:.1%}} … %{{customdata[1]:.1%}}, {len(table)} seeds<extra></extra>"
        )
    return trace


def _contents_reading(dataset: Dataset, indices: NDArray[np.int64]) -> str:
    if not len(indices):
        return f"{plural(len(dataset), 'sample')}, none chosen yet."
    targets = dataset.targets[indices]
    if not (targets >= 0).any():
        return f"{plural(len(indices), 'sample')}; their classes are not known."
    counts = np.bincount(targets[targets >= 0], minlength=dataset.n_classes)
    top = int(counts.argmax())
    missing = np.flatnonzero(counts == 0)
    text = f"{spoken(dataset.class_names[top])} most ({counts[top]:,} of {len(indices):,})"
    if 1 <= len(missing) <= 2:
        text += f", {' and '.join(spoken(dataset.class_names[c]) for c in missing)} missing"
    elif len(missing):
        text += f", {len(missing):,} classes missing"
    return text[:1].upper() + text[1:] + "."


def _counts_reading(names: list[str], table: NDArray[np.int64], class_names: Sequence[str]) -> str:
    if not table.any():
        return "The classes of these samples are not known."
    k = len(class_names)
    covered = (table > 0).sum(axis=1)
    best, least = int(covered.max()), int(covered.argmin())
    wide = [shorten(name) for name, found in zip(names, covered, strict=True) if found == best]
    verb = "is" if best == 1 else "are"
    who = "every pool" if len(wide) == len(names) > 1 else _listed(wide)
    found = "Both classes" if best == k == 2 else f"{'All ' if best == k > 1 else f'{best} of '}{k} {'class' if k == 1 else 'classes'}"
    text = f"{found} {verb} covered by {who}"
    if covered[least] < best:
        text += f", only {covered[least]} by {shorten(names[least])}"
    ratios = np.array([imbalance_ratio(row) for row in table])
    even = int(np.nanargmin(ratios))
    return text + (
        f"; the most even is {shorten(names[even])} (ir{SPACE}{ratios[even]:.2f})." if len(names) > 1 else f"; ir is {ratios[even]:.2f}."
    )


def _curves_reading(n_labelled: NDArray[np.int64], accuracy: Mapping[str, NDArray[np.float64]]) -> str:
    seeds = len(next(iter(accuracy.values())))
    parts = []
    for at in sorted({0, len(n_labelled) - 1}):
        means = {name: float(table[:, at].mean()) for name, table in accuracy.items()}
        best = max(means, key=lambda name: means[name])
        part = f"with {plural(int(n_labelled[at]), 'label')} {shorten(best)} is best ({100 * means[best]:.1f}{SPACE}%"
        if best != REFERENCE and REFERENCE in accuracy:
            gain = band(accuracy[best][:, at] - accuracy[REFERENCE][:, at])
            part += f", {_points(float(gain.mean))} above {REFERENCE}"
            if np.isfinite(gain.low):
                part += f", 95{SPACE}% interval {_points(float(gain.low), '')} … {_points(float(gain.high), '')}"
        parts.append(part + ")")
    text = "; ".join(parts)
    counted = "one seed, which decides nothing" if seeds == 1 else f"{seeds} seeds" + (", which decide little" if seeds < FEW else "")
    return f"{text[:1].upper()}{text[1:]}; {counted}."


def _overlap_reading(n_labelled: NDArray[np.int64], overlaps: Mapping[str, NDArray[np.float64]]) -> str:
    last = {name: float(table[:, -1].mean()) for name, table in overlaps.items()}
    most, least = (choose(last, key=lambda name: last[name]) for choose in (max, min))
    when = f"with {plural(int(n_labelled[-1]), 'label')}"
    first = float(overlaps[most][:, 0].mean())
    text = f"Of everything labelled, {percent(last[most])} is shared by the runs from {shorten(most)} and from random {when}"
    text += f" ({percent(first)} in the pool itself)"
    differ = percent(last[least]) != percent(last[most])
    return text + (f"; least by those from {shorten(least)} ({percent(last[least])})." if differ else ".")


def _points(value: float, unit: str = " points") -> str:
    return f"{'−' if value < -0.0005 else ''}{abs(100 * value):.1f}{unit}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
