"""The audit lines of operators' queries: who read what, when, at which versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repository
from data_platform.metastore.tables import OPERATOR_LOG


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorEntry:
    """One statement that an operator ran.

    Attributes:
        who: the operating system's user.
        tables: the version of each table that was read.
    """

    who: str
    at: datetime
    statement: str
    tables: Mapping[str, int]
    rows_returned: int


class OperatorLog(Repository[OperatorEntry]):
    """Audit lines; they are only ever added, and pruned by retention."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, OPERATOR_LOG, OperatorEntry)

    def append(self, entry: OperatorEntry, *, tx: Transaction | None = None) -> None:
        """Adds one line."""
        self._append([entry], tx=tx)

    def recent(self, *, limit: int = 100, tx: Transaction | None = None) -> tuple[OperatorEntry, ...]:
        """Lines, newest first."""
        columns = [column for column in OPERATOR_LOG.columns if column.name != "id"]
        return self._select(sa.select(*columns).order_by(OPERATOR_LOG.c.id.desc()).limit(limit), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets lines older than `before`."""
        return self._delete(OPERATOR_LOG.c.at < before, tx=tx)
