"""What the model confuses: confusion matrix and per-class recall on the test set."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from alviz.figures import palette
from alviz.figures.balance import NAMED_UP_TO, class_bars
from alviz.figures.base import Drawing, axis, escape, label, layout, nothing, percent, plural, spoken
from alviz.loop.round import Round

COUNTS_UP_TO = 12
"""With more classes than this the cells hold no numbers and the axes no names; hovering tells both."""

UNTESTED = "No test sample has been predicted yet."


def confusion_matrix(round: Round | None, class_names: Sequence[str]) -> Drawing:
    """Test samples by true class (rows) and predicted class (columns), each row in shares of its sum; counts in the cells of up to 12 classes."""
    if round is None or round.confusion.sum() == 0:
        return nothing(UNTESTED, "confusion")
    counts = round.confusion
    k = len(class_names)
    named = k <= COUNTS_UP_TO
    shares = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).astype(np.float32)
    place = np.arange(k, dtype=np.int32)
    heat = {
        "type": "heatmap",
        "x": place,
        "y": place,
        "z": shares,
        "customdata": counts.astype(np.int32),
        "zmin": 0,
        "zmax": 1 if named else float(shares.max()),
        # From see-through to solid, so that empty cells take the page's background, light or dark.
        "colorscale": [(0.0, palette.faded(palette.MAIN, 0)), (1.0, palette.MAIN)],
        "showscale": False,
        "xgap": 1 if named else 0,
        "ygap": 1 if named else 0,
        "hovertemplate": ("%{text}" if named else "%{y} taken for %{x}") + ": %{customdata:,d} (%{z:.0%})<extra></extra>",
    }
    data = [heat]
    if named:
        heat["text"] = [[f"{escape(true)} taken for {escape(taken)}" for taken in class_names] for true in class_names]
        rows, columns = np.nonzero(counts)
        dark = shares[rows, columns] > 0.8  # where white is read better on the blue than the page's own text colour
        size = {"size": 12 if k <= 6 else 10}
        for chosen, font in ((~dark, size), (dark, {**size, "color": "white"})):
            text = [f"{count:,}" for count in counts[rows[chosen], columns[chosen]]]
            x, y = columns[chosen].astype(np.int32), rows[chosen].astype(np.int32)
            data.append({"type": "scatter", "mode": "text", "x": x, "y": y, "text": text, "textfont": font, "hoverinfo": "skip"})
    # Hovering shows an axis's tick text also where the axis itself hides it: what the many-class matrix needs no text array for.
    down, across = ([label(name, width) if named else escape(name) for name in class_names] for width in (16, 12))
    ticks: dict[str, Any] = {
        "showgrid": False,
        "tickmode": "array",
        "tickvals": list(range(k)),
        "showticklabels": named,
        "ticklabelstandoff": 3,
    }
    if k > 6:
        ticks["tickfont"] = {"size": 10}
    look = layout(
        "confusion",
        xaxis=axis("predicted", ticktext=across, **({"tickangle": -45} if max(map(len, across)) > 3 and k > 4 else {}), **ticks),
        yaxis=axis("true", range=[k - 0.5, -0.5], ticktext=down, **ticks),
    )
    return Drawing({"data": data, "layout": look}, _confusion_reading(round, class_names))


def per_class_recall(round: Round | None, class_names: Sequence[str]) -> Drawing:
    """The share of each class's test samples that the model recognises; classes without test samples have no bar."""
    if round is None or not np.isfinite(round.recall).any():
        return nothing(UNTESTED, "recall")
    recall = round.recall
    data, axes = class_bars(
        class_names, [("recall", recall, {"color": palette.MAIN, "line": {"width": 0}})], np.nan_to_num(recall, nan=2.0), "recall", ".0%"
    )
    axes["xaxis" if len(class_names) <= NAMED_UP_TO else "yaxis"]["range"] = [0, 1]
    return Drawing({"data": data, "layout": layout("recall", bargap=0.25, **axes)}, _recall_reading(recall, class_names))


def _confusion_reading(round: Round, names: Sequence[str]) -> str:
    counts = round.confusion
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    total = int(counts.sum())
    if wrong.sum() == 0:
        return f"Every one of {plural(total, 'test sample')} is recognised." if total > 1 else "The one test sample is recognised."
    true, taken = divmod(int(wrong.argmax()), len(names))
    some, of = int(counts[true, taken]), int(counts[true].sum())
    verb = "is" if some == 1 else "are"
    found = f"{percent(some / of)} of {spoken(names[true])} ({some:,} of {of:,}) {verb} taken for {spoken(names[taken])}"
    return f"The biggest confusion: {found}."


def _recall_reading(recall: np.ndarray, names: Sequence[str]) -> str:
    worst, best = int(np.nanargmin(recall)), int(np.nanargmax(recall))
    if recall[worst] == recall[best]:
        return f"Every tested class is recognised equally often ({percent(recall[best])})."
    return f"{spoken(names[best])} is recognised best ({percent(recall[best])}), {spoken(names[worst])} worst ({percent(recall[worst])})."
