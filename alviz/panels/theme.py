"""The one visual language: the style sheet that every page of alviz wears (the figures take their colours from `alviz.figures.palette`)."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import anywidget

from alviz.figures.slide import SLIDE
from alviz.panels.states import answer_pages
from alviz.panels.turns import TURN, InTurn

STATIC = Path(__file__).parent / "static"

answer_pages()


def css() -> str:
    """The style sheet as text."""
    return (STATIC / "theme.css").read_text(encoding="utf-8")


def script(*names: str) -> str:
    """The ES module that the files `static/<name>` (or `figures.slide.SLIDE`) make in this order, with what all our modules share (`static/page.js`) put
    in front of it.

    Served by our own app, it is one line that fetches the module: every widget carries its script, and a browser reads what it fetches once.
    """
    files = ("page.js", *names)
    text = "".join((SLIDE if name == SLIDE.name else STATIC / name).read_text(encoding="utf-8") for name in files)
    served = os.environ.get("ALVIZ_MODULES")
    if served is None:
        return text
    address = f"{served}{'+'.join(files)}?v={sha256(text.encode()).hexdigest()[:16]}"
    return f"export default (await import(new URL({json.dumps(address)}, location.origin))).default;\n"


class Themed(InTurn, anywidget.AnyWidget):
    """A widget whose page wears our style sheet: linked by our own Voila template, and elsewhere (JupyterLab) sent by the first widget that is asked."""

    _esm = script("focus.js", "style.js")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._answer)

    @contextmanager
    def hold_sync(self) -> Iterator[None]:
        """As in ipywidgets; other threads wait until all is sent."""
        with TURN, super().hold_sync():
            yield

    def _answer(self, _: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        if content.get("kind") == "need-theme":
            self.send({"kind": "theme", "css": css()})


def style() -> Themed:
    """An invisible widget that gives the page our style sheet once; for panels made of plain ipywidgets. `Plot` and `Thumbnails` do it by themselves."""
    return Themed()
