"""Whole tables of the metastore as Arrow batches, for datasets that are made of them. Never all rows at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from data_platform.errors import ConfigurationError
from data_platform.metastore import operations_tables as operations
from data_platform.metastore import tables
from data_platform.metastore.column_types import Json, UtcDateTime
from data_platform.metastore.database import Database

_READABLE = {
    table.name: table
    for table in (
        tables.RUNS,
        tables.CHECKS,
        operations.SLI_VALUES,
        operations.RUN_SLOTS,
        operations.OBJECTIVES,
        operations.INCIDENTS,
        operations.RUN_METERS,
        operations.DEPLOYS,
    )
}
_BATCH_ROWS = 20_000


class TableRows:
    """Reads tables by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def reading(self, table: str) -> Iterator[pa.RecordBatchReader]:
        """A table's rows as of one moment; JSON columns are text.

        Raises:
            ConfigurationError: the table is not one that datasets may be made of.
        """
        if table not in _READABLE:
            raise ConfigurationError(f"no dataset is made of {table!r}; one of {', '.join(sorted(_READABLE))}")
        found = _READABLE[table]
        schema = pa.schema([pa.field(column.name, _arrow(column)) for column in found.columns])
        with self._database.reading() as connection:
            pages = connection.execution_options(yield_per=_BATCH_ROWS).execute(sa.select(found)).partitions()
            yield pa.RecordBatchReader.from_batches(schema, (_batch(page, schema, found) for page in pages))


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
