"""The replication protocol on one connection: records of the log come in, confirmations go out.

It is spoken over libpq directly. A ready-made cursor (psycopg2's) answers keepalives with the server's own end of log
once the last change was confirmed; the slot would then stand beyond the last landed position, and a slot that somebody
else has emptied could no longer be told from an idle one. Here nothing is confirmed but what `confirm` names.

Source: PostgreSQL documentation, "Streaming Replication Protocol".
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

import psycopg
from psycopg import pq, sql

from data_platform.connectors.postgres_cdc.copy_data import CopyData
from data_platform.connectors.postgres_cdc.lsn import lsn_text
from data_platform.connectors.postgres_cdc.source import Connection

_RECORD = struct.Struct("!cQQq")
_KEEPALIVE = struct.Struct("!cQqB")
_STATUS = struct.Struct("!cQQQqB")
_EPOCH_SECONDS = 946_684_800  # 2000-01-01, from which PostgreSQL counts microseconds
_SEND_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Record:
    """One message of the output plugin, and the place in the log that it is about."""

    lsn: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The server has read its log up to `wal_end` and sent what is in it."""

    wal_end: int
    wants_reply: bool


class ReplicationStream:
    """A slot's changes from a place on. Raises psycopg's errors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages = CopyData(connection)

    def start(self, slot: str, publication: str, *, lsn: int) -> None:
        """Asks for every transaction whose commit stands at `lsn` or after it."""
        names = '"' + publication.replace('"', '""') + '"'
        command = sql.SQL(
            "START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {}, messages 'true')"
        ).format(sql.Identifier(slot), sql.SQL(lsn_text(lsn)), sql.Literal(names))
        self._messages.start(command, pq.ExecStatus.COPY_BOTH)

    def receive(self, timeout_seconds: float) -> Record | Keepalive | None:
        """The next message; None when none came in time."""
        data = self._messages.receive(timeout_seconds)
        return None if data is None else _message(data)

    def confirm(self, *, flushed: int, read: int, wants_reply: bool = False) -> None:
        """Tells the server that everything up to `flushed` is durable here, so that it may forget it."""
        wire = self._connection.pgconn
        now = int((time.time() - _EPOCH_SECONDS) * 1_000_000)
        wire.put_copy_data(_STATUS.pack(b"r", max(read, flushed), flushed, flushed, now, wants_reply))
        until = time.monotonic() + _SEND_SECONDS
        while wire.flush():
            if time.monotonic() > until:
                raise psycopg.OperationalError("the server takes no confirmation")
            wire.consume_input()  # it may be waiting for us to read first
            time.sleep(0.01)

    def close(self) -> None:
        """Closes the connection; the slot stays."""
        self._messages.close()


def _message(data: bytes) -> Record | Keepalive:
    if data[:1] == b"w":
        return Record(_RECORD.unpack_from(data)[1], data[_RECORD.size :])
    if data[:1] == b"k":
        _, wal_end, _, wants_reply = _KEEPALIVE.unpack(data)
        return Keepalive(wal_end, bool(wants_reply))
    if not data:
        raise psycopg.OperationalError("the server ended the replication stream")
    raise psycopg.OperationalError(f"a replication message of kind {data[:1]!r} is not known")
