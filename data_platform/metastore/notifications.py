"""The queue of notifications: what is to be sent about which incident, to whom, through which channel.

How to send is in `incidents.delivery`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.incident_tables import INCIDENTS, NOTIFICATIONS, IncidentState
from data_platform.metastore.repository import Repository, insert, new_rows_of

LONGEST_WAIT = timedelta(minutes=15)  # between two attempts
_AGAIN = ("escalated", "resolved")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationEntry:
    """One message to one recipient through one channel.

    Attributes:
        kind: opened, raised, escalated or resolved.
        channel: empty where the recipient has none.
        attempts: how many were begun.
        next_attempt_at: not before then; None: never again, it was delivered, handed to another channel or has none.
        error: why the last attempt failed, without addresses.
        id: given by the database; the message carries it, so that a receiver can tell a repeat.
    """

    incident_id: str
    kind: str
    channel: str
    recipient: str
    severity: str
    created_at: datetime
    attempts: int = 0
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    error: str = ""
    id: int | None = None


class Notifications(Repository[NotificationEntry]):
    """A notification is queued once for each incident, kind, channel and severity, however often it is asked for."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, NOTIFICATIONS, NotificationEntry)

    def queue(self, entries: Iterable[NotificationEntry], *, tx: Transaction | None = None) -> int:
        """Adds what is not there; gives the number added. An escalation and an end come again, after a reopening."""
        rows = new_rows_of(entries)
        if not rows:
            return 0
        key = ["incident_id", "kind", "channel", "severity"]
        with self._database.writing(tx) as connection:
            new = insert(connection, NOTIFICATIONS)
            line, said = NOTIFICATIONS.c, new.excluded
            again = ("recipient", "created_at", "attempts", "next_attempt_at", "delivered_at", "error")
            statement = new.on_conflict_do_update(
                index_elements=key,
                set_={name: said[name] for name in again},
                where=sa.and_(line.kind.in_(_AGAIN), line.created_at < said.created_at),
            )
            return sum(connection.execute(statement, row).rowcount for row in rows)

    def due(self, now: datetime, *, limit: int = 100, tx: Transaction | None = None) -> tuple[NotificationEntry, ...]:
        """Those whose time has come, in the order in which they were queued; none before what its recipient is to be
        told first of the same incident. A time further away than anything waits is of a clock that ran ahead.
        """
        line, first = NOTIFICATIONS.c, NOTIFICATIONS.alias().c
        is_time = sa.or_(line.next_attempt_at <= now, line.next_attempt_at > now + LONGEST_WAIT, line.attempts == 0)
        is_before = sa.or_(
            first.created_at < line.created_at, sa.and_(first.created_at == line.created_at, first.id < line.id)
        )
        waits = sa.select(first.id).where(
            first.incident_id == line.incident_id,
            first.recipient == line.recipient,
            first.delivered_at.is_(None),
            first.next_attempt_at.is_not(None),
            is_before,
        )
        is_due = (line.delivered_at.is_(None), line.next_attempt_at.is_not(None), is_time, ~waits.exists())
        return self._select(sa.select(NOTIFICATIONS).where(*is_due).order_by(line.id).limit(limit), tx=tx)

    def without_channel(self, *, tx: Transaction | None = None) -> tuple[NotificationEntry, ...]:
        """Those about incidents that go on which nobody could be told, because no channel was known."""
        going_on = sa.select(INCIDENTS.c.incident_id).where(INCIDENTS.c.state != IncidentState.RESOLVED)
        line = NOTIFICATIONS.c
        found = sa.select(NOTIFICATIONS).where(line.channel == "", line.incident_id.in_(going_on))
        return self._select(found.order_by(line.id), tx=tx)

    def hand_over(self, one: NotificationEntry, channel: str, *, at: datetime) -> None:
        """Gives a notification without a channel to one; where that has the same one already, it was told."""
        other = replace(one, id=None, channel=channel, next_attempt_at=at, error="")
        with self._database.writing() as connection:
            if connection.execute(NOTIFICATIONS.delete().where(NOTIFICATIONS.c.id == one.id)).rowcount:
                self.queue([other], tx=Transaction(connection))

    def claim(self, one: NotificationEntry, *, until: datetime, tx: Transaction | None = None) -> bool:
        """Begins an attempt that nobody else makes until then; False where another process was first."""
        line = NOTIFICATIONS.c
        is_mine = (line.id == one.id, line.attempts == one.attempts, line.delivered_at.is_(None))
        values = {"attempts": one.attempts + 1, "next_attempt_at": until}
        return self._change(is_mine, values, tx=tx) == 1

    def delivered(self, one: NotificationEntry, *, at: datetime, tx: Transaction | None = None) -> None:
        """Notes that a channel took it."""
        values = {"delivered_at": at, "next_attempt_at": None, "error": ""}
        self._change((NOTIFICATIONS.c.id == one.id,), values, tx=tx)

    def failed(
        self, one: NotificationEntry, *, error: str, next_at: datetime | None, tx: Transaction | None = None
    ) -> None:
        """Notes that a channel did not take it; None as the next time gives up on this channel."""
        self._change((NOTIFICATIONS.c.id == one.id,), {"error": error, "next_attempt_at": next_at}, tx=tx)

    def of(self, incident_ids: Collection[str], *, tx: Transaction | None = None) -> tuple[NotificationEntry, ...]:
        """All notifications of incidents, in the order in which they were queued."""
        line = NOTIFICATIONS.c
        found = sa.select(NOTIFICATIONS).where(line.incident_id.in_(list(incident_ids))).order_by(line.id)
        return self._select(found, tx=tx)

    def since(self, moment: datetime, *, tx: Transaction | None = None) -> tuple[NotificationEntry, ...]:
        """All notifications queued at a moment or later."""
        line = NOTIFICATIONS.c
        return self._select(sa.select(NOTIFICATIONS).where(line.created_at >= moment).order_by(line.id), tx=tx)

    def waiting(self, *, tx: Transaction | None = None) -> int:
        """How many are not delivered and still tried."""
        line = NOTIFICATIONS.c
        still = (line.delivered_at.is_(None), line.next_attempt_at.is_not(None))
        count = sa.select(sa.func.count()).select_from(NOTIFICATIONS).where(*still)
        with self._database.reading(tx) as connection:
            return int(connection.execute(count).scalar_one())

    def _change(
        self, conditions: Iterable[sa.ColumnElement[bool]], values: Mapping[str, Any], *, tx: Transaction | None
    ) -> int:
        with self._database.writing(tx) as connection:
            return connection.execute(NOTIFICATIONS.update().where(*conditions).values(**values)).rowcount
