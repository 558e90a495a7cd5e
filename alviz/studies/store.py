"""The store: every committed round and every label of a person, in a database, before the user sees it as done."""

import hashlib
import io
import json
import os
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.loop.keeping import Pending, StoredRun
from alviz.loop.labels import Event
from alviz.loop.round import Round
from alviz.strategies.base import Selection

if TYPE_CHECKING:
    from sqlalchemy import MetaData
    from sqlalchemy.engine import Connection, Engine

VERSION = 1
"""Version of the tables, kept in the database."""


class Store:
    """Runs in a database. url: any SQLAlchemy URL; default an SQLite file in the user's data folder (environment: ALVIZ_STORE).

    Samples are stored by their ids, arrays as .npy without pickle, settings as JSON. Several processes may write. Raises ValueError when the
    database cannot be opened or was written by another version.
    """

    def __init__(self, url: str | None = None):
        from sqlalchemy import create_engine, event, select
        from sqlalchemy.exc import SQLAlchemyError

        self.url = url or os.environ.get("ALVIZ_STORE") or default_url()
        try:
            self._engine: Engine = create_engine(self.url)
            if self._engine.dialect.name == "sqlite":
                event.listen(self._engine, "connect", _sqlite_settings)
            self._tables = _tables()
            self._pool_of: dict[str, str] = {}
            self._ids: dict[str, list[str]] = {}
            self._tables.create_all(self._engine)
            about = self._tables.tables["about"]
            with self._engine.begin() as connection:
                found = connection.execute(select(about.c.version)).scalar()
                if found is None:
                    connection.execute(about.insert().values(version=VERSION))
        except SQLAlchemyError as error:
            raise ValueError(f"the store {_without_password(self.url)} cannot be opened: {str(error).splitlines()[0]}") from error
        if found not in (None, VERSION):
            raise ValueError(f"the store {_without_password(self.url)} has tables of version {found}; this alviz reads version {VERSION}")

    def create(self, config: dict[str, Any], dataset: Dataset) -> str:
        """Start a run on `dataset`; gives its id."""
        run = uuid.uuid4().hex[:12]
        ids = "\n".join(json.dumps(str(i)) for i in dataset.ids).encode()
        digest = hashlib.sha256(ids).hexdigest()
        pools, runs = self._tables.tables["pools"], self._tables.tables["runs"]
        with self._engine.begin() as connection:
            from sqlalchemy import select

            if connection.execute(select(pools.c.digest).where(pools.c.digest == digest)).first() is None:
                connection.execute(pools.insert().values(digest=digest, ids=ids))
            connection.execute(runs.insert().values(id=run, pool=digest, config=json.dumps(config), began=time.time()))
        return run

    def commit(self, run: str, finished: Round, events: list[Event]) -> None:
        """Keep a finished round and its label events, all or nothing."""
        rounds = self._tables.tables["rounds"]
        record = {
            "strategy": finished.strategy,
            "note": finished.note,
            "n_labelled": finished.n_labelled,
            "metrics": dict(finished.metrics),
            "seconds": dict(finished.seconds),
            "cross_validated": finished.cross_validated,
        }
        arrays = {name: getattr(finished, name) for name in _ARRAYS if getattr(finished, name) is not None}
        with self._engine.begin() as connection:
            self._add_events(connection, run, events)
            connection.execute(rounds.delete().where((rounds.c.run == run) & (rounds.c.round == finished.index)))
            connection.execute(rounds.insert().values(run=run, round=finished.index, record=json.dumps(record), arrays=_packed(arrays)))
            self._set_pending(connection, run, None)

    def keep_pending(self, run: str, pending: Pending, events: list[Event]) -> None:
        """Keep a query that waits for a person, and what they just said."""
        selection = pending.selection
        said = {"round": pending.round, "strategy": pending.strategy, "seconds": dict(pending.seconds), "note": selection.note}
        record = json.dumps(said)
        arrays = {"indices": selection.indices, "scores": selection.scores}
        if selection.gains is not None:
            arrays["gains"] = selection.gains
        with self._engine.begin() as connection:
            self._add_events(connection, run, events)
            self._set_pending(connection, run, (record, _packed(arrays)))

    def truncate(self, run: str, event: Event) -> None:
        """Drop the rounds after event.round and what was pending; the log keeps all events, the undo included."""
        rounds = self._tables.tables["rounds"]
        with self._engine.begin() as connection:
            self._add_events(connection, run, [event])
            connection.execute(rounds.delete().where((rounds.c.run == run) & (rounds.c.round > event.round)))
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

    def has(self, run: str) -> bool:
        """Whether there is a run of that id."""
        from sqlalchemy import select

        runs = self._tables.tables["runs"]
        with self._engine.connect() as connection:
            return connection.execute(select(runs.c.id).where(runs.c.id == run)).first() is not None

    def config(self, run: str) -> dict[str, Any]:
        """The settings of a run. Raises ValueError for an unknown id."""
        from sqlalchemy import select

        runs = self._tables.tables["runs"]
        with self._engine.connect() as connection:
            config = connection.execute(select(runs.c.config).where(runs.c.id == run)).scalar()
        if config is None:
            raise ValueError(f"the store has no run {run!r}")
        settings: dict[str, Any] = json.loads(config)
        return settings

    def load(self, run: str, dataset: Dataset) -> StoredRun:
        """A run as records over `dataset`, matched by sample ids. Raises ValueError for an unknown run or where stored samples are missing."""
        from sqlalchemy import select

        config = self.config(run)
        t = self._tables.tables
        rounds, events, pending = t["rounds"], t["events"], t["pending"]
        with self._engine.connect() as connection:
            stored = self._names(connection, run)
            rows = connection.execute(
                select(rounds.c.round, rounds.c.record, rounds.c.arrays).where(rounds.c.run == run).order_by(rounds.c.round)
            ).all()
            log = connection.execute(select(events).where(events.c.run == run).order_by(events.c.seq)).all()
            waits = connection.execute(select(pending.c.record, pending.c.arrays).where(pending.c.run == run)).first()
        place = _Placement(stored, dataset)
        if [row.round for row in rows] != list(range(len(rows))):
            raise ValueError(f"run {run!r} in the store is damaged: it has rounds {[row.round for row in rows]}")
        history = [Event(e.round, -1 if e.sample is None else place.index(e.sample), e.kind, e.label, e.annotator, e.time) for e in log]
        finished = [place.round(row.round, json.loads(row.record), _unpacked(row.arrays)) for row in rows]
        waiting = None
        if waits is not None:
            record, arrays = json.loads(waits.record), _unpacked(waits.arrays)
            scores = place.whole(arrays["scores"], np.nan)
            selection = Selection(place.indices(arrays["indices"]), scores, arrays.get("gains"), note=record.get("note", ""))
            queried = set(selection.indices.tolist())
            last_undo = max((k for k, event in enumerate(history) if event.kind == "undo"), default=-1)
            said = tuple(e for e in history[last_undo + 1 :] if e.round == record["round"] and e.sample in queried)
            waiting = Pending(record["round"], selection, record["strategy"], record["seconds"], said)
            history = [event for event in history if event not in said]
        return StoredRun(run, config, finished, history, waiting, grown=place.grown)

    def delete(self, run: str) -> None:
        """Forget a run."""
        with self._engine.begin() as connection:
            for name in ("pending", "events", "rounds"):
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

    def _add_events(self, connection: "Connection", run: str, events: list[Event]) -> None:
        if not events:
            return
        from sqlalchemy import func, select

        table = self._tables.tables["events"]
        names = self._names(connection, run)
        first = (connection.execute(select(func.max(table.c.seq)).where(table.c.run == run)).scalar() or 0) + 1
        rows = [
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
        connection.execute(table.insert(), rows)

    def _set_pending(self, connection: "Connection", run: str, value: tuple[str, bytes] | None) -> None:
        pending = self._tables.tables["pending"]
        connection.execute(pending.delete().where(pending.c.run == run))
        if value is not None:
            connection.execute(pending.insert().values(run=run, record=value[0], arrays=value[1]))


class _Placement:
    """Moves stored rows to the places that their ids have in a dataset."""

    def __init__(self, stored: list[str], dataset: Dataset):
        now = [str(i) for i in dataset.ids]
        self._where = {name: i for i, name in enumerate(now)}
        missing = [name for name in stored if name not in self._where]
        if missing:
            raise ValueError(f"{len(missing)} samples of the stored run are not in dataset {dataset.name!r}, the first is {missing[0]!r}")
        self.same = stored == now
        self.grown = len(now) > len(stored)
        self._to = np.array([self._where[name] for name in stored], dtype=np.int64)
        self._n = len(now)

    def index(self, name: str) -> int:
        return self._where[name]

    def indices(self, stored: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._to[stored]

    def whole(self, rows: NDArray[Any], filling: float) -> NDArray[Any]:
        if self.same:
            return rows
        out = np.full((self._n, *rows.shape[1:]), filling, dtype=rows.dtype)
        out[self._to] = rows
        return out

    def round(self, index: int, record: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Round:
        arrays["queried"] = self.indices(arrays["queried"])
        arrays["probabilities"] = self.whole(arrays["probabilities"], 1.0 / arrays["probabilities"].shape[1])
        if "scores" in arrays:
            arrays["scores"] = self.whole(arrays["scores"], np.nan)
        fields: dict[str, Any] = {**record, **arrays}
        return Round(index=index, **fields)


_ARRAYS = ("queried", "labels", "class_counts", "probabilities", "recall", "confusion", "scores", "gains")


def default_url() -> str:
    """SQLite in the user's data folder."""
    import platformdirs

    folder = Path(platformdirs.user_data_dir("alviz"))
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'runs.db'}"


def _tables() -> "MetaData":
    from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, MetaData, String, Table, Text

    tables = MetaData()
    Table("about", tables, Column("version", Integer, primary_key=True))
    Table("pools", tables, Column("digest", String(64), primary_key=True), Column("ids", LargeBinary, nullable=False))
    Table(
        "runs",
        tables,
        Column("id", String(12), primary_key=True),
        Column("pool", String(64), ForeignKey("pools.digest"), nullable=False),
        Column("config", Text, nullable=False),
        Column("began", Float, nullable=False),
    )
    Table(
        "rounds",
        tables,
        Column("run", String(12), ForeignKey("runs.id"), primary_key=True),
        Column("round", Integer, primary_key=True),
        Column("record", Text, nullable=False),
        Column("arrays", LargeBinary, nullable=False),
    )
    Table(
        "events",
        tables,
        Column("run", String(12), ForeignKey("runs.id"), primary_key=True),
        Column("seq", Integer, primary_key=True),
        Column("round", Integer, nullable=False),
        Column("sample", Text),
        Column("kind", String(8), nullable=False),
        Column("label", Integer, nullable=False),
        Column("annotator", Text, nullable=False),
        Column("time", Float, nullable=False),
    )
    Table(
        "pending",
        tables,
        Column("run", String(12), ForeignKey("runs.id"), primary_key=True),
        Column("record", Text, nullable=False),
        Column("arrays", LargeBinary, nullable=False),
    )
    return tables


def _sqlite_settings(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _packed(arrays: dict[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _unpacked(blob: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://…@{tail}" if at else url
