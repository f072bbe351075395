"""Which files of a snapshot hold certain rows, so that a change rewrites these and leaves the others alone."""

from __future__ import annotations

from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from data_platform.contracts.types import quote_identifier, quote_text
from data_platform.lakehouse.snapshots import ADDED_IN, DataFile, Snapshot


def files_holding(
    con: DuckDBPyConnection, snapshot: Snapshot, wanted: str, columns: Mapping[str, str]
) -> tuple[DataFile, ...]:
    """The files with a row whose columns equal those of a row of `wanted`; NULL equals NULL.

    Args:
        con: a connection of `duck.Engine`.
        snapshot: the table at one version.
        wanted: quoted name of a relation.
        columns: the table's columns to those of `wanted`. Only these are read.
    """
    if not snapshot.files:
        return ()
    if any(ADDED_IN in (snapshot.schema.field(name).metadata or {}) for name in columns):
        return snapshot.files  # older files lack the column
    uris = {f"{snapshot.root}/{file.path}": file for file in snapshot.files}
    paths = ", ".join(quote_text(uri) for uri in uris)
    same = " AND ".join(
        f"present.{quote_identifier(own)} IS NOT DISTINCT FROM wanted.{quote_identifier(other)}"
        for own, other in columns.items()
    )
    found = con.execute(
        "SELECT DISTINCT present.filename "
        f"FROM read_parquet([{paths}], filename = true, hive_partitioning = false) AS present "
        f"SEMI JOIN {wanted} AS wanted ON {same}"
    ).fetchall()
    return tuple(sorted((uris[uri] for (uri,) in found), key=lambda file: file.path))
