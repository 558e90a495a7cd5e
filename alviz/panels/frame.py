"""The frame of a page: its cards, and how they stand."""

import re
from html import escape, unescape

import ipywidgets as widgets

from alviz.panels.theme import style


def panel(title: str, *children: widgets.Widget, controls: widgets.Widget | None = None, inline: bool = False) -> widgets.VBox:
    """A titled card. controls: stand beside the title; inline: so does everything."""
    head: widgets.Widget = widgets.HTML(f'<h2 class="alviz-panel-title">{escape(title)}</h2>')
    if controls is not None:
        head = widgets.HBox([head, controls])
        head.add_class("alviz-panel-head")
    box = widgets.VBox([head, *children])
    box.add_class("alviz-panel")
    if inline:
        box.add_class("alviz-inline")
    return box


def title_of(card: widgets.VBox) -> str:
    """The title of a card."""
    head = card.children[0]
    heading = head if isinstance(head, widgets.HTML) else head.children[0]
    return unescape(re.sub(r"<[^>]*>", "", heading.value))


def page(*above: widgets.Widget, columns: list[widgets.Widget]) -> widgets.VBox:
    """A whole page: what stands above, over two columns or three."""
    row = widgets.Box(columns)
    row.add_class("alviz-columns")
    if len(columns) == 2:
        row.add_class("alviz-two")
    whole = widgets.VBox([style(), *above, row])
    whole.add_class("alviz-root")
    whole.add_class("alviz-page")
    return whole
