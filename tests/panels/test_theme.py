"""The style sheet: readable in both themes, and one with the figures."""

import re

import pytest

from alviz.figures import palette
from alviz.panels import theme
from alviz.panels.plot import Plot


def variables(block):
    return dict(re.findall(r"--alviz-([\w-]+):\s*([^;]+);", block))


def blocks():
    """The variables for light, for dark by attribute, and for dark by the system's wish."""
    sheet = theme.css()
    light = re.search(r"^:root \{(.*?)\}", sheet, re.S | re.M)
    dark = re.search(r'^:root\[data-theme="dark"\],.*?\{(.*?)\}', sheet, re.S | re.M)
    system = re.search(r"prefers-color-scheme: dark\) \{.*?\{(.*?)\}", sheet, re.S)
    return variables(light[1]), variables(dark[1]), variables(system[1])


def contrast(first, second):
    """WCAG 2 contrast ratio of two colours "#rrggbb"."""

    def luminance(color):
        channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


TEXTS = [
    ("text", "bg"),
    ("text", "surface"),
    ("text", "raised"),
    ("text", "line"),
    ("muted", "bg"),
    ("muted", "surface"),
    ("muted", "raised"),
]
TEXTS += [("on-ink", "ink"), ("wrong", "wrong-bg"), ("focus", "surface"), ("focus", "bg"), ("surface", "right"), ("surface", "wrong")]
SHAPES = [("accent", "surface"), ("control", "surface"), ("control", "bg"), ("focus", "raised"), ("ink", "line")]


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize(("front", "back", "least"), [(*pair, 4.5) for pair in TEXTS] + [(*pair, 3.0) for pair in SHAPES])
def test_contrast_is_wcag_aa(mode, front, back, least):
    colors = blocks()[mode]
    assert contrast(colors[front], colors[back]) >= least


def test_the_contrast_measure_itself():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the well-known grey that just fails


def test_dark_is_the_same_however_it_is_asked_for():
    light, dark, system = blocks()
    assert dark == system
    assert set(dark) < set(light)


def test_the_accent_is_the_figures_accent():
    assert {colors["accent"].upper() for colors in blocks()} == {palette.ACCENT.upper()}


def test_every_variable_that_is_used_is_defined():
    assert set(re.findall(r"var\(--alviz-([\w-]+)\)", theme.css())) <= set(blocks()[0])


def test_the_sheet_asks_for_nothing_from_outside():
    assert not re.search(r"url\(|@import|//", theme.css())


@pytest.mark.parametrize("make", [theme.style, Plot])
def test_a_page_without_the_sheet_is_sent_it_on_request(make, monkeypatch):
    widget, sent = make(), []
    monkeypatch.setattr(widget, "send", lambda content, buffers=None: sent.append(content))
    assert theme.css() not in str(widget.get_state())
    widget._handle_custom_msg({"kind": "need-theme"}, [])
    assert sent == [{"kind": "theme", "css": theme.css()}]
