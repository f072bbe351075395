"""Lineage events that wait to be sent, written in the same transaction as the ledger. Sending is in `lineage`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repository, insert, rows_of
from data_platform.metastore.tables import OUTBOX


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


class Outbox(Repository[OutboxEntry]):
    """A queue of events in the order in which they were appended."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, OUTBOX, OutboxEntry)

    def append(self, entries: Iterable[OutboxEntry], *, tx: Transaction | None = None) -> None:
        """Puts events at the end of the queue; an event that is or was in it changes nothing."""
        rows = [{name: value for name, value in row.items() if name != "id"} for row in rows_of(entries)]
        if not rows:
            return
        with self._database.writing(tx) as connection:
            connection.execute(insert(connection, OUTBOX).on_conflict_do_nothing(index_elements=["event_id"]), rows)

    def pending(self, *, limit: int = 100, tx: Transaction | None = None) -> tuple[OutboxEntry, ...]:
        """The first events that were not sent, in order."""
        return self._select(
            sa.select(OUTBOX).where(OUTBOX.c.sent_at.is_(None)).order_by(OUTBOX.c.id).limit(limit), tx=tx
        )

    def mark_sent(self, ids: Iterable[int], *, at: datetime, tx: Transaction | None = None) -> None:
        """Notes that events were delivered; the time of the first delivery stays."""
        unsent = (OUTBOX.c.id.in_(list(ids)), OUTBOX.c.sent_at.is_(None))
        with self._database.writing(tx) as connection:
            connection.execute(OUTBOX.update().where(*unsent).values(sent_at=at))

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets events sent before `before`; what was not sent stays."""
        return self._delete(OUTBOX.c.sent_at < before, tx=tx)
