"""Grids worked on: the same table here, in several processes and on a cluster, whatever is killed on the way."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import alviz
from alviz.learners.stored import dumped
from alviz.panels.workbench import Workbench
from alviz.studies import Store
from alviz.studies.behind import QUICK, Behind
from alviz.studies.compare import go_on, standing, table
from alviz.studies.grid import AXES, Comparison, parse

GRID = {
    "datasets": [{"name": "gaussians", "n": 300, "n_test": 100}],
    "learners": ["logistic", {"name": "mlp", "epochs": 20}],
    "strategies": ["random", "margin", "alamp"],
    "rounds": 6,
    "seeds": 2,
    "n_queries": 5,
}


@pytest.fixture(scope="module")
def grid() -> Comparison:
    return parse(GRID)


def results(grid: Comparison, store: Store) -> pd.DataFrame:
    """All that must not depend on where and when it was computed."""
    whole = table(grid, store)
    return whole.drop(columns=["run", *(column for column in whole if column.startswith("seconds_"))])


@pytest.fixture(scope="module")
def undisturbed(grid: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('undisturbed') / 'runs.db'}")
    reached = go_on(grid, store, workers=0)
    assert (reached.finished, reached.done, reached.failed) == (12, 84, [])
    return store


def test_every_cell_is_the_run_that_it_says(grid: Comparison, undisturbed: Store) -> None:
    pool = alviz.data.create("gaussians", n=300, n_test=100)
    found = results(grid, undisturbed)
    for cell in grid.cells():
        run = alviz.Run(
            pool,
            learner=alviz.learners.create(cell.learner.name, **cell.learner.params),
            strategy=cell.strategy.name,
            n_queries=5,
            seed=cell.seed,
        )
        run.goto(6)
        here = found[(found.learner == cell.learner.label) & (found.strategy == cell.strategy.label) & (found.seed == cell.seed)]
        assert here.accuracy.tolist() == [r.metrics["accuracy"] for r in run.rounds]
        assert here.log_loss.tolist() == [r.metrics["log_loss"] for r in run.rounds]


def test_the_table_is_that_of_a_row_for_every_round(grid: Comparison, undisturbed: Store) -> None:
    rows = []
    for cell in grid.cells():
        pool = alviz.data.create("gaussians", n=300, n_test=100)
        run = str(undisturbed.run_of(cell.key))
        for finished in undisturbed.load(run, pool).rounds:
            place = {axis: cell.label(axis) for axis in AXES}
            seconds = {f"seconds_{phase}": taken for phase, taken in finished.seconds.items()}
            rows.append({**place, "run": run, "round": finished.index, "n_labelled": finished.n_labelled, **finished.metrics, **seconds})
    pd.testing.assert_frame_equal(table(grid, undisturbed), pd.DataFrame(rows), check_exact=True)
    shorter = parse({**GRID, "rounds": 2})
    pd.testing.assert_frame_equal(
        table(shorter, undisturbed), pd.DataFrame([row for row in rows if row["round"] <= 2]).reset_index(drop=True), check_exact=True
    )


def test_the_table_of_a_grid_that_has_not_begun_has_its_columns(grid: Comparison, tmp_path: Path) -> None:
    found = table(grid, Store(f"sqlite:///{tmp_path / 'runs.db'}"))
    assert len(found) == 0 and list(found) == [*AXES, "run", "round", "n_labelled"]


def test_models_are_kept_only_where_training_takes_long(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    run = alviz.Run("gaussians", learner="logistic", n_queries=5)
    run.step()
    behind = Behind(store, "c" * 32)
    kept = behind.create(run.config(), run.dataset)
    for finished, taken in zip(run.rounds, (QUICK / 2, 2 * QUICK), strict=True):
        behind.commit(kept, replace(finished, seconds={"train": taken}), [], dumped(run.learner, run.model(finished.index)))
    behind.wait()
    behind.give_up()
    stored = store.load(kept, run.dataset)
    assert set(stored.models) == {1}
    again = alviz.Run.resume(stored, run.dataset)  # the model of round 0 is trained again
    for r in (0, 1):
        assert (again.model(r).predict_proba(run.dataset.features) == run.model(r).predict_proba(run.dataset.features)).all()


def test_strategies_of_one_seed_share_their_first_round(grid: Comparison, undisturbed: Store) -> None:
    first = {}
    for cell, number, chosen in undisturbed.queried(cell.key for cell in grid.cells()):
        if number == 0:
            first[cell] = tuple(chosen)
    for seed in (0, 1):
        assert len({first[cell.key] for cell in grid.cells() if cell.seed == seed}) == 1
    assert len(set(first.values())) == 2


def test_several_processes_give_the_same_table(grid: Comparison, undisturbed: Store, store_url: str) -> None:
    store = Store(store_url)
    assert go_on(grid, store, workers=2).failed == []
    pd.testing.assert_frame_equal(results(grid, store), results(grid, undisturbed), check_exact=True)


def test_a_longer_grid_goes_on_from_a_shorter_one(grid: Comparison, undisturbed: Store, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    short = parse({**GRID, "rounds": 2, "strategies": ["margin"]})
    go_on(short, store, workers=0)
    assert standing(grid, store).done == 4 * 3
    go_on(grid, store, workers=0)
    pd.testing.assert_frame_equal(results(grid, store), results(grid, undisturbed), check_exact=True)


def test_a_cell_can_be_looked_at_in_explore_at_any_round(grid: Comparison, undisturbed: Store) -> None:
    cell = next(cell for cell in grid.cells() if cell.strategy.name == "alamp" and cell.learner.name == "mlp")
    run = undisturbed.run_of(cell.key)
    assert run is not None
    workbench = Workbench(store=undisturbed)
    assert workbench.resume(run)
    workbench.wait(60)
    assert workbench.error == "" and workbench.view is not None
    pool = workbench.view.dataset
    stored = undisturbed.load(run, pool)
    assert [r.queried.tolist() for r in workbench.view.rounds] == [r.queried.tolist() for r in stored.rounds]
    assert all(len(r.probabilities) == len(pool) for r in workbench.view.rounds)
    assert workbench.config["learner"] == "mlp" and workbench.config["options"]["learner"] == {"epochs": 20}


def test_a_stored_cell_resumed_by_hand_goes_back_and_on_too(grid: Comparison, undisturbed: Store) -> None:
    cell = next(cell for cell in grid.cells() if cell.strategy.name == "alamp" and cell.seed == 1)
    pool = alviz.data.create("gaussians", n=300, n_test=100)
    run = alviz.Run.resume(undisturbed.load(str(undisturbed.run_of(cell.key)), pool), pool)
    picks = [r.queried.tolist() for r in run.rounds]
    run.goto(2)
    run.goto(6)
    assert [r.queried.tolist() for r in run.rounds] == picks


CLIENT = """
    import sys
    from alviz.studies import Store
    from alviz.studies.compare import go_on
    from alviz.studies.grid import parse

    if __name__ == "__main__":
        go_on(parse({grid!r}), Store({url!r}), workers=2)
"""


def test_killed_at_random_moments_it_goes_on_to_the_same_table(grid: Comparison, undisturbed: Store, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    program = tmp_path / "client.py"
    program.write_text(textwrap.dedent(CLIENT.format(grid=GRID, url=url)))
    chance = random.Random(0)
    store = Store(url)
    reached = 0
    for attempt in range(40):
        client = subprocess.Popen([sys.executable, str(program)], start_new_session=True)
        wanted = min(reached + chance.randint(8, 30), 84)
        while client.poll() is None and standing(grid, store).done < wanted:
            time.sleep(0.01)
        if client.poll() is None:
            if attempt % 2:
                os.killpg(client.pid, signal.SIGKILL)  # client and workers
            else:
                client.kill()  # the workers must notice
            client.wait()
        now = standing(grid, store).done
        assert now >= reached  # nothing that was finished is lost
        reached = now
        if client.returncode == 0:
            break
    assert attempt > 2 and reached == 84
    pd.testing.assert_frame_equal(results(grid, store), results(grid, undisturbed), check_exact=True)


def test_a_cluster_that_loses_a_worker_gives_the_same_table(grid: Comparison, undisturbed: Store, store_url: str) -> None:
    distributed = pytest.importorskip("distributed")
    store = Store(store_url)
    with distributed.LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        victim = cluster.workers[0].pid
        killed = threading.Event()

        def kill() -> None:
            while standing(grid, store).done < 20:
                time.sleep(0.01)
            os.kill(victim, signal.SIGKILL)
            killed.set()

        watcher = threading.Thread(target=kill)
        watcher.start()
        reached = go_on(grid, store, scheduler=cluster.scheduler_address)
        watcher.join()
    assert killed.is_set() and reached.failed == [] and reached.done == 84
    pd.testing.assert_frame_equal(results(grid, store), results(grid, undisturbed), check_exact=True)


def test_a_cluster_that_is_not_there_is_said(grid: Comparison, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:9'"):
        go_on(grid, Store(f"sqlite:///{tmp_path / 'runs.db'}"), scheduler="tcp://127.0.0.1:9")
