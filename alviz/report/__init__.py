"""Reports: a comparison, or runs round by round, as one HTML file that opens anywhere, says what came out, and how to do it again."""

from collections.abc import Sequence
from pathlib import Path

from alviz.report.page import render
from alviz.report.replay import write_replay
from alviz.studies.export import atomically
from alviz.studies.grid import Comparison
from alviz.studies.store import Store

__all__ = ["write", "write_replay"]


def write(
    grid: Comparison, store: Store, path: str | Path, *, metrics: Sequence[str] = ("accuracy",), reference: str | None = None
) -> Path:
    """Write what the store has of a grid as one HTML file, which asks nothing of any network; gives its path.

    metrics: what is reported on, one after the other. reference: the arm that others are measured against (default: random, where there is one). A file
    that is there is replaced once the new one is complete. Raises ValueError where nothing of the grid has been done yet, for a metric that no round
    has, a reference that the grid does not have, another ending than .html, and where the file cannot be written.
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a report is written as .html, got {str(path)!r}")
    content = render(grid, store, metrics, reference)
    atomically(target, lambda partial: partial.write_text(content, encoding="utf-8"))
    return target
