"""The database of the store: where it lies, and opening it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alviz.studies.tables import prepare

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from sqlalchemy.sql.expression import ClauseElement


def default_url() -> str:
    """SQLite in the user's data folder."""
    import platformdirs

    folder = Path(platformdirs.user_data_dir("alviz"))
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'runs.db'}"


def opened(url: str) -> "Engine":
    """The database with its tables up to date. Raises ValueError where it cannot be opened."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _sqlite_settings)
        prepare(engine)
    except (SQLAlchemyError, ImportError) as error:
        raise ValueError(f"the store {_without_password(url)} cannot be opened: {_why(url, error)}") from error
    except ValueError as error:
        raise ValueError(f"the store {_without_password(url)} {error}") from error
    return engine


class Spoken:
    """A statement in the words of the database's own driver, for what is said thousands of times: SQLAlchemy's work around it takes longer than the rest."""

    def __init__(self, statement: "ClauseElement", engine: "Engine"):
        compiled: Any = statement.compile(dialect=engine.dialect)
        self._text = str(compiled)
        self._order: Sequence[str] | None = compiled.positiontup

    def __call__(self, cursor: Any, values: Mapping[str, Any]) -> int:
        """Carry it out; gives how many rows it met."""
        cursor.execute(self._text, values if self._order is None else [values[name] for name in self._order])
        met: int = cursor.rowcount
        return met


def _sqlite_settings(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _why(url: str, error: Exception) -> str:
    """What keeps a database from being opened, in a line: SQLite itself says the same of a folder that is not there and of one that cannot be written to."""
    head, _, name = url.partition(":///")
    file = Path(name)
    if head.startswith("sqlite") and name and not name.startswith("file:"):
        if not file.parent.is_dir():
            return f"there is no folder {file.parent}"
        if not all(os.access(path, os.W_OK) for path in (file.parent, file) if path.exists()):
            return f"{file} and its folder must be writable, even to read it: copy it, with {file.name}-wal where there is one, to a folder that is"
    return str(error).splitlines()[0]


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://…@{tail}" if at else url
