"""What each place of the store held, a line for each day (UTC) on which it was metered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repository, rows_of
from data_platform.metastore.usage_tables import STORAGE_METERS


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageMeterEntry:
    """What one place of the store held on a day.

    Attributes:
        place: a table's folder, a dataset's landing area, or another place, relative to the store.
        zone: landing, a zone of tables, or `other`.
        dataset: whose bytes they are; the place itself where no dataset answers for it.
    """

    place: str
    metered_on: date
    zone: str
    dataset: str
    owner: str = ""
    cost_centre: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int
    files: int
    metered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """What was stored of one dataset in a zone over some days: the sum of each day's bytes."""

    dataset: str
    zone: str
    owner: str
    cost_centre: str
    tags: Mapping[str, str]
    byte_days: int


class StorageMeters(Repository[StorageMeterEntry]):
    """Lines by place and day."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, STORAGE_METERS, StorageMeterEntry)

    def replace(self, day: date, entries: Iterable[StorageMeterEntry], *, tx: Transaction | None = None) -> None:
        """Writes what the whole store holds on a day, in place of what was written of that day before."""
        rows = rows_of(entries)
        with self._database.writing(tx) as connection:
            connection.execute(STORAGE_METERS.delete().where(STORAGE_METERS.c.metered_on == day))
            if rows:
                connection.execute(STORAGE_METERS.insert(), rows)

    def of_day(self, day: date, *, tx: Transaction | None = None) -> tuple[StorageMeterEntry, ...]:
        """The lines of one day, by place."""
        statement = sa.select(STORAGE_METERS).where(STORAGE_METERS.c.metered_on == day)
        return self._select(statement.order_by(STORAGE_METERS.c.place), tx=tx)

    def days(self, first: date, last: date, *, tx: Transaction | None = None) -> tuple[date, ...]:
        """The days that were metered from `first` to `last`, and the last one before them, in order."""
        day = STORAGE_METERS.c.metered_on
        with self._database.reading(tx) as connection:
            before = connection.scalar(sa.select(sa.func.max(day)).where(day < first))
            inside = connection.scalars(sa.select(day).distinct().where(day.between(first, last)).order_by(day)).all()
        return (*([before] if before else []), *inside)

    def by_day(self, days: Iterable[date], *, tx: Transaction | None = None) -> Mapping[date, Mapping[str, int]]:
        """Bytes of all places by zone, for each of these days."""
        own = STORAGE_METERS.c
        size = sa.cast(sa.func.sum(own.size_bytes), sa.BigInteger)
        statement = sa.select(own.metered_on, own.zone, size).where(own.metered_on.in_(tuple(days)))
        found: dict[date, dict[str, int]] = {}
        with self._database.reading(tx) as connection:
            for day, zone, count in connection.execute(statement.group_by(own.metered_on, own.zone)):
                found.setdefault(day, {})[zone] = count
        return found

    def totals(self, weights: Mapping[date, int], *, tx: Transaction | None = None) -> tuple[StoredEntry, ...]:
        """Byte-days by dataset, zone, owner, cost centre and tags.

        Args:
            weights: for each metered day, for how many days its bytes count.
            tx: the transaction to read in.
        """
        if not weights:
            return ()
        own = STORAGE_METERS.c
        by = (own.dataset, own.zone, own.owner, own.cost_centre, own.tags)
        # A long CASE is dear on many rows, and nearly every day counts for itself alone.
        usual, _ = Counter(weights.values()).most_common(1)[0]
        others = [(own.metered_on == day, count) for day, count in weights.items() if count != usual]
        weighted = own.size_bytes * (sa.case(*others, else_=usual) if others else usual)
        byte_days = sa.cast(sa.func.sum(weighted), sa.BigInteger).label("byte_days")
        statement = sa.select(*by, byte_days).where(own.metered_on.in_(tuple(weights))).group_by(*by).order_by(*by)
        with self._database.reading(tx) as connection:
            return tuple(StoredEntry(**row) for row in connection.execute(statement).mappings())

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets days before `before`."""
        return self._delete(STORAGE_METERS.c.metered_on < before.date(), tx=tx)
