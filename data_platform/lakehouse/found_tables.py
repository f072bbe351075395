"""What one table looks like from outside: columns with types, rows, bytes, newest version. Finding tables is in
`inventory`; whether they should be there is decided in `catalog.discovery`.

Types are told as DuckDB's, whatever wrote the table; one that it has no word for, as Arrow's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from data_platform.errors import ConfigurationError
from data_platform.lakehouse.arrow_types import duckdb_type
from data_platform.lakehouse.commit_errors import first_line
from data_platform.lakehouse.object_store import ObjectStore, Sizes

_MOST_FOOTERS = 16
_MOST_LOST = 20


class FoundKind(StrEnum):
    """What a table is made of."""

    DELTA = "delta"
    PARQUET = "parquet"
    DUCKDB_TABLE = "duckdb_table"
    DUCKDB_VIEW = "duckdb_view"


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """One column."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTable:
    """One table that is there.

    Attributes:
        place: its folder or file, relative to the store; in the DuckDB file `<schema>.<name>`.
        rows, size_bytes: None where they are not cheap to know.
        version: the newest of a Delta table; -1 where it has a log without an entry.
        lost: active files of a Delta table that are not there, or of another size, the first few as `path: fault`.
        fault: why nothing more could be told; empty where it could.
    """

    place: str
    kind: FoundKind
    columns: tuple[FoundColumn, ...] = ()
    rows: int | None = None
    size_bytes: int | None = None
    version: int | None = None
    lost: tuple[str, ...] = ()
    fault: str = ""


def columns_of(schema: pa.Schema) -> tuple[FoundColumn, ...]:
    """The columns of an Arrow schema."""
    return tuple(FoundColumn(field.name, type_name(field.type)) for field in schema)


def type_name(arrow: pa.DataType) -> str:
    """DuckDB's word for a type; Arrow's where it has none."""
    try:
        return duckdb_type(arrow)
    except ConfigurationError:
        return str(arrow)


def delta_table(place: str, store: ObjectStore, options: Mapping[str, str], *, version: int) -> FoundTable:
    """A Delta table at its newest version.

    Args:
        place: its folder, relative to the lake's store.
        store: rooted at the table's folder.
        options: storage options of delta-rs.
        version: the newest in its log.
    """
    if version < 0:
        return FoundTable(place=place, kind=FoundKind.DELTA, version=-1, fault="its log has no entry")
    try:
        handle = DeltaTable(store.root, version=version, storage_options=dict(options))
        actions = pa.RecordBatchReader.from_stream(handle.get_add_actions(flatten=False)).read_all()
        schema = pa.schema(handle.schema().to_arrow())
    except (DeltaError, OSError, pa.ArrowException, ValueError) as error:
        fault = f"version {version} cannot be opened: {first_line(error)}"
        return FoundTable(place=place, kind=FoundKind.DELTA, version=version, fault=fault)
    rows = actions.column("num_records").to_pylist()
    files = dict(zip(actions.column("path").to_pylist(), actions.column("size_bytes").to_pylist(), strict=True))
    return FoundTable(
        place=place,
        kind=FoundKind.DELTA,
        columns=columns_of(schema),
        rows=None if None in rows else sum(rows),
        size_bytes=sum(files.values()),
        version=version,
        lost=tuple(_lost(store, files))[:_MOST_LOST],
    )


def parquet_table(place: str, store: ObjectStore, files: Sizes) -> FoundTable:
    """Parquet files without a log; of many, the columns of the first few, and the rows are not counted.

    Args:
        place: the folder or file, relative to the store.
        store: the lake's.
        files: sizes by key.
    """
    columns: dict[str, FoundColumn] = {}
    rows = 0
    for key in sorted(files)[:_MOST_FOOTERS]:
        try:
            with store.open(key) as source:
                footer = pq.ParquetFile(source)
                rows += footer.metadata.num_rows
                columns |= {c.name: c for c in columns_of(footer.schema_arrow) if c.name not in columns}
        except (OSError, pa.ArrowException) as error:
            fault = f"{key} cannot be read as Parquet: {type(error).__name__}"
            return FoundTable(place=place, kind=FoundKind.PARQUET, size_bytes=sum(files.values()), fault=fault)
    return FoundTable(
        place=place,
        kind=FoundKind.PARQUET,
        columns=tuple(columns.values()),
        rows=rows if len(files) <= _MOST_FOOTERS else None,
        size_bytes=sum(files.values()),
    )


def _lost(store: ObjectStore, files: Mapping[str, int]) -> Iterable[str]:
    """Files that are not there, or of another size. The folder is listed once; only what that lacks is asked for."""
    there = store.objects("")
    for path, size in sorted(files.items()):
        if there.get(path) == size or "://" in path:  # of a shallow clone, elsewhere
            continue
        try:
            found = store.size(path)
        except (FileNotFoundError, ConfigurationError):
            yield f"{path}: missing"
            continue
        if found != size:
            yield f"{path}: {found} bytes instead of {size}"
