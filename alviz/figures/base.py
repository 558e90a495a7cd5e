"""Drawing: a figure and the sentence that says what it shows; the looks that all figures share."""

import html
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

NAME_WIDTH = 24
"""Longest name that is written out in ticks, legends and labels; hover text has it whole."""

GRID = "rgba(128,128,128,0.2)"
NEUTRAL = "#808080"
"""Lines that must be seen on light and on dark backgrounds."""

SPACE = "\u00a0"
"""Between a number and its %: a space at which no line breaks."""

CLEAR = "rgba(0,0,0,0)"


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture and its reading.

    figure: a plain plotly dict {"data": [...], "layout": {...}}; bulk data are numpy arrays (they travel as binary buffers), colours of
    text and background are left to whoever shows it. reading: one plain-text sentence computed from the data, shown under the plot and used
    as its alternative text (escape it before it goes into HTML).

    Beyond what plotly knows, a trace may carry keys of our own, which the plot widget takes out before it draws (`plotly` does the same):
    `alviz_ids`: int (m,), the dataset index of every point, row-aligned with x: what linked selection and hovering go by
    (of bars per class: the class).
    `alviz_codes`, `alviz_names`: int (m,) and a list of escaped names; together they stand for the trace's `text`, names[codes[i]] for
    point i, so that 60,000 hover texts cost 60,000 bytes.
    """

    figure: dict[str, Any]
    reading: str

    def plotly(self) -> Any:
        """The picture as a plotly.graph_objects.Figure, for scripts and notebooks."""
        import plotly.graph_objects as go

        return go.Figure({"data": [_standard(trace) for trace in self.figure["data"]], "layout": self.figure["layout"]})

    def show(self) -> None:
        """Show the picture with plotly's default renderer, and print the reading."""
        self.plotly().show()
        print(self.reading)

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> Any:
        return self.plotly()._repr_mimebundle_(*args, **kwargs)


def _standard(trace: dict[str, Any]) -> dict[str, Any]:
    """The trace with our own keys turned into plotly's."""
    standard = {key: value for key, value in trace.items() if not key.startswith("alviz_")}
    if "alviz_codes" in trace:
        standard["text"] = np.array(trace["alviz_names"], dtype=object)[trace["alviz_codes"]]
    return standard


def layout(uirevision: str, **changes: Any) -> dict[str, Any]:
    """The layout that all figures start from: no background, small margins, quiet axes. Zoom is kept while `uirevision` stays the same."""
    base = {
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "autosize": True,
        "uirevision": uirevision,
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": False,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "xanchor": "left",
            "yanchor": "bottom",
            "itemsizing": "constant",
            "traceorder": "normal",
            "bgcolor": CLEAR,
        },
        "xaxis": axis(),
        "yaxis": axis(),
    }
    return {**base, **changes}


def axis(title: str = "", **changes: Any) -> dict[str, Any]:
    """A quiet axis."""
    base = {
        **({"title": {"text": title, "standoff": 6}} if title else {}),  # plotly keeps room for an empty title too
        "showgrid": True,
        "gridcolor": GRID,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "automargin": True,
    }
    return {**base, **changes}


def whole_ticks(most: float) -> dict[str, Any]:
    """What keeps the ticks of an axis of counts up to `most` from falling between whole numbers."""
    return {"tickformat": ",d", **({"dtick": 1} if most < 5 else {})}


def bare_axis(**changes: Any) -> dict[str, Any]:
    """An axis whose numbers mean nothing: no ticks, no grid."""
    return axis(showgrid=False, showticklabels=False, **changes)


def name_rows(names: list[str], least: int = 0) -> dict[str, Any]:
    """A vertical axis with a name per row, the first on top; with fewer than `least` rows there is room above and below, so that bars do not grow fat."""
    room = max(least - len(names), 0) / 2
    ticks: dict[str, Any] = {"tickvals": list(range(len(names))), "ticktext": names, "tickmode": "array"}
    return axis(range=[len(names) - 0.5 + room, -0.5 - room], showgrid=False, ticklabelstandoff=4, **ticks)


def nothing(message: str, uirevision: str = "empty") -> Drawing:
    """An empty picture that says why it is empty and what to do next."""
    note = {"text": escape(message), "x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
    hidden = {"visible": False}
    return Drawing({"data": [], "layout": layout(uirevision, xaxis=hidden, yaxis=hidden, annotations=[note])}, message)


def escape(name: str) -> str:
    """The name as plotly's pseudo-HTML shows it letter by letter: no tags, no hover-template fields, no formulas."""
    return html.escape(" ".join(str(name).split()), quote=False).replace("{", "&#123;").replace("$", "&#36;")


def shorten(name: str, width: int = NAME_WIDTH) -> str:
    """The name on one line, cut to `width` characters and an ellipsis (not escaped)."""
    name = " ".join(str(name).split())
    return name if len(name) <= width else name[:width].rstrip() + "…"


def spoken(name: str) -> str:
    """A class's name inside a sentence (not escaped): a bare number is said to be a class."""
    name = shorten(name)
    return f"class {name}" if name.isdigit() else name


def label(name: str, width: int = NAME_WIDTH) -> str:
    """The name for ticks, legends and labels: cut and escaped."""
    return escape(shorten(name, width))


def percent(share: float) -> str:
    """A share as people read it: "31 %", "0.4 %", "under 0.1 %", "99.7 %"; nothing but 0 and 1 reads as 0 % and 100 %."""
    value = 100 * share
    if 0 < value < 0.1:
        return f"under 0.1{SPACE}%"
    if 99.9 < value < 100:
        return f"over 99.9{SPACE}%"
    exact = 10 <= value < 99.5 or value in (0, 100)
    text = f"{value:.0f}" if exact else f"{value:.1f}".removesuffix(".0")
    return f"{text}{SPACE}%"


def number(value: float, digits: int = 3) -> str:
    """A finite number with `digits` significant digits, thousands set apart, the minus a real minus."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{abs(value):.2e}" if decimals > 6 else f"{abs(value):,.{decimals}f}"
    return ("−" if value < 0 else "") + text


def plural(count: int, noun: str) -> str:
    """ "1 label", "2,000 labels"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
