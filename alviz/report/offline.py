"""Pages that stand alone: one HTML file with its style, scripts, data and plotly inside, which asks nothing of any network."""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from alviz.figures.plotlyjs import PLOTLY_JS
from alviz.figures.slide import SLIDE
from alviz.report import about

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent
DIGITS = 6
"""Significant digits of the numbers in figures; a screen shows four."""


def render(name: str, data: Any, *, webgl: bool = False, style: str = "", script: str = "", **fields: Any) -> str:
    """The page `<name>.html.j2`, dressed in `<name>.css` and moved by `<name>.js`, with `data` for its script and `fields` for its text.

    The page's policy lets its own script and plotly run, and nothing else. webgl: plotly may make functions of its own, as it does for WebGL. style, script: what the page's own
    build upon.
    """
    script = SLIDE.read_text(encoding="utf-8") + _own("offline.js") + script + _own(f"{name}.js")
    plotly, digest = _plotly()
    return _template(f"{name}.html.j2").render(
        style=Markup(_own("offline.css") + style + _own(f"{name}.css")),
        script=Markup(script),
        allowed=f"'{_digest(script.encode())}' '{digest}'" + (" 'unsafe-eval'" if webgl else ""),
        data=Markup(in_script(data)),
        plotly=Markup(plotly),
        **fields,
    )


def plain(value: Any) -> Any:
    """Values that JSON has: arrays as lists, numbers rounded to the digits that are seen, NaN as null."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return about.without_home(value) if isinstance(value, str) else value


def packed(array: Any) -> dict[str, Any]:
    """An array as `offline.js` unpacks it: {"dtype", "shape", "packed": its bytes in C order, compressed, in base64}."""
    array = np.ascontiguousarray(array)
    return {"dtype": str(array.dtype), "shape": list(array.shape), "packed": _compressed(array.tobytes())}


def in_script(value: Any) -> str:
    """JSON that can stand inside a <script>: nothing in it ends the element or opens a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def _plotly() -> tuple[str, str]:
    """(plotly.js, compressed and in base64; the digest by which the page's policy lets it run)."""
    source = PLOTLY_JS.read_bytes()
    return _compressed(source), _digest(source)


def _compressed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def _digest(source: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source).digest()).decode()}"


def _own(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _template(name: str) -> "Template":
    from jinja2 import Environment, FileSystemLoader

    def said(value: Any) -> Any:
        return about.without_home(value) if type(value) is str else value

    loader = FileSystemLoader(HERE)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=said)
    environment.filters["base64"] = lambda text: base64.b64encode(about.without_home(text).encode()).decode()
    return environment.get_template(name)
