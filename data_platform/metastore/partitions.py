"""The ledger of partitions: into which fates a partition's raw rows went, the newest line and its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository, rows_of, upsert
from data_platform.metastore.tables import PARTITION_HISTORY, PARTITIONS, PartitionState

WHOLE_TABLE = "all"  # the partition of an unpartitioned dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionEntry:
    """Where one partition's raw rows went in one run.

    Attributes:
        partition: `YYYY-MM-DD`, or `all`.
        table_version: the version published; for a blocked run the one that keeps serving, -1 where there is none.
        raw_rows: rows of the partition in raw at `raw_version`; every other count is one fate.
        recorded_at: recovery passes the commit's time.
    """

    dataset: str
    partition: str
    raw_dataset: str
    raw_version: int
    table_version: int
    run_id: str
    state: PartitionState
    raw_rows: int
    curated: int = 0
    quarantined: int = 0
    late: int = 0
    duplicate: int = 0
    pending: int = 0
    applied: int = 0
    unchanged: int = 0
    superseded: int = 0
    recorded_at: datetime

    @property
    def residual(self) -> int:
        """Rows that are unaccounted for; anything but 0 breaks conservation."""
        held = self.quarantined + self.late + self.duplicate + self.pending
        return self.raw_rows - self.curated - self.applied - self.unchanged - self.superseded - held


class Partitions(Repository[PartitionEntry]):
    """Ledger lines of partitions. The newest is the one with the highest (table_version, recorded_at)."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, PARTITION_HISTORY, PartitionEntry)

    def record(self, entries: Iterable[PartitionEntry], *, tx: Transaction | None = None) -> None:
        """Writes lines; a repeat by the same run replaces its line and keeps the time of the first."""
        with self._database.writing(tx) as connection:
            inner = Transaction(connection)
            lines = self._with_first_times(list(entries), tx=inner)
            self._upsert(lines, repeat=Repeat(), tx=inner)
            newer = Repeat(only_if=("table_version", "recorded_at"))
            upsert(connection, PARTITIONS, rows_of(lines), repeat=newer)

    def latest(self, dataset: str, *, tx: Transaction | None = None) -> tuple[PartitionEntry, ...]:
        """The newest line of each partition, by partition."""
        statement = sa.select(PARTITIONS).where(PARTITIONS.c.dataset == dataset)
        return self._select(statement.order_by(PARTITIONS.c.partition), tx=tx)

    def get(self, dataset: str, *, partition: str, tx: Transaction | None = None) -> PartitionEntry | None:
        """The newest line of one partition."""
        one = (PARTITIONS.c.dataset == dataset, PARTITIONS.c.partition == partition)
        return self._first(sa.select(PARTITIONS).where(*one), tx=tx)

    def blocked_in(
        self, dataset: str, *, low: str, high: str, tx: Transaction | None = None
    ) -> tuple[PartitionEntry, ...]:
        """Newest lines that are blocked or have pending rows, from partition `low` to `high`, both included.

        The partition `all` lies in every range.
        """
        column = PARTITIONS.c.partition
        inside = sa.or_(column.between(low, high), column == WHOLE_TABLE, sa.literal(WHOLE_TABLE).in_([low, high]))
        stuck = sa.or_(PARTITIONS.c.state == PartitionState.BLOCKED, PARTITIONS.c.pending > 0)
        statement = sa.select(PARTITIONS).where(PARTITIONS.c.dataset == dataset, inside, stuck)
        return self._select(statement.order_by(column), tx=tx)

    def published_from(self, raw_dataset: str, *, tx: Transaction | None = None) -> tuple[str, ...]:
        """The days that some dataset has published from rows of `raw_dataset`, in order."""

        def days(table: sa.Table) -> sa.Select[tuple[str]]:
            published = (
                table.c.raw_dataset == raw_dataset,
                table.c.state == PartitionState.PUBLISHED,
                table.c.raw_rows > 0,
                table.c.partition != WHOLE_TABLE,
            )
            return sa.select(table.c.partition).where(*published)

        # History is pruned, and the newest line of a partition may be a blocked one: a day is in either.
        with self._database.reading(tx) as connection:
            found = connection.execute(sa.union(days(PARTITION_HISTORY), days(PARTITIONS)))
            return tuple(sorted(row.partition for row in found))

    def history(
        self, dataset: str, *, partition: str | None = None, limit: int | None = None, tx: Transaction | None = None
    ) -> tuple[PartitionEntry, ...]:
        """All lines, newest first."""
        table = PARTITION_HISTORY
        statement = sa.select(table).where(table.c.dataset == dataset)
        if partition is not None:
            statement = statement.where(table.c.partition == partition)
        newest_first = (table.c.table_version.desc(), table.c.recorded_at.desc(), table.c.partition)
        return self._select(statement.order_by(*newest_first).limit(limit), tx=tx)

    def of_run(self, run_id: str, *, tx: Transaction | None = None) -> tuple[PartitionEntry, ...]:
        """The lines that one run wrote."""
        table = PARTITION_HISTORY
        statement = sa.select(table).where(table.c.run_id == run_id)
        return self._select(statement.order_by(table.c.dataset, table.c.partition), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets history recorded before `before`; the newest line of each partition stays readable."""
        return self._delete(PARTITION_HISTORY.c.recorded_at < before, tx=tx)

    def _with_first_times(self, entries: list[PartitionEntry], *, tx: Transaction) -> list[PartitionEntry]:
        times: dict[tuple[str, str, str], datetime] = {}
        for dataset, run_id in {(entry.dataset, entry.run_id) for entry in entries}:
            times.update(self._first_times(dataset, run_id=run_id, tx=tx))
        return [replace(entry, recorded_at=times.get(_key(entry), entry.recorded_at)) for entry in entries]

    def _first_times(self, dataset: str, *, run_id: str, tx: Transaction) -> Mapping[tuple[str, str, str], datetime]:
        table = PARTITION_HISTORY
        lines = self._select(sa.select(table).where(table.c.dataset == dataset, table.c.run_id == run_id), tx=tx)
        return {_key(line): line.recorded_at for line in lines}


def _key(entry: PartitionEntry) -> tuple[str, str, str]:
    return (entry.dataset, entry.partition, entry.run_id)
