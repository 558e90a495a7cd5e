"""The store: every committed round and every label of a person, in a database, before the user sees it as done."""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.loop.keeping import Arrays, Pending, StoredRun
from alviz.loop.labels import Event, standing
from alviz.loop.round import Round
from alviz.strategies.base import Selection
from alviz.studies.packing import packed, unpacked
from alviz.studies.placement import Placement
from alviz.studies.tables import prepare, tables

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine


class Overtaken(ValueError):
    """Somebody else wrote to the run since it was opened here."""

    def __init__(self) -> None:
        super().__init__("this run was changed in another tab or process since it was opened here: reload it to go on from there")


class Store:
    """Runs in a database. url: any SQLAlchemy URL; default an SQLite file in the user's data folder (environment: ALVIZ_STORE).

    Samples are stored by their ids, arrays as safetensors, settings as JSON. The log has what people said; what a program answered stands in its
    rounds. Several processes may write; of two that go on with the same run, the one that comes later is refused with a ValueError, so that
    neither writes over what the other did. A database of an older version is brought up to date. Raises ValueError when it cannot be opened.
    """

    def __init__(self, url: str | None = None):
        from sqlalchemy import create_engine, event
        from sqlalchemy.exc import SQLAlchemyError

        self.url = url or os.environ.get("ALVIZ_STORE") or default_url()
        self._tables = tables()
        self._pool_of: dict[str, str] = {}
        self._known: dict[str, int] = {}
        self._ids: dict[str, list[str]] = {}
        self._digests: WeakKeyDictionary[Dataset, str] = WeakKeyDictionary()
        self._bare: set[str] = set()
        try:
            self._engine: Engine = create_engine(self.url)
            if self._engine.dialect.name == "sqlite":
                event.listen(self._engine, "connect", _sqlite_settings)
            prepare(self._engine)
        except (SQLAlchemyError, ImportError) as error:
            raise ValueError(f"the store {_without_password(self.url)} cannot be opened: {str(error).splitlines()[0]}") from error
        except ValueError as error:
            raise ValueError(f"the store {_without_password(self.url)} {error}") from error

    def create(self, config: dict[str, Any], dataset: Dataset, cell: str | None = None) -> str:
        """Start a run on `dataset`; gives its id.

        cell: the cell of a grid that it is, which no other run may be (Overtaken). Of its rounds neither probabilities nor scores are kept: a grid has
        thousands, and a run that is looked at can be made again.
        """
        from sqlalchemy.exc import IntegrityError

        run = uuid.uuid4().hex[:12]
        runs = self._tables.tables["runs"]
        try:
            with self._engine.begin() as connection:
                digest = self._keep_pool(connection, dataset)
                connection.execute(runs.insert().values(id=run, pool=digest, config=json.dumps(config), began=time.time(), cell=cell))
        except IntegrityError as error:
            raise Overtaken from error
        self._known[run] = 0
        self._pool_of[run] = self._digests[dataset] = digest
        if cell is not None:
            self._bare.add(run)
        return run

    def run_of(self, cell: str) -> str | None:
        """The id of the run that is this cell of a grid, if it has begun."""
        from sqlalchemy import select

        runs = self._tables.tables["runs"]
        with self._engine.connect() as connection:
            found: str | None = connection.execute(select(runs.c.id).where(runs.c.cell == cell)).scalar()
        return found

    def commit(self, run: str, finished: Round, events: list[Event], model: Arrays | None = None) -> None:
        """Keep a finished round, its label events and its model, all or nothing; of models that of the round before is kept too, older ones go."""
        rounds, models = self._tables.tables["rounds"], self._tables.tables["models"]
        with self._writing(run, events) as connection:
            connection.execute(rounds.delete().where((rounds.c.run == run) & (rounds.c.round == finished.index)))
            connection.execute(rounds.insert().values(run=run, **_round_row(finished, run in self._bare)))
            connection.execute(models.delete().where((models.c.run == run) & (models.c.round != finished.index - 1)))
            if model is not None:
                connection.execute(models.insert().values(run=run, round=finished.index, arrays=packed(model)))
            self._set_pending(connection, run, None)

    def keep_pending(self, run: str, pending: Pending, events: list[Event]) -> None:
        """Keep a query that waits for a person, and what they just said; its round and later ones are no longer finished."""
        with self._writing(run, events) as connection:
            self._drop_rounds(connection, run, pending.round)
            self._set_pending(connection, run, pending)

    def append(self, run: str, events: Sequence[Event]) -> None:
        """Keep what a person said."""
        with self._writing(run, events):
            pass

    def add_class(self, run: str, index: int, name: str) -> None:
        """Keep the name of the class `index`, which was added on the way."""
        runs = self._tables.tables["runs"]
        with self._writing(run) as connection:
            config = self._config(connection, run)
            if len(config["class_names"]) != index:
                raise Overtaken
            config["class_names"].append(name)
            connection.execute(runs.update().where(runs.c.id == run).values(config=json.dumps(config)))

    def move(self, run: str, dataset: Dataset, rounds: Sequence[Round], pending: Pending | None) -> None:
        """Keep the run over `dataset`, which has other unlabelled samples than the stored pool, or another order, from now on."""
        runs, table = self._tables.tables["runs"], self._tables.tables["rounds"]
        with self._writing(run) as connection:
            digest = self._keep_pool(connection, dataset)
            connection.execute(runs.update().where(runs.c.id == run).values(pool=digest))
            for finished in rounds:
                where = (table.c.run == run) & (table.c.round == finished.index)
                connection.execute(table.update().where(where).values(**_round_row(finished, run in self._bare)))
            self._set_pending(connection, run, pending)
        self._pool_of[run] = digest

    def truncate(self, run: str, event: Event) -> None:
        """Drop the rounds after event.round and what was pending; the log keeps all events, the undo included."""
        with self._writing(run, [event]) as connection:
            self._drop_rounds(connection, run, event.round + 1)
            self._set_pending(connection, run, None)

    def runs(self) -> list[dict[str, Any]]:
        """All runs, newest first: id, began (seconds since the epoch), config, rounds (how many are finished)."""
        from sqlalchemy import func, select

        runs, rounds = self._tables.tables["runs"], self._tables.tables["rounds"]
        count = select(rounds.c.run, func.count().label("n")).group_by(rounds.c.run).subquery()
        query = (
            select(runs.c.id, runs.c.began, runs.c.config, count.c.n)
            .outerjoin(count, count.c.run == runs.c.id)
            .order_by(runs.c.began.desc())
        )
        with self._engine.connect() as connection:
            return [
                {"id": i, "began": began, "config": json.loads(config), "rounds": n or 0}
                for i, began, config, n in connection.execute(query)
            ]

    def n_labelled(self, run: str) -> int:
        """How many samples of a run have a label, those of the round that waits included."""
        from sqlalchemy import select

        events = self._tables.tables["events"]
        with self._engine.connect() as connection:
            return len(_labelled(connection.execute(select(events).where(events.c.run == run).order_by(events.c.seq)).all()))

    def has(self, run: str) -> bool:
        """Whether there is a run of that id."""
        from sqlalchemy import select

        runs = self._tables.tables["runs"]
        with self._engine.connect() as connection:
            return connection.execute(select(runs.c.id).where(runs.c.id == run)).first() is not None

    def config(self, run: str) -> dict[str, Any]:
        """The settings of a run. Raises ValueError for an unknown id."""
        with self._engine.connect() as connection:
            return self._config(connection, run)

    def load(self, run: str, dataset: Dataset) -> StoredRun:
        """A run as records over `dataset`, matched by sample ids. Raises ValueError for an unknown run, or where a labelled sample is missing.

        Unlabelled samples may be gone: the run goes on without them. What was said about them stays in the log, should they come back.
        """
        from sqlalchemy import select

        config = self.config(run)
        t = self._tables.tables
        runs, rounds, events, pending, models = t["runs"], t["rounds"], t["events"], t["pending"], t["models"]
        with self._engine.connect() as connection:
            writes, cell, began = connection.execute(select(runs.c.writes, runs.c.cell, runs.c.began).where(runs.c.id == run)).one()
            self._pool_of.pop(run, None)  # another process may have moved the run to a larger pool
            stored = self._names(connection, run)
            rows = connection.execute(
                select(rounds.c.round, rounds.c.record, rounds.c.arrays).where(rounds.c.run == run).order_by(rounds.c.round)
            ).all()
            log = connection.execute(select(events).where(events.c.run == run).order_by(events.c.seq)).all()
            waits = connection.execute(select(pending.c.record, pending.c.arrays).where(pending.c.run == run)).first()
            trained = connection.execute(select(models.c.round, models.c.arrays).where(models.c.run == run)).all()
        place = Placement(stored, dataset)
        records = [(row.round, json.loads(row.record), unpacked(row.arrays)) for row in rows]
        by_program = config.get("annotator", "simulated") == "simulated"
        place.check(
            _labelled(log) + [stored[i] for _, _, arrays in records if by_program for i in arrays["queried"][arrays["labels"] >= 0]]
        )
        if [row.round for row in rows] != list(range(len(rows))):
            raise ValueError(f"run {run!r} in the store is damaged: it has rounds {[row.round for row in rows]}")
        told = [(e, -1 if e.sample is None else place.index(e.sample)) for e in log]
        history = [Event(e.round, i, e.kind, e.label, e.annotator, e.time) for e, i in told if i is not None]
        finished = [place.round(*record) for record in records]
        if by_program:
            history = _with_answers(finished, history, began)
        waiting = None
        if waits is not None:
            record = json.loads(waits.record)
            arrays = place.picks(unpacked(waits.arrays), "indices", "gains", "synthetic")
            more = {name: arrays.get(name) for name in ("gains", "synthetic")}
            selection = Selection(arrays["indices"], place.whole(arrays["scores"], np.nan), **more, note=record.get("note", ""))
            said = [event for event in standing(history) if event.round >= record["round"]]
            taken = set(map(id, said))
            history = [event for event in history if id(event) not in taken]
            events_here = tuple(replace(event, round=record["round"]) for event in said)
            waiting = Pending(record["round"], selection, record["strategy"], record["seconds"], events_here)
        self._known[run] = writes
        if cell is not None:
            self._bare.add(run)
        kept = {row.round: unpacked(row.arrays) for row in trained}
        return StoredRun(
            run,
            config,
            finished,
            history,
            waiting,
            joined=place.joined,
            gone=place.gone,
            moved=not place.same,
            bare=cell is not None,
            models=kept,
        )

    def keep_comparison(self, key: str, name: str, grid: dict[str, Any]) -> None:
        """Keep a grid (`Comparison.spec`) under its key; what is there already gets the name."""
        from sqlalchemy import select

        table = self._tables.tables["comparisons"]
        with self._engine.begin() as connection:
            if connection.execute(select(table.c.key).where(table.c.key == key)).first() is None:
                connection.execute(table.insert().values(key=key, name=name, grid=json.dumps(grid), began=time.time()))
            else:
                connection.execute(table.update().where(table.c.key == key).values(name=name, grid=json.dumps(grid)))

    def comparisons(self) -> list[dict[str, Any]]:
        """All grids, newest first: key, name, grid, began (seconds since the epoch)."""
        from sqlalchemy import select

        table = self._tables.tables["comparisons"]
        query = select(table.c.key, table.c.name, table.c.grid, table.c.began).order_by(table.c.began.desc())
        with self._engine.connect() as connection:
            return [{**row, "grid": json.loads(row["grid"])} for row in connection.execute(query).mappings()]

    def counts(self, cells: Iterable[str]) -> dict[str, int]:
        """cell -> how many rounds it has, for those that have begun."""
        from sqlalchemy import func, select

        runs, rounds = self._tables.tables["runs"], self._tables.tables["rounds"]
        query = select(runs.c.cell, func.count()).join(rounds, rounds.c.run == runs.c.id).group_by(runs.c.cell)
        return {cell: n for part in _parts(cells) for cell, n in self._all(query.where(runs.c.cell.in_(part)))}

    def records(self, cells: Iterable[str]) -> list[tuple[str, str, int, dict[str, Any]]]:
        """(cell, run, round, what is recorded of the round but for arrays) of all rounds of these cells, each cell's in order."""
        from sqlalchemy import select

        runs, rounds = self._tables.tables["runs"], self._tables.tables["rounds"]
        columns = (runs.c.cell, runs.c.id, rounds.c.round, rounds.c.record)
        query = select(*columns).join(rounds, rounds.c.run == runs.c.id).order_by(runs.c.cell, rounds.c.round)
        found = (row for part in _parts(cells) for row in self._all(query.where(runs.c.cell.in_(part))))
        return [(cell, run, number, json.loads(record)) for cell, run, number, record in found]

    def arrays(self, cells: Iterable[str]) -> Iterator[tuple[str, int, dict[str, NDArray[Any]]]]:
        """(cell, round, its arrays: queried, as places in the stored pool, labels, class_counts, recall) of all rounds of these cells, each cell's in order."""
        from sqlalchemy import select

        runs, rounds = self._tables.tables["runs"], self._tables.tables["rounds"]
        query = (
            select(runs.c.cell, rounds.c.round, rounds.c.arrays)
            .join(rounds, rounds.c.run == runs.c.id)
            .order_by(runs.c.cell, rounds.c.round)
        )
        for part in _parts(cells):
            for cell, number, arrays in self._all(query.where(runs.c.cell.in_(part))):
                yield cell, number, unpacked(arrays)

    def _all(self, query: Any) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    def delete(self, run: str) -> None:
        """Forget a run."""
        with self._engine.begin() as connection:
            for name in ("pending", "events", "models", "rounds"):
                table = self._tables.tables[name]
                connection.execute(table.delete().where(table.c.run == run))
            runs = self._tables.tables["runs"]
            connection.execute(runs.delete().where(runs.c.id == run))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _names(self, connection: "Connection", run: str) -> list[str]:
        """The sample ids of a run's pool, in the order of its indices (kept in memory: every commit needs them)."""
        if run not in self._pool_of:
            from sqlalchemy import select

            runs, pools = self._tables.tables["runs"], self._tables.tables["pools"]
            query = select(pools.c.digest, pools.c.ids).join(runs, runs.c.pool == pools.c.digest).where(runs.c.id == run)
            digest, ids = connection.execute(query).one()
            self._pool_of[run] = digest
            self._ids.setdefault(digest, [json.loads(line) for line in ids.decode().split("\n")])
        return self._ids[self._pool_of[run]]

    def _config(self, connection: "Connection", run: str) -> dict[str, Any]:
        from sqlalchemy import select

        runs = self._tables.tables["runs"]
        config = connection.execute(select(runs.c.config).where(runs.c.id == run)).scalar()
        if config is None:
            raise ValueError(f"the store has no run {run!r}")
        settings: dict[str, Any] = json.loads(config)
        return settings

    def _keep_pool(self, connection: "Connection", dataset: Dataset) -> str:
        """Keep the ids of a pool, if they are new; gives their digest."""
        from sqlalchemy.dialects import postgresql, sqlite

        if dataset in self._digests:
            return self._digests[dataset]
        ids = "\n".join(json.dumps(str(i)) for i in dataset.ids).encode()
        digest = hashlib.sha256(ids).hexdigest()
        insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[
            connection.dialect.name
        ]  # another worker may do so at this moment
        connection.execute(insert(self._tables.tables["pools"]).values(digest=digest, ids=ids).on_conflict_do_nothing())
        self._ids.setdefault(digest, [str(i) for i in dataset.ids])
        return digest

    @contextmanager
    def _writing(self, run: str, events: Sequence[Event] = ()) -> "Iterator[Connection]":
        """A transaction on a run that begins with what people said of `events` in its log. Raises ValueError where somebody else wrote to it since we did."""
        from sqlalchemy import func, select

        log, runs = self._tables.tables["events"], self._tables.tables["runs"]
        said = [event for event in events if event.annotator != "simulated"]
        with self._engine.begin() as connection:
            mine = runs.c.id == run
            if (
                run in self._known
            ):  # first of all, so that of two that write at once one waits for the other, and then finds that it was overtaken
                mine &= runs.c.writes == self._known[run]
            if connection.execute(runs.update().where(mine).values(writes=runs.c.writes + 1)).rowcount == 0:
                raise Overtaken
            if said:
                last = connection.execute(select(func.max(log.c.seq)).where(log.c.run == run)).scalar() or 0
                connection.execute(log.insert(), self._log_rows(run, said, last + 1, self._names(connection, run)))
            yield connection
        if run in self._known:
            self._known[run] += 1

    def _log_rows(self, run: str, events: Sequence[Event], first: int, names: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {
                "run": run,
                "seq": first + k,
                "round": e.round,
                "sample": None if e.sample < 0 else names[e.sample],
                "kind": e.kind,
                "label": e.label,
                "annotator": e.annotator,
                "time": e.time,
            }
            for k, e in enumerate(events)
        ]

    def _drop_rounds(self, connection: "Connection", run: str, first: int) -> None:
        """Forget the rounds from `first` on, and their models."""
        for name in ("models", "rounds"):
            table = self._tables.tables[name]
            connection.execute(table.delete().where((table.c.run == run) & (table.c.round >= first)))

    def _set_pending(self, connection: "Connection", run: str, pending: Pending | None) -> None:
        table = self._tables.tables["pending"]
        connection.execute(table.delete().where(table.c.run == run))
        if pending is None:
            return
        selection = pending.selection
        record = {"round": pending.round, "strategy": pending.strategy, "seconds": dict(pending.seconds), "note": selection.note}
        arrays: dict[str, Any] = {"indices": selection.indices, "scores": selection.scores}
        more = {"gains": selection.gains, "synthetic": selection.synthetic}
        arrays |= {name: array for name, array in more.items() if array is not None}
        connection.execute(table.insert().values(run=run, record=json.dumps(record), arrays=packed(arrays)))


def _parts(cells: Iterable[str]) -> Iterator[list[str]]:
    """The cells, as many at a time as every database takes in one question."""
    keys = list(cells)
    for start in range(0, len(keys), 500):
        yield keys[start : start + 500]


def _labelled(log: Sequence[Any]) -> list[str]:
    """The names of the samples that have a label, by the rows of the log."""
    number: dict[str | None, int] = {None: -1}
    events = [Event(e.round, number.setdefault(e.sample, len(number)), e.kind, e.label, e.annotator, e.time) for e in log]
    name = {k: sample for sample, k in number.items()}
    said = {event.sample: event for event in standing(events)}
    return [str(name[k]) for k, event in said.items() if event.kind in ("label", "relabel")]


def _with_answers(rounds: Sequence[Round], log: Sequence[Event], time: float) -> list[Event]:
    """What a program answered in the rounds and what people said that still stands, in the order of the rounds. time: of the answers."""
    said = standing(log)
    known = {(event.round, event.sample) for event in said}
    answers = [
        Event(finished.index, i, "label" if label >= 0 else "skip", label, time=time)
        for finished in rounds
        for i, label in zip(finished.queried.tolist(), finished.labels.tolist(), strict=True)
        if (finished.index, i) not in known
    ]
    return sorted([*answers, *said], key=lambda event: event.round)


def _round_row(finished: Round, bare: bool) -> dict[str, Any]:
    record = {
        "strategy": finished.strategy,
        "note": finished.note,
        "n_labelled": finished.n_labelled,
        "metrics": dict(finished.metrics),
        "seconds": dict(finished.seconds),
        "cross_validated": finished.cross_validated,
    }
    arrays = {name: getattr(finished, name) for name in (_BARE if bare else _ARRAYS) if getattr(finished, name) is not None}
    return {"round": finished.index, "record": json.dumps(record), "arrays": packed(arrays)}


_BARE = ("queried", "labels", "class_counts", "recall")
_ARRAYS = ("queried", "labels", "class_counts", "probabilities", "recall", "confusion", "scores", "gains", "synthetic")


def default_url() -> str:
    """SQLite in the user's data folder."""
    import platformdirs

    folder = Path(platformdirs.user_data_dir("alviz"))
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'runs.db'}"


def _sqlite_settings(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://…@{tail}" if at else url
