"""Stores that an older version wrote, and new ones that several processes open at once."""

import shutil
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import alviz
from alviz.loop.oracles import Person
from alviz.studies import Store
from alviz.studies.tables import VERSION, tables

FIRST = Path(__file__).parent / "data" / "version-1.db"
SIMULATED, PERSON = "745d7f82f691", "788af0eb3115"
PICKS = [[33, 15, 42, 24], [41, 53, 51, 10], [37, 0, 45, 8]]
"""What the first version had picked in the run SIMULATED: mlp and margin, gone to round 3, the last round undone."""


@pytest.fixture
def old(tmp_path: Path) -> str:
    """A copy of a file that the first version wrote."""
    return f"sqlite:///{shutil.copy(FIRST, tmp_path / 'runs.db')}"


@pytest.fixture(scope="module")
def pool() -> alviz.data.Dataset:
    return alviz.data.create("gaussians", n=60, n_test=20)


def test_an_older_file_is_brought_up_to_date_and_its_runs_go_on(old: str, pool: alviz.data.Dataset) -> None:
    store = Store(old)
    run = alviz.Run.resume(store.load(SIMULATED, pool), pool, store=store)
    assert [r.queried.tolist() for r in run.rounds] == PICKS
    run.step()
    undisturbed = alviz.Run(pool, learner=run.base_learner, strategy="margin", n_queries=4, seed=3)
    undisturbed.goto(3)
    assert run.rounds[3].queried.tolist() == undisturbed.rounds[3].queried.tolist()
    assert run.state.labels.tolist() == undisturbed.state.labels.tolist()
    again = Store(old).load(SIMULATED, pool)
    assert [r.queried.tolist() for r in again.rounds] == [r.queried.tolist() for r in run.rounds]


def test_a_file_from_before_models_were_kept_opens_too(old: str, pool: alviz.data.Dataset) -> None:
    with sqlite3.connect(old.removeprefix("sqlite:///")) as connection:
        connection.execute("DROP TABLE models")
    store = Store(old)
    run = alviz.Run.resume(store.load(SIMULATED, pool), pool, store=store)
    run.step()
    assert len(Store(old).load(SIMULATED, pool).models) == 1


def test_what_a_person_said_survives(old: str, pool: alviz.data.Dataset) -> None:
    store = Store(old)
    loaded = store.load(PERSON, pool)
    assert loaded.pending is not None and loaded.pending.selection.indices.tolist() == [57, 44, 35]
    assert {(e.sample, e.kind) for e in loaded.pending.events} == {(44, "skip")}
    run = alviz.Run.resume(loaded, pool, store=store)
    assert isinstance(run.oracle, Person) and run.oracle.annotator == "ada"
    assert run.state.labels[[46, 40, 56]].tolist() == pool.targets[[46, 40, 56]].tolist()


def test_an_upgraded_file_has_the_tables_of_a_new_one(old: str, tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine

    Store(f"sqlite:///{tmp_path / 'new.db'}").close()
    Store(old).close()
    for url in (old, f"sqlite:///{tmp_path / 'new.db'}"):
        with create_engine(url).connect() as connection:
            context = MigrationContext.configure(connection)
            assert context.get_current_revision() == VERSION
            assert compare_metadata(context, tables()) == []


def test_a_newer_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    Store(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ValueError, match=r"version 9999; this alviz knows versions up to .*: take a newer alviz"):
        Store(f"sqlite:///{path}")


def test_an_upgrade_that_breaks_off_leaves_the_file_as_it_was(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(old.removeprefix("sqlite:///"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE rounds SET arrays = x'00' WHERE run = ? AND round = 1", (SIMULATED,))
    before = sqlite3.connect(path).execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
    with pytest.raises(ValueError, match="the store"):
        Store(old)
    assert sqlite3.connect(path).execute("SELECT name FROM sqlite_master ORDER BY name").fetchall() == before
    assert sqlite3.connect(path).execute("SELECT count(*) FROM events").fetchone()[0] > 0


def _open(url: str) -> str:
    Store(url).close()
    return url


def test_several_processes_may_open_a_new_or_an_old_store_at_once(old: str, store_url: str) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as executor:
        for url in (old, store_url):
            assert list(executor.map(_open, [url] * 8)) == [url] * 8
