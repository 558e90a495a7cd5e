"""Initial pools side by side: where they lie, which classes they hold, and how the runs go that start from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.figures import palette
from alviz.figures.bands import FEW, band_curves
from alviz.figures.base import SPACE, Drawing, axis, escape, label, layout, nothing, percent, plural, shorten, spoken
from alviz.figures.embedding import embedding_map
from alviz.loop.metrics import imbalance_ratio
from alviz.studies.statistics import band

COUNTS_UP_TO = 15
"""With more classes than this the cells hold no numbers and the axis no names; hovering tells both."""

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
    if not table.any():
        return nothing("The classes of these samples are not known.", "pool counts")
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

    Lines: means over the seeds; bands: 95 % bootstrap intervals of the mean, of fewer than FEW seeds their range. Rounds that were not measured everywhere
    are left out.
    """
    if not accuracy:
        return nothing("Press Run, or Step for one seed, to see how runs go on from each pool.", "start curves")
    measured = np.flatnonzero(np.isfinite(np.concatenate(list(accuracy.values()))).all(axis=0))
    if not len(measured):
        return nothing("No accuracy could be measured: too few of these samples have a known class.", "start curves")
    n_labelled, accuracy = n_labelled[measured], {name: table[:, measured] for name, table in accuracy.items()}
    figure = band_curves("start curves", n_labelled, accuracy, "accuracy, mean over seeds")
    return Drawing(figure, _curves_reading(n_labelled, accuracy))


def start_overlap(n_labelled: NDArray[np.int64], overlaps: Mapping[str, NDArray[np.float64]], n_samples: int) -> Drawing:
    """Jaccard overlap of everything labelled with the run of the same seed that started at random, overlaps (S, R + 1), over the labels (R + 1,).

    n_samples: of the whole pool. The dotted line is what two sets drawn from it at random share, about n/(2N − n).
    """
    others = {name: values for name, values in overlaps.items() if name != REFERENCE}
    if not others:
        message = "Choose a pool beside random, and press Run to see how much of what its runs label is labelled from a random start too."
        return nothing(message, "start overlap")
    figure = band_curves("start overlap", n_labelled, overlaps, "overlap with random start", skip=REFERENCE)
    chance = n_labelled / (2 * n_samples - n_labelled)
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": "by chance",
        "x": n_labelled.astype(np.int32),
        "y": chance,
        "line": {"color": palette.POOL, "width": 1, "dash": "dot"},
        "hovertemplate": "by chance<br>%{x:,d} labels: %{y:.1%}<extra></extra>",
    }
    low, high = figure["layout"]["yaxis"]["range"]
    figure["layout"]["yaxis"]["range"] = [min(low, float(chance.min())), max(high, float(chance.max()))]
    return Drawing({**figure, "data": [*figure["data"], line]}, _overlap_reading(n_labelled, others, float(chance[-1])))


def _contents_reading(dataset: Dataset, indices: NDArray[np.int64]) -> str:
    if not len(indices):
        return f"{plural(len(dataset), 'sample')}, none chosen yet."
    targets = dataset.targets[indices]
    if not (targets >= 0).any():
        return f"{plural(len(indices), 'sample')}; their classes are not known."
    counts = np.bincount(targets[targets >= 0], minlength=dataset.n_classes)
    most = int(counts.max())
    top = np.flatnonzero(counts == most)
    missing = np.flatnonzero(counts == 0)
    if len(top) == len(counts) > 1:
        text = f"all classes alike ({most:,} each)"
    elif most == 1:
        text = "no class more than once"
    else:
        who = f"{len(top)} classes" if len(top) > 2 else " and ".join(spoken(dataset.class_names[c]) for c in top)
        text = f"{who} most ({most:,} of {len(indices):,}{' each' if len(top) > 1 else ''})"
    if 1 <= len(missing) <= 2:
        text += f", {' and '.join(spoken(dataset.class_names[c]) for c in missing)} missing"
    elif len(missing):
        text += f", {len(missing):,} classes missing"
    return text[:1].upper() + text[1:] + "."


def _counts_reading(names: list[str], table: NDArray[np.int64], class_names: Sequence[str]) -> str:
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
    ratios = np.array([imbalance_ratio(row) for row in table]).round(2)
    least_ir = float(np.nanmin(ratios))
    even = [shorten(name) for name, ratio in zip(names, ratios, strict=True) if ratio == least_ir]
    ratio = f"ir{SPACE}{least_ir:.2f}; 0{SPACE}would be the same of every class"
    if len(even) == len(names) > 1:
        return f"{text}; one is as even as the other ({ratio})."
    return f"{text}; the most even {_is(even)} {_listed(even)} ({ratio})." if len(names) > 1 else f"{text} ({ratio})."


def _curves_reading(n_labelled: NDArray[np.int64], accuracy: Mapping[str, NDArray[np.float64]]) -> str:
    seeds = len(next(iter(accuracy.values())))
    parts = []
    for at in sorted({0, len(n_labelled) - 1}):
        means = {name: round(100 * float(table[:, at].mean()), 1) for name, table in accuracy.items()}
        highest = max(means.values())
        best = [name for name in means if means[name] == highest]
        who = "all are level" if len(best) == len(means) > 1 else f"{_listed([shorten(name) for name in best])} {_is(best)} best"
        part = f"with {plural(int(n_labelled[at]), 'label')} {who} ({highest:.1f}{SPACE}%"
        if REFERENCE in accuracy and REFERENCE not in best:
            gain = band(accuracy[best[0]][:, at] - accuracy[REFERENCE][:, at])
            part += f", {_points(float(gain.mean))} above {REFERENCE}"
            if np.isfinite(gain.low):
                part += f", {interval_name(seeds)} {_points(float(gain.low), '')} … {_points(float(gain.high), '')}"
                part += ": perhaps by chance" if gain.low <= 0 and seeds >= FEW else ""
        parts.append(part + ")")
    text = "; ".join(parts)
    counted = "one seed, which decides nothing" if seeds == 1 else f"{seeds} seeds" + (", which decide little" if seeds < FEW else "")
    return f"{text[:1].upper()}{text[1:]}; {counted}.{_bands_are(seeds)}"


def interval_name(seeds: int) -> str:
    """What a band over so many seeds is."""
    return f"95{SPACE}% interval" if seeds >= FEW else "range"


def _bands_are(seeds: int) -> str:
    if seeds == 1:
        return ""
    many = f" Bands: 95{SPACE}% intervals of the mean over the seeds (bootstrap)."
    return many if seeds >= FEW else f" Bands: from the lowest to the highest seed; {FEW}{SPACE}seeds make an interval."


def _overlap_reading(n_labelled: NDArray[np.int64], overlaps: Mapping[str, NDArray[np.float64]], chance: float) -> str:
    last = {name: float(table[:, -1].mean()) for name, table in overlaps.items()}
    most, least = (choose(last, key=lambda name: last[name]) for choose in (max, min))
    first = float(overlaps[most][:, 0].mean())
    text = f"With {plural(int(n_labelled[-1]), 'label')} each, {percent(last[most])} of all that the run from {shorten(most)} and the one from random"
    text += f" have labelled is labelled in both ({percent(first)} in the pools themselves"
    differ = percent(last[least]) != percent(last[most])
    text += f"; least with {shorten(least)}: {percent(last[least])})" if differ else ")"
    seeds = len(overlaps[most])
    return f"{text}; two random choices share {percent(chance)} (dotted). At 100{SPACE}% the start has left no trace.{_bands_are(seeds)}"


def _points(value: float, unit: str = " points") -> str:
    return f"{'−' if value < -0.0005 else ''}{abs(100 * value):.1f}{unit}"


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
