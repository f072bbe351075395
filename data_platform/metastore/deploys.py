"""What the deploy gate said, and who overrode it: lines that are only ever added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.objective_tables import DEPLOYS
from data_platform.metastore.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployEntry:
    """One question to the gate.

    Attributes:
        who: the operating system's user.
        what: the datasets, separated by spaces; empty for all of them.
        reason: why it was refused, or would have been; empty where nothing spoke against it.
        override_ticket: under which it was let through all the same.
    """

    at: datetime
    who: str
    what: str
    is_allowed: bool
    reason: str = ""
    override_ticket: str = ""


class Deploys(Repository[DeployEntry]):
    """Lines of the gate."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, DEPLOYS, DeployEntry)

    def append(self, entry: DeployEntry, *, tx: Transaction | None = None) -> None:
        """Adds one line."""
        self._append([entry], tx=tx)

    def recent(self, *, limit: int = 100, tx: Transaction | None = None) -> tuple[DeployEntry, ...]:
        """Lines, newest first."""
        columns = [column for column in DEPLOYS.columns if column.name != "id"]
        return self._select(sa.select(*columns).order_by(DEPLOYS.c.id.desc()).limit(limit), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets lines older than `before`."""
        return self._delete(DEPLOYS.c.at < before, tx=tx)
