"""Lists the tables and views in a DuckDB file. The file is opened for reading only, and closed before anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from data_platform.contracts.types import quote_identifier
from data_platform.errors import SourceUnavailable
from data_platform.lakehouse.found_tables import FoundKind, FoundTable, columns_of

_LISTED = """
SELECT schema_name, table_name, true FROM duckdb_tables() WHERE NOT internal AND NOT temporary
UNION ALL
SELECT schema_name, view_name, false FROM duckdb_views() WHERE NOT internal AND NOT temporary
ORDER BY 1, 2
"""


def duckdb_objects(file: Path) -> tuple[FoundTable, ...]:
    """The tables, with their rows counted, and the views of the file; none where there is no file.

    Raises:
        SourceUnavailable: another process holds the file, or it cannot be opened.
    """
    if not file.exists():
        return ()
    try:
        with duckdb.connect(str(file), read_only=True, config={"autoload_known_extensions": False}) as con:
            con.execute("SET TimeZone = 'UTC'")
            return tuple(_objects(con))
    except duckdb.Error as error:
        raise SourceUnavailable(f"{file} cannot be opened: {str(error).splitlines()[0]}") from error


def _objects(con: DuckDBPyConnection) -> Iterator[FoundTable]:
    for schema, name, is_table in con.execute(_LISTED).fetchall():
        kind = FoundKind.DUCKDB_TABLE if is_table else FoundKind.DUCKDB_VIEW
        place, relation = f"{schema}.{name}", f"{quote_identifier(schema)}.{quote_identifier(name)}"
        try:
            columns = columns_of(con.sql(f"SELECT * FROM {relation} LIMIT 0").to_arrow_table().schema)
            rows = con.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0] if is_table else None
        except duckdb.Error as error:  # a view over something that is gone
            yield FoundTable(place=place, kind=kind, fault=str(error).splitlines()[0])
            continue
        yield FoundTable(place=place, kind=kind, columns=columns, rows=rows)
