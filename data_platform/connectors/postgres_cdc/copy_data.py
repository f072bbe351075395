"""What a server sends in copy mode, message by message: a table's rows, or a replication stream.

psycopg's own copy object turns its event loop for each row, which took a quarter of the time of a copy.
"""

from __future__ import annotations

import selectors

import psycopg
from psycopg import pq, sql

from data_platform.connectors.postgres_cdc.source import Connection


class CopyData:
    """A connection in copy mode. Raises psycopg's errors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection.fileno(), selectors.EVENT_READ)

    def start(self, command: sql.Composed, expected: pq.ExecStatus) -> None:
        """Sends the command that begins the mode."""
        result = self._connection.pgconn.exec_(command.as_bytes(self._connection))
        if result.status != expected:
            raise psycopg.errors.error_from_result(result)

    def receive(self, timeout_seconds: float) -> bytes | None:
        """The next message: None when none came in time, no bytes at the end."""
        wire = self._connection.pgconn
        size, data = wire.get_copy_data(1)
        if size == 0:
            wire.consume_input()  # first: what TLS has taken from the socket already does not make it readable
            size, data = wire.get_copy_data(1)
        if size == 0 and self._selector.select(timeout_seconds):
            wire.consume_input()
            size, data = wire.get_copy_data(1)
        if size == 0:
            return None
        return bytes(data) if size > 0 else self._ended()

    def close(self) -> None:
        """Closes the connection."""
        self._selector.close()
        self._connection.close()

    def _ended(self) -> bytes:
        result = self._connection.pgconn.get_result()
        if result is not None and result.status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)
        return b""
