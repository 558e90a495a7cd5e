"""The store: every committed round and every label of a person, in a database, before the user sees it as done."""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.loop.keeping import Arrays, Pending, StoredRun
from alviz.loop.labels import Event, standing
from alviz.loop.round import Round
from alviz.loop.script import Era
from alviz.strategies.base import Selection
from alviz.studies.database import Spoken, default_url, opened
from alviz.studies.packing import integers, packed, unpacked
from alviz.studies.placement import Placement
from alviz.studies.rows import labelled, log_rows, pending_row, round_row, with_answers
from alviz.studies.tables import statements, tables

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


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
        self.url = url or os.environ.get("ALVIZ_STORE") or default_url()
        self._tables = tables()
        self._said = statements()
        self._pool_of: dict[str, str] = {}
        self._known: dict[str, int] = {}
        self._ids: dict[str, list[str]] = {}
        self._digests: WeakKeyDictionary[Dataset, str] = WeakKeyDictionary()
        self._bare: set[str] = set()
        self._engine = opened(self.url)
        self._take, self._insert = (Spoken(one, self._engine) for one in (self._said.take_known, self._said.insert_round))

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
        row = {"run": run, **round_row(finished, run in self._bare)}
        if run in self._bare and model is None:
            self._commit_cell(run, row)
            return
        with self._writing(run, events) as connection:
            connection.execute(
                self._said.delete_round, {"of": run, "number": finished.index}
            )  # two pages of one process may go on with the same run
            connection.execute(self._said.insert_round, row)
            if model is not None:
                connection.execute(self._said.delete_models, {"of": run, "kept": finished.index - 1})
                connection.execute(self._said.insert_model, {"run": run, "round": finished.index, "arrays": packed(model)})
            self._set_pending(connection, run, None)

    def _commit_cell(self, run: str, row: dict[str, Any]) -> None:
        """Keep a round of a cell, in which no person said anything and nothing waits."""
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            if self._take(cursor, {"of": run, "known": self._known[run]}) == 0:
                raise Overtaken
            self._insert(cursor, row)
            connection.commit()
        finally:
            connection.close()  # what is not committed is taken back
        self._known[run] += 1

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
                connection.execute(table.update().where(where).values(**round_row(finished, run in self._bare)))
            self._set_pending(connection, run, pending)
        self._pool_of[run] = digest

    def truncate(self, run: str, event: Event, before: Sequence[Era]) -> None:
        """Drop the rounds after event.round and what was pending; the log keeps all events, the undo included. before: what the rounds that stay were made with."""
        runs = self._tables.tables["runs"]
        with self._writing(run, [event]) as connection:
            config = {**self._config(connection, run), "before": [asdict(era) for era in before]}
            connection.execute(runs.update().where(runs.c.id == run).values(config=json.dumps(config)))
            self._drop_rounds(connection, run, event.round + 1)
            self._set_pending(connection, run, None)

    def runs(self) -> list[dict[str, Any]]:
        """All runs, newest first: id, began (seconds since the epoch), config, cell (of a grid, or None), rounds (how many are finished)."""
        from sqlalchemy import func, select

        runs, rounds = self._tables.tables["runs"], self._tables.tables["rounds"]
        count = select(rounds.c.run, func.count().label("n")).group_by(rounds.c.run).subquery()
        query = (
            select(runs.c.id, runs.c.began, runs.c.config, runs.c.cell, func.coalesce(count.c.n, 0).label("rounds"))
            .outerjoin(count, count.c.run == runs.c.id)
            .order_by(runs.c.began.desc())
        )
        with self._engine.connect() as connection:
            return [{**row, "config": json.loads(row["config"])} for row in connection.execute(query).mappings()]

    def n_labelled(self, run: str) -> int:
        """How many samples of a run have a label, those of the round that waits included."""
        from sqlalchemy import select

        events = self._tables.tables["events"]
        with self._engine.connect() as connection:
            return len(labelled(connection.execute(select(events).where(events.c.run == run).order_by(events.c.seq)).all()))

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
        place.check(labelled(log) + [stored[i] for _, _, arrays in records if by_program for i in arrays["queried"][arrays["labels"] >= 0]])
        if [row.round for row in rows] != list(range(len(rows))):
            raise ValueError(f"run {run!r} in the store is damaged: it has rounds {[row.round for row in rows]}")
        told = [(e, -1 if e.sample is None else place.index(e.sample)) for e in log]
        history = [Event(e.round, i, e.kind, e.label, e.annotator, e.time) for e, i in told if i is not None]
        finished = [place.round(*record) for record in records]
        if by_program:
            history = with_answers(finished, history, began)
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
        return self._records("cell", cells)

    def records_of(self, runs: Iterable[str]) -> list[tuple[str, int, dict[str, Any]]]:
        """(run, round, what is recorded of the round but for arrays) of all rounds of these runs, each run's in order."""
        return [(run, number, record) for _, run, number, record in self._records("id", runs)]

    def _records(self, by: str, keys: Iterable[str]) -> list[tuple[str, str, int, dict[str, Any]]]:
        from sqlalchemy import select

        runs, rounds = self._tables.tables["runs"], self._tables.tables["rounds"]
        columns = (runs.c.cell, runs.c.id, rounds.c.round, rounds.c.record)
        query = select(*columns).join(rounds, rounds.c.run == runs.c.id).order_by(runs.c[by], rounds.c.round)
        found = [row for part in _parts(keys) for row in self._all(query.where(runs.c[by].in_(part)))]
        records = json.loads(f"[{','.join(row.record for row in found)}]")  # all at once is quicker by a third
        return [(cell, run, number, record) for (cell, run, number, _), record in zip(found, records, strict=True)]

    def queried(self, cells: Iterable[str]) -> Iterator[tuple[str, int, NDArray[np.int64]]]:
        """(cell, round, what it labelled, as places in the stored pool) of all rounds of these cells, each cell's in order."""
        from sqlalchemy import select

        runs, rounds = self._tables.tables["runs"], self._tables.tables["rounds"]
        query = (
            select(runs.c.cell, rounds.c.round, rounds.c.arrays)
            .join(rounds, rounds.c.run == runs.c.id)
            .order_by(runs.c.cell, rounds.c.round)
        )
        for part in _parts(cells):
            for cell, number, arrays in self._all(query.where(runs.c.cell.in_(part))):
                yield cell, number, integers(arrays, "queried")

    def _all(self, query: Any) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    def delete(self, *runs: str) -> None:
        """Forget these runs, all or none."""
        with self._engine.begin() as connection:
            for part in _parts(runs):
                for name in ("pending", "events", "models", "rounds"):
                    table = self._tables.tables[name]
                    connection.execute(table.delete().where(table.c.run.in_(part)))
                table = self._tables.tables["runs"]
                connection.execute(table.delete().where(table.c.id.in_(part)))

    def delete_comparison(self, key: str) -> None:
        """Forget a grid; the runs of its cells stay."""
        table = self._tables.tables["comparisons"]
        with self._engine.begin() as connection:
            connection.execute(table.delete().where(table.c.key == key))

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

        log = self._tables.tables["events"]
        said = [event for event in events if event.annotator != "simulated"]
        with self._engine.begin() as connection:
            # first of all, so that of two that write at once one waits for the other, and then finds that it was overtaken
            take = self._said.take_known if run in self._known else self._said.take
            if connection.execute(take, {"of": run, "known": self._known.get(run)}).rowcount == 0:
                raise Overtaken
            if said:
                last = connection.execute(select(func.max(log.c.seq)).where(log.c.run == run)).scalar() or 0
                connection.execute(log.insert(), log_rows(run, said, last + 1, self._names(connection, run)))
            yield connection
        if run in self._known:
            self._known[run] += 1

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
        connection.execute(table.insert().values(run=run, **pending_row(pending)))


def _parts(keys: Iterable[str]) -> Iterator[list[str]]:
    """The keys, as many at a time as every database takes in one question."""
    keys = list(keys)
    for start in range(0, len(keys), 500):
        yield keys[start : start + 500]
