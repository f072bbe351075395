"""Tables of the metastore as Arrow batches, for datasets that are made of them: whole, or some days. Never all rows at
once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_platform.contracts.days import DayRange, beginning_of
from data_platform.errors import ConfigurationError
from data_platform.metastore import incident_tables, objective_tables, tables, usage_tables
from data_platform.metastore.column_types import Json, UtcDateTime
from data_platform.metastore.database import Database


@dataclass(frozen=True, slots=True)
class _Readable:
    """A table that datasets may be made of.

    Attributes:
        day: the column that says to which day a row belongs.
        changed: the column that says when a row was written last; the same where rows never change.
        before: the column that stands before `day` in the index that has it; None where it is the first.
    """

    table: sa.Table
    day: str
    changed: str = ""
    before: str | None = None

    @property
    def stamp(self) -> sa.Column[Any]:
        return self.table.c[self.day]


_READABLE = {
    one.table.name: one
    for one in (
        _Readable(tables.RUNS, "started_at", "ended_at"),
        _Readable(tables.CHECKS, "recorded_at"),
        _Readable(objective_tables.SLI_VALUES, "measured_at", before="sli"),
        _Readable(objective_tables.RUN_SLOTS, "due_at", "judged_at"),
        _Readable(objective_tables.OBJECTIVES, "evaluated_at"),
        _Readable(incident_tables.INCIDENTS, "detected_at"),
        _Readable(usage_tables.RUN_METERS, "metered_on", "ended_at"),
        _Readable(objective_tables.DEPLOYS, "at"),
    )
}
_BATCH_ROWS = 20_000


class TableRows:
    """Reads tables by name.

    Raises:
        ConfigurationError: by every method: the table is not one that datasets may be made of.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def reading(self, table: str, days: Sequence[DayRange] | None = None) -> Iterator[pa.RecordBatchReader]:
        """A table's rows as of one moment, all or those of some days; JSON columns are text."""
        found = _readable(table)
        schema = pa.schema([pa.field(column.name, _arrow(column)) for column in found.table.columns])
        with self._database.reading() as connection:
            statement = sa.select(found.table)
            if days is not None:
                wanted = (sa.and_(found.stamp >= low, found.stamp < high) for low, high in _bounds(found, days))
                statement = statement.where(sa.or_(*wanted), *_by_index(connection, found))
            pages = connection.execution_options(yield_per=_BATCH_ROWS).execute(statement).partitions()
            yield pa.RecordBatchReader.from_batches(schema, (_batch(page, schema, found.table) for page in pages))

    def first_day(self, table: str) -> date | None:
        """The day (UTC) of the oldest row; None where there is no row."""
        found = _readable(table)
        with self._database.reading() as connection:
            if found.before is None:
                oldest = [connection.scalar(sa.select(sa.func.min(found.stamp)))]
            else:
                one = found.table.c[found.before]
                oldest = [
                    connection.scalar(sa.select(sa.func.min(found.stamp)).where(one == value))
                    for value in _leading(connection, one)
                ]
        return min((_day(value) for value in oldest if value is not None), default=None)

    def first_changed(self, table: str, since: datetime) -> date | None:
        """The oldest day of which a row was written at or after a moment; None where none was."""
        found = _readable(table)
        low = since.astimezone(UTC).date() if isinstance(found.stamp.type, sa.Date) else since
        conditions = [found.stamp >= low]
        if found.changed:
            conditions.append(found.table.c[found.changed] >= since)
        with self._database.reading() as connection:
            asked = (
                sa.select(sa.func.min(found.stamp)).where(one, *_by_index(connection, found)) for one in conditions
            )
            oldest = [connection.scalar(statement) for statement in asked]
        return min((_day(value) for value in oldest if value is not None), default=None)


def _readable(table: str) -> _Readable:
    if table not in _READABLE:
        raise ConfigurationError(f"no dataset is made of {table!r}; one of {', '.join(sorted(_READABLE))}")
    return _READABLE[table]


def _bounds(found: _Readable, days: Sequence[DayRange]) -> Iterator[tuple[Any, Any]]:
    for each in days:
        if isinstance(found.stamp.type, sa.Date):
            yield each.start, each.end
        else:
            yield beginning_of(each.start), beginning_of(each.end)


def _by_index(connection: Connection, found: _Readable) -> list[sa.ColumnElement[bool]]:
    """What lets an index be used that has another column before the day; it excludes no row."""
    if found.before is None:
        return []
    one = found.table.c[found.before]
    return [one.in_(_leading(connection, one))]


def _leading(connection: Connection, column: sa.Column[Any]) -> list[Any]:
    """The distinct values of the first column of an index, each found by one look into it."""
    values: list[Any] = []
    value = connection.scalar(sa.select(sa.func.min(column)))
    while value is not None:
        values.append(value)
        value = connection.scalar(sa.select(sa.func.min(column)).where(column > value))
    return values


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _batch(page: Any, schema: pa.Schema, table: sa.Table) -> pa.RecordBatch:
    columns = list(zip(*page, strict=True))
    arrays = []
    for values, field, column in zip(columns, schema, table.columns, strict=True):
        plain = [None if value is None else _plain(value, column) for value in values]
        arrays.append(pa.array(plain, type=field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _plain(value: Any, column: sa.Column[Any]) -> Any:
    if isinstance(column.type, Json):
        return json.dumps(value, sort_keys=True)
    return str(value) if isinstance(value, str) else value


def _arrow(column: sa.Column[Any]) -> pa.DataType:
    match column.type:
        case UtcDateTime():
            return pa.timestamp("us", tz="UTC")
        case sa.BigInteger() | sa.Integer():
            return pa.int64()
        case sa.Double():
            return pa.float64()
        case sa.Boolean():
            return pa.bool_()
        case sa.Date():
            return pa.date32()
        case _:
            return pa.string()
