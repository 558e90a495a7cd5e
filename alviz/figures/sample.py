"""One sample: what the model thinks it is, now and before, and over all rounds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.figures import palette
from alviz.figures.base import GRID, NEUTRAL, Drawing, axis, escape, label, layout, name_rows, percent, plural, spoken, whole_ticks

ROWS = 6
LINES = 3
"""Most classes that are shown, as bars and as lines."""


def sample_probabilities(
    now: NDArray[np.float32], before: NDArray[np.float32] | None, class_names: Sequence[str], given: int = -1
) -> Drawing:
    """Bars of the most probable classes of one sample; diamonds: what they were under the model before.

    now, before: (K,) probabilities, before None where there was no model yet. given: the class of its label, whose name is set in bold; −1: none.
    """
    most = now if before is None else np.maximum(now, before)
    shown = np.argsort(-most, kind="stable")[:ROWS]
    shown = shown[np.argsort(-now[shown], kind="stable")]
    names = [f"<b>{label(class_names[k], 16)}</b>" if k == given else label(class_names[k], 16) for k in shown]
    colors = palette.class_colors(len(class_names))
    rows = np.arange(len(shown), dtype=np.int32)
    whole = [escape(class_names[k]) for k in shown]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": "now",
            "x": now[shown].astype(np.float64),
            "y": rows,
            "width": 0.62,
            "marker": {"color": [colors[k] for k in shown], "line": {"width": 0}},
            "text": whole,
            "textposition": "none",
            "hovertemplate": "%{text}: %{x:.1%} now<extra></extra>",
        }
    ]
    if before is not None:
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "before",
                "x": before[shown].astype(np.float64),
                "y": rows,
                "cliponaxis": False,
                "marker": {
                    "symbol": "diamond",
                    "size": 9,
                    "color": "var(--alviz-surface)",
                    "line": {"width": 1.5, "color": "var(--alviz-text)"},
                },
                "text": whole,
                "hovertemplate": "%{text}: %{x:.1%} before<extra></extra>",
            }
        )
    look = layout("sample", bargap=0.3, xaxis=axis(range=[0, 1.02], tickformat=".0%", nticks=5), yaxis=name_rows(names, 3))
    return Drawing({"data": data, "layout": look}, _now_reading(now, before, class_names))


def prediction_history(probabilities: NDArray[np.float32], class_names: Sequence[str], shown_round: int, picked: int = -1) -> Drawing:
    """The probabilities of one sample's most telling classes over the rounds; large marks are on the predicted class, a star is where it was picked.

    probabilities: (R, K), one row per round, R ≥ 1. shown_round: the one looked at, a dotted line. picked: the round that asked for it, −1 = none.
    """
    said = probabilities.argmax(axis=1)
    weight = np.bincount(said, minlength=probabilities.shape[1]) + probabilities.mean(axis=0)
    weight[said[shown_round]] += len(said)  # whatever else is left out, the prediction looked at is shown
    classes = np.sort(np.argsort(-weight, kind="stable")[:LINES])
    colors, dashes, symbols = (make(len(class_names)) for make in (palette.class_colors, palette.dashes, palette.symbols))
    rounds = np.arange(len(said), dtype=np.int32)
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": label(class_names[k], 14),
            "x": rounds,
            "y": probabilities[:, k].astype(np.float64),
            "line": {"color": colors[k], "width": 2, "dash": dashes[k]},
            "marker": {"color": colors[k], "symbol": symbols[k], "size": np.where(said == k, 9, 3).astype(np.int32), "line": {"width": 0}},
            "hovertemplate": f"round %{{x}}: {escape(class_names[k])} %{{y:.1%}}<extra></extra>",
        }
        for k in classes
    ]
    if 0 <= picked < len(said):
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "picked",
                "showlegend": False,
                "x": [picked],
                "y": [float(probabilities[picked].max())],
                "marker": {"symbol": "star", "size": 13, "color": palette.ACCENT},
                "hovertemplate": "picked in round %{x}<extra></extra>",
            }
        )
    line = {"type": "line", "x0": shown_round, "x1": shown_round, "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    look = layout(
        "sample history",
        showlegend=True,
        xaxis=axis("round", range=[-0.4, max(len(said) - 1, 1) + 0.4], **whole_ticks(len(said) - 1), gridcolor=GRID),
        yaxis=axis(range=[-0.03, 1.05], tickformat=".0%", nticks=4),
        shapes=[{**line, "line": {"color": NEUTRAL, "width": 1, "dash": "dot"}}],
    )
    return Drawing(
        {"data": data, "layout": look},
        _history_reading(said, class_names) + (" The star is where it was picked." if 0 <= picked < len(said) else ""),
    )


def _now_reading(now: NDArray[np.float32], before: NDArray[np.float32] | None, class_names: Sequence[str]) -> str:
    top = int(now.argmax())
    text = f"Predicted {spoken(class_names[top])}, {percent(float(now[top]))}"
    if before is None:
        return f"{text}, by the first model."
    if int(before.argmax()) == top:
        return f"{text}; {percent(float(before[top]))} the round before (diamonds)."
    was = int(before.argmax())
    return f"{text}; the round before (diamonds) it was {spoken(class_names[was])}, {percent(float(before[was]))}."


def _history_reading(said: NDArray[np.int64], class_names: Sequence[str]) -> str:
    if len(said) == 1:
        return f"One round so far: predicted {spoken(class_names[said[0]])}."
    flips = np.flatnonzero(said[1:] != said[:-1]) + 1
    if len(flips) == 0:
        return f"Predicted {spoken(class_names[said[0]])} in all {len(said)} rounds."
    first, last = spoken(class_names[said[0]]), spoken(class_names[said[-1]])
    course = f"went from {first} to {last}" if first != last else f"began and ended as {first}"
    return f"The prediction {course}, with {plural(len(flips), 'change')} in {len(said)} rounds, the last in round {flips[-1]}."
