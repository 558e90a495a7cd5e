"""Shown: whatever a lesson's cell has worked out, as widgets: text, tables, drawings, pictures, side by side or below one another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np

from alviz.data.dataset import Dataset
from alviz.figures import Drawing
from alviz.panels.plot import Plot
from alviz.panels.thumbnails import Thumbnails

HEIGHT = "300px"


@dataclass(frozen=True)
class Table:
    """A small table. caption: says what it shows. rows: one mapping per row, column -> text; all have the columns of the first."""

    caption: str
    rows: Sequence[Mapping[str, str]]

    def html(self) -> str:
        """The table, escaped."""
        columns = list(self.rows[0])
        head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(str(row[column]))}</td>" for column in columns) + "</tr>" for row in self.rows)
        table = f'<table class="alviz-table"><caption>{escape(self.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        return f'<div class="alviz-scroll">{table}</div>'


def pictures(dataset: Dataset, indices: Sequence[int] | np.ndarray, label: str) -> Thumbnails:
    """The samples `indices` of a dataset as pictures with their class names, in this order. label: the grid's accessible name."""
    ids = np.asarray(indices, dtype=np.int64)
    grid = Thumbnails(label=label)
    titles = [dataset.class_names[k] if k >= 0 else "no label" for k in dataset.targets[ids]]
    grid.show(ids, None if dataset.images is None else dataset.images[ids], titles)
    return grid


class Part(widgets.VBox):
    """The box in which a part of a lesson stands. owner: who is behind it; names: what sets it apart from other parts, for the style sheet."""

    def __init__(self, owner: Any, children: Sequence[widgets.Widget], *names: str):
        super().__init__(children)
        self.owner = owner
        for name in ("alviz-root", "alviz-lesson", *names):
            self.add_class(name)


class Shown:
    """A box that shows one thing after another, drawing anew only what differs in kind: a plot stays the plot it was.

    A thing: a str (a paragraph), a `Table`, a `Drawing`, any widget, a list of things (below one another) or a tuple of things (side by
    side).
    """

    def __init__(self) -> None:
        self.widget = widgets.VBox()
        self.widget.add_class("alviz-shown")
        self._form: Any = None
        self._leaves: list[widgets.Widget] = []

    def show(self, thing: Any) -> None:
        """Show `thing` in the place of what was there. Raises ValueError for one that cannot be shown."""
        form, found = _form(thing), _leaves(thing)
        if form != self._form:
            made = iter(leaves := [_made(leaf) for leaf in found])
            self._leaves, self._form = leaves, form
            self.widget.children = [_arranged(thing, made)]
        for leaf, widget in zip(found, self._leaves, strict=True):
            _fill(widget, leaf)


def _form(thing: Any) -> Any:
    """What must be equal for the same widgets to show another thing."""
    if isinstance(thing, (list, tuple)):
        return (type(thing).__name__, *map(_form, thing))
    if isinstance(thing, widgets.Widget):
        return id(thing)
    if isinstance(thing, (str, Table, Drawing)):
        return type(thing).__name__
    raise ValueError(f"what is shown must be a str, a Table, a Drawing, a widget, or a list or tuple of them; got {type(thing).__name__}")


def _leaves(thing: Any) -> list[Any]:
    return [leaf for part in thing for leaf in _leaves(part)] if isinstance(thing, (list, tuple)) else [thing]


def _made(leaf: Any) -> widgets.Widget:
    if isinstance(leaf, Drawing):
        return Plot(height=HEIGHT)
    return leaf if isinstance(leaf, widgets.Widget) else widgets.HTML()


def _fill(widget: widgets.Widget, leaf: Any) -> None:
    if isinstance(leaf, Drawing):
        widget.show(leaf.figure, leaf.reading)
    elif isinstance(leaf, Table):
        widget.value = leaf.html()
    elif isinstance(leaf, str):
        widget.value = f"<p>{escape(leaf)}</p>"


def _arranged(thing: Any, made: Any) -> widgets.Widget:
    if not isinstance(thing, (list, tuple)):
        return next(made)
    box = widgets.VBox([_arranged(part, made) for part in thing])
    if isinstance(thing, tuple):
        box.add_class("alviz-beside")
    return box
