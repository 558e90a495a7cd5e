"""What is shipped, and that the places which say so agree: pyproject.toml, environment.yml, the built wheel."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import alviz

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# conda-forge's own names.
CONDA_NAMES = {"torch": "pytorch"}


def canonical(requirement: str) -> tuple[str, str]:
    """Name and lowest version of a requirement, spelt one way."""
    found = re.fullmatch(r"([\w.-]+)>=([\d.]+)", requirement)
    assert found, requirement
    name = re.sub(r"[-_.]+", "-", found[1]).lower()
    return CONDA_NAMES.get(name, name), found[2]


def test_both_lists_of_dependencies_agree() -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = {canonical(entry) for entry in listed if isinstance(entry, str) and entry != "pip"}
    python = ("python", PROJECT["project"]["requires-python"].removeprefix(">="))
    assert conda == {canonical(entry) for entry in PROJECT["project"]["dependencies"]} | {python}
    assert [entry["pip"] for entry in listed if isinstance(entry, dict)] == [["-e ."]]


def test_the_version_is_said_once_the_same() -> None:
    assert PROJECT["project"]["version"] == alviz.__version__


def test_ci_runs_make_test_with_browser_and_postgres_required() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    commands = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert commands[-1] == "exec env ALVIZ_BROWSER_TESTS=required ALVIZ_POSTGRES_TESTS=required make test"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package_and_the_notebooks(wheel: zipfile.ZipFile) -> None:
    def wanted(folder: Path) -> set[Path]:
        ignored = {"__pycache__", ".ipynb_checkpoints"}
        return {path for path in folder.rglob("*") if path.is_file() and not ignored & set(path.parts) and path.suffix != ".pyc"}

    package = {path.relative_to(ROOT).as_posix() for path in wanted(ROOT / "alviz")}
    notebooks = {f"alviz/app/notebooks/{path.relative_to(ROOT / 'notebooks').as_posix()}" for path in wanted(ROOT / "notebooks")}
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert shipped == package | notebooks | {"alviz/app/teaching.md"}
    assert {"alviz/py.typed", "alviz/references.bib", "alviz/panels/static/theme.css", "alviz/app/template/head.html.j2"} <= shipped
    assert {"alviz/app/notebooks/explore.ipynb", "alviz/app/notebooks/lessons/1-what-is-it.ipynb"} <= shipped


@pytest.mark.slow
def test_the_wheel_has_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    (entries,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "alviz = alviz.app.cli:main" in wheel.read(entries).decode()
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


@pytest.mark.slow
def test_the_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    """Mostly the shipped pictures, which may have 6 MB."""
    assert sum(entry.compress_size for entry in wheel.infolist()) < 8_000_000
