"""The one visual language: class colours, marker shapes, and the style sheet that every page of alviz wears."""

import colorsys
from pathlib import Path
from typing import Any

import anywidget

STATIC = Path(__file__).parent / "static"

TEXT = "var(--alviz-text)"
MUTED = "var(--alviz-muted)"
LINE = "var(--alviz-line)"
SURFACE = "var(--alviz-surface)"
ACCENT = "var(--alviz-accent)"
"""Colours that follow the page's theme. A figure shown by `Plot` may use them wherever plotly takes a colour; they are looked up when it is drawn.
The accent is kept for samples that were just queried."""

PALETTE = ("#3b6fd4", "#e0892b", "#1b9e86", "#d7589a", "#8a6d3b", "#55b7e6", "#8e6bd8", "#a3a92c", "#c4503a", "#6f7f8f")
"""Ten class colours that stand out from white and from near-black, and that people with any common colour blindness can tell apart best;
the first few are the farthest apart."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "x", "pentagon", "hexagon", "triangle-left")
"""Marker shapes in the order in which classes take them. Stars are left out: they mark what was just queried."""

_LIGHTER = (0.0, 0.16, -0.14, 0.24, -0.2, 0.1, -0.08, 0.2, -0.17, 0.05)


def class_colors(k: int) -> list[str]:
    """Colours "#rrggbb" for k classes. From the eleventh on, the ten hues return lighter and darker; together with `class_symbols`, every one of
    a hundred classes has a look of its own, and after a hundred the looks start again."""
    return [_shift(PALETTE[i % 10], _LIGHTER[i // 10 % 10]) for i in range(k)]


def class_symbols(k: int) -> list[str]:
    """plotly marker symbols for k classes: ten shapes, paired with every hue once in each hundred classes."""
    return [SYMBOLS[(i + i // 10) % 10] for i in range(k)]


def _shift(color: str, lighter: float) -> str:
    """The same hue, lighter or darker by that share of the whole lightness range."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    shifted = colorsys.hls_to_rgb(hue, min(max(lightness + lighter, 0.2), 0.85), saturation)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in shifted)


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
