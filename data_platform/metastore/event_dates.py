"""How many raw rows each event date has, batch by batch, and how far each source's event time has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository, upsert
from data_platform.metastore.tables import EVENT_DATES, WATERMARKS


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDateEntry:
    """What one batch brought for one event date.

    Attributes:
        newest_event_time: None where the contract names no event time.
        version: the raw version that holds the batch.
    """

    dataset: str
    batch_id: str
    event_date: date
    rows: int
    newest_event_time: datetime | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRows:
    """All batches' rows of one event date."""

    event_date: date
    rows: int
    newest_event_time: datetime | None


class EventDates(Repository[EventDateEntry]):
    """Facts by event date, and watermarks by source."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, EVENT_DATES, EventDateEntry)

    def record(self, entries: Iterable[EventDateEntry], *, tx: Transaction | None = None) -> None:
        """Writes facts; a repeat replaces them."""
        self._upsert(entries, repeat=Repeat(), tx=tx)

    def by_date(
        self,
        dataset: str,
        *,
        low: date | None = None,
        high: date | None = None,
        version: int | None = None,
        tx: Transaction | None = None,
    ) -> tuple[DateRows, ...]:
        """Rows of each event date from `low` to `high`, both included, at a raw version (default the newest)."""
        table = EVENT_DATES
        newest = sa.func.max(table.c.newest_event_time, type_=table.c.newest_event_time.type)
        rows = sa.cast(sa.func.sum(table.c.rows), sa.BigInteger)
        statement = sa.select(table.c.event_date, rows.label("rows"), newest.label("newest_event_time"))
        statement = statement.where(table.c.dataset == dataset)
        if low is not None:
            statement = statement.where(table.c.event_date >= low)
        if high is not None:
            statement = statement.where(table.c.event_date <= high)
        if version is not None:
            statement = statement.where(table.c.version <= version)
        with self._database.reading(tx) as connection:
            found = connection.execute(statement.group_by(table.c.event_date).order_by(table.c.event_date))
            return tuple(DateRows(**row) for row in found.mappings())

    def touched_after(self, dataset: str, *, version: int, tx: Transaction | None = None) -> tuple[date, ...]:
        """The event dates for which raw versions above `version` brought rows, in order."""
        newer = (EVENT_DATES.c.dataset == dataset, EVENT_DATES.c.version > version, EVENT_DATES.c.rows > 0)
        statement = sa.select(EVENT_DATES.c.event_date).where(*newer).distinct().order_by(EVENT_DATES.c.event_date)
        with self._database.reading(tx) as connection:
            return tuple(connection.execute(statement).scalars())

    def newest(self, dataset: str, *, tx: Transaction | None = None) -> datetime | None:
        """The newest event time in a dataset."""
        newest = sa.func.max(EVENT_DATES.c.newest_event_time, type_=EVENT_DATES.c.newest_event_time.type)
        with self._database.reading(tx) as connection:
            return connection.execute(sa.select(newest).where(EVENT_DATES.c.dataset == dataset)).scalar()

    def advance_watermark(
        self,
        dataset: str,
        *,
        source: str,
        source_partition: str = "",
        watermark: datetime,
        tx: Transaction | None = None,
    ) -> None:
        """Moves the watermark of a source, or of one partition of it, forward; never back."""
        row = {"dataset": dataset, "source": source, "source_partition": source_partition, "watermark": watermark}
        with self._database.writing(tx) as connection:
            upsert(connection, WATERMARKS, [row], repeat=Repeat(only_if=("watermark",)))

    def watermark(self, dataset: str, *, source: str, tx: Transaction | None = None) -> datetime | None:
        """A source's watermark, the least of its partitions'; None before its first event time."""
        return self.watermarks(dataset, tx=tx).get(source)

    def watermarks(self, dataset: str, *, tx: Transaction | None = None) -> Mapping[str, datetime]:
        """The watermark of every source of a dataset."""
        least = sa.func.min(WATERMARKS.c.watermark, type_=WATERMARKS.c.watermark.type).label("watermark")
        statement = sa.select(WATERMARKS.c.source, least).where(WATERMARKS.c.dataset == dataset)
        with self._database.reading(tx) as connection:
            return {row.source: row.watermark for row in connection.execute(statement.group_by(WATERMARKS.c.source))}

    def watermarks_of(self, dataset: str, *, source: str, tx: Transaction | None = None) -> Mapping[str, datetime]:
        """The watermark of every partition of one source; the empty name stands for a source without partitions."""
        table = WATERMARKS
        of_source = (table.c.dataset == dataset, table.c.source == source)
        statement = sa.select(table.c.source_partition, table.c.watermark).where(*of_source)
        with self._database.reading(tx) as connection:
            return {row.source_partition: row.watermark for row in connection.execute(statement)}
