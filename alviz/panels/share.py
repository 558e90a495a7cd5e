"""Share: what leads back here – the link, the Python, the BibTeX – and what a link leaves out for whoever opens it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import traitlets

from alviz.panels.address import Address
from alviz.panels.frame import title_of
from alviz.panels.theme import Themed, script

AWAY = "alviz-away"
"""The class of what a link hides."""


class ShareButton(Themed):
    """A button that opens a sheet with the page's link, ready to be copied, a script and BibTeX.

    parts: dicts with name, label, group and lockable: what the link can hide, or lock. python, bibtex: texts, asked for (message "texts") whenever the sheet is opened. gap: what the link
    cannot carry, as a sentence, or "".
    """

    _esm = script("share.js")

    parts: Any = traitlets.List(traitlets.Dict()).tag(sync=True)
    python = traitlets.Unicode("").tag(sync=True)
    bibtex = traitlets.Unicode("").tag(sync=True)
    gap = traitlets.Unicode("").tag(sync=True)


@dataclass(frozen=True)
class Part:
    """Something on a page that a link can hide: what it is called there, its widgets, and which kind it is of. Controls among them can be locked, too."""

    label: str
    widgets: Sequence[widgets.Widget]
    group: str = "Settings"

    @property
    def settings(self) -> list[Any]:
        """The controls in it that can be locked."""
        return [found for widget in self.widgets for found in _lockable(widget)]


class Sharing:
    """The Share button of a page, and what the page's address says of hidden and locked parts ("hide=map,seed&lock=learner").

    parts: name in the address -> Part. python, bibtex: () -> text; a ValueError says why there is none.
    """

    def __init__(self, parts: Mapping[str, Part], python: Callable[[], str], bibtex: Callable[[], str]):
        self.parts, self._texts = dict(parts), {"python": python, "bibtex": bibtex}
        self._said: dict[str, list[str]] = {"hide": [], "lock": []}
        listed = [
            {"name": name, "label": part.label, "group": part.group, "lockable": bool(part.settings)} for name, part in self.parts.items()
        ]
        self.widget = ShareButton(parts=listed)
        self.widget.on_msg(self._asked)

    def take(self, address: Address) -> None:
        """Hide and lock what a page's address says."""
        self._said = {verb: address.names(verb, self.parts) for verb in self._said}
        for name in self._said["hide"]:
            for widget in self.parts[name].widgets:
                widget.add_class(AWAY)
        for name in self._said["lock"]:
            for setting in self.parts[name].settings:
                setting.locked = True

    def address(self) -> dict[str, str]:
        """What the address says of it."""
        return {verb: ",".join(names) for verb, names in self._said.items() if names}

    def _asked(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        if content.get("kind") != "texts":
            return
        for name, make in self._texts.items():
            try:
                text = make()
            except ValueError as error:
                text = f"# {str(error)[:1].upper()}{str(error)[1:]}.\n"
            setattr(self.widget, name, text)
        self.widget.send({"kind": "texts"})  # they are there, also where they are the same as before


def parts_of(cards: Mapping[str, widgets.Widget]) -> dict[str, Part]:
    """Cards of a page (`frame.panel`) as parts."""
    return {name: Part(title_of(card), [card], "Cards") for name, card in cards.items()}


def _lockable(widget: widgets.Widget) -> Iterator[Any]:
    if widget.has_trait("locked"):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from _lockable(child)
