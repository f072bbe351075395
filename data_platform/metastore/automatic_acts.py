"""Everything that the platform did without a person: breakers, retries, hand-overs to a second channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.incident_tables import AUTOMATIC_ACTS
from data_platform.metastore.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class ActEntry:
    """One act.

    Attributes:
        kind: breaker_opened, breaker_closed, breaker_tried, second_channel, retried …
        outcome: what came of it, in a word.
        id: given by the database.
    """

    at: datetime
    kind: str
    subject: str
    outcome: str
    detail: str = ""
    id: int | None = None


class AutomaticActs(Repository[ActEntry]):
    """Lines are only ever added, and pruned by retention."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, AUTOMATIC_ACTS, ActEntry)

    def append(self, entry: ActEntry, *, tx: Transaction | None = None) -> None:
        """Adds one."""
        self._append([entry], tx=tx)

    def recent(
        self, *, subject: str | None = None, limit: int = 100, tx: Transaction | None = None
    ) -> tuple[ActEntry, ...]:
        """Acts, newest first."""
        statement = sa.select(AUTOMATIC_ACTS)
        if subject is not None:
            statement = statement.where(AUTOMATIC_ACTS.c.subject == subject)
        return self._select(statement.order_by(AUTOMATIC_ACTS.c.id.desc()).limit(limit), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets acts before `before`."""
        return self._delete(AUTOMATIC_ACTS.c.at < before, tx=tx)
