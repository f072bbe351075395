"""What happened that should not have been allowed, or came close to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.incident_tables import SECURITY_EVENTS
from data_platform.metastore.metric_rollups import PrunedCounts
from data_platform.metastore.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEvent:
    """One event.

    Attributes:
        kind: what was done, for example `tampered_object` or `leaked_token`.
        subject: to what: a dataset, a token, a part of the platform.
        who: by whom, as far as it is known.
        detail: in words, without secrets and values of rows.
        id: given by the database.
    """

    at: datetime
    kind: str
    subject: str
    who: str = ""
    detail: str = ""
    id: int | None = None


class SecurityEvents(Repository[SecurityEvent]):
    """Lines are only ever added, and pruned by retention."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SECURITY_EVENTS, SecurityEvent)
        self._pruned = PrunedCounts(database)

    def append(self, event: SecurityEvent, *, tx: Transaction | None = None) -> None:
        """Adds one."""
        self._append([event], tx=tx)

    def since(self, moment: datetime, *, tx: Transaction | None = None) -> tuple[SecurityEvent, ...]:
        """Events after a moment, oldest first."""
        line = SECURITY_EVENTS.c
        return self._select(sa.select(SECURITY_EVENTS).where(line.at > moment).order_by(line.at, line.id), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets events before `before`, except how many of each kind there were."""
        line = SECURITY_EVENTS.c
        with self._database.writing(tx) as connection:
            inner = Transaction(connection)
            gone = sa.select(line.kind, sa.func.count()).where(line.at < before).group_by(line.kind)
            self._pruned.add(SECURITY_EVENTS.name, gone, tx=inner)
            return self._delete(line.at < before, tx=inner)
