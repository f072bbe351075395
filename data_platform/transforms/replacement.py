"""`table` and `partition`: the query's rows replace the whole table, or the partitions in range."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from duckdb import DuckDBPyConnection

from data_platform.contracts.days import DayRange, beginning_of
from data_platform.contracts.event_day import utc_day
from data_platform.contracts.model import Contract
from data_platform.contracts.types import TypeKind
from data_platform.errors import PublishBlocked
from data_platform.lakehouse.snapshots import DataFile, Snapshot
from data_platform.lakehouse.staging import stage
from data_platform.lakehouse.tables import StagedFile, Table
from data_platform.publication.candidate import Change
from data_platform.publication.publish import new_file_name
from data_platform.publication.receipt import PartitionCount
from data_platform.transforms.query import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The table that a computation writes, at the version it builds on."""

    contract: Contract
    table: Table
    base: Snapshot

    @property
    def day(self) -> str | None:
        """SQL of a row's partition day; None for an unpartitioned dataset."""
        return day_of(self.contract)

    def overlapping(self, days: DayRange) -> tuple[tuple[DataFile, ...], str]:
        """The files that may hold rows of `days`, and a SELECT of their other rows, which must be kept."""
        column = self.contract.partition_column
        assert column is not None
        assert self.day is not None
        low: date = days.start
        high: date = days.last
        if self.contract.column(column).type.kind is TypeKind.TIMESTAMP:
            low, high = beginning_of(days.start), beginning_of(days.end)
        files = self.base.overlapping(column, low, high)
        return files, f"SELECT * FROM ({self.base.scan_files(files)}) WHERE {within(self.day, days)} IS NOT TRUE"


def replace_table(con: DuckDBPyConnection, query: Query, target: Target) -> tuple[Change, tuple[PartitionCount, ...]]:
    """Stages the query's rows in place of everything."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE computed AS {query.sql}")
    staged = stage_rows(con, "SELECT * FROM computed", target)
    change = Change(table=target.table, base=target.base, adds=tuple(staged), removes=target.base.files)
    return change, (published_rows("all", change.staged_rows),)


def replace_partitions(
    con: DuckDBPyConnection, query: Query, target: Target, days: DayRange
) -> tuple[Change, tuple[PartitionCount, ...]]:
    """Stages the query's rows in place of the partitions in `days`; rows of other days in the same files are kept."""
    bind_days(con, days)
    inside = within(str(target.day), days)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE computed AS SELECT * FROM ({query.sql}) WHERE {inside} OR {target.day} IS NULL"
    )
    computed_rows, homeless = con.execute(
        f"SELECT count(*), count(*) FILTER ({target.day} IS NULL) FROM computed"
    ).fetchall()[0]
    if homeless:
        raise PublishBlocked(
            f"{target.contract.name} for {days}: {homeless} rows have no {target.contract.partition_column}, so no "
            "partition can hold them; nothing was published: give them a day in the query, or leave them out there"
        )
    removes, kept = target.overlapping(days)
    staged = stage_rows(con, f"SELECT * FROM computed UNION ALL BY NAME {kept}", target)
    change = Change(
        table=target.table,
        base=target.base,
        adds=tuple(staged),
        removes=removes,
        computed=inside,
        carried_rows=sum(file.rows for file in staged) - computed_rows,
    )
    found = dict(con.execute(f"SELECT {target.day}, count(*) FROM computed GROUP BY 1").fetchall())
    return change, tuple(published_rows(day.isoformat(), found.get(day, 0)) for day in days)


def stage_rows(con: DuckDBPyConnection, select: str, target: Target, *, is_one_month: bool = False) -> list[StagedFile]:
    """Stages rows for the target, one event month a file; `select` runs only once where its rows are of one month."""
    month = None if is_one_month else target.day
    return stage(con, select, table=target.table, schema=target.base.schema, name=new_file_name, month=month)


def bind_days(con: DuckDBPyConnection, days: DayRange) -> None:
    """Binds the partition parameters of queries."""
    con.execute(f"SET VARIABLE partition_start = DATE '{days.start}'")
    con.execute(f"SET VARIABLE partition_end = DATE '{days.end}'")


def within(day: str, days: DayRange) -> str:
    """SQL that is true for days of the range."""
    return f"({day} >= DATE '{days.start}' AND {day} < DATE '{days.end}')"


def day_of(contract: Contract) -> str | None:
    """SQL of a row's partition day; None for an unpartitioned dataset."""
    name = contract.partition_column
    return None if name is None else utc_day(contract, name)


def published_rows(partition: str, rows: int) -> PartitionCount:
    """The ledger line of a partition that is computed from published data: there is no raw row to account for."""
    return PartitionCount(partition=partition, source=rows, fates={"curated": rows})
