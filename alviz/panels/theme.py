"""The one visual language: the style sheet that every page of alviz wears (the figures take their colours from `alviz.figures.palette`)."""

from pathlib import Path
from typing import Any

import anywidget

STATIC = Path(__file__).parent / "static"


def css() -> str:
    """The style sheet as text."""
    return (STATIC / "theme.css").read_text(encoding="utf-8")


def script(name: str) -> str:
    """The ES module `static/<name>` with what all our modules share (`static/page.js`) put in front of it."""
    return (STATIC / "page.js").read_text(encoding="utf-8") + (STATIC / name).read_text(encoding="utf-8")


class Themed(anywidget.AnyWidget):
    """A widget whose page wears our style sheet: linked by our own Voila template, and elsewhere (JupyterLab) sent by the first widget that is asked."""

    _esm = script("style.js")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._answer)

    def _answer(self, _: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        if content.get("kind") == "need-theme":
            self.send({"kind": "theme", "css": css()})


def style() -> Themed:
    """An invisible widget that gives the page our style sheet once; for panels made of plain ipywidgets. `Plot` and `Thumbnails` do it by themselves."""
    return Themed()
