"""The slot's changes, poll by poll: whole transactions, up to a size or to where the log stood when the poll began."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg

from data_platform.connectors.postgres_cdc.changes import Changes
from data_platform.connectors.postgres_cdc.replication import Keepalive, ReplicationStream
from data_platform.connectors.spool_file import SpoolFile

_WAIT_SECONDS = 1.0  # for a first change
_PATIENCE_SECONDS = 5.0  # while the server still reads what its log held when the poll began
_ASK_SECONDS = 0.2  # of silence until the server is asked how far it is
_STALL_SECONDS = 60.0  # of silence inside a transaction


@dataclass(slots=True, kw_only=True)
class ChangeStream:
    """An open stream.

    Attributes:
        position: what the last poll ended with, and the next one must begin with.
        confirmed: up to where everything is durable here.
        is_behind: whether the last read ended before all that the log held when it began.
    """

    wire: ReplicationStream
    changes: Changes
    position: int
    confirmed: int
    is_behind: bool = False

    def read(self, spool: SpoolFile, *, max_bytes: int, wal_end: int) -> None:
        """Writes the changes of whole transactions. Raises psycopg's errors.

        A transaction is never parted: the last one may exceed `max_bytes`. The log of the server ends at `wal_end` now;
        what comes after it can wait for the next read.
        """
        began = heard = time.monotonic()
        self.confirm(self.confirmed, wants_reply=True)
        while self.changes.is_inside or not self._is_enough(spool, max_bytes, wal_end, time.monotonic() - began):
            received = self.wire.receive(_ASK_SECONDS)
            if received is None:
                if time.monotonic() - heard > _STALL_SECONDS:
                    raise psycopg.OperationalError("the stream stands still inside a transaction")
                self.confirm(self.confirmed, wants_reply=True)
                continue
            heard = time.monotonic()
            if isinstance(received, Keepalive):
                self.changes.idle(received.wal_end)
                if received.wants_reply:
                    self.confirm(self.confirmed)
                continue
            for line in self.changes.feed(received):
                spool.write(line)
        self.is_behind = self.changes.seen < wal_end

    def confirm(self, flushed: int, *, wants_reply: bool = False) -> None:
        """Lets the slot move up to `flushed`. Raises psycopg's errors."""
        self.confirmed = max(self.confirmed, flushed)
        self.wire.confirm(flushed=self.confirmed, read=self.changes.seen, wants_reply=wants_reply)

    def _is_enough(self, spool: SpoolFile, max_bytes: int, wal_end: int, seconds: float) -> bool:
        is_level = self.changes.seen >= wal_end
        if spool.rows:
            return is_level or seconds >= _WAIT_SECONDS or spool.size_bytes >= max_bytes
        return seconds >= (_WAIT_SECONDS if is_level else _PATIENCE_SECONDS)
