"""Connections to the source database, and what its errors mean to the loop.

psycopg 3 serves both ordinary queries and replication. psycopg2 would bring a replication cursor, but that cursor moves
the slot by itself, past what has been landed (see `replication`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg import sql

from data_platform.connectors.postgres_cdc.values import SESSION
from data_platform.credentials import Credential
from data_platform.errors import ConfigurationError, PlatformError, SourceRefused, SourceUnavailable

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

_SETTINGS = {
    **SESSION,
    "statement_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "10s",  # a new slot waits for every older transaction: better said than waited for
    "row_security": "off",  # a policy would hide rows from the first copy that the stream shows: refuse instead
}
_CONNECT_SECONDS = 10
# The server's answer to a login comes without its SQLSTATE; these are its messages for 28000, 28P01, 42501 and 3D000.
_REFUSED = re.compile(
    r"authentication failed|no pg_hba\.conf entry|not permitted to log in|role .* does not exist"
    r"|permission denied|must be superuser or replication role"
)
_NO_DATABASE = re.compile(r"database .* does not exist")
_REFUSED_STATES = {"28000", "28P01", "42501"}
_MISCONFIGURED_STATES = {
    "3D000",  # no such database
    "3F000",  # no such schema
    "42P01",  # no such table
    "42601",  # an option this server does not know
    "42704",  # no such publication
    "42710",  # there is one of that name
    "53400",  # no replication slot left
    "55000",  # wal_level is not logical
    "0A000",  # not supported here
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSource:
    """Where the database is.

    Attributes:
        credential: the user's password; None where the server asks for none.
        name: of the connector's entry; the server lists its connections under it.
    """

    name: str
    host: str
    port: int
    dbname: str
    user: str
    sslmode: str
    sslrootcert: str | None
    credential: Credential | None

    def connect(self, *, replication: bool = False, within_seconds: int | None = None) -> Connection:
        """A new connection that commits each statement; its password is the credential's value of now.

        Args:
            replication: whether it speaks the replication protocol.
            within_seconds: how long connecting, and each statement, may take; None: as long as reading a source may.

        Raises:
            SourceRefused, SourceUnavailable, ConfigurationError: the credential cannot be read.
        """
        password = self.credential.value() if self.credential is not None else None
        settings = " ".join(f"-c {name}={value}" for name, value in _settings(within_seconds).items())
        with self.errors():
            return psycopg.connect(
                host=self.host,
                port=self.port,
                dbname=self.dbname,
                user=self.user,
                sslmode=self.sslmode,
                connect_timeout=within_seconds or _CONNECT_SECONDS,
                application_name=f"data-platform {self.name}",
                client_encoding="UTF8",
                keepalives_idle=30,
                options=settings,
                autocommit=True,
                password=password,
                replication="database" if replication else None,
                sslrootcert=self.sslrootcert,
            )

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns psycopg's errors into the platform's."""
        try:
            yield
        except psycopg.Error as error:
            # Not chained: psycopg's error holds the connection's parameters, the password among them.
            raise self._meaning(error) from None

    def _meaning(self, error: psycopg.Error) -> PlatformError:
        said = " ".join(str(error).split())
        place = f"connector {self.name}: database {self.dbname} at {self.host}:{self.port}"
        if error.sqlstate in _REFUSED_STATES or (error.sqlstate is None and _REFUSED.search(said)):
            return SourceRefused(f"{place} refuses user {self.user}: {said}; give it the right, or renew its password")
        if error.sqlstate in _MISCONFIGURED_STATES or (error.sqlstate is None and _NO_DATABASE.search(said)):
            return ConfigurationError(f"{place}: {said}; mend the entry or the database")
        return SourceUnavailable(f"{place} does not answer: {said}; it is tried again from the same position")


def _settings(within_seconds: int | None) -> dict[str, str]:
    """What a session is set to."""
    limits = {} if within_seconds is None else {"statement_timeout": f"{within_seconds}s"}
    return _SETTINGS | limits


def fetch_one(connection: Connection, query: str, **values: object) -> tuple[Any, ...] | None:
    """The first row of a query of this package; values are bound."""
    return connection.execute(sql.SQL(query), values).fetchone()
