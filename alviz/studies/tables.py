"""The tables of the store, and how an older file's are brought up to date."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Delete, Insert, MetaData, Update
    from sqlalchemy.engine import Connection, Engine

VERSION = "0002"
"""The last of the migrations, kept in the database."""


@cache
def tables() -> "MetaData":
    """What the tables look like now."""
    from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

    found = MetaData()
    Table("pools", found, Column("digest", String(64), primary_key=True), Column("ids", LargeBinary, nullable=False))
    Table(
        "runs",
        found,
        Column("id", String(12), primary_key=True),
        Column("pool", String(64), ForeignKey("pools.digest"), nullable=False),
        Column("config", Text, nullable=False),
        Column("began", Float, nullable=False),
        Column("cell", String(32)),
        Column("writes", Integer, nullable=False, server_default="0"),
        Index("runs_cell", "cell", unique=True),
    )
    Table(
        "rounds",
        found,
        Column("run", String(12), ForeignKey("runs.id"), primary_key=True),
        Column("round", Integer, primary_key=True),
        Column("record", Text, nullable=False),
        Column("arrays", LargeBinary, nullable=False),
    )
    Table(
        "models",
        found,
        Column("run", String(12), ForeignKey("runs.id"), primary_key=True),
        Column("round", Integer, primary_key=True),
        Column("arrays", LargeBinary, nullable=False),
    )
    Table(
        "events",
        found,
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
        found,
        Column("run", String(12), ForeignKey("runs.id"), primary_key=True),
        Column("record", Text, nullable=False),
        Column("arrays", LargeBinary, nullable=False),
    )
    Table(
        "comparisons",
        found,
        Column("key", String(32), primary_key=True),
        Column("name", Text, nullable=False),
        Column("grid", Text, nullable=False),
        Column("began", Float, nullable=False),
        Column("stopped", Integer, nullable=False, server_default="0"),
    )
    return found


@dataclass(frozen=True)
class Statements:
    """What every commit says. take: the run `of` is written to (take_known: unless others did since its count of writes was `known`)."""

    take: "Update"
    take_known: "Update"
    delete_round: "Delete"
    insert_round: "Insert"
    insert_model: "Insert"
    delete_models: "Delete"


@cache
def statements() -> Statements:
    """Made once: putting them together takes longer than carrying them out."""
    from sqlalchemy import bindparam, literal_column

    runs, rounds, models = (tables().tables[name] for name in ("runs", "rounds", "models"))
    take = runs.update().where(runs.c.id == bindparam("of")).values(writes=runs.c.writes + literal_column("1"))
    return Statements(
        take,
        take.where(runs.c.writes == bindparam("known")),
        rounds.delete().where(rounds.c.run == bindparam("of"), rounds.c.round == bindparam("number")),
        rounds.insert(),
        models.insert(),
        models.delete().where(models.c.run == bindparam("of"), models.c.round != bindparam("kept")),
    )


def prepare(engine: "Engine") -> None:
    """Make the tables where there are none, and bring those of an older version up to date.

    Raises ValueError for tables of a version that is not known here.
    """
    from sqlalchemy import text

    with engine.connect() as connection:
        if _version(connection) == VERSION:
            return
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("BEGIN IMMEDIATE"))
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(7249)"))  # several workers may open a new database at once
        version = _version(connection)
        if version is None:
            tables().create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": VERSION})
            return
        if version != VERSION:
            _upgrade(connection, version)


def _version(connection: "Connection") -> str | None:
    from sqlalchemy import inspect, text

    names = set(inspect(connection).get_table_names())
    if "alembic_version" in names:
        found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return found
    return "0001" if "about" in names else None  # the first version kept its number in a table of its own


def _upgrade(connection: "Connection", version: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version not in known:
        raise ValueError(
            f"has tables of version {version}; this alviz knows versions up to {VERSION}: take a newer alviz, or another store"
        )
    if version == "0001":
        command.stamp(config, "0001")
    command.upgrade(config, "head")
