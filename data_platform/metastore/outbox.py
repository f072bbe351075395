"""Lineage events that wait to be sent, written in the same transaction as the ledger. Sending is in `lineage`.

Places in the queue are given in the order in which their transactions commit, so that a reader who remembers the last
place it saw misses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction, wait_for_lock
from data_platform.metastore.repository import Repository, insert, new_rows_of
from data_platform.metastore.tables import OUTBOX

_LOCK = 0x6F75_7462_6F78  # any constant: every transaction that appends on PostgreSQL asks for this lock


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """One event as JSON text.

    Attributes:
        event_id: unique; the same event composed again has the same id.
        id: its place in the queue, given by the database.
    """

    event_id: str
    run_id: str
    created_at: datetime
    payload: str
    sent_at: datetime | None = None
    id: int | None = None

    @property
    def place(self) -> int:
        """Its place in the queue; 0 before it has one."""
        return self.id or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What lies behind a place in the queue.

    Attributes:
        events: how many.
        oldest_at: when the first of them was appended; None where there is none.
    """

    events: int
    oldest_at: datetime | None


class Outbox(Repository[OutboxEntry]):
    """A queue of events in the order in which they were appended."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, OUTBOX, OutboxEntry)

    def append(self, entries: Iterable[OutboxEntry], *, tx: Transaction | None = None) -> None:
        """Puts events at the end of the queue; an event that is or was in it changes nothing.

        To be called late in a transaction: on PostgreSQL others that append wait for its end.
        """
        rows = new_rows_of(entries)
        if not rows:
            return
        with self._database.writing(tx) as connection:
            # PostgreSQL gives numbers before transactions commit: without the lock a later number could be seen first,
            # and whoever remembered it would never look for the earlier one.
            wait_for_lock(connection, _LOCK)
            connection.execute(insert(connection, OUTBOX).on_conflict_do_nothing(index_elements=["event_id"]), rows)

    def pending(self, *, limit: int = 100, tx: Transaction | None = None) -> tuple[OutboxEntry, ...]:
        """The first events that not every sink has, in order."""
        return self._select(
            sa.select(OUTBOX).where(OUTBOX.c.sent_at.is_(None)).order_by(OUTBOX.c.id).limit(limit), tx=tx
        )

    def after(self, place: int, *, limit: int = 100, tx: Transaction | None = None) -> tuple[OutboxEntry, ...]:
        """The first events behind a place, in order."""
        return self._select(sa.select(OUTBOX).where(OUTBOX.c.id > place).order_by(OUTBOX.c.id).limit(limit), tx=tx)

    def backlog(self, place: int, *, tx: Transaction | None = None) -> Backlog:
        """What lies behind a place."""
        count = sa.select(sa.func.count()).select_from(OUTBOX).where(OUTBOX.c.id > place)
        with self._database.reading(tx) as connection:
            events = int(connection.execute(count).scalar_one())
        first = self.after(place, limit=1, tx=tx)
        return Backlog(events=events, oldest_at=first[0].created_at if first else None)

    def newest(self, *, tx: Transaction | None = None) -> int:
        """The last place that is taken; 0 in an empty queue."""
        with self._database.reading(tx) as connection:
            return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(OUTBOX.c.id), 0))).scalar_one())

    def mark_sent(self, place: int, *, at: datetime, tx: Transaction | None = None) -> None:
        """Notes that every sink has the events up to a place; a time that is noted stays."""
        unsent = (OUTBOX.c.id <= place, OUTBOX.c.sent_at.is_(None))
        with self._database.writing(tx) as connection:
            connection.execute(OUTBOX.update().where(*unsent).values(sent_at=at))

    def mark_unsent(self, *, tx: Transaction | None = None) -> None:
        """Notes that there is a sink that has none of the events, so that pruning leaves them."""
        with self._database.writing(tx) as connection:
            connection.execute(OUTBOX.update().where(OUTBOX.c.sent_at.is_not(None)).values(sent_at=None))

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets events that every sink had before `before`; what is not sent stays."""
        return self._delete(OUTBOX.c.sent_at < before, tx=tx)
