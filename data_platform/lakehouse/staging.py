"""Staged files: DuckDB writes Parquet into a table's folder, unseen until a commit names it. Auditing and committing
are publication's; turning DuckDB's statistics into Delta's is in `file_stats`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from duckdb import DuckDBPyConnection

from data_platform.contracts.types import quote_identifier
from data_platform.errors import ConfigurationError, ConservationBroken
from data_platform.lakehouse.arrow_types import duckdb_type
from data_platform.lakehouse.file_stats import from_duckdb
from data_platform.lakehouse.flushing import make_folder
from data_platform.lakehouse.snapshots import DataFile, Snapshot, select_files
from data_platform.lakehouse.tables import StagedFile, Table

ROW_GROUP_ROWS = 122_880
MAX_FILES = 240  # of one call; above it neighbouring months share a file

_NAME = re.compile(r"[0-9A-Za-z_-]{8,100}")


def stage(
    con: DuckDBPyConnection,
    select: str,
    *,
    table: Table,
    schema: pa.Schema,
    name: Callable[[], str],
    month: str | None = None,
) -> list[StagedFile]:
    """Writes the rows of `select` as Parquet files into the folder of `table`; no rows, no file.

    Args:
        con: a connection of `duck.Engine`.
        select: one SELECT; with `month` it runs once for the months and then once per month, so give a table, not a
            dear query.
        table: only its place is used; it need not be at the snapshot that will be committed onto.
        schema: the table's columns; those of `select` must be the same by name and type, in any order.
        name: gives an unguessable file name stem per call, e.g. `lambda: uuid4().hex`.
        month: SQL expression over the columns of `select`, a date or timestamp that decides a row's file; None for
            one file.

    Raises:
        ConfigurationError: columns or types are not the schema's.
        ConservationBroken: the files do not hold all rows, because `select` gave different rows when run again.
    """
    _check_columns(con, select, schema)
    names = ", ".join(quote_identifier(column) for column in schema.names)
    rows = f"SELECT {names} FROM ({select})"
    if month is None:
        return _dropping_empty(table, [_copy(con, rows, table, schema, name())])
    slices = _slices(con, select, f"CAST(date_trunc('month', CAST(({month}) AS DATE)) AS DATE)")
    staged: list[StagedFile] = []
    try:
        for part in slices:
            where = part.condition(f"CAST(({month}) AS DATE)")
            staged.append(_copy(con, f"{rows} WHERE {where}", table, schema, f"{part.label}-{name()}"))
            if staged[-1].rows != part.rows:
                raise ConservationBroken(
                    f"{table.ref}: {part.label} has {part.rows} rows, its staged file {staged[-1].rows}; "
                    "the SELECT is not deterministic or its expression for the month is not a date"
                )
    except BaseException:
        discard(table, staged)
        raise
    return staged


def discard(table: Table, files: Iterable[StagedFile]) -> None:
    """Deletes staged files of a publish that was blocked."""
    for file in files:
        table.store.delete(file.path)


def scan_staged(table: Table, schema: pa.Schema, files: Sequence[StagedFile]) -> str:
    """A SELECT over staged files, for audits."""
    return select_files(schema, [table.store.uri(file.path) for file in files])


def scan_kept(base: Snapshot, kept: Sequence[DataFile], staged: Sequence[StagedFile]) -> str:
    """A SELECT over kept and staged files together, for whole-table rules."""
    paths = [file.path for file in kept] + [file.path for file in staged]
    return select_files(base.schema, [f"{base.root}/{path}" for path in paths])


@dataclass(frozen=True, slots=True)
class _Slice:
    """Rows of one file: months from `first` up to but without `end`; both None for rows without a month."""

    label: str
    rows: int
    first: str | None
    end: str | None

    def condition(self, day: str) -> str:
        if self.first is None:
            return f"{day} IS NULL"
        upper = f" AND {day} < DATE '{self.end}'" if self.end else ""
        return f"{day} >= DATE '{self.first}'{upper}"


def _slices(con: DuckDBPyConnection, select: str, month: str) -> list[_Slice]:
    query = f"SELECT CAST(m AS VARCHAR), count(*) FROM (SELECT {month} AS m FROM ({select})) GROUP BY m ORDER BY m"
    found = con.execute(query).fetchall()
    months: list[tuple[str, int]] = [(first, rows) for first, rows in found if first is not None]
    step = -(-len(months) // MAX_FILES) or 1
    groups = [months[start : start + step] for start in range(0, len(months), step)]
    ends = [*(group[0][0] for group in groups[1:]), None][: len(groups)]
    slices = [
        _Slice(_label(group[0][0]), sum(rows for _, rows in group), group[0][0], end)
        for group, end in zip(groups, ends, strict=True)
    ]
    return slices + [_Slice("none", rows, None, None) for first, rows in found if first is None]


def _label(first: str) -> str:
    return first[:-3] if re.fullmatch(r"\d{4}-\d\d-01", first) else "odd"


def _copy(con: DuckDBPyConnection, select: str, table: Table, schema: pa.Schema, stem: str) -> StagedFile:
    if not _NAME.fullmatch(stem):
        raise ConfigurationError(f"staged file name {stem!r}: use 8 to 100 letters, digits, - and _")
    path = f"{stem}.parquet"
    target = table.store.local_path(path)
    if target is not None:
        make_folder(target.parent)
    uri = table.store.uri(path).replace("'", "''")
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS}, RETURN_STATS"
    try:
        written = con.execute(f"COPY ({select}) TO '{uri}' ({options})").fetchone()
    except BaseException:
        table.store.delete(path)
        raise
    if written is None:
        return StagedFile(path, 0, 0)
    _, rows, size_bytes, _, stats, *_ = written
    return StagedFile(path, size_bytes, rows, from_duckdb(schema, stats))


def _dropping_empty(table: Table, staged: Sequence[StagedFile]) -> list[StagedFile]:
    discard(table, [file for file in staged if file.rows == 0])
    return [file for file in staged if file.rows > 0]


def _check_columns(con: DuckDBPyConnection, select: str, schema: pa.Schema) -> None:
    """A Parquet file is not cast when it is committed, so its types have to be the table's already."""
    found = _described(con, select)
    typed = ", ".join(f"CAST(NULL AS {duckdb_type(c.type)}) AS {quote_identifier(c.name)}" for c in schema)
    wanted = _described(con, f"SELECT {typed}")
    if found != wanted:
        wrong = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        faults = ", ".join(f"{c}: {found.get(c, 'absent')} instead of {wanted.get(c, 'absent')}" for c in wrong)
        raise ConfigurationError(f"columns to be staged are not the table's ({faults}): cast them exactly first")


def _described(con: DuckDBPyConnection, select: str) -> dict[str, str]:
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE {select}").fetchall()}
