"""What people asked not to be told about, under which ticket, of what, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.incident_tables import SUPPRESSIONS
from data_platform.metastore.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionEntry:
    """One suppression.

    Attributes:
        ticket: where the planned work is written down.
        scope: a pattern as in a shell, of datasets, connectors or parts of the platform.
        id: given by the database.
    """

    ticket: str
    scope: str
    starts_at: datetime
    expires_at: datetime
    who: str
    reason: str
    id: int | None = None


class Suppressions(Repository[SuppressionEntry]):
    """Suppressions end by themselves."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SUPPRESSIONS, SuppressionEntry)

    def declare(self, entry: SuppressionEntry, *, tx: Transaction | None = None) -> None:
        """Adds one."""
        self._append([entry], tx=tx)

    def at(self, moment: datetime, *, tx: Transaction | None = None) -> tuple[SuppressionEntry, ...]:
        """Those that hold at a moment."""
        line = SUPPRESSIONS.c
        holds = (line.starts_at <= moment, line.expires_at > moment)
        return self._select(sa.select(SUPPRESSIONS).where(*holds).order_by(line.id), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets those that ended before `before`."""
        return self._delete(SUPPRESSIONS.c.expires_at < before, tx=tx)
