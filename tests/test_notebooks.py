"""Every notebook, of a page or a lesson, runs from top to bottom."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.rglob("*.ipynb"))
CLEAR = "%reset -f"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NotebookClient]:
    """One kernel for all notebooks: each clears what the one before has defined, and only the imports stay warm."""
    folder = tmp_path_factory.mktemp("notebooks")
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
            patch.setenv(variable, str(folder))
        client = NotebookClient(nbformat.v4.new_notebook(), timeout=300, resources={"metadata": {"path": str(folder)}})
        with client.setup_kernel():
            yield client


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, kernel: NotebookClient) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")  # a lesson's answers are not stored in the file
    notebook.cells = [nbformat.v4.new_code_cell(CLEAR), *notebook.cells]
    kernel.nb = notebook
    for k, cell in enumerate(notebook.cells):
        kernel.execute_cell(cell, k)
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in notebook.cells[-1].outputs)


def test_there_are_notebooks() -> None:
    assert {"explore", "toy", "1-what-is-it"} <= {path.stem for path in NOTEBOOKS}
