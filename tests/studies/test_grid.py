"""Grids: what is taken, what is refused with which sentence, and what makes two cells the same run."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from alviz.studies.grid import AXES, Comparison, parse, read

GRID: dict[str, Any] = {"datasets": ["gaussians"], "strategies": ["margin", "random"], "rounds": 3, "seeds": 2}

TEXT = """
name = "every axis"
datasets = ["gaussians", { name = "gaussians", label = "few", n = 40 }]
imbalances = ["none", "1:5"]
learners = ["logistic", { name = "mlp", epochs = 5 }]
initial = ["random", "typiclust"]
strategies = ["margin", "random", "entropy"]
n_queries = [5, 10]
n_initial = 8
rounds = 3
seeds = [4, 7]
"""


def test_every_combination_is_a_cell_once() -> None:
    grid = parse(tomllib.loads(TEXT))
    cells = list(grid.cells())
    assert len(cells) == len(grid) == 2 * 2 * 2 * 2 * 3 * 2 * 2
    places = {tuple(cell.label(axis) for axis in AXES) for cell in cells}
    assert len(places) == len({cell.key for cell in cells}) == len(cells)
    assert ("few", "1:5", "mlp (epochs=5)", "typiclust", 10, "entropy", 7) in places
    assert {cell.n_initial for cell in cells} == {8}
    assert {cell.n_initial for cell in parse({**GRID, "n_queries": [5, 9]}).cells()} == {5, 9}


def test_strategies_of_one_seed_are_neighbours() -> None:
    cells = list(parse(tomllib.loads(TEXT)).cells())
    for start in range(0, len(cells), 3):
        assert len({(cell.dataset.label, cell.imbalance, cell.learner.label, cell.seed) for cell in cells[start : start + 3]}) == 1


def test_a_cell_is_the_same_run_in_whatever_grid_it_stands() -> None:
    short, long = (
        parse(GRID),
        parse({**GRID, "strategies": ["entropy", {"name": "margin", "label": "best of all"}], "rounds": 9, "name": "x"}),
    )
    keys = {(cell.strategy.name, cell.seed): cell.key for cell in short.cells()}
    assert {cell.key for cell in long.cells() if cell.strategy.name == "margin"} == {keys["margin", 0], keys["margin", 1]}


def test_a_grid_comes_back_from_its_own_words(tmp_path: Path) -> None:
    grid = parse(tomllib.loads(TEXT))
    path = tmp_path / "grid.json"
    path.write_text(json.dumps(grid.spec()))
    again = read(path)
    assert again == grid and again.key == grid.key
    (tmp_path / "grid.toml").write_text(TEXT)
    assert read(tmp_path / "grid.toml") == grid


def with_part(field: str, *parts: Any) -> dict[str, Any]:
    return {**GRID, field: list(parts)}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({**GRID, "strateges": []}, "unknown field 'strateges'; did you mean 'strategies'?"),
        ({key: value for key, value in GRID.items() if key != "rounds"}, "rounds is missing"),
        ({**GRID, "rounds": 0}, "rounds must be a whole number ≥ 1, got 0"),
        ({**GRID, "seeds": [1, 1]}, "seeds has 1 twice"),
        (with_part("strategies", "margn"), r"strategies\[0\]: unknown query strategy 'margn'; did you mean 'margin'"),
        (with_part("strategies", "margin", {"nam": "random"}), r"strategies\[1\] must be a name or a table with a name"),
        (with_part("strategies", "margin", "margin"), r"strategies\[1\] is the same as strategies\[0\], 'margin': leave one out"),
        (
            with_part("learners", {"name": "mlp", "epochs": 5}, "logistic", {"name": "mlp", "epochs": 5, "label": "another"}),
            r"learners\[2\] is the same as learners\[0\], 'mlp \(epochs=5\)': leave one out",
        ),
        (
            with_part("learners", "logistic", {"name": "mlp", "label": "logistic"}),
            r"learners\[1\] is called 'logistic' like learners\[0\]",
        ),
        (with_part("learners", {"name": "mlp", "epohs": 5}), r"learners\[0\]: .*epohs"),
        (with_part("datasets", {"name": "gaussians", "size": 5}), r"datasets\[0\]: dataset 'gaussians' has no parameter 'size'"),
        (with_part("strategies", "badge", {"name": "margin", "label": ""}), r"strategies\[1\].label must not be empty"),
        (with_part("strategies", {"name": "margin", "label": "x" * 81}), r"strategies\[0\].label must be text of one line with at most 80"),
        (with_part("strategies", {"name": "margin", "label": "a\nb"}), r"strategies\[0\].label must be text of one line"),
        (with_part("strategies", {"name": "margin", "label": "\x1b[31m"}), r"strategies\[0\].label must be text of one line"),
        (with_part("strategies", {"name": "margin", "label": 3}), r"strategies\[0\].label must be text .* got 3"),
        ({**GRID, "name": "n" * 81}, "name must be text of one line with at most 80"),
        (with_part("imbalances", "none", "0.75"), r"imbalances\[1\]: imbalance must be .* got '0.75'"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(given)


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ("epochs = 2024-05-01", r"learners\[0\].epochs"),
        ("epochs = 2024-05-01T10:00:00Z", r"learners\[0\].epochs"),
        ("lr = nan", r"learners\[0\].lr"),
        ("lr = -inf", r"learners\[0\].lr"),
        ("lr = [0.1, nan]", r"learners\[0\].lr\[1\]"),
        ("lr = { first = [0.1, 10:00:00] }", r"learners\[0\].lr.first\[1\]"),
    ],
)
def test_settings_that_no_stored_run_can_say_again_are_refused(setting: str, field: str) -> None:
    text = f'datasets = ["gaussians"]\nstrategies = ["margin"]\nrounds = 1\nseeds = 1\nlearners = [{{ name = "mlp", {setting} }}]'
    with pytest.raises(ValueError, match=f"{field} must be text, a finite number, true or false, or a list or table of these, got "):
        parse(tomllib.loads(text))


def test_a_field_that_a_file_says_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "grid.json").write_text(json.dumps(GRID)[:-1] + ', "rounds": 4}')
    with pytest.raises(ValueError, match=r"grid\.json: rounds is there twice"):
        read(tmp_path / "grid.json")


@pytest.mark.parametrize(("name", "text"), [("grid.toml", TEXT), ("grid.json", json.dumps(GRID))])
def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert read(tmp_path / name) == parse(GRID if name.endswith("json") else tomllib.loads(text))


def test_a_label_made_of_settings_fits_tables_too() -> None:
    grid = parse({**GRID, "datasets": [{"name": "gaussians", "extractor": "pixels\n\x1b" + "x" * 300}]})
    (part,) = grid.datasets
    assert len(part.label) == 80 and part.label.startswith("gaussians (extractor=pixels\ufffd\ufffdx") and part.label.endswith("…")
    assert part.params["extractor"] == "pixels\n\x1b" + "x" * 300
    assert parse(grid.spec()) == grid


def test_a_strategy_that_a_learner_cannot_serve_is_named_with_it() -> None:
    with pytest.raises(ValueError, match=r"strategies\[1\] \(bald\) needs .*, which learners\[0\] \(linear-svm\) does not give"):
        parse(with_part("strategies", "margin", "bald"))


def test_a_long_list_of_cells_is_made_once() -> None:
    grid: Comparison = parse({**GRID, "seeds": 300})
    assert all(one is other for one, other in zip(grid.cells(), grid.cells(), strict=True))
