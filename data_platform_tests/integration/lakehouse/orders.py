"""A small table and its rows, written through staging."""

from __future__ import annotations

from uuid import uuid4

import pyarrow as pa
from duckdb import DuckDBPyConnection

from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.staging import stage
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Commit, Lake, StagedFile, Table

REF = TableRef(Zone.CURATED, "commerce", "orders")
SCHEMA = pa.schema(
    [("id", pa.int64()), ("at", pa.timestamp("us", tz="UTC")), ("amount", pa.decimal128(18, 2)), ("note", pa.string())]
)


def rows(first: int, count: int, *, day: str = "2024-03-01") -> str:
    """`count` rows an hour apart from `day` on, ids from `first` on."""
    return (
        f"SELECT range AS id, TIMESTAMPTZ '{day} 00:00:00+00' + INTERVAL (range - {first}) HOUR AS at, "
        f"CAST(range AS DECIMAL(18, 2)) AS amount, 'n' || range AS note FROM range({first}, {first + count})"
    )


def name() -> str:
    return uuid4().hex


def staged(con: DuckDBPyConnection, table: Table, select: str, month: str | None = None) -> list[StagedFile]:
    return stage(con, select, table=table, schema=SCHEMA, name=name, month=month)


def append(con: DuckDBPyConnection, table: Table, first: int, count: int = 10, **options: object) -> Commit:
    base = table.snapshot()
    return table.commit(base, adds=staged(con, table, rows(first, count)), **options)  # type: ignore[arg-type]


def created(lake: Lake) -> Table:
    table = lake.table(REF)
    table.create(SCHEMA)
    return table


def ids(con: DuckDBPyConnection, snapshot: Snapshot) -> list[int]:
    return [row[0] for row in con.execute(f"SELECT id FROM ({snapshot.scan()}) ORDER BY id").fetchall()]
