"""What was measured of each indicator, as it was measured. Measuring is in `observability.slis`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction, wait_for_lock
from data_platform.metastore.objective_tables import SLI_VALUES
from data_platform.metastore.repository import Repeat, Repository

_LOCK = 0x736C_695F_7661_6C75  # any constant: every measurement on one PostgreSQL database asks for this lock


@dataclass(frozen=True, slots=True, kw_only=True)
class SliValueEntry:
    """One value.

    Attributes:
        subject: a dataset, a domain or `platform`.
        partition: of the subject: a source, a lane or a file; empty for the whole.
        value: in the indicator's unit; None where there is nothing to say it from.
        good, bad, unknown: what was counted since the value before, in the indicator's own measure.
        provenance: where the number comes from, in a word.
        evidence: what it was computed from.
    """

    sli: str
    subject: str
    partition: str = ""
    measured_at: datetime
    value: float | None
    good: float = 0.0
    bad: float = 0.0
    unknown: float = 0.0
    provenance: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


class SliValues(Repository[SliValueEntry]):
    """Values by indicator, subject, partition and time."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SLI_VALUES, SliValueEntry)

    def cursor(self, sli: str, *, tx: Transaction | None = None) -> datetime | None:
        """When an indicator was measured last."""
        newest = sa.func.max(SLI_VALUES.c.measured_at, type_=SLI_VALUES.c.measured_at.type)
        with self._database.reading(tx) as connection:
            return connection.execute(sa.select(newest).where(SLI_VALUES.c.sli == sli)).scalar()

    def append(
        self, entries: Iterable[SliValueEntry], *, sli: str, after: datetime | None, tx: Transaction | None = None
    ) -> bool:
        """Adds values, unless somebody else measured `sli` after the moment `after`; whether it added them."""
        with self._database.writing(tx) as connection:
            inner = Transaction(connection)
            wait_for_lock(connection, _LOCK)
            if self.cursor(sli, tx=inner) != after:
                return False
            every = tuple(column.name for column in SLI_VALUES.columns)
            self._upsert(entries, repeat=Repeat(keep=every), tx=inner)
            return True

    def since(self, sli: str, *, since: datetime, tx: Transaction | None = None) -> tuple[SliValueEntry, ...]:
        """An indicator's values measured at a moment or later, the oldest first."""
        chosen = (SLI_VALUES.c.sli == sli, SLI_VALUES.c.measured_at >= since)
        in_order = (SLI_VALUES.c.measured_at, SLI_VALUES.c.subject, SLI_VALUES.c.partition)
        return self._select(sa.select(SLI_VALUES).where(*chosen).order_by(*in_order), tx=tx)

    def of(
        self,
        sli: str,
        *,
        subject: str,
        since: datetime | None = None,
        limit: int | None = None,
        tx: Transaction | None = None,
    ) -> tuple[SliValueEntry, ...]:
        """One subject's values, the newest first."""
        chosen = [SLI_VALUES.c.sli == sli, SLI_VALUES.c.subject == subject]
        if since is not None:
            chosen.append(SLI_VALUES.c.measured_at >= since)
        newest_first = (SLI_VALUES.c.measured_at.desc(), SLI_VALUES.c.partition)
        return self._select(sa.select(SLI_VALUES).where(*chosen).order_by(*newest_first).limit(limit), tx=tx)

    def latest(self, sli: str, *, since: datetime, tx: Transaction | None = None) -> tuple[SliValueEntry, ...]:
        """The newest value of every subject and partition measured at a moment or later, by subject."""
        newest = {(entry.subject, entry.partition): entry for entry in self.since(sli, since=since, tx=tx)}
        return tuple(newest[key] for key in sorted(newest))

    def chunks(
        self, *, upto: datetime, size: int = 20_000, tx: Transaction | None = None
    ) -> Iterator[Sequence[SliValueEntry]]:
        """Every value measured before or at a moment, in bounded chunks by the key."""
        key = (SLI_VALUES.c.sli, SLI_VALUES.c.subject, SLI_VALUES.c.partition, SLI_VALUES.c.measured_at)
        statement = sa.select(SLI_VALUES).where(SLI_VALUES.c.measured_at <= upto).order_by(*key)
        after: tuple[Any, ...] | None = None
        while True:
            page = statement if after is None else statement.where(sa.tuple_(*key) > after)
            found = self._select(page.limit(size), tx=tx)
            if found:
                yield found
            if len(found) < size:
                return
            last = found[-1]
            after = (last.sli, last.subject, last.partition, last.measured_at)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets values measured before `before`; each indicator's newest stays."""
        other = SLI_VALUES.alias()
        newest = sa.select(sa.func.max(other.c.measured_at)).where(other.c.sli == SLI_VALUES.c.sli).scalar_subquery()
        return self._delete(SLI_VALUES.c.measured_at < before, SLI_VALUES.c.measured_at < newest, tx=tx)
