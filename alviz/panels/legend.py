"""The legend over planes: the classes with their marks, and what else is drawn."""

from collections.abc import Sequence
from html import escape

from alviz.figures import palette
from alviz.figures.base import shorten

GLYPHS = {
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "triangle-up": "▲",
    "cross": "✚",
    "triangle-down": "▼",
    "x": "✖",
    "pentagon": "⬟",
    "hexagon": "⬢",
}
BEHIND = {"score": "deeper violet: labelled sooner", "boundary": "", "probability": "deeper colour: surer"}


def legend(class_names: Sequence[str], kind: str, picks: str) -> str:
    """As escaped HTML. kind: what is drawn behind the points (see `plane`); picks: what the stars are."""
    k = len(class_names)
    marks = zip(class_names, palette.class_colors(k), palette.symbols(k), strict=True)
    classes = "".join(
        f'<span><b style="color:{color}">{GLYPHS.get(shape, "●")}</b> {escape(shorten(name))}</span>' for name, color, shape in marks
    )
    rest = ["small: pool", "large: labelled", f'<b class="alviz-star">★</b> {escape(picks)}', "line: decision boundary", BEHIND[kind]]
    return f'<p class="alviz-legend">{classes}{"".join(f"<span>{text}</span>" for text in rest if text)}</p>'
