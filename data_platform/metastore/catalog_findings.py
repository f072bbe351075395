"""What scans of the store found, and what people decided about it. Comparing is in `catalog.discovery`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.catalog_facts import chunks
from data_platform.metastore.catalog_tables import FINDINGS, SCANS
from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository

ACCEPTED, REJECTED, UNDECIDED = "accepted", "rejected", ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanEntry:
    """One scan that came to its end.

    Attributes:
        discovered: tables that are there; side tables of managed ones are not counted.
        cataloged: those of them that a contract describes.
        undecided: findings that are not managed, and that nobody has settled.
        id: given by the database.
    """

    started_at: datetime
    ended_at: datetime
    discovered: int
    cataloged: int
    managed: int
    drifted: int
    unmanaged: int
    missing: int
    undecided: int
    id: int | None = None

    @property
    def coverage(self) -> float:
        """Cataloged over discovered, from 0 to 1; 1 where nothing is there."""
        return self.cataloged / self.discovered if self.discovered else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingEntry:
    """What the newest scan found one table to be.

    Attributes:
        name: `<zone>.<domain>.<table>`, `warehouse.<schema>.<table>`, or a place in the store with a slash in it.
        kind: delta, parquet, duckdb_table or duckdb_view.
        place: where it is: relative to the store, or the name in the DuckDB file.
        dataset_namespace, dataset_name: what the catalog calls it.
        standing: managed, drifted, unmanaged or missing.
        differences: each a mapping of `kind`, `subject`, `expected` and `found`.
        fingerprint: tells states apart: of standing, differences and, without a contract, columns.
        changed_at: when it came to be so.
        decision: accepted, rejected or empty.
    """

    name: str
    kind: str
    place: str
    dataset_namespace: str
    dataset_name: str
    standing: str
    differences: tuple[Mapping[str, str], ...]
    fingerprint: str
    version: int | None
    rows: int | None
    size_bytes: int | None
    first_seen_at: datetime
    changed_at: datetime
    last_seen_at: datetime
    decision: str = UNDECIDED
    decided_by: str = ""
    reason: str = ""
    decided_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody has to settle it; what was rejected is settled when it is gone."""
        return self.standing != "managed" and self.decision != ACCEPTED


class CatalogScans(Repository[ScanEntry]):
    """One line for each scan."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SCANS, ScanEntry)

    def record(self, scan: ScanEntry, *, tx: Transaction | None = None) -> None:
        """Adds a scan."""
        self._append([scan], tx=tx)

    def latest(self, *, tx: Transaction | None = None) -> ScanEntry | None:
        """The newest scan."""
        return self._first(sa.select(SCANS).order_by(SCANS.c.id.desc()), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets scans that began before `before`; the newest stays."""
        newest = sa.select(sa.func.max(SCANS.c.id)).scalar_subquery()
        return self._delete(SCANS.c.started_at < before, SCANS.c.id < newest, tx=tx)


class CatalogFindings(Repository[FindingEntry]):
    """One line for each table that is or should be there."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, FINDINGS, FindingEntry)

    def all(self, *, only_open: bool = False, tx: Transaction | None = None) -> tuple[FindingEntry, ...]:
        """Every line, or those that somebody has to settle, by name."""
        statement = sa.select(FINDINGS).order_by(FINDINGS.c.name)
        if only_open:
            statement = statement.where(FINDINGS.c.standing != "managed", FINDINGS.c.decision != ACCEPTED)
        return self._select(statement, tx=tx)

    def of(self, name: str, *, tx: Transaction | None = None) -> FindingEntry | None:
        """One line."""
        return self._first(sa.select(FINDINGS).where(FINDINGS.c.name == name), tx=tx)

    def put(self, entries: Iterable[FindingEntry], *, tx: Transaction | None = None) -> None:
        """Replaces lines; when a table was first seen stays."""
        self._upsert(entries, repeat=Repeat(keep=("first_seen_at",)), tx=tx)

    def remove(self, names: Collection[str], *, tx: Transaction | None = None) -> None:
        """Forgets what is no longer there."""
        for some in chunks(names):
            self._delete(FINDINGS.c.name.in_(some), tx=tx)

    def counts(self, *, tx: Transaction | None = None) -> Mapping[tuple[str, str], int]:
        """How many lines there are of each standing and decision."""
        columns = (FINDINGS.c.standing, FINDINGS.c.decision)
        statement: sa.Select[Any] = sa.select(*columns, sa.func.count()).group_by(*columns)
        with self._database.reading(tx) as connection:
            return {(standing, decision): int(count) for standing, decision, count in connection.execute(statement)}
