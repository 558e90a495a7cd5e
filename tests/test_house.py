"""The house: no import runs up a floor, and importing alviz stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import alviz

ROOT = Path(alviz.__file__).parent
FLOORS = {
    "data": 1,
    "learners": 2,
    "strategies": 3,
    "initial": 3,
    "loop": 4,
    "studies": 5,
    "projections": 5,
    "figures": 6,
    "report": 7,
    "panels": 8,
    "app": 9,
    "testing": 5,
}
GROUND = {"registry", "progress", "cache", "citations"}
SAME_FLOOR = {("initial", "strategies")}
"""Neighbours on one floor that may lean on each other."""
HEAVY = ("torch", "torchvision", "umap", "sklearn", "plotly", "scipy", "pandas", "sqlalchemy", "ipywidgets", "openTSNE")


def imports(path: Path) -> set[str]:
    """The alviz subpackages that a module imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("alviz.")}
        elif isinstance(node, ast.ImportFrom) and node.module == "alviz":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("alviz."):
            found.add(node.module.split(".")[1])
    return found


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_no_import_runs_up_a_floor(package: str) -> None:
    wrong = []
    for path in (ROOT / package).rglob("*.py"):
        for other in imports(path) & set(FLOORS) - {package}:
            if FLOORS[other] >= FLOORS[package] and (package, other) not in SAME_FLOOR:
                wrong.append(f"{path.relative_to(ROOT)} imports alviz.{other}")
    assert not wrong


def test_the_ground_floor_stands_on_nothing() -> None:
    for name in GROUND:
        path = ROOT / f"{name}.py"
        if path.exists():
            assert not imports(path) & set(FLOORS)


def test_every_package_has_a_floor() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == set(FLOORS)


def loaded_by(code: str) -> set[str]:
    """Top-level modules in memory after running code in a fresh interpreter."""
    program = f"import sys\n{code}\nprint('\\n'.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    return set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split())


def test_importing_alviz_is_light() -> None:
    assert not loaded_by("import alviz") & {*HEAVY, "numpy"}


def test_the_engine_needs_no_widgets_and_no_plotly() -> None:
    code = (
        "import alviz\n"
        "run = alviz.Run(alviz.data.create('gaussians', n=60), n_queries=4)\n"
        "run.step()\n"
        "from alviz.studies import Store\n"
        "Store('sqlite://')"
    )
    assert not loaded_by(code) & {"plotly", "ipywidgets", "anywidget", "torch", "umap", "voila"}


def test_menus_load_nothing_heavy() -> None:
    code = "import alviz\nfor part in (alviz.strategies, alviz.learners, alviz.initial, alviz.data):\n    [part.card(name) for name in part.available()]"
    assert not loaded_by(code) & set(HEAVY)
