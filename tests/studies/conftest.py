"""Stores for the tests: SQLite, and a real PostgreSQL on loopback where its programs are installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

REQUIRED = os.environ.get("ALVIZ_POSTGRES_TESTS") == "required"


def programs() -> Path | None:
    """The folder of PostgreSQL's programs: the newest of Debian's, or the one on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a server of our own, without a database's name at its end."""
    where = programs()
    if where is None:
        (pytest.fail if REQUIRED else pytest.skip)("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="alviz-postgres-"))
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name  # the server refuses to run as root
    who = ["runuser", "-u", user, "--"] if os.getuid() == 0 else []
    if who:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def call(*command: str) -> None:
        subprocess.run([*who, *command], check=True, capture_output=True, cwd=folder)

    call(str(where / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "alviz", "-E", "UTF8", "--locale=C", "-N")
    settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off -c max_connections=60"
    control = str(where / "pg_ctl")
    call(control, "-D", str(folder / "data"), "-l", str(folder / "log"), "-w", "-o", settings, "start")
    try:
        yield f"postgresql+psycopg://alviz@127.0.0.1:{port}"
    finally:
        call(control, "-D", str(folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new, empty store of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'runs.db'}"
        return
    from sqlalchemy import create_engine, text

    server, name = request.getfixturevalue("postgres"), f"t{uuid.uuid4().hex}"
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield f"{server}/{name}"
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
