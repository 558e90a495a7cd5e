"""Class balance: how many labels each class has, and how the queries compare with the pool."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.figures import palette
from alviz.figures.base import Drawing, axis, bare_axis, escape, label, layout, nothing, percent, plural, spoken, whole_ticks
from alviz.loop.metrics import imbalance_ratio
from alviz.loop.round import Round

NAMED_UP_TO = 15
"""With more classes than this the bars stand sorted and unnamed; hovering names them."""

Part = tuple[str, NDArray[Any], dict[str, Any]]
"""One stack of bars: name, (K,) values, plotly marker."""

START = "Start a run to see how many labels each class gets."


def imbalance_profile(rounds: Sequence[Round], dataset: Dataset, shown_round: int | None = None) -> Drawing:
    """Labels per class after the shown round (default: the last), split into those from before and those that this round added."""
    if not rounds:
        return nothing(START, "profile")
    shown = rounds[-1 if shown_round is None else shown_round]
    fresh = _label_counts(shown, dataset.n_classes)
    before = shown.class_counts - fresh
    parts: list[Part] = [
        ("before", before, {"color": palette.POOL, "line": {"width": 0}}),
        ("this round", fresh, {"color": palette.ACCENT, "line": {"width": 0}, "pattern": {"shape": "/", "size": 5, "solidity": 0.5}}),
    ]
    data, axes = class_bars(dataset.class_names, parts, order=-shown.class_counts, value="labels")
    figure = {"data": data, "layout": layout("profile", barmode="stack", bargap=0.25, showlegend=True, hovermode="closest", **axes)}
    return Drawing(figure, _profile_reading(shown, dataset.class_names))


def class_balance(round: Round | None, dataset: Dataset) -> Drawing:
    """Each class's share of the round's labels (bars) beside its share of the pool (marks), the largest differences first, at most 15."""
    if round is None:
        return nothing(START, "balance")
    picked, pool = query_shares(round, dataset), pool_shares(dataset)
    if picked is None:
        return nothing(share_sentence(round, dataset), "balance")
    expected = np.zeros_like(picked) if pool is None else pool
    top = np.sort(np.argsort(-np.abs(picked - expected), kind="stable")[:NAMED_UP_TO])
    names = [escape(dataset.class_names[k]) for k in top]
    y = np.arange(len(top), dtype=np.int32)
    shared = {"y": y, "orientation": "h", "text": names, "textposition": "none"}
    bars = {"type": "bar", "name": "this round", "x": picked[top], "marker": {"color": palette.ACCENT, "line": {"width": 0}}, **shared}
    bars["hovertemplate"] = "%{text}: %{x:.1%} of this round's labels<extra></extra>"
    data: list[dict[str, Any]] = [bars]
    if pool is not None:
        marker = {"symbol": "line-ns-open", "size": 14, "color": palette.POOL, "line": {"width": 3}}
        mark = {"type": "scatter", "mode": "markers", "name": "whole pool", "x": pool[top], "y": y, "marker": marker, "text": names}
        data.append({**mark, "hovertemplate": "%{text}: %{x:.1%} of the pool<extra></extra>"})
    axes = {"xaxis": axis(tickformat=".0%", rangemode="tozero"), "yaxis": _names_axis([dataset.class_names[k] for k in top])}
    return Drawing({"data": data, "layout": layout("balance", bargap=0.35, showlegend=True, **axes)}, share_sentence(round, dataset))


def query_shares(round: Round, dataset: Dataset) -> NDArray[np.float64] | None:
    """(K,) each class's share of the labels given in this round, or None where none was given."""
    counts = _label_counts(round, dataset.n_classes)
    return counts / counts.sum() if counts.sum() else None


def pool_shares(dataset: Dataset) -> NDArray[np.float64] | None:
    """(K,) each class's share of the samples whose class is known, or None where none is."""
    known = dataset.targets[dataset.targets >= 0]
    return np.bincount(known, minlength=dataset.n_classes) / len(known) if len(known) else None


def share_sentence(round: Round, dataset: Dataset) -> str:
    """The class that this round took most beyond its share of the pool: "Round 7 took 31 % sneakers; the pool has 10 %."."""
    who = f"Round {round.index}" if round.index else "The initial pool"
    picked, pool = query_shares(round, dataset), pool_shares(dataset)
    if picked is None:
        return f"{who} asked for {plural(len(round.queried), 'label')}; none was given."
    top = int((picked if pool is None else picked - pool).argmax())
    taken = f"{who} took {percent(picked[top])} {spoken(dataset.class_names[top])}"
    return taken + ("." if pool is None else f"; the {'pool' if round.index else 'whole pool'} has {percent(pool[top])}.")


def class_bars(
    class_names: Sequence[str], parts: Sequence[Part], order: NDArray[Any], value: str, form: str = ",d"
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Bars, one per class, of one or more stacked parts (name, (K,) values, marker), and the axes for them.

    Up to 15 classes: lying, named, in class order. More: standing, in ascending `order` (K,), named by hovering.
    `alviz_ids` holds the classes. form: d3 format of the values.
    """
    lying = len(class_names) <= NAMED_UP_TO
    ranked = np.arange(len(class_names)) if lying else np.argsort(order, kind="stable")
    place = np.arange(len(class_names), dtype=np.int32)
    along, across = ("x", "y") if lying else ("y", "x")
    data = [
        {
            "type": "bar",
            "name": name,
            "orientation": "h" if lying else "v",
            along: values[ranked],
            across: place,
            "marker": marker,
            "text": [escape(class_names[k]) for k in ranked],
            "textposition": "none",
            "alviz_ids": ranked.astype(np.int32),
            "hovertemplate": f"%{{text}}: %{{{along}:{form}}} {value}" + (f" {name}" if len(parts) > 1 else "") + "<extra></extra>",
        }
        for name, values, marker in parts
    ]
    ticks = whole_ticks(float(np.sum([values for _, values, _ in parts], axis=0).max(initial=0))) if form == ",d" else {"tickformat": form}
    numbers = axis(title="" if lying else value, rangemode="tozero", **ticks)
    names = _names_axis(class_names) if lying else bare_axis(title="classes, sorted")
    return data, {f"{along}axis": numbers, f"{across}axis": names}


def _names_axis(class_names: Sequence[str]) -> dict[str, Any]:
    k = len(class_names)
    names: dict[str, Any] = {"tickvals": list(range(k)), "ticktext": [label(name) for name in class_names], "ticklabelstandoff": 4}
    if k > 6:  # rows of a small plot are ten pixels high
        names["tickfont"] = {"size": 10}
    return axis(showgrid=False, tickmode="array", range=[k - 0.5, -0.5], **names)


def _label_counts(round: Round, k: int) -> NDArray[np.int64]:
    return np.bincount(round.labels[round.labels >= 0], minlength=k)


def _profile_reading(round: Round, names: Sequence[str]) -> str:
    counts = round.class_counts
    if counts.sum() == 0:
        return f"After round {round.index} no class has a label."
    most, fewest = int(counts.argmax()), int(counts.argmin())
    missing = int((counts == 0).sum())
    if counts[most] == counts[fewest]:
        return f"After round {round.index} every class has {plural(int(counts[most]), 'label')}: imbalance ratio 0."
    rest = f"{missing} of {len(names)} classes have none" if missing > 1 else f"{spoken(names[fewest])} fewest ({counts[fewest]:,})"
    return f"After round {round.index} {spoken(names[most])} has most labels ({counts[most]:,}), {rest}; imbalance ratio {imbalance_ratio(counts):.2f} (even: 0)."
