"""Which days of an own dataset may say something else than the ledger by now, and the change that puts right those that
do. Reading the ledger and publishing are in `own_datasets`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from duckdb import DuckDBPyConnection

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import Contract
from data_platform.contracts.types import quote_identifier
from data_platform.lakehouse.snapshots import DataFile
from data_platform.lakehouse.staging import discard
from data_platform.lakehouse.tables import StagedFile
from data_platform.publication.candidate import Change
from data_platform.publication.receipt import PartitionCount
from data_platform.transforms.replacement import Target, published_rows, stage_rows, within

_OVERLAP = timedelta(hours=1)  # what was written while the publish before was reading
_LAST = date(9999, 12, 30)


class LedgerDays(Protocol):
    """Asks tables of the metastore about their days."""

    def first_day(self, table: str) -> date | None:
        """The day of the oldest row; None where there is no row."""
        ...

    def first_changed(self, table: str, since: datetime) -> date | None:
        """The oldest day of which a row was written at or after a moment; None where none was."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """The days that are published anew, and the change that does it."""

    days: tuple[date, ...]
    change: Change
    partitions: tuple[PartitionCount, ...]


def days_to_look_at(
    ledger: LedgerDays, tables: Iterable[str], contract: Contract, *, since: datetime | None, now: datetime
) -> DayRange:
    """The days of which something was written since the publish before, which began at `since`; without one, all days
    of the ledger. What the contract's retention says is over is left out; what the ledger has forgotten before that is
    no reason to forget it here.
    """
    ask = ledger.first_day if since is None else lambda table: ledger.first_changed(table, since - _OVERLAP)
    found = [day for table in tables if (day := ask(table)) is not None]
    return DayRange.of(max(_kept_from(contract, now), min([now.astimezone(UTC).date(), *found])), _LAST)


def over(target: Target, *, now: datetime) -> list[DayRange]:
    """The published days that the contract's retention no longer keeps."""
    column, kept_from = str(target.contract.partition_column), _kept_from(target.contract, now)
    bounds = [file.stats.minimum.get(column) for file in target.base.files]
    days = [one.astimezone(UTC).date() if isinstance(one, datetime) else one for one in bounds if isinstance(one, date)]
    return [DayRange(min(days), kept_from)] if days and min(days) < kept_from else []


def differing(con: DuckDBPyConnection, target: Target, looked: Sequence[DayRange]) -> Differing | None:
    """Stages the days of the table `computed` whose rows are not those that are published; None where all are.

    Args:
        con: holds `computed`, the query's rows of `looked`.
        target: a table with a partition column.
        looked: the days that are compared.
    """
    day = str(target.day)
    names = ", ".join(map(quote_identifier, target.base.schema.names))
    published = f"({target.base.scan_files(_overlapping(target, looked))})"
    one, other = (f"SELECT {names} FROM {rows} WHERE {_in(day, looked)}" for rows in ("computed", published))
    found = con.execute(f"SELECT DISTINCT {day} FROM ({difference(one, other)}) ORDER BY 1").fetchall()
    days = tuple(row[0] for row in found)
    return _staged(con, target, days) if days else None


def difference(one: str, other: str) -> str:
    """A SELECT of the rows that only one of two SELECTs of the same columns gives."""
    return f"({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one})"


def _staged(con: DuckDBPyConnection, target: Target, days: tuple[date, ...]) -> Differing:
    """What changes gets files of its own, so that the next publish of these days rewrites no others."""
    blocks = DayRange.blocks(days)
    inside = _in(str(target.day), blocks)
    removes = _overlapping(target, blocks)
    adds = stage_rows(con, f"SELECT * FROM computed WHERE {inside}", target)
    try:
        kept = f"SELECT * FROM ({target.base.scan_files(removes)}) WHERE ({inside}) IS NOT TRUE"
        carried: list[StagedFile] = stage_rows(con, kept, target)
    except BaseException:
        discard(target.table, adds)
        raise
    counted = con.execute(f"SELECT {target.day}, count(*) FROM computed WHERE {inside} GROUP BY 1").fetchall()
    rows: dict[date, int] = dict(counted)
    return Differing(
        days=days,
        change=Change(
            table=target.table,
            base=target.base,
            adds=(*adds, *carried),
            removes=removes,
            computed=inside,
            carried_rows=sum(file.rows for file in carried),
        ),
        partitions=tuple(published_rows(day.isoformat(), rows.get(day, 0)) for day in days),
    )


def _overlapping(target: Target, ranges: Sequence[DayRange]) -> tuple[DataFile, ...]:
    found = {file.path: file for days in ranges for file in target.overlapping(days)[0]}
    return tuple(found.values())


def _kept_from(contract: Contract, now: datetime) -> date:
    retention = contract.service_level.retention
    return (now.astimezone(UTC) - retention).date() if retention else date.min


def _in(day: str, ranges: Sequence[DayRange]) -> str:
    return f"({' OR '.join(within(day, days) for days in ranges)})"
