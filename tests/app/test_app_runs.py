"""`alviz runs`: what is listed, what the filters let through, what the files hold, and what is deleted, in stores filled by hand."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import alviz
from alviz.app import cli as command
from alviz.app.cli import cli
from alviz.loop.round import Round
from alviz.studies import Store
from alviz.studies.grid import Comparison, parse

TINY = {"name": "gaussians", "n": 30, "n_test": 20}
GRID = {"name": "two strategies", "datasets": [TINY], "strategies": ["margin", "random"], "rounds": 3, "seeds": 2, "n_queries": 4}
OTHER = {**GRID, "name": "", "strategies": ["margin", "alamp"]}
"""Shares the cells of margin with GRID."""
HOUR = 3600.0
LONG = "pictures of " + "very " * 40 + "many things"


def finished(index: int, seconds: float = 0.5) -> Round:
    return Round(
        index=index,
        strategy="margin",
        queried=np.array([2 * index, 2 * index + 1]),
        labels=np.array([0, 1]),
        n_labelled=2 * index + 2,
        class_counts=np.array([index + 1, index + 1]),
        probabilities=np.full((30, 2), 0.5, np.float32),
        metrics={"accuracy": 0.5 + index / 10, "ir": 0.0},
        recall=np.array([1.0, 0.5]),
        confusion=np.eye(2, dtype=np.int64),
        seconds={"train": seconds} if index == 0 else {"score": 0.25, "train": seconds},
    )


class Filled:
    """A store, and the ids of its runs by the names that the tests give them."""

    def __init__(self, folder: Path):
        self.url = f"sqlite:///{folder / 'runs.db'}"
        self.store = Store(self.url)
        self.pool = alviz.data.create("gaussians", n=30, n_test=20)
        self.id: dict[str, str] = {}

    def add(self, name: str, rounds: int = 1, age: float = 0.0, cell: str | None = None, **changes: Any) -> None:
        config: dict[str, Any] = {
            "name": "margin",
            "dataset": {"name": "gaussians", "params": {"n": 30}},
            "learner": {"name": "linear-svm", "params": {}},
            "strategy": {"name": "margin", "params": {}},
            "initial": {"name": "random", "params": {}},
            "n_queries": 2,
            "n_initial": 2,
            "seed": 0,
            "class_names": ["a", "b"],
            "annotator": "simulated",
            **changes,
        }
        run = self.id[name] = self.store.create(config, self.pool, cell)
        for index in range(rounds):
            self.store.commit(run, finished(index), [])
        with self.store._engine.begin() as connection:
            runs = self.store._tables.tables["runs"]
            connection.execute(runs.update().where(runs.c.id == run).values(began=time.time() - age))

    def cells(self, grid: Comparison) -> None:
        self.store.keep_comparison(grid.key, grid.name, grid.spec())
        for cell in grid.cells():
            if self.store.run_of(cell.key) is None:
                parts = {part: getattr(cell, part).spec() for part in ("dataset", "strategy")}
                self.add(f"{cell.strategy.name} {cell.seed}", 2, 10 * HOUR, cell.key, seed=cell.seed, n_queries=4, **parts)

    def call(self, *arguments: str, width: int = 80) -> Any:
        return CliRunner().invoke(cli, ["runs", "--store", self.url, *arguments], env={"COLUMNS": str(width)})

    def left(self) -> set[str]:
        kept = {entry["id"] for entry in self.store.runs()}
        return {name for name, run in self.id.items() if run in kept}


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filled:
    made = Filled(tmp_path)
    made.add("plain", rounds=3)
    made.add("uneven", age=30 * HOUR, dataset={"name": "gaussians", "params": {"n": 30, "imbalance": "ir=0.75"}}, seed=7)
    made.add(
        "ada", age=80 * HOUR, annotator="ada", initial={"name": "typiclust", "params": {}}, learner={"name": "mlp", "params": {"epochs": 5}}
    )
    made.add("own", age=400 * HOUR, dataset=None, learner=None, strategy={"name": "k-center", "params": {}})
    made.cells(parse(GRID))
    monkeypatch.setattr(command, "console", command.Console(highlight=False, soft_wrap=True))
    return made


def listed(filled: Filled, *arguments: str) -> set[str]:
    """The names of the runs that a call shows."""
    result = filled.call(*arguments)
    assert result.exit_code == 0, result.output
    return {name for name, run in filled.id.items() if run in result.output}


CELLS = {"margin 0", "margin 1", "random 0", "random 1"}


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((), {"plain", "uneven", "ada", "own", *CELLS}),
        (("--dataset", "gaussians"), {"plain", "uneven", "ada", *CELLS}),
        (("--dataset", "own data"), {"own"}),
        (("--imbalance", "ir = 0.75"), {"uneven"}),
        (("--imbalance", "none", "--only", "single"), {"plain", "ada", "own"}),
        (("--strategy", "margin"), {"plain", "uneven", "ada", "margin 0", "margin 1"}),
        (("--learner", "mlp"), {"ada"}),
        (("--initial", "typiclust"), {"ada"}),
        (("--seed", "7"), {"uneven"}),
        (("--seed", "0", "--strategy", "random"), {"random 0"}),
        (("--by", "people"), {"ada"}),
        (("--by", "simulated", "--only", "single"), {"plain", "uneven", "own"}),
        (("--since", "2h"), {"plain"}),
        (("--since", "2d"), {"plain", "uneven", *CELLS}),
        (("--since", "1w"), {"plain", "uneven", "ada", *CELLS}),
        (("--since", "1999-12-31"), {"plain", "uneven", "ada", "own", *CELLS}),
        (("--comparison", "two strategies"), CELLS),
        (("--only", "cells"), CELLS),
    ],
)
def test_filters_let_through_what_fits(filled: Filled, arguments: tuple[str, ...], wanted: set[str]) -> None:
    assert listed(filled, *arguments) == wanted


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--strategy", "margn"), "did you mean 'margin'"),
        (("--learner", "linear-svn"), "did you mean 'linear-svm'"),
        (("--dataset", "gausians"), "did you mean 'gaussians'"),
        (("--initial", "typiclst"), "did you mean 'typiclust'"),
        (("--imbalance", "0.75"), "got '0.75'"),
        (("--since", "yesterday"), "--since must be a date such as 2026-01-31, or an age such as 12h, 2d or 3w, got 'yesterday'"),
        (("--by", "robots"), "--by must be one of people, simulated, got 'robots'"),
        (("--only", "some"), "--only must be one of single, cells, got 'some'"),
        (("--comparison", "two strategy"), "no comparison is called 'two strategy'; did you mean 'two strategies'?"),
        (("--rounds",), "add --export FILE"),
        (("--export", "runs.xlsx"), "'xlsx'"),
        (("--delete-matching", "--yes"), "wants a filter"),
        (("--delete", "abc", "--delete-matching"), "do not go together"),
        (("--delete", "abc", "--strategy", "margin"), "takes no filter"),
        (("--delete", "abc"), "the store has no run 'abc'"),
        (("--delete-comparison", "three", "--yes"), "no comparison is called 'three'"),
    ],
)
def test_a_wrong_value_gets_one_sentence_and_changes_nothing(filled: Filled, arguments: tuple[str, ...], said: str) -> None:
    result = filled.call(*arguments)
    assert result.exit_code == 2
    assert said in result.output and len(result.output.strip().splitlines()) == 1
    assert filled.left() == set(filled.id)


def test_newest_first_up_to_a_limit_with_how_many_more(filled: Filled) -> None:
    lines = filled.call("--limit", "2", "--only", "single").output.splitlines()
    ids = [line.split()[0] for line in lines if line[:1].isalnum() and not line.startswith("run ")]
    assert ids == [filled.id["plain"], filled.id["uneven"]]
    assert lines[-1].strip() == "… and 2 more: --limit 0 shows all."
    assert "more:" not in filled.call("--limit", "0").output


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_keeps_to_the_terminal(filled: Filled, width: int) -> None:
    filled.add("long", strategy={"name": LONG, "params": {"how": "x" * 300}}, annotator="eve\x1b[31m[bold]")
    output = filled.call(width=width).output
    assert max(map(len, output.splitlines())) <= width
    assert all(run in output for run in filled.id.values())
    words = " ".join(output.split())
    for text in ("cell of two", "by ada", "own data", "ir=0.75", "eve\ufffd[31m[bold]"):
        assert text in words
    assert "\x1b" not in output and LONG not in words


def test_a_cell_says_what_it_belongs_to_even_if_nobody_knows(filled: Filled) -> None:
    filled.cells(parse(OTHER))
    with filled.store._engine.begin() as connection:
        table = filled.store._tables.tables["comparisons"]
        connection.execute(table.delete().where(table.c.name == "two strategies"))
    wide = {line.split()[0]: line.rstrip() for line in filled.call(width=160).output.splitlines() if line.strip()}
    assert wide[filled.id["margin 0"]].endswith(f"cell of {parse(OTHER).key[:8]}")
    assert wide[filled.id["random 0"]].endswith(" cell")


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_list_is_written_whole_whatever_the_limit(filled: Filled, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"list.{kind}"
    path.write_text("an older file")
    result = filled.call("--limit", "1", "--export", str(path))
    assert result.output.startswith("Wrote 8 runs, 1 labelled by people to ")
    found = read(path).set_index("id")
    assert set(found.index) == set(filled.id.values())
    plain, cell = found.loc[filled.id["plain"]], found.loc[filled.id["random 1"]]
    assert (plain.dataset, plain.strategy, plain.seed, plain.rounds, plain.annotator) == ("gaussians (n=30)", "margin", 0, 3, "simulated")
    assert pd.isna(plain.cell) and pd.isna(plain.comparison)
    assert (cell.comparison, cell.seed, cell.rounds) == ("two strategies", 1, 2)
    assert found.loc[filled.id["uneven"]].imbalance == "ir=0.75"
    assert abs(pd.Timestamp(plain.began).timestamp() - time.time()) < 600


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_whole_runs_are_a_row_for_every_round(filled: Filled, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"rounds.{kind}"
    result = filled.call("--strategy", "margin", "--only", "single", "--export", str(path), "--rounds")
    assert result.output.startswith("Wrote every round of 3 runs, 1 labelled by people to ")
    found = read(path)
    assert found["id"].tolist() == [filled.id["plain"]] * 3 + [filled.id["uneven"], filled.id["ada"]]
    plain = found[found["id"] == filled.id["plain"]]
    assert plain["round"].tolist() == [0, 1, 2] and plain.n_labelled.tolist() == [2, 4, 6]
    assert plain.accuracy.tolist() == [0.5, 0.6, 0.7] and plain.seconds_train.tolist() == [0.5] * 3
    assert plain.seconds_score.isna().tolist() == [True, False, False]


def test_runs_without_a_round_are_written_too(filled: Filled, tmp_path: Path) -> None:
    filled.add("begun", rounds=0, seed=99)
    path = tmp_path / "rounds.csv"
    assert filled.call("--seed", "99", "--export", str(path), "--rounds").exit_code == 0
    assert len(read(path)) == 0 and "n_labelled" in read(path)


def test_runs_go_by_id_all_or_none(filled: Filled) -> None:
    assert filled.call("--delete", filled.id["ada"], "--delete", "nobody").exit_code == 2
    assert filled.left() == set(filled.id)
    result = filled.call("--delete", filled.id["ada"], "--delete", filled.id["own"])
    assert result.output.strip() == "Deleted 2 runs, 1 labelled by people."
    assert filled.left() == {"plain", "uneven", *CELLS}


def test_what_fits_goes_only_if_it_is_said(filled: Filled) -> None:
    refused = filled.call("--strategy", "margin", "--delete-matching")
    assert refused.exit_code == 2 and "Delete 5 runs, 1 labelled by people?" in refused.output and "--yes" in refused.output
    assert filled.left() == set(filled.id)
    assert filled.call("--strategy", "margin", "--delete-matching", "--yes").output.strip() == "Deleted 5 runs, 1 labelled by people."
    assert filled.left() == {"own", "random 0", "random 1"}
    assert filled.call("--strategy", "margin", "--delete-matching", "--yes").output.strip() == "No run is kept that fits."


def test_a_comparison_goes_with_the_cells_that_no_other_has(filled: Filled) -> None:
    filled.cells(parse(OTHER))
    result = filled.call("--delete-comparison", "two strategies", "--yes")
    assert result.output.strip() == "Deleted 2 runs and the comparison 'two strategies'."
    assert filled.left() == {"plain", "uneven", "ada", "own", "margin 0", "margin 1", "alamp 0", "alamp 1"}
    assert [one["key"] for one in filled.store.comparisons()] == [parse(OTHER).key]
    filled.call("--delete-comparison", parse(OTHER).key[:8], "--yes")
    assert filled.left() == {"plain", "uneven", "ada", "own"} and filled.store.comparisons() == []


def test_a_comparison_that_cannot_be_read_takes_no_cell_with_it(filled: Filled) -> None:
    filled.store.keep_comparison("f" * 32, "from elsewhere", {**parse(OTHER).spec(), "strategies": ["a-plug-in-that-is-gone"]})
    result = filled.call("--delete-comparison", "two strategies", "--yes")
    assert result.exit_code == 2 and "the comparison 'from elsewhere' cannot be read here" in result.output
    assert filled.left() == set(filled.id)
    assert listed(filled, "--only", "cells") == CELLS


@pytest.mark.parametrize(("answer", "left"), [("n", 8), ("y", 7)])
def test_at_a_terminal_it_asks_first(filled: Filled, answer: str, left: int) -> None:
    mine, its = pty.openpty()
    call = [sys.executable, "-m", "alviz", "runs", "--store", filled.url, "--seed", "7", "--delete-matching"]
    process = subprocess.Popen(call, stdin=its, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "COLUMNS": "80"})
    os.write(mine, f"{answer}\n".encode())
    output = process.communicate(timeout=60)[0].decode()
    os.close(mine)
    os.close(its)
    assert "Delete 1 run?" in output
    assert len(filled.left()) == left


def test_an_empty_store_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["runs", "--store", f"sqlite:///{tmp_path / 'none.db'}"])
    assert result.output.strip() == "No run is kept."
