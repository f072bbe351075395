"""What is known of objectives: values not counted yet, and counts in buckets. Judging is in `observability`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.objective_tables import OBJECTIVE_CURSORS, OBJECTIVE_SAMPLES, SLI_VALUES
from data_platform.metastore.repository import Repeat, Repository, insert, rows_of, upsert

Sums: TypeAlias = tuple[float, float, float]  # good, bad, unknown
_COUNTS = ("good", "bad", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveSample:
    """What happened to one objective in one bucket.

    Attributes:
        width_seconds: of the bucket; a day has the width 86,400 also where clocks are changed in it.
    """

    objective: str
    width_seconds: int
    starts_at: datetime
    good: float
    bad: float
    unknown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A measured value, as far as objectives are concerned."""

    sli: str
    subject: str
    partition: str
    measured_at: datetime
    value: float | None
    good: float
    bad: float
    unknown: float


class ObjectiveSamples(Repository[ObjectiveSample]):
    """Buckets, and up to where each indicator's values are in them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, OBJECTIVE_SAMPLES, ObjectiveSample)
        self._values = Repository(database, SLI_VALUES, Evidence)

    def evidence(
        self, sli: str, *, after: datetime | None, upto: datetime, tx: Transaction | None = None
    ) -> tuple[Evidence, ...]:
        """An indicator's values measured after a moment and up to another, in order of time."""
        columns = [SLI_VALUES.c[name] for name in Evidence.__slots__]
        found = [SLI_VALUES.c.sli == sli, SLI_VALUES.c.measured_at <= upto]
        if after is not None:
            found.append(SLI_VALUES.c.measured_at > after)
        return self._values._select(sa.select(*columns).where(*found).order_by(SLI_VALUES.c.measured_at), tx=tx)

    def cursors(self, *, tx: Transaction | None = None) -> Mapping[str, datetime]:
        """By indicator, the moment up to which its values are in the buckets."""
        with self._database.reading(tx) as connection:
            return {row.sli: row.measured_at for row in connection.execute(sa.select(OBJECTIVE_CURSORS))}

    def move(self, cursors: Mapping[str, datetime], *, tx: Transaction | None = None) -> None:
        """Says up to where values are in the buckets, in the transaction that puts them there."""
        with self._database.writing(tx) as connection:
            rows: list[dict[str, Any]] = [{"sli": sli, "measured_at": at} for sli, at in cursors.items()]
            upsert(connection, OBJECTIVE_CURSORS, rows, repeat=Repeat())

    def add(self, samples: Iterable[ObjectiveSample], *, tx: Transaction | None = None) -> None:
        """Adds counts to buckets."""
        rows = sorted(rows_of(samples), key=lambda row: (row["objective"], row["width_seconds"], row["starts_at"]))
        if not rows:
            return
        with self._database.writing(tx) as connection:
            statement = insert(connection, OBJECTIVE_SAMPLES)
            added = {name: OBJECTIVE_SAMPLES.c[name] + statement.excluded[name] for name in _COUNTS}
            key = [column.name for column in OBJECTIVE_SAMPLES.primary_key]
            connection.execute(statement.on_conflict_do_update(index_elements=key, set_=added), rows)

    def sums(
        self, width_seconds: int, *, since: Sequence[datetime], tx: Transaction | None = None
    ) -> Mapping[str, tuple[Sums, ...]]:
        """By objective, what its buckets of a width hold that begin at each of the moments or later."""
        if not since:
            return {}
        samples = OBJECTIVE_SAMPLES.c
        columns = [
            sa.func.coalesce(sa.func.sum(sa.case((samples.starts_at >= moment, samples[name]), else_=0.0)), 0.0)
            for moment in since
            for name in _COUNTS
        ]
        chosen = (samples.width_seconds == width_seconds, samples.starts_at >= min(since))
        statement = sa.select(samples.objective, *columns).where(*chosen).group_by(samples.objective)
        with self._database.reading(tx) as connection:
            found = connection.execute(statement).all()
        return {row[0]: tuple((row[i], row[i + 1], row[i + 2]) for i in range(1, len(row), 3)) for row in found}

    def of(
        self, objective: str, *, width_seconds: int, since: datetime | None = None, tx: Transaction | None = None
    ) -> tuple[ObjectiveSample, ...]:
        """One objective's buckets of a width, the oldest first."""
        chosen = [OBJECTIVE_SAMPLES.c.objective == objective, OBJECTIVE_SAMPLES.c.width_seconds == width_seconds]
        if since is not None:
            chosen.append(OBJECTIVE_SAMPLES.c.starts_at >= since)
        return self._select(sa.select(OBJECTIVE_SAMPLES).where(*chosen).order_by(OBJECTIVE_SAMPLES.c.starts_at), tx=tx)

    def take(
        self, objective: str, *, width_seconds: int, before: datetime, tx: Transaction | None = None
    ) -> tuple[ObjectiveSample, ...]:
        """Takes out one objective's buckets of a width that begin before a moment."""
        chosen = (
            OBJECTIVE_SAMPLES.c.objective == objective,
            OBJECTIVE_SAMPLES.c.width_seconds == width_seconds,
            OBJECTIVE_SAMPLES.c.starts_at < before,
        )
        found = self._select(sa.select(OBJECTIVE_SAMPLES).where(*chosen).order_by(OBJECTIVE_SAMPLES.c.starts_at), tx=tx)
        if found:
            self._delete(*chosen, tx=tx)
        return found

    def forget(self, objectives: Sequence[str], *, tx: Transaction | None = None) -> int:
        """Forgets everything about objectives."""
        return self._delete(OBJECTIVE_SAMPLES.c.objective.in_(objectives), tx=tx) if objectives else 0

    def drop_fine(self, width_seconds: int, *, before: datetime, tx: Transaction | None = None) -> int:
        """Forgets buckets of a width that begin before a moment; coarser ones hold the same counts."""
        chosen = (OBJECTIVE_SAMPLES.c.width_seconds == width_seconds, OBJECTIVE_SAMPLES.c.starts_at < before)
        return self._delete(*chosen, tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets buckets that begin before `before`, of every width."""
        return self._delete(OBJECTIVE_SAMPLES.c.starts_at < before, tx=tx)
