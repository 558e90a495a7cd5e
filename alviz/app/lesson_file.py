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

from alviz.panels.recording import Node, Recorder
from alviz.panels.theme import css
from alviz.panels.working import readable
from alviz.report import offline
from alviz.report.replay import MOST_BYTES
from alviz.studies.export import atomically


def write_lesson(source: str | Path, path: str | Path) -> Path:
    """Run a lesson and write it as one HTML file of at most 8 MB that asks nothing of any network; gives its path.

    source: its notebook (see `lessons.notebook`), one of your own as well: Markdown, and cells that end with a part (`guess`, `plane`, `tryout`, `tally`), a box of such, or HTML.
    What they can show is worked out beforehand, which may take a minute. A file that is there is replaced once the new one is complete. Raises
    ValueError for what is no notebook, a cell that fails or shows what needs Python, another ending than .html, and a lesson that does not fit into 8 MB.
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a lesson is written as .html, got {str(path)!r}")
    content = render(Path(source).expanduser())
    atomically(target, lambda partial: partial.write_text(content, encoding="utf-8"))
    return target


def render(source: Path) -> str:
    """The page of the lesson whose notebook is `source`, as text; see `write_lesson`."""
    recorder = Recorder()
    cells: list[tuple[str, int | None]] = []
    parts: list[Node] = []
    names: dict[str, Any] = {"__name__": "lesson"}
    for k, (kind, text) in enumerate(_cells(source), 1):
        if kind == "markdown":
            cells.append((prose(text), None))
            continue
        try:
            shown = run(text, names)
            part = recorder.record(shown) if isinstance(shown, widgets.Widget) else None
        except Exception as error:
            raise ValueError(f"cell {k} of {source.name} failed: {readable(error)}") from error
        if part is not None:
            cells.append(("", len(parts)))
            parts.append(part)
    page = offline.render(
        "lesson",
        {"parts": _bytes(json.dumps(parts, allow_nan=False).encode()), "buffers": _bytes(bytes(recorder.buffers))},
        style=css(),
        script=_modules(recorder.modules),
        title=_title(source),
        when=datetime.date.today(),
        cells=cells,
    )
    if (size := len(page.encode())) > MOST_BYTES:
        raise ValueError(f"the page would take {size / 1e6:.1f} MB, and may take {MOST_BYTES / 1e6:.0f}")
    return page


def _cells(source: Path) -> list[tuple[str, str]]:
    """(kind, text) of a notebook's cells of Markdown and code. Raises ValueError for what is no notebook."""
    try:
        cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
        return [(cell["cell_type"], "".join(cell["source"])) for cell in cells if cell["cell_type"] in ("markdown", "code")]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{str(source)!r} is no notebook") from error


def _title(source: Path) -> str:
    """The first heading, or the file's name."""
    headings = (re.search(r"^# +(.+)$", text, re.MULTILINE) for kind, text in _cells(source) if kind == "markdown")
    return next((found[1].strip() for found in headings if found), source.stem)


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
