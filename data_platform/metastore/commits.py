"""The ledger of acknowledged table commits: what a reader or writer holds a table's head against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.errors import DamagedTable
from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository
from data_platform.metastore.tables import COMMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitEntry:
    """One commit whose log entry was flushed to disk.

    Attributes:
        table: path of the table, `<zone>/<domain>/<name>`.
        digest: sha256 of the log entry.
        rows, files, size_bytes: of the whole table at this version.
        content_hash: computed on demand, so mostly None.
        metadata: input versions and what else the commit carries.
    """

    table: str
    version: int
    digest: str
    rows: int
    files: int
    size_bytes: int
    run_id: str | None
    committed_at: datetime
    content_hash: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Commits(Repository[CommitEntry]):
    """Acknowledged commits by table and version."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, COMMITS, CommitEntry)

    def record(self, entries: Iterable[CommitEntry], *, tx: Transaction | None = None) -> None:
        """Acknowledges commits; recording the same commit again changes nothing that is known.

        Raises:
            DamagedTable: the version is acknowledged already with another digest; nothing is recorded.
        """
        lines = list(entries)
        with self._database.writing(tx) as connection:
            inner = Transaction(connection)
            for line in lines:
                self._refuse_other_digest(line, tx=inner)
            self._upsert(lines, repeat=Repeat(fill=("run_id", "content_hash")), tx=inner)

    def get(self, table: str, *, version: int, tx: Transaction | None = None) -> CommitEntry | None:
        """One acknowledged commit."""
        return self._first(sa.select(COMMITS).where(COMMITS.c.table == table, COMMITS.c.version == version), tx=tx)

    def digest(self, table: str, *, version: int, tx: Transaction | None = None) -> str | None:
        """The digest of an acknowledged commit; None where the ledger does not have it."""
        one = (COMMITS.c.table == table, COMMITS.c.version == version)
        with self._database.reading(tx) as connection:
            return connection.execute(sa.select(COMMITS.c.digest).where(*one)).scalar()

    def versions(self, table: str, *, tx: Transaction | None = None) -> frozenset[int]:
        """Every version of a table that is acknowledged."""
        with self._database.reading(tx) as connection:
            return frozenset(connection.execute(sa.select(COMMITS.c.version).where(COMMITS.c.table == table)).scalars())

    def tables(self, *, tx: Transaction | None = None) -> frozenset[str]:
        """Every table that has an acknowledged commit."""
        with self._database.reading(tx) as connection:
            return frozenset(connection.execute(sa.select(COMMITS.c.table).distinct()).scalars())

    def head(self, table: str, *, tx: Transaction | None = None) -> CommitEntry | None:
        """The newest acknowledged commit of a table."""
        return next(iter(self.history(table, limit=1, tx=tx)), None)

    def history(
        self, table: str, *, limit: int | None = None, tx: Transaction | None = None
    ) -> tuple[CommitEntry, ...]:
        """A table's acknowledged commits, newest first."""
        statement = sa.select(COMMITS).where(COMMITS.c.table == table)
        return self._select(statement.order_by(COMMITS.c.version.desc()).limit(limit), tx=tx)

    def newest_at(self, table: str, moment: datetime, *, tx: Transaction | None = None) -> int | None:
        """The version that a table had at a moment; None where it had none that is known."""
        with self._database.reading(tx) as connection:
            found = (COMMITS.c.table == table, COMMITS.c.committed_at <= moment)
            version: int | None = connection.scalar(sa.select(sa.func.max(COMMITS.c.version)).where(*found))
            return version

    def set_content_hash(self, table: str, *, version: int, content_hash: str, tx: Transaction | None = None) -> None:
        """Adds the content hash, once computed, to an acknowledged commit."""
        one = (COMMITS.c.table == table, COMMITS.c.version == version)
        with self._database.writing(tx) as connection:
            connection.execute(COMMITS.update().where(*one).values(content_hash=content_hash))

    def forget(self, table: str, *, from_version: int = 0, tx: Transaction | None = None) -> int:
        """Drops the acknowledgements of a table that was removed and is built anew."""
        return self._delete(COMMITS.c.table == table, COMMITS.c.version >= from_version, tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets commits made before `before`; each table's newest stays."""
        other = COMMITS.alias()
        newest = sa.select(sa.func.max(other.c.version)).where(other.c.table == COMMITS.c.table).scalar_subquery()
        return self._delete(COMMITS.c.committed_at < before, COMMITS.c.version < newest, tx=tx)

    def _refuse_other_digest(self, line: CommitEntry, *, tx: Transaction) -> None:
        known = self.digest(line.table, version=line.version, tx=tx)
        if known not in (None, line.digest):
            raise DamagedTable(
                f"{line.table} version {line.version} was acknowledged with digest {known}, "
                f"its log entry now has {line.digest}; inspect the table before anything writes to it"
            )
