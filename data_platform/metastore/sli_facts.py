"""Questions that indicators ask over all datasets at once: never one query for each dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa

from data_platform.metastore.batches import BatchEntry, FileEntry
from data_platform.metastore.catalog_facts import chunks
from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.heartbeats import Heartbeat
from data_platform.metastore.partitions import WHOLE_TABLE, PartitionEntry
from data_platform.metastore.repository import Repository
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import (
    BATCHES,
    CHECKS,
    EVENT_DATES,
    FILES,
    HEARTBEATS,
    PARTITION_HISTORY,
    PARTITIONS,
    POSITIONS,
    RUNS,
    WATERMARKS,
    FileOutcome,
    PartitionState,
    RunState,
)

Source: TypeAlias = tuple[str, str]  # dataset, source
T = TypeVar("T")
_LOOK_BACK = 64  # raw versions, when asking how far event time was at one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far the partitions of a dataset are published.

    Attributes:
        newest: the newest day that is published; None for an unpartitioned dataset.
        stuck: the first day that is blocked or has pending rows; the whole table as `all`.
    """

    newest: str | None
    stuck: str | None


class SliFacts:
    """Reads runs, partitions, batches and watermarks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs = Repository(database, RUNS, RunEntry)
        self._lines = Repository(database, PARTITIONS, PartitionEntry)
        self._history = Repository(database, PARTITION_HISTORY, PartitionEntry)
        self._batches = Repository(database, BATCHES, BatchEntry)
        self._files = Repository(database, FILES, FileEntry)
        self._checks = Repository(database, CHECKS, CheckEntry)
        self._beats = Repository(database, HEARTBEATS, Heartbeat)

    def reading(self) -> AbstractContextManager[Transaction]:
        """One state of the metastore for several questions; nothing may be written in it."""
        return self._database.one_state()

    def ended(self, *, after: datetime, upto: datetime, tx: Transaction) -> tuple[RunEntry, ...]:
        """The runs that ended after a moment and up to another, in order of their end."""
        chosen = (RUNS.c.ended_at > after, RUNS.c.ended_at <= upto)
        return self._runs._select(sa.select(RUNS).where(*chosen).order_by(RUNS.c.ended_at, RUNS.c.run_id), tx=tx)

    def running(self, *, since: datetime, tx: Transaction) -> tuple[RunEntry, ...]:
        """The runs that began at a moment or later and go on."""
        chosen = (RUNS.c.started_at >= since, RUNS.c.state == RunState.RUNNING)
        return self._runs._select(sa.select(RUNS).where(*chosen), tx=tx)

    def runs(self, keys: Iterable[tuple[str, str]], *, tx: Transaction) -> Mapping[tuple[str, str], RunEntry]:
        """Runs by (run id, dataset)."""
        pair = sa.tuple_(RUNS.c.run_id, RUNS.c.dataset)
        found = [run for some in chunks(set(keys)) for run in self._runs._select(_in(RUNS, pair, some), tx=tx)]
        return {(run.run_id, run.dataset): run for run in found}

    def made(self, versions: Iterable[tuple[str, int]], *, tx: Transaction) -> Mapping[tuple[str, int], RunEntry]:
        """By dataset and version, the run that made what the version holds: the last that published up to it."""
        found = {}
        for some in _few(set(versions)):
            parts = [
                sa.select(
                    sa.select(RUNS, sa.literal(version).label("asked"))
                    .where(RUNS.c.dataset == dataset, RUNS.c.output_version <= version)
                    .order_by(RUNS.c.output_version.desc())
                    .limit(1)
                    .subquery()
                )
                for dataset, version in some
            ]
            with self._database.reading(tx) as connection:
                for row in connection.execute(sa.union_all(*parts)).mappings():
                    run = RunEntry(**{name: value for name, value in row.items() if name != "asked"})
                    found[run.dataset, row["asked"]] = run
        return found

    def lines_of_runs(self, run_ids: Iterable[str], *, tx: Transaction) -> tuple[PartitionEntry, ...]:
        """The ledger lines that runs wrote."""
        ids = chunks(set(run_ids))
        return tuple(
            line
            for some in ids
            for line in self._history._select(
                sa.select(PARTITION_HISTORY).where(PARTITION_HISTORY.c.run_id.in_(some)), tx=tx
            )
        )

    def lines_of(self, keys: Iterable[tuple[str, str]], *, tx: Transaction) -> tuple[PartitionEntry, ...]:
        """Every ledger line of (dataset, partition) keys."""
        pair = sa.tuple_(PARTITION_HISTORY.c.dataset, PARTITION_HISTORY.c.partition)
        return tuple(
            line
            for some in chunks(set(keys))
            for line in self._history._select(_in(PARTITION_HISTORY, pair, some), tx=tx)
        )

    def newest_lines(self, keys: Iterable[tuple[str, str]], *, tx: Transaction) -> Mapping[str, PartitionEntry]:
        """By dataset, the newest line of one partition of each."""
        pair = sa.tuple_(PARTITIONS.c.dataset, PARTITIONS.c.partition)
        found = (line for some in chunks(set(keys)) for line in self._lines._select(_in(PARTITIONS, pair, some), tx=tx))
        return {line.dataset: line for line in found}

    def reach(self, datasets: Iterable[str], *, tx: Transaction) -> Mapping[str, Reach]:
        """By dataset, how far its partitions are published."""
        table = PARTITIONS.c
        is_stuck = sa.or_(table.state == PartitionState.BLOCKED, table.pending > 0)
        is_day = table.partition != WHOLE_TABLE
        newest = sa.func.max(sa.case((sa.and_(is_day, sa.not_(is_stuck)), table.partition)))
        stuck = sa.func.min(sa.case((is_stuck, table.partition)))
        found = {}
        for some in chunks(set(datasets)):
            statement = sa.select(table.dataset, newest, stuck).where(table.dataset.in_(some)).group_by(table.dataset)
            with self._database.reading(tx) as connection:
                for dataset, last, first in connection.execute(statement):
                    found[dataset] = Reach(newest=last, stuck=first)
        return found

    def watermarks(self, *, tx: Transaction) -> Mapping[Source, datetime]:
        """By dataset and source, the least watermark of the source's partitions."""
        least = sa.func.min(WATERMARKS.c.watermark, type_=WATERMARKS.c.watermark.type)
        grouped = (WATERMARKS.c.dataset, WATERMARKS.c.source)
        with self._database.reading(tx) as connection:
            found = connection.execute(sa.select(*grouped, least).group_by(*grouped)).all()
        return {(dataset, source): watermark for dataset, source, watermark in found}

    def newest_batches(self, *, tx: Transaction) -> Mapping[Source, BatchEntry]:
        """By dataset and source, the newest batch."""
        is_newest = sa.and_(
            BATCHES.c.dataset == POSITIONS.c.dataset,
            BATCHES.c.source == POSITIONS.c.source,
            BATCHES.c.number == POSITIONS.c.number,
        )
        statement = sa.select(BATCHES).select_from(POSITIONS.join(BATCHES, is_newest))
        return {(batch.dataset, batch.source): batch for batch in self._batches._select(statement, tx=tx)}

    def batches_between(
        self, spans: Mapping[str, tuple[int, int]], *, tx: Transaction
    ) -> Mapping[str, list[BatchEntry]]:
        """By raw dataset, the batches of the raw versions above one and up to another."""
        table, found = BATCHES.c, dict[str, list[BatchEntry]]()
        for some in _few(spans.items()):
            within = [
                sa.and_(table.dataset == dataset, table.raw_version > low, table.raw_version <= high)
                for dataset, (low, high) in some
            ]
            for batch in self._batches._select(sa.select(BATCHES).where(sa.or_(*within)), tx=tx):
                found.setdefault(batch.dataset, []).append(batch)
        return found

    def event_times_at(
        self, versions: Iterable[tuple[str, int]], *, tx: Transaction
    ) -> Mapping[tuple[str, int], datetime]:
        """By raw dataset and version, the newest event time that the last versions up to it brought."""
        table = EVENT_DATES.c
        newest = sa.func.max(table.newest_event_time, type_=table.newest_event_time.type)
        found = {}
        for some in _few(set(versions)):
            parts = [
                sa.select(sa.literal(dataset), sa.literal(version), newest).where(
                    table.dataset == dataset, table.version > version - _LOOK_BACK, table.version <= version
                )
                for dataset, version in some
            ]
            with self._database.reading(tx) as connection:
                for dataset, version, time in connection.execute(sa.union_all(*parts)):
                    if time is not None:
                        found[dataset, version] = time
        return found

    def newest_dates(self, batches: Iterable[BatchEntry], *, tx: Transaction) -> Mapping[tuple[str, str], date]:
        """By dataset and batch, the newest event date that it brought."""
        table = EVENT_DATES.c
        pair = sa.tuple_(table.dataset, table.batch_id)
        found: dict[tuple[str, str], date] = {}
        for some in chunks({(batch.dataset, batch.batch_id) for batch in batches}):
            newest = sa.select(table.dataset, table.batch_id, sa.func.max(table.event_date)).where(pair.in_(some))
            with self._database.reading(tx) as connection:
                for dataset, batch_id, day in connection.execute(newest.group_by(table.dataset, table.batch_id)):
                    found[dataset, batch_id] = day
        return found

    def files_named(
        self, names: Iterable[tuple[str, str]], *, tx: Transaction
    ) -> Mapping[tuple[str, str, str], FileEntry]:
        """By dataset, source and name, the newest delivery of files that was not one landed before."""
        pair = sa.tuple_(FILES.c.dataset, FILES.c.name)
        found: dict[tuple[str, str, str], tuple[int, FileEntry]] = {}
        for some in chunks(set(names)):
            statement = _in(FILES, pair, some).where(FILES.c.outcome != FileOutcome.SKIPPED)
            for file in self._files._select(statement, tx=tx):
                source, _, number = file.batch_id.rpartition("/")
                key = (file.dataset, source, file.name)
                if key not in found or found[key][0] < int(number):
                    found[key] = (int(number), file)
        return {key: file for key, (_, file) in found.items()}

    def batches(self, keys: Iterable[tuple[str, str]], *, tx: Transaction) -> Mapping[tuple[str, str], BatchEntry]:
        """Batches by dataset and batch id."""
        pair = sa.tuple_(BATCHES.c.dataset, BATCHES.c.batch_id)
        found = (b for some in chunks(set(keys)) for b in self._batches._select(_in(BATCHES, pair, some), tx=tx))
        return {(batch.dataset, batch.batch_id): batch for batch in found}

    def rows_of_days(self, keys: Iterable[tuple[str, date]], *, tx: Transaction) -> Mapping[tuple[str, date], int]:
        """By raw dataset and event date, the rows that arrived."""
        table = EVENT_DATES.c
        pair = sa.tuple_(table.dataset, table.event_date)
        rows = sa.cast(sa.func.sum(table.rows), sa.BigInteger)
        found: dict[tuple[str, date], int] = {}
        for some in chunks(set(keys)):
            statement = sa.select(table.dataset, table.event_date, rows).where(pair.in_(some))
            with self._database.reading(tx) as connection:
                for dataset, day, total in connection.execute(statement.group_by(table.dataset, table.event_date)):
                    found[dataset, day] = int(total)
        return found

    def checks_of_runs(self, run_ids: Iterable[str], *, tx: Transaction) -> tuple[CheckEntry, ...]:
        """The verdicts of runs."""
        ids = chunks(set(run_ids))
        return tuple(
            check
            for some in ids
            for check in self._checks._select(sa.select(CHECKS).where(CHECKS.c.run_id.in_(some)), tx=tx)
        )

    def beats(self, *, tx: Transaction) -> tuple[Heartbeat, ...]:
        """The newest beat of every source."""
        return self._beats._select(sa.select(HEARTBEATS), tx=tx)


def _in(table: sa.Table, pair: Any, some: Collection[Any]) -> sa.Select[Any]:
    return sa.select(table).where(pair.in_(list(some)))


def _few(values: Iterable[T], size: int = 100) -> Iterator[Sequence[T]]:
    # SQLite bounds how deep an expression may be, and how many parts a union has
    every = list(values)
    return (every[start : start + size] for start in range(0, len(every), size))
