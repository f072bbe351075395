"""One version of a table, pinned: its files, schema and transactions. Opening one is in `tables`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from deltalake import DeltaTable

from data_platform.contracts.types import quote_identifier, quote_text
from data_platform.lakehouse.arrow_types import duckdb_type
from data_platform.lakehouse.file_stats import FileStats, StatValue, from_delta
from data_platform.lakehouse.table_ref import TableRef

ADDED_IN = b"data_platform.added_in"  # field metadata: files older than this version lack the column


@dataclass(frozen=True, slots=True)
class DataFile:
    """One active Parquet file. `path` is relative to the table's folder."""

    path: str
    size_bytes: int
    rows: int
    stats: FileStats = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One version of a table.

    Attributes:
        version: -1 when the table does not exist yet.
        timestamp: when the version was committed, by the committing machine's clock; None when version is -1.
        root: the table's folder as DuckDB reads it.
        handle: delta-rs's view of this version; only `tables` uses it.
    """

    ref: TableRef
    version: int
    schema: pa.Schema
    files: tuple[DataFile, ...]
    timestamp: datetime | None
    root: str
    handle: DeltaTable | None = field(default=None, repr=False, compare=False)

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(file.rows for file in self.files)

    @property
    def size_bytes(self) -> int:
        """Bytes in all files."""
        return sum(file.size_bytes for file in self.files)

    def transaction(self, app_id: str) -> int | None:
        """The version that `app_id` last committed, as of this snapshot; None if it never did."""
        if self.handle is None:
            return None
        version: int | None = self.handle.transaction_version(app_id)
        return version

    def scan(self, columns: Sequence[str] | None = None) -> str:
        """A SELECT over exactly this version's rows: all columns or `columns`, in schema order, typed as the schema."""
        return self.scan_files(self.files, columns)

    def scan_files(self, files: Sequence[DataFile], columns: Sequence[str] | None = None) -> str:
        """As `scan`, over some of the snapshot's files.

        Raises:
            KeyError: the schema has no such column.
        """
        return select_files(self.schema, [f"{self.root}/{file.path}" for file in files], columns)

    def overlapping(self, column: str, low: StatValue, high: StatValue) -> tuple[DataFile, ...]:
        """Files whose bounds do not exclude a value of `column` in [low, high]."""
        return tuple(file for file in self.files if _may_hold(file, column, low, high))

    def holding_nulls(self, column: str) -> tuple[DataFile, ...]:
        """Files that may hold a NULL in `column`."""
        return tuple(file for file in self.files if file.stats.null_count.get(column, 1) > 0)


def data_files(handle: DeltaTable) -> tuple[DataFile, ...]:
    """The active files of an open table, by path."""
    # Not `pa.table`, which would load pandas only to ask whether this is a frame.
    actions = pa.RecordBatchReader.from_stream(handle.get_add_actions(flatten=False)).read_all()
    places = zip(*(actions.column(name).to_pylist() for name in ("path", "size_bytes", "num_records")), strict=True)
    found = zip(places, from_delta(actions), strict=True)
    files = (DataFile(path, size, rows or 0, stats) for (path, size, rows), stats in found)
    return tuple(sorted(files, key=lambda file: file.path))


def select_files(schema: pa.Schema, uris: Sequence[str], columns: Sequence[str] | None = None) -> str:
    """A SELECT over Parquet files of one table schema; zero rows when there are no files."""
    wanted = [schema.field(name) for name in schema.names if columns is None or name in columns]
    missing = set(columns or ()) - set(schema.names)
    if missing:
        raise KeyError(f"no column {', '.join(sorted(missing))} among {', '.join(schema.names)}")
    names = ", ".join(quote_identifier(column.name) for column in wanted) or "NULL"
    typed = ", ".join(f"CAST(NULL AS {duckdb_type(c.type)}) AS {quote_identifier(c.name)}" for c in wanted)
    empty = f"SELECT {typed or 'NULL'} WHERE false"
    if not uris:
        return empty
    paths = ", ".join(quote_text(uri) for uri in uris)
    if not any(ADDED_IN in (column.metadata or {}) for column in wanted):
        return f"SELECT {names} FROM read_parquet([{paths}], hive_partitioning = false)"
    # Older files lack the added columns: by name, against a row-less relation that has them all.
    files = f"SELECT * FROM read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"
    return f"SELECT {names} FROM ({empty} UNION ALL BY NAME {files})"


def _may_hold(file: DataFile, column: str, low: StatValue, high: StatValue) -> bool:
    if file.rows and file.stats.null_count.get(column) == file.rows:
        return False
    minimum, maximum = file.stats.minimum.get(column), file.stats.maximum.get(column)
    below = maximum is not None and _order(maximum, low) < 0
    above = minimum is not None and _order(minimum, high) > 0
    return not (below or above)


def _order(left: StatValue, right: StatValue) -> int:
    return (left > right) - (left < right)  # type: ignore[operator]  # one column's values are of one type
