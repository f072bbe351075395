"""What the rules of incidents look at, over all datasets in a few statements each. Only reads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.catalog_facts import chunks
from data_platform.metastore.database import Database
from data_platform.metastore.objective_tables import RUN_SLOTS, SlotOutcome
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import (
    BATCHES,
    FILES,
    LINEAGE_SINKS,
    PARTITIONS,
    RUNS,
    FileOutcome,
    PartitionState,
)

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A number found wanting, of one dataset.

    Attributes:
        subject: the batch, partition or reason that it is about.
        count: rows or files.
        at: when the newest of them was recorded.
    """

    dataset: str
    subject: str
    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RejectedFiles:
    """Files of one source that could not be read, for one reason.

    Attributes:
        number: of the newest batch that brought one.
        at: when that was received.
    """

    dataset: str
    source: str
    reason: str
    count: int
    number: int
    at: datetime


class FailingFacts:
    """Questions over all datasets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest_runs(self, datasets: Collection[str], *, most: int) -> tuple[RunEntry, ...]:
        """The last begun runs over each dataset, at most so many of each, newest first."""
        found: list[RunEntry] = []
        for some in chunks(sorted(datasets)):
            named = sa.values(sa.column("name", sa.Text), name="wanted").data([(one,) for one in some]).cte()
            other = RUNS.alias()
            oldest = (
                sa.select(other.c.started_at)
                .where(other.c.dataset == named.c.name)
                .order_by(other.c.started_at.desc())
                .limit(1)
                .offset(most - 1)
                .correlate(named)
                .scalar_subquery()
            )
            # a range, so that the index finds where it begins
            recent = RUNS.c.started_at >= sa.func.coalesce(oldest, sa.literal(_LONG_AGO, RUNS.c.started_at.type))
            statement = sa.select(RUNS).join(named, sa.and_(RUNS.c.dataset == named.c.name, recent))
            ordered = statement.order_by(RUNS.c.dataset, RUNS.c.started_at.desc(), RUNS.c.ended_at.desc().nulls_first())
            with self._database.reading() as connection:
                found += [RunEntry(**row) for row in connection.execute(ordered).mappings()]
        return tuple(found)

    def blocked_partitions(self) -> tuple[Counted, ...]:
        """Datasets of which partitions are blocked: how many, and the newest of them."""
        line = PARTITIONS.c
        statement = (
            sa.select(line.dataset, sa.func.max(line.partition), sa.func.count(), sa.func.max(line.recorded_at))
            .where(line.state == PartitionState.BLOCKED)
            .group_by(line.dataset)
        )
        return self._counted(statement)

    def open_ledgers(self) -> tuple[Counted, ...]:
        """Partitions and batches whose counts do not close, by how many rows."""
        line = PARTITIONS.c
        fates = (line.curated, line.quarantined, line.late, line.duplicate, line.pending)
        residual = line.raw_rows - sum(fates, line.applied + line.unchanged + line.superseded)
        partitions = sa.select(line.dataset, line.partition, residual, line.recorded_at).where(residual != 0)
        one = BATCHES.c
        rest = one.source_rows - one.raw_rows - one.rejected_rows
        batches = sa.select(one.dataset, one.batch_id, rest, one.recorded_at).where(rest != 0)
        return (*self._counted(partitions), *self._counted(batches))

    def rejected_files(self, *, since: datetime) -> tuple[RejectedFiles, ...]:
        """Files received since a moment that could not be read, unless a later delivery of the same name from the same
        source could; by dataset, source and reason.
        """
        of_batch = sa.and_(FILES.c.dataset == BATCHES.c.dataset, FILES.c.batch_id == BATCHES.c.batch_id)
        place = (FILES.c.dataset, FILES.c.name, BATCHES.c.source, FILES.c.reason)
        # written out, because a bound word would keep the database from its index of rejected files
        is_rejected = FILES.c.outcome == sa.literal_column(f"'{FileOutcome.REJECTED.value}'")
        statement = (
            sa.select(*place, BATCHES.c.number, BATCHES.c.received_at)
            .select_from(FILES.join(BATCHES, of_batch))
            .where(is_rejected, BATCHES.c.received_at >= since)
        )
        with self._database.reading() as connection:
            found = connection.execute(statement).all()
            read = self._read_last(connection, {(dataset, name) for dataset, name, *_ in found})
        groups: dict[tuple[str, str, str], list[tuple[int, datetime]]] = {}
        for dataset, name, source, reason, number, at in found:
            if read.get((dataset, name, source), -1) < number:
                groups.setdefault((dataset, source, reason), []).append((number, at))
        return tuple(
            RejectedFiles(*place, len(its), max(number for number, _ in its), max(at for _, at in its))
            for place, its in groups.items()
        )

    @staticmethod
    def _read_last(connection: sa.Connection, names: Collection[tuple[str, str]]) -> dict[tuple[str, str, str], int]:
        """The number of the last batch of each source that brought a file of a name that could be read."""
        of_batch = sa.and_(FILES.c.dataset == BATCHES.c.dataset, FILES.c.batch_id == BATCHES.c.batch_id)
        place = (FILES.c.dataset, FILES.c.name, BATCHES.c.source)
        found: dict[tuple[str, str, str], int] = {}
        for some in chunks(sorted(names)):
            columns = (sa.column("dataset", sa.Text), sa.column("file", sa.Text))
            named = sa.values(*columns, name="wanted").data(some).cte()
            of_name = sa.and_(FILES.c.dataset == named.c.dataset, FILES.c.name == named.c.file)
            statement = (
                sa.select(*place, sa.func.max(BATCHES.c.number))
                .select_from(named.join(FILES, of_name).join(BATCHES, of_batch))
                .where(FILES.c.outcome == FileOutcome.READ)
                .group_by(*place)
            )
            found |= {
                (dataset, name, source): int(last) for dataset, name, source, last in connection.execute(statement)
            }
        return found

    def missed_slots(self, *, since: datetime) -> tuple[Counted, ...]:
        """Runs that were due, judged since a moment, and never started: how many by dataset, and when the last was."""
        line = RUN_SLOTS.c
        statement = (
            sa.select(line.dataset, sa.literal(""), sa.func.count(), sa.func.max(line.due_at))
            .where(line.outcome == SlotOutcome.MISSED, line.judged_at >= since)
            .group_by(line.dataset)
        )
        return self._counted(statement)

    def missed_due(self, dataset: str, *, since: datetime) -> tuple[datetime, ...]:
        """When each run of a dataset was due that never started, judged since a moment; the newest first."""
        line = RUN_SLOTS.c
        chosen = (line.dataset == dataset, line.outcome == SlotOutcome.MISSED, line.judged_at >= since)
        with self._database.reading() as connection:
            found = sa.select(line.due_at).where(*chosen).order_by(line.due_at.desc())
            return tuple(connection.scalars(found))

    def failing_sinks(self, *, since: datetime) -> tuple[tuple[str, datetime, str], ...]:
        """Lineage sinks that have failed from before a moment on: name, since when, and the last error."""
        line = LINEAGE_SINKS.c
        statement = sa.select(line.sink, line.failing_since, line.error).where(line.failing_since <= since)
        with self._database.reading() as connection:
            return tuple((sink, at, error) for sink, at, error in connection.execute(statement.order_by(line.sink)))

    def _counted(self, statement: sa.Select[Any]) -> tuple[Counted, ...]:
        with self._database.reading() as connection:
            return tuple(
                Counted(dataset=dataset, subject=subject, count=int(count), at=at)
                for dataset, subject, count, at in connection.execute(statement)
            )
