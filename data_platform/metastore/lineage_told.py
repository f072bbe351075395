"""What the lineage was told of datasets and jobs that need not run, so that each of their states is told once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository
from data_platform.metastore.tables import LINEAGE_TOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEntry:
    """What was told last of one subject: a project, a dataset or a job.

    Attributes:
        digest: of everything that was told.
        state: names this telling; another one where the same is told after something else.
        told_at: None where it has to be told again.
    """

    subject: str
    digest: str
    state: str = ""
    told_at: datetime | None = None

    def is_told(self, digest: str) -> bool:
        """Whether there is nothing else to tell."""
        return self.digest == digest and self.told_at is not None


def telling(subject: str, digest: str, told: Mapping[str, ToldEntry]) -> ToldEntry | None:
    """The line for what has to be told of a subject after all that was told; None where it is nothing else.

    Told again, it has the state that it had. Otherwise a state is named by what came before as well: what returns to
    an earlier state is news.
    """
    before = told.get(subject)
    if before is not None and before.digest == digest:
        return before if before.told_at is None else None
    chain = f"{digest}/{before.state if before else ''}"
    return ToldEntry(subject=subject, digest=digest, state=hashlib.sha256(chain.encode()).hexdigest())


class LineageTold(Repository[ToldEntry]):
    """One line for each subject."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, LINEAGE_TOLD, ToldEntry)

    def of(self, subject: str, *, tx: Transaction | None = None) -> ToldEntry | None:
        """What was told of a subject; None for nothing."""
        return self._first(sa.select(LINEAGE_TOLD).where(LINEAGE_TOLD.c.subject == subject), tx=tx)

    def all(self, *, tx: Transaction | None = None) -> Mapping[str, ToldEntry]:
        """What was told, by subject."""
        return {entry.subject: entry for entry in self._select(sa.select(LINEAGE_TOLD), tx=tx)}

    def record(self, entries: Iterable[ToldEntry], *, tx: Transaction | None = None) -> None:
        """Notes what is told now."""
        self._upsert(entries, repeat=Repeat(), tx=tx)

    def tell_again(self, *, tx: Transaction | None = None) -> None:
        """Notes that somebody has not heard any of it."""
        with self._database.writing(tx) as connection:
            connection.execute(LINEAGE_TOLD.update().values(told_at=None))
