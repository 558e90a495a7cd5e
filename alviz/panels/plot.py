"""Plot: a plotly figure on the page, without plotly's own widget and the five megabytes that each of those ships."""

import gzip
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import Any

import numpy as np
import traitlets

from alviz.figures.plotlyjs import PLOTLY_JS, TRACES
from alviz.panels.theme import Themed, script

FULL_PRECISION = 1000
"""Arrays of more float64 numbers than this travel as float32: they are coordinates and colours, and the screen shows four digits of them."""


class Plot(Themed):
    """A plotly figure given as a plain dict, redrawn in place when it changes; zoom, drag mode and scroll position stay as the user left them.

    Set `figure` (a new dict each time; changes inside a dict are not seen), or call `show`; its traces are of the types in
    `alviz.figures.plotlyjs.TRACES`, another one is a ValueError. Arrays in it travel as binary buffers, and only those
    that differ from the figure before. A trace may carry, beyond plotly's keys, `alviz_ids`: int (m,), the dataset index of every point; and
    `alviz_codes` int (m,) with `alviz_names`, a list: names[codes[i]] is point i's `text`. Colours written "var(--alviz-text)" follow the theme.

    From Python: figure; alt: the reading, shown under the plot and used as its alternative text; height: any CSS length ("320px", "40vh"); empty: the sentence shown while
    the figure has no data; selection: the dataset indices to highlight (the others fade; none: nothing fades); pointed: the dataset index whose
    hover label is shown, or None; scroll_zoom: the mouse wheel zooms.
    From the page, to observe: selected: list of dataset indices under the last lasso or box, [] once it is cleared; hovered: a dataset index or
    None; clicked: {"id", "trace", "name", "x", "y", "count"} (id None where the trace has none; count grows, so every click is a change).
    """

    _esm = script("slide.js", "plot.js")

    figure = traitlets.Dict().tag(sync=True, to_json=lambda value, plot: plot._pack(value))
    alt = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Unicode("320px").tag(sync=True)
    empty = traitlets.Unicode("").tag(sync=True)
    selection: Any = traitlets.Any().tag(sync=True, to_json=lambda value, plot: value.tobytes())
    pointed = traitlets.Int(None, allow_none=True).tag(sync=True)
    scroll_zoom = traitlets.Bool(False).tag(sync=True)

    selected = traitlets.List(traitlets.Int())
    hovered = traitlets.Int(None, allow_none=True)
    clicked = traitlets.Dict()

    def __init__(self, **traits: Any) -> None:
        self._on_page: set[str] = set()
        super().__init__(**traits)

    def show(self, figure: Mapping[str, Any], alt: str = "") -> None:
        """Show a figure {"data": [...], "layout": {...}} and its reading, in one message."""
        with self.hold_sync():
            self.figure = dict(figure)
            self.alt = alt

    @traitlets.validate("figure")
    def _can_be_drawn(self, proposal: dict[str, Any]) -> Any:
        kinds = {trace.get("type", "scatter") for trace in proposal["value"].get("data", ())}
        if unknown := sorted(kinds.difference(TRACES)):
            raise ValueError(f"figure: traces of the type {unknown[0]!r} are not drawn here, only {', '.join(TRACES)}")
        return proposal["value"]

    @traitlets.default("selection")
    def _nothing_selected(self) -> np.ndarray:
        return np.zeros(0, np.int32)

    @traitlets.validate("selection")
    def _as_ids(self, proposal: dict[str, Any]) -> np.ndarray:
        return np.array(proposal["value"], dtype=np.int32).reshape(-1)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        if key is None:  # a page that opens has no arrays yet
            self._on_page = set()
        return super().get_state(key, drop_defaults)

    def _pack(self, figure: dict[str, Any]) -> dict[str, Any]:
        used: set[str] = set()
        packed = _packed(figure, self._on_page, used)
        self._on_page = used
        return packed

    def _answer(self, widget: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        kind = content.get("kind")
        if kind == "selected":
            self.selected = np.frombuffer(buffers[0], np.int32).tolist()
        elif kind == "hovered":
            self.hovered = content["id"]
        elif kind == "clicked":
            self.clicked = {**content["point"], "count": self.clicked.get("count", 0) + 1}
        elif kind == "need-plotly":
            self.send({"kind": "plotly"}, [_compressed_plotly()])
        elif kind == "need-figure":
            self._on_page = set()
            self.send_state("figure")
        else:
            super()._answer(widget, content, buffers)


@cache
def _compressed_plotly() -> bytes:
    return gzip.compress(PLOTLY_JS.read_bytes(), 6)


def _packed(value: Any, known: set[str], used: set[str]) -> Any:
    """The figure with every array as {"array": key, "dtype", "shape"[, "buffer"]}: no buffer where the page has that very array already."""
    if isinstance(value, Mapping):
        return {key: _packed(item, known, used) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_packed(item, known, used) for item in value]
    if isinstance(value, np.generic):
        return _packed(value.item(), known, used)
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind not in "fiub":
        return _packed(value.tolist(), known, used)
    array = _narrow(value)
    buffer = array.tobytes()
    key = f"{array.dtype}{array.shape}{blake2b(buffer, digest_size=12).hexdigest()}"
    packed = {"array": key, "dtype": str(array.dtype), "shape": list(array.shape)}
    if key not in known and key not in used:
        packed["buffer"] = buffer
    used.add(key)
    return packed


def _narrow(array: np.ndarray) -> np.ndarray:
    """The array in a type that JavaScript has: int32 (float64 beyond its range), float32 for bulk, small integers as they are."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind == "f":
        return array.astype(np.float32 if array.size > FULL_PRECISION or array.dtype.itemsize < 8 else np.float64)
    if array.dtype.itemsize < 4 or array.dtype == np.int32:
        return array
    fits = array.size == 0 or (int(array.min()) >= -(2**31) and int(array.max()) < 2**31)
    return array.astype(np.int32 if fits else np.float64)
