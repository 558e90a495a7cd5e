"""Strategies side by side, over many seeds: their curves, and the labels that they save."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.figures import palette
from alviz.figures.bands import BANDS_UP_TO, band_curves
from alviz.figures.base import NEUTRAL, SPACE, Drawing, axis, escape, label, layout, name_rows, nothing, number, plural, shorten
from alviz.figures.curves import in_words, value_text
from alviz.loop.metrics import SHARES
from alviz.studies.statistics import Curves, Saved, band

FEW = 5
"""Seeds below which a reading warns of them."""


def curve_bands(curves: Curves, reference: str | None = None) -> Drawing:
    """The metric over the labels, a line of means with its 95 % band over the seeds per arm; arms are measured against `reference`.

    With more than eight arms the best seven at the end and the reference have colours, bands and names; the others are thin and grey.
    """
    words = in_words(curves.metric)
    if not curves.measured.any():
        return nothing(f"No {words} has been measured yet.", "curve bands")
    ends = {arm: band(table).mean for arm, table in curves.values.items()}
    at = int(np.flatnonzero(curves.measured)[-1])
    order = _order(np.array([curves.sign * ends[arm][at] for arm in curves.arms]))
    lit = None
    if len(curves.arms) > BANDS_UP_TO:
        best = [curves.arms[i] for i in order if curves.arms[i] != reference]
        lit = [*([reference] if reference else []), *best][:BANDS_UP_TO]
    share = curves.metric in SHARES
    figure = band_curves("curve bands", curves.budgets, curves.values, f"{words}, mean over seeds", share=share, lit=lit)
    return Drawing(figure, _curves_reading(curves, [curves.arms[i] for i in order], at, reference))


def labels_saved_bars(found: Saved, metric: str = "accuracy") -> Drawing:
    """Labels saved on the way to a level, a bar with its 95 % interval per arm, most first; pale where the interval holds 0.

    "≥" stands before a number that is larger in truth because the reference did not always reach the level, "≤" before one that is smaller because
    the arm did not, "~" where both happened.
    """
    mean = found.saved.mean
    level = value_text(found.level, metric)
    revision = "labels saved"
    if not np.isfinite(mean).any():
        return nothing(f"No finished run reaches {level} {in_words(metric)}.", revision)
    order = _order(mean)
    rows = np.arange(len(order), dtype=np.int32)
    mean, low, high = mean[order], found.saved.low[order], found.saved.high[order]
    sure = np.isfinite(low)
    clear = sure & ((low > 0) | (high < 0))
    x = np.where(np.isfinite(mean), mean, 0.0)
    least, most = np.fmin(low, x), np.fmax(high, x)
    texts = [_saved_text(found, i) for i in order]
    arms = [found.arms[i] for i in order]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": x,
        "y": rows,
        "marker": {"color": [palette.faded(palette.MAIN, 0.9 if is_clear else 0.35) for is_clear in clear], "line": {"width": 0}},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": np.where(sure, high - x, 0.0),
            "arrayminus": np.where(sure, x - low, 0.0),
            "color": NEUTRAL,
            "thickness": 1.5,
            "width": 3 if len(arms) <= 15 else 0,
        },
        "customdata": np.array([_saved_hover(found, i) for i in order], dtype=object),
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    told = {
        "type": "scatter",
        "mode": "text",
        "x": np.maximum(most, 0.0),
        "y": rows,
        "text": [f"{SPACE}{text}" for text in texts],
        "textposition": "middle right",
        "textfont": {"size": 11},
        "hoverinfo": "skip",
        "cliponaxis": False,
    }
    left, right = min(float(least.min()), 0.0), max(float(most.max()), 0.0)
    wide = (right - left) or 1.0
    look = layout(
        revision,
        xaxis=axis(
            f"labels saved against {label(found.reference)} to reach {level}",
            range=[left - 0.04 * wide, right + 0.24 * wide],
            zeroline=True,
        ),
        yaxis=name_rows([label(arm) for arm in arms], least=4),
        bargap=0.35,
    )
    look["xaxis"]["zerolinecolor"] = NEUTRAL
    return Drawing({"data": [bars, told], "layout": look}, _saved_reading(found, order, metric))


def _order(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Largest first, NaN last."""
    return np.argsort(-np.where(np.isfinite(values), values, -np.inf), kind="stable")


def _size(value: float, metric: str, unit: str = " points") -> str:
    """A difference in points, or in the metric's own unit, with its sign where it is negative."""
    if metric not in SHARES:
        return number(value)
    return f"{'−' if value < -0.0005 else ''}{abs(100 * value):.1f}{unit}"


def _saved_text(found: Saved, i: int) -> str:
    mean = float(found.saved.mean[i])
    if not np.isfinite(mean):
        return "not reached" if found.neither[i] else "no finished run"
    more, less = bool(found.only_arm[i]), bool(found.only_reference[i])
    bound = "~" if more and less else "≥" if more else "≤" if less else ""
    return f"{bound}{SPACE if bound else ''}{_signed(mean)}"


def _signed(count: float) -> str:
    whole = round(count)
    return f"{'+' if whole > 0 else '−' if whole < 0 else ''}{abs(whole):,}"


def _saved_hover(found: Saved, i: int) -> str:
    parts = [escape(found.arms[i])]
    if np.isfinite(found.saved.mean[i]):
        parts.append(f"{_signed(float(found.saved.mean[i]))} labels")
    if np.isfinite(found.saved.low[i]):
        parts.append(f"{_spread(found.saved.seeds[i])} {_signed(float(found.saved.low[i]))} … {_signed(float(found.saved.high[i]))}")
    counts = {
        "both": found.both,
        "it alone": found.only_arm,
        f"{label(found.reference)} alone": found.only_reference,
        "neither": found.neither,
    }
    reached = ", ".join(f"{who} {int(count[i])}" for who, count in counts.items() if count[i])
    return "<br>".join([*parts, *([f"seeds in which the level was reached by: {reached}"] if reached else [])])


def _curves_reading(curves: Curves, order: list[str], at: int, reference: str | None) -> str:
    first = order[0]
    labels = plural(int(curves.budgets[at]), "label")
    best = band(curves.values[first][:, at])
    text = f"With {labels} {shorten(first)} is best ({value_text(float(best.mean), curves.metric)} {in_words(curves.metric)}"
    rival = reference if reference and reference != first else (order[1] if len(order) > 1 else None)
    if rival is not None:
        gain = band(curves.sign * (curves.values[first] - curves.values[rival])[:, at])
        if gain.seeds:
            text += f", {_size(float(gain.mean), curves.metric)} better than {shorten(rival)}"
        if np.isfinite(gain.low):
            text += f", {_spread(gain.seeds)} {_size(float(gain.low), curves.metric, '')} … {_size(float(gain.high), curves.metric, '')}"
    return f"{text}); {_counted(int(best.seeds))}."


def _spread(seeds: Any) -> str:
    """What a band over so many seeds (a whole number) is."""
    return f"95{SPACE}% interval" if seeds >= FEW else "range over the seeds"


def _counted(seeds: int) -> str:
    return "one seed, which decides nothing" if seeds == 1 else f"{seeds} seeds" + (", which decide little" if seeds < FEW else "")


def _saved_reading(found: Saved, order: NDArray[np.int64], metric: str) -> str:
    i = int(order[0])
    mean, low, high = (float(edge[i]) for edge in (found.saved.mean, found.saved.low, found.saved.high))
    verb = "saves" if mean >= 0 else "needs"
    count = f"{plural(abs(round(mean)), 'label')}{'' if mean >= 0 else ' more'}"
    text = f"To {value_text(found.level, metric)} {in_words(metric)} {shorten(found.arms[i])} {verb} {count} against {shorten(found.reference)}"
    if np.isfinite(low):
        text += f" ({_spread(found.saved.seeds[i])} {_signed(low)} … {_signed(high)})"
    censored = int(found.only_arm[i] + found.only_reference[i] + found.neither[i])
    if censored:
        text += f"; in {censored} of {plural(int(found.saved.seeds[i]), 'seed')} one of the two did not get there and counts with all its labels"
    if len(order) > 1 and np.isfinite(found.saved.low).any():
        clear = int(((found.saved.low > 0) | (found.saved.high < 0)).sum())
        text += f"; {clear} of {len(order)} differ from {shorten(found.reference)} beyond their {'interval' if found.saved.seeds[i] >= FEW else 'range'}"
    return text + "."
