"""The legend over planes: the classes with their marks, and what else is drawn."""

from collections.abc import Sequence
from html import escape

from alviz.figures import palette
from alviz.figures.base import shorten

STAR = '<b class="alviz-star">★</b>'
BEHIND = {"score": "deeper violet: labelled sooner", "boundary": "", "probability": "deeper colour: surer"}
"""What is drawn behind the points -> how it is read."""


def legend(class_names: Sequence[str], *rest: str) -> str:
    """As HTML, with the names escaped. rest: what else there is to see, as HTML; empty ones are left out."""
    k = len(class_names)
    marks = zip(class_names, palette.class_colors(k), palette.glyphs(k), strict=True)
    classes = [f'<b style="color:{color}">{glyph}</b> {escape(shorten(name))}' for name, color, glyph in marks]
    return f'<p class="alviz-legend">{"".join(f"<span>{text}</span>" for text in (*classes, *rest) if text)}</p>'


def plane_legend(class_names: Sequence[str], kind: str, picks: str) -> str:
    """Of a plane with a run. kind: what is drawn behind the points (see `BEHIND`); picks: what the stars are, as text."""
    return legend(class_names, "small: pool", "large: labelled", f"{STAR} {escape(picks)}", "line: decision boundary", BEHIND[kind])
