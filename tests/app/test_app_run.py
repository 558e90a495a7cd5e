"""`alviz run`: a run from the command line, its table, its file, its place in the store, and what it refuses."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from alviz import data
from alviz.app.cli import cli
from alviz.app.running import parameters
from alviz.loop import Run
from alviz.studies import Store

runner = CliRunner()


def test_a_preset_is_the_run_of_its_settings(tmp_path):
    url, table = f"sqlite:///{tmp_path / 'runs.db'}", tmp_path / "rounds.csv"
    done = runner.invoke(
        cli, ["run", "--preset", "thesis-plane", "--strategy", "k-center", "--seed", "3", "--csv", str(table), "--store", url]
    )
    assert done.exit_code == 0, done.output
    same = Run("gaussians", learner="ensemble", strategy="k-center", n_queries=5, seed=3)
    same.run(until=20)
    frame = pd.read_csv(table)
    assert frame["n_labelled"].tolist() == [5, 10, 15, 20]
    assert frame["accuracy"].tolist() == [r.metrics["accuracy"] for r in same.rounds]
    lines = done.output.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [["0", "5"], ["1", "10"], ["2", "15"], ["3", "20"]]
    store = Store(url)
    (kept,) = store.runs()
    assert kept["rounds"] == 4 and kept["config"]["name"] == "thesis-plane: k-center"
    assert f"?run={kept['id']}" in lines[-1]
    stored = store.load(kept["id"], data.create("gaussians"))
    assert [r.queried.tolist() for r in stored.rounds] == [r.queried.tolist() for r in same.rounds]
    store.close()


def test_the_rare_class_has_its_average_precision_in_the_table():
    done = runner.invoke(cli, ["run", "--preset", "thesis-rare", "--strategy", "random", "--rounds", "1", "--store", "none"])
    assert done.exit_code == 0, done.output
    heading, *rows = [line.split() for line in done.output.splitlines()[:3]]
    same = Run(data.create("fashion-mini", imbalance="merge=Shirt, Coat; 1:19"), learner="ensemble", strategy="random", n_queries=50)
    same.run(until=100)
    where = heading.index("AP")
    assert [row[where] for row in rows] == [f"{r.metrics['average_precision']:.1%}" for r in same.rounds]


def test_parameters_and_numbers():
    command = [
        "run",
        "--dataset",
        "moons",
        "--learner",
        "mlp",
        "--set",
        "learner.dropout=0.3",
        "--set",
        "dataset.n=200",
        "--strategy",
        "bald",
    ]
    done = runner.invoke(cli, [*command, "--n-queries", "90", "--n-initial", "40", "--rounds", "9", "--store", "none"])
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines()[1:-1]]
    assert [row[1] for row in rows] == ["40", "130", "200"]  # until the pool is used up
    assert "?run=" not in done.output
    assert parameters(["learner.optimizer=sgd", "strategy.cap=null"]) == {"learner": {"optimizer": "sgd"}, "strategy": {"cap": None}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "alamp"], "unknown protocol 'alamp'; did you mean 'alamp-2021'"),
        (["--dataset", "moons", "--strategy", "margn"], "unknown query strategy 'margn'; did you mean 'margin'"),
        (["--dataset", "moons", "--set", "learner=3"], "--set takes part.name=value"),
        (["--dataset", "moons", "--set", "test.n=3"], "with part one of dataset, learner, strategy, initial, got 'test.n=3'"),
        (["--dataset", "moons", "--set", "learner.C=0"], "C must be a number > 0, got 0"),
        (["--dataset", "moons", "--n-queries", "-1"], "--n-queries must be a whole number ≥ 1, got -1"),
        (["--dataset", "moons", "--n-queries", "0"], "--n-queries must be a whole number ≥ 1, got 0"),
        (["--dataset", "moons", "--n-initial", "0"], "--n-initial must be a whole number in 1 … 2000, got 0"),
        (["--dataset", "moons", "--learner", "zhan-2022-mnist"], "learner 'resnet18' takes images, and dataset 'moons' has none"),
        (["--dataset", "moons", "--n-initial", "99999"], "--n-initial must be a whole number in 1 … 2000, got 99999"),
        (["--dataset", "moons", "--strategy", "bald"], "strategy 'bald' needs"),
        (["--dataset", "moons", "--store", "nowhere://x"], "the store nowhere://x cannot be opened"),
    ],
)
def test_one_sentence_says_what_cannot_work(arguments, words):
    done = runner.invoke(cli, ["run", *([] if "--store" in arguments else ["--store", "none"]), *arguments])
    assert done.exit_code == 2
    assert len(done.output.strip().splitlines()) == 1 and words in done.output


def test_the_list_names_every_preset():
    done = runner.invoke(cli, ["run", "--list"], env={"COLUMNS": "140"})
    from alviz.studies.protocols import PROTOCOLS

    assert done.exit_code == 0 and all(name in done.output for name in PROTOCOLS)
