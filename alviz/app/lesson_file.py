"""A lesson as one HTML file: its text, its questions, its figures and what there is to do by hand, without Python or a network."""

import ast
import datetime
import json
import re
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
from markupsafe import Markup

from alviz.app.lessons import Lesson, notebook
from alviz.panels.recording import Node, Recorder
from alviz.panels.theme import css
from alviz.report import offline
from alviz.report.replay import MOST_BYTES
from alviz.studies.export import atomically


def write_lesson(lesson: Lesson, path: str | Path) -> Path:
    """Run a lesson and write it as one HTML file of at most 8 MB that asks nothing of any network; gives its path.

    What its reveals, planes and try-outs can show is worked out beforehand, which takes up to a minute. A file that is there is replaced once the new one is complete.
    Raises ValueError for another ending than .html, and for a lesson that does not fit into 8 MB.
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a lesson is written as .html, got {str(path)!r}")
    content = render(lesson.title, notebook(lesson.name))
    atomically(target, lambda partial: partial.write_text(content, encoding="utf-8"))
    return target


def render(title: str, source: Path) -> str:
    """The page of the lesson whose notebook is `source`, as text; see `write_lesson`."""
    recorder = Recorder()
    cells: list[tuple[str, int | None]] = []
    parts: list[Node] = []
    names: dict[str, Any] = {"__name__": "lesson"}
    for cell in json.loads(source.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cells.append((prose(text), None))
        elif cell["cell_type"] == "code" and isinstance(shown := run(text, names), widgets.Widget):
            cells.append(("", len(parts)))
            parts.append(recorder.record(shown))
    page = offline.render(
        "lesson",
        {"parts": _bytes(json.dumps(parts, allow_nan=False).encode()), "buffers": _bytes(bytes(recorder.buffers))},
        style=css(),
        script=_modules(recorder.modules),
        title=title,
        when=datetime.date.today(),
        cells=cells,
    )
    if (size := len(page.encode())) > MOST_BYTES:
        raise ValueError(f"the page would take {size / 1e6:.1f} MB, and may take {MOST_BYTES / 1e6:.0f}")
    return page


def run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell among `names`; gives the value of its last line, or None where that is no expression."""
    lines = ast.parse(source).body
    last = lines.pop() if lines and isinstance(lines[-1], ast.Expr) else None
    exec(compile(ast.Module(lines, []), "<lesson>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<lesson>", "eval"), names) if isinstance(last, ast.Expr) else None


def prose(text: str) -> Markup:
    """Markdown as HTML. Links to other lessons lead nowhere from a file, so that only their words are left."""
    from nbconvert.filters import markdown2html

    return Markup(markdown2html(re.sub(r"\[([^\]]+)\]\([\w-]+\.ipynb\)", r"\1", text)))


def _bytes(content: bytes) -> dict[str, Any]:
    return offline.packed(np.frombuffer(content, np.uint8))


def _modules(sources: dict[str, str]) -> str:
    """The scripts of widgets as one script: WIDGETS, name -> what the module exports."""
    made = (f"{json.dumps(name)}: (() => {{\n{source.replace('export default', 'return', 1)}\n}})()" for name, source in sources.items())
    return f"const WIDGETS = {{{', '.join(made)}}};\n"
