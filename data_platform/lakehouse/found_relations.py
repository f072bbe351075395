"""A table that a scan found, as something that stands in a FROM clause: for looking, not for computing."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable
from duckdb import DuckDBPyConnection

from data_platform.contracts.types import quote_identifier, quote_text
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.found_tables import FoundKind
from data_platform.lakehouse.object_store import ObjectStore
from data_platform.lakehouse.tables import Lake

_SERVED = "found_served"


def relation_of(con: DuckDBPyConnection, lake: Lake, place: str, *, kind: str, served_file: Path | None = None) -> str:
    """The relation at a place.

    Args:
        con: a connection of `duck.Engine`; the served file is attached to it where the table is in that.
        lake: whose store it is.
        place: as the scan told it.
        kind: of `FoundKind`.
        served_file: the DuckDB file, for tables in it.

    Raises:
        ConfigurationError: there is nothing to read.
    """
    if kind in (FoundKind.DUCKDB_TABLE, FoundKind.DUCKDB_VIEW):
        con.execute(f"ATTACH IF NOT EXISTS {quote_text(str(served_file))} AS {_SERVED} (READ_ONLY)")
        schema, _, name = place.partition(".")
        return f"{_SERVED}.{quote_identifier(schema)}.{quote_identifier(name)}"
    if kind == FoundKind.DELTA:
        store, options = lake.folder(place)
        uris = DeltaTable(store.root, storage_options=options).file_uris()
    else:
        uris = _parquet_files(lake.store, place)
    if not uris:
        raise ConfigurationError(f"{place} holds no rows to draft from: write its contract by hand")
    listed = ", ".join(quote_text(uri) for uri in uris)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = true)"


def _parquet_files(store: ObjectStore, place: str) -> list[str]:
    if store.exists(place):
        return [store.uri(place)]
    return [store.uri(key) for key in store.list(place) if key.endswith((".parquet", ".pq"))]
