import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import alviz
from alviz.data.dataset import Dataset
from alviz.loop import Person, Run
from alviz.studies import Store


@pytest.fixture
def store(store_url: str) -> Store:
    return Store(store_url)


@pytest.fixture(scope="module")
def pool() -> Dataset:
    return alviz.data.create("gaussians", n=150, n_test=50)


def picks(run: Run) -> list[list[int]]:
    return [finished.queried.tolist() for finished in run.rounds]


@pytest.mark.parametrize("strategy", ["margin", "alamp", "k-center", "random"])
def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(store: Store, pool: Dataset, strategy: str) -> None:
    undisturbed = Run(pool, strategy=strategy, n_queries=5, seed=2)
    undisturbed.goto(5)
    first = Run(pool, strategy=strategy, n_queries=5, seed=2, store=store)
    first.goto(3)
    assert first.id is not None
    resumed = Run.resume(Store(store.url).load(first.id, pool), pool, store=store)
    assert repr([dict(r.metrics) for r in resumed.rounds]) == repr([dict(r.metrics) for r in first.rounds])
    assert np.array_equal(resumed.rounds[3].probabilities, first.rounds[3].probabilities)
    resumed.goto(5)
    assert picks(resumed) == picks(undisturbed)
    assert repr(dict(resumed.rounds[5].metrics)) == repr(dict(undisturbed.rounds[5].metrics))


def test_another_process_that_is_killed_loses_nothing_finished(store: Store, pool: Dataset) -> None:
    program = (
        "import os, sys, signal, alviz\n"
        "from alviz.studies import Store\n"
        "pool = alviz.data.create('gaussians', n=150, n_test=50)\n"
        "run = alviz.Run(pool, strategy='margin', n_queries=5, store=Store(sys.argv[1]))\n"
        "run.goto(2)\n"
        "print(run.id, flush=True)\n"
        "run.step(on_phase=lambda phase: os.kill(os.getpid(), signal.SIGKILL) if phase == 'evaluate' else None)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, store.url], capture_output=True, text=True)
    assert killed.returncode < 0
    resumed = Run.resume(store.load(killed.stdout.strip(), pool), pool, store=store)
    assert resumed.position == 2
    undisturbed = Run(pool, strategy="margin", n_queries=5)
    undisturbed.goto(4)
    resumed.goto(4)
    assert picks(resumed) == picks(undisturbed)


def test_undo_is_stored_too(store: Store, pool: Dataset) -> None:
    run = Run(pool, n_queries=5, store=store)
    run.goto(3)
    run.undo()
    assert run.id is not None
    loaded = store.load(run.id, pool)
    assert len(loaded.rounds) == 3
    assert [event.kind for event in loaded.events] == ["label"] * 15
    assert Run.resume(loaded, pool).n_labelled == 15


def test_samples_added_to_the_pool_shift_no_label(store: Store, pool: Dataset) -> None:
    run = Run(pool, n_queries=6, store=store)
    run.goto(2)
    assert run.id is not None and pool.features is not None
    order = np.random.default_rng(1).permutation(len(pool) + 5)
    features = np.concatenate([pool.features, pool.features[:5] + 1])[order]
    grown = replace(
        pool,
        ids=[[*pool.ids, *(f"new{i}" for i in range(5))][i] for i in order],
        features=features,
        targets=np.concatenate([pool.targets, np.full(5, -1)])[order],
    )
    resumed = Run.resume(store.load(run.id, grown), grown)
    for before, after in zip(run.rounds, resumed.rounds, strict=True):
        assert [pool.ids[i] for i in before.queried] == [grown.ids[i] for i in after.queried]
    where = {name: i for i, name in enumerate(grown.ids)}
    moved = [where[name] for name in pool.ids]
    assert np.array_equal(resumed.state.labels[moved], run.state.labels)
    assert np.isfinite(resumed.rounds[2].probabilities).all()
    resumed.step()


def test_a_pool_that_lost_labelled_samples_is_refused(store: Store, pool: Dataset) -> None:
    run = Run(pool, n_queries=6, store=store)
    assert run.id is not None
    rest = np.setdiff1d(np.arange(len(pool)), run.state.labelled[:2])
    with pytest.raises(ValueError, match="2 labelled samples of the stored run are not in dataset"):
        store.load(run.id, pool.take(rest))


def test_unlabelled_samples_may_go_and_come_back(store: Store, pool: Dataset) -> None:
    run = Run(pool, n_queries=6, store=store)
    run.goto(2)
    assert run.id is not None
    lost = run.state.candidates[::3]
    rest = pool.take(np.setdiff1d(np.arange(len(pool)), lost))
    stored = store.load(run.id, rest)
    assert (stored.joined, stored.gone) == (0, len(lost))
    fewer = Run.resume(stored, rest, store=store)
    for before, after in zip(run.rounds, fewer.rounds, strict=True):
        assert [pool.ids[i] for i in before.queried] == [rest.ids[i] for i in after.queried]
        kept = [pool.ids.index(name) for name in rest.ids]
        assert np.array_equal(before.probabilities[kept], after.probabilities)
    fewer.step()
    found = store.load(run.id, pool)
    assert (found.joined, found.gone) == (len(lost), 0)
    again = Run.resume(found, pool, store=store)
    assert {pool.ids[i]: again.state.labels[i] for i in again.state.labelled} == {
        rest.ids[i]: fewer.state.labels[i] for i in fewer.state.labelled
    }
    assert np.isfinite(again.rounds[-1].probabilities).all()


def test_a_pending_query_and_what_was_said_survive(store: Store, pool: Dataset) -> None:
    person = Person("ada")
    run = Run(pool, n_queries=3, oracle=person, store=store)
    assert run.pending is not None and run.id is not None
    asked = run.pending.selection.indices
    person.tell(asked[1], 1)
    run.step()
    later = Person("ada")
    resumed = Run.resume(store.load(run.id, pool), pool, store=store, oracle=later)
    assert resumed.pending is not None
    assert np.array_equal(resumed.pending.selection.indices, asked)
    assert [(event.sample, event.label) for event in resumed.pending.events] == [(asked[1], 1)]
    for i in asked[[0, 2]]:
        later.tell(i, 0)
    finished = resumed.step()
    assert finished is not None
    assert finished.labels.tolist() == [0, 1, 0]
    assert len(store.load(run.id, pool).events) == 3


def test_runs_are_listed_newest_first_and_can_be_deleted(store: Store, pool: Dataset) -> None:
    first, second = (Run(pool, n_queries=5, seed=seed, store=store) for seed in (1, 2))
    second.step()
    listed = store.runs()
    assert [(entry["id"], entry["rounds"]) for entry in listed] == [(second.id, 2), (first.id, 1)]
    assert listed[0]["config"]["strategy"] == {"name": "margin", "params": {}}
    assert first.id is not None
    store.delete(first.id)
    assert [entry["id"] for entry in store.runs()] == [second.id]
    with pytest.raises(ValueError, match="the store has no run"):
        store.load(first.id, pool)


def test_several_runs_go_at_once_and_the_rest_stays_as_it_was(store: Store, pool: Dataset) -> None:
    runs = [Run(pool, n_queries=5, seed=seed, store=store) for seed in range(3)]
    person = Run(pool, n_queries=3, oracle=Person("ada"), store=store)
    runs[2].goto(2)
    gone = [str(run.id) for run in (runs[0], person, runs[1])]
    store.delete(*gone)
    assert [entry["id"] for entry in store.runs()] == [runs[2].id]
    assert store.records_of(gone) == []
    assert picks(Run.resume(Store(store.url).load(str(runs[2].id), pool), pool)) == picks(runs[2])
    store.delete()
    assert store.has(str(runs[2].id))


def test_records_of_runs_are_what_their_rounds_measured(store: Store, pool: Dataset) -> None:
    runs = [Run(pool, n_queries=5, seed=seed, store=store) for seed in range(3)]
    runs[1].goto(2)
    found = {(run, number): record for run, number, record in store.records_of([str(runs[1].id), str(runs[0].id)])}
    assert set(found) == {(runs[0].id, 0), (runs[1].id, 0), (runs[1].id, 1), (runs[1].id, 2)}
    for (run, number), record in found.items():
        finished = next(one for one in runs if one.id == run).rounds[number]
        assert repr(record["metrics"]) == repr(dict(finished.metrics)) and record["seconds"] == dict(finished.seconds)
        assert record["n_labelled"] == finished.n_labelled


def test_of_two_that_go_on_with_a_run_the_later_one_is_refused_and_nothing_is_half_written(store: Store, pool: Dataset) -> None:
    run = Run(pool, n_queries=5, store=store)
    one, other = (Store(store.url) for _ in range(2))
    mine, its = (Run.resume(kept.load(str(run.id), pool), pool, store=kept) for kept in (one, other))
    mine.step()
    with pytest.raises(ValueError, match="changed in another tab or process"):
        its.step()
    assert [number for _, number, _ in store.records_of([str(run.id)])] == [0, 1]
    mine.step()
    again = Run.resume(Store(store.url).load(str(run.id), pool), pool)
    assert picks(again) == picks(mine) and len(picks(again)) == 3


def test_a_fork_is_a_run_of_its_own_in_the_store(store: Store, pool: Dataset) -> None:
    run = Run(pool, n_queries=5, store=store)
    run.goto(3)
    twin = run.fork(round=1, strategy="random")
    twin.step()
    assert twin.id is not None and twin.id != run.id
    resumed = Run.resume(store.load(twin.id, pool), pool)
    assert picks(resumed) == picks(twin)
    assert resumed.parent == (run.id, 1)


def test_a_store_that_cannot_be_opened_says_so_without_the_password() -> None:
    with pytest.raises(ValueError, match="cannot be opened") as caught:
        Store("sqlite:////nowhere/at/all/runs.db")
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("there is no folder /nowhere/at/all")


def test_a_store_that_cannot_be_written_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").mkdir()
    path = tmp_path / "kept" / "runs.db"
    path.mkdir()  # SQLite refuses to open it, for root too
    monkeypatch.setattr(os, "access", lambda where, mode: not str(where).startswith(str(path)))  # root may write everywhere
    with pytest.raises(ValueError, match=r"must be writable, even to read it: copy it, with runs\.db-wal where there is one"):
        Store(f"sqlite:///{path}")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_text("these are not the rounds you are looking for" * 50)
    with pytest.raises(ValueError, match="cannot be opened"):
        Store(f"sqlite:///{path}")
    assert path.read_text().startswith("these are not")
