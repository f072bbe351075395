"""One connection pool and its transactions, on SQLite or PostgreSQL. What is stored is in `tables`.

SQLite runs in WAL mode, waits 30 seconds for another writer, checks foreign keys and flushes every commit.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError, ProgrammingError

from data_platform.errors import ConfigurationError, PlatformError, RetryableError

BUSY_TIMEOUT_SECONDS = 30
_READ_ONLY = "metastore_read_only"
_MAY_PASS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_UNDEFINED_TABLE = "42P01"  # PostgreSQL's SQLSTATE


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open write transaction; it commits when its `with` block ends without an error."""

    connection: Connection


class Database:
    """Hands out transactions. Nothing is opened before the first one.

    Args:
        url: of the database.
        is_bounded: whether who asks for a connection while 15 are in use waits for one of them.
    """

    def __init__(self, url: str, *, is_bounded: bool = True) -> None:
        self._engine = _engine(url, is_bounded=is_bounded)
        self._reader = self._engine.execution_options(**{_READ_ONLY: True})

    @property
    def sqlite_file(self) -> str | None:
        """The path of an SQLite database; None in memory and on PostgreSQL."""
        return self._engine.url.database if self._engine.dialect.name == "sqlite" else None

    @property
    def is_server(self) -> bool:
        """Whether other hosts may use it too."""
        return self._engine.dialect.name == "postgresql"

    def writing(self, tx: Transaction | None = None) -> AbstractContextManager[Connection]:
        """The connection of `tx`, or of a write transaction of its own.

        Raises:
            RetryableError: the database did not answer, or another writer held it for too long.
        """
        return nullcontext(tx.connection) if tx else self._begin(self._engine)

    def reading(self, tx: Transaction | None = None) -> AbstractContextManager[Connection]:
        """The connection of `tx`, which sees what it wrote, or of a read transaction of its own."""
        return nullcontext(tx.connection) if tx else self._begin(self._reader)

    @contextmanager
    def alone(self, lock: int) -> Iterator[Transaction]:
        """A write transaction that nobody else who asks for `lock` is in: what it reads stays so until it commits.

        Raises:
            RetryableError: the database did not answer, or another writer held it for too long.
        """
        with self.writing() as connection:
            wait_for_lock(connection, lock)
            yield Transaction(connection)

    @contextmanager
    def one_state(self) -> Iterator[Transaction]:
        """One state of what is stored for several questions; nothing may be written in it."""
        with self.reading() as connection:
            yield Transaction(connection)

    def session(self) -> Connection:
        """A connection without a transaction, for what lasts as long as the session; to be closed by the caller."""
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Closes idle connections."""
        self._engine.dispose()

    @contextmanager
    def _begin(self, engine: Engine) -> Iterator[Connection]:
        with self.translating(), engine.begin() as connection:
            yield connection

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Says in the platform's errors what goes wrong with the database in the block."""
        try:
            yield
        except (OperationalError, ProgrammingError) as error:
            translated = self._translated(error)
            if translated is None:
                raise
            raise translated from error

    def _translated(self, error: OperationalError | ProgrammingError) -> PlatformError | None:
        place = self._engine.url.render_as_string(hide_password=True)
        code = getattr(error.orig, "sqlstate", None)
        if code == _UNDEFINED_TABLE or "no such table" in str(error.orig):
            return ConfigurationError(f"the metastore {place} has no schema ({error.orig}); migrate it first")
        if isinstance(error, OperationalError) and _may_pass(error.orig):
            return RetryableError(f"the metastore {place} did not answer ({error.orig}); run again")
        return None


def wait_for_lock(connection: Connection, key: int) -> None:
    """Has a write transaction wait until it alone holds a lock, until its end. On SQLite it does from its beginning."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _may_pass(error: BaseException | None) -> bool:
    # SQLite's driver calls a wrong statement operational too; PostgreSQL's does not
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or (code & 0xFF) in _MAY_PASS


def _engine(url: str, *, is_bounded: bool) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            "the metastore's address cannot be read; write sqlite:///<file> or postgresql://…"
        ) from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        address = parsed.set(drivername="postgresql+psycopg")
        most = 10 if is_bounded else -1
        engine = sa.create_engine(address, pool_pre_ping=True, max_overflow=most, connect_args={"connect_timeout": 10})
        sa.event.listen(engine, "connect", _set_up_postgresql)
    elif backend == "sqlite":
        engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    else:
        raise ConfigurationError(f"the metastore cannot live in {backend!r}; write sqlite:///<file> or postgresql://…")
    sa.event.listen(engine, "connect", _remember_process)
    sa.event.listen(engine, "checkout", _refuse_forked)
    return engine


def _set_up_postgresql(connection: Any, _record: object) -> None:
    # the server notices within two minutes that a host is gone, and ends what it held; a process it notices at once
    connection.autocommit = True
    connection.execute(
        "SELECT set_config('tcp_keepalives_idle', '60', false), set_config('tcp_keepalives_interval', '10', false), "
        "set_config('tcp_keepalives_count', '6', false)"
    ).close()
    connection.autocommit = False


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    _enter_wal(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _enter_wal(connection: Any) -> None:
    # SQLite does not wait for its busy timeout when several processes change the mode of a new file at once
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    # a write transaction that began by reading could not wait for another writer: its snapshot would be too old
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _remember_process(_connection: object, record: Any) -> None:
    record.info["process"] = os.getpid()


def _refuse_forked(_connection: object, record: Any, proxy: Any) -> None:
    # a connection that came through a fork is still the parent's
    if record.info["process"] != os.getpid():
        record.dbapi_connection = proxy.dbapi_connection = None
        raise DisconnectionError("this connection belongs to the parent process")
