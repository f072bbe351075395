"""What sources said they hold, to be held against what arrived. Comparing is in `observability.slis.completeness`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.objective_tables import SOURCE_COUNTS
from data_platform.metastore.repository import Repeat, Repository

SOURCE, MANIFEST, FORECAST = "source", "manifest", "forecast"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCountEntry:
    """One expectation.

    Attributes:
        partition: what it is about: `file:<name>`, `batch:<batch id>`, a day of event time, `YYYY-MM-DD`, or what the
            source's kind calls it, with `arrived_rows`.
        provenance: `source` (asked at the source), `manifest` (delivered beside the data) or `forecast`.
        confidence: from 0 to 1; 1 where the source itself counted.
        counted_at: when it was said. Who counts a day at the source counts what must be here once the day is over.
        arrived_rows: how many of these very records are here, where the ledger alone cannot say so; None: it can.
    """

    dataset: str
    source: str
    partition: str
    provenance: str
    expected_rows: int
    confidence: float
    counted_at: datetime
    arrived_rows: int | None = None


class SourceCounts(Repository[SourceCountEntry]):
    """Expectations by dataset, source, partition and provenance."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SOURCE_COUNTS, SourceCountEntry)

    def record(self, entries: Iterable[SourceCountEntry], *, tx: Transaction | None = None) -> None:
        """Writes expectations; a later count of the same replaces it."""
        self._upsert(entries, repeat=Repeat(only_if=("counted_at",)), tx=tx)

    def since(
        self, since: datetime, *, provenances: Collection[str] | None = None, tx: Transaction | None = None
    ) -> tuple[SourceCountEntry, ...]:
        """What was counted at a moment or later, by dataset, source and partition."""
        statement = sa.select(SOURCE_COUNTS).where(SOURCE_COUNTS.c.counted_at >= since)
        if provenances is not None:
            statement = statement.where(SOURCE_COUNTS.c.provenance.in_(provenances))
        key = (SOURCE_COUNTS.c.dataset, SOURCE_COUNTS.c.source, SOURCE_COUNTS.c.partition, SOURCE_COUNTS.c.provenance)
        return self._select(statement.order_by(*key), tx=tx)

    def of(
        self,
        dataset: str,
        *,
        source: str | None = None,
        since: datetime | None = None,
        tx: Transaction | None = None,
    ) -> tuple[SourceCountEntry, ...]:
        """A dataset's expectations, the newest count first; those counted at a moment or later."""
        statement = sa.select(SOURCE_COUNTS).where(SOURCE_COUNTS.c.dataset == dataset)
        if since is not None:
            statement = statement.where(SOURCE_COUNTS.c.counted_at >= since)
        if source is not None:
            statement = statement.where(SOURCE_COUNTS.c.source == source)
        return self._select(statement.order_by(SOURCE_COUNTS.c.counted_at.desc(), SOURCE_COUNTS.c.partition), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets what was counted before `before`."""
        return self._delete(SOURCE_COUNTS.c.counted_at < before, tx=tx)
