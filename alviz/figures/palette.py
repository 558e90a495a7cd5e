"""The colours and marker shapes of all figures.

The five first class colours are Okabe and Ito's (2008, "Color Universal Design"); the other five were searched for so that all ten and the
accent stay apart under normal vision and simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009), on white and on
near-black. Colour never carries meaning alone: shape, size, position or text says the same.
"""

import colorsys

ACCENT = "#E4002B"
"""Kept for "just queried"; no class has it."""

POOL = "#8A97A6"
"""Pool samples without a known class, and whatever stands behind."""

MAIN = "#0072B2"
"""The one colour of figures that need only one."""

_CLASSES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#50731B", "#7E03FF", "#ABB388", "#795473", "#8B7DFF")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "pentagon", "hexagon", "triangle-left")
_GLYPHS = "●■◆▲✚✖▼⬟⬢◀"
# Plotly's numbers of the same shapes as outlines with a dot in the middle. The circle is an octagon, which looks the same at ten pixels: WebGL
# fills open circles that come as numbers.
_RINGS = (316, 301, 302, 305, 303, 304, 306, 313, 314, 307)
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

NO_CLASS, NO_CLASS_RING, NO_CLASS_NUMBER = "hexagon2", 315, 15
"""The marker of labelled samples without a class, its ring, and its number."""

SCORE = "#7A2BC4"
"""The deep end of score fields."""

SEQUENTIAL = ((0.0, "#9FB4C7"), (0.35, "#4FA3A5"), (0.7, "#5B7FD1"), (1.0, "#7A2BC4"))
"""A scale from low (pale) to high (deep and saturated) that is seen on light and on dark backgrounds."""


def class_colors(k: int) -> list[str]:
    """k colours "#RRGGBB", one per class. Up to ten are colour-blind safe; further ones repeat the hues in other lightness."""
    return [_vary(_CLASSES[i % 10], i // 10) for i in range(k)]


def symbols(k: int) -> list[str]:
    """k plotly marker names, one per class, paired anew with the hues after every ten. The star is kept for "just queried"."""
    return [_SYMBOLS[(i + i // 10) % 10] for i in range(k)]


def glyphs(k: int) -> list[str]:
    """k characters that look like the same shapes, for legends in text."""
    return [_GLYPHS[(i + i // 10) % 10] for i in range(k)]


def ring_numbers(k: int) -> list[int]:
    """The same shapes as outlines with a dot in the middle, the mark of labelled samples, in plotly's numbers (for arrays of markers)."""
    return [_RINGS[(i + i // 10) % 10] for i in range(k)]


def symbol_numbers(k: int) -> list[int]:
    """The shapes of `symbols` filled, in plotly's numbers (for arrays of markers)."""
    return [number - 300 for number in ring_numbers(k)]  # plotly adds 300 for an outline with a dot


def dashes(k: int) -> list[str]:
    """k line styles, so that curves are told apart without colour; they repeat after six."""
    return [_DASHES[i % len(_DASHES)] for i in range(k)]


def steps(colors: list[str]) -> list[tuple[float, str]]:
    """A colour scale of len(colors) flat steps: with cmin = −0.5 and cmax = k − 0.5, the number i gets colors[i]."""
    k = len(colors)
    return [stop for i, color in enumerate(colors) for stop in ((i / k, color), ((i + 1) / k, color))]


def faded(color: str, alpha: float) -> str:
    """ "#RRGGBB" as "rgba(…)" with the given opacity."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def _vary(color: str, cycle: int) -> str:
    """The same hue, darker and lighter in turn, further away each time, within what is seen on white and on near-black."""
    if cycle == 0:
        return color
    hue, lightness, saturation = colorsys.rgb_to_hls(*(int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    shift = (-1) ** cycle * 0.07 * ((cycle + 1) // 2)
    lightness = min(0.78, max(0.25, lightness + shift))
    hue = (hue + 0.013 * cycle) % 1
    return "#" + "".join(f"{round(255 * channel):02X}" for channel in colorsys.hls_to_rgb(hue, lightness, saturation))
