"""Drafts a raw contract from a file, or a contract from a relation: the text of an ODCS file for a person to finish.

Types are the narrowest that read every value exactly, so that the same file gives no rejected record. Of the values
nothing goes into the draft but the lists of short, often repeated words in columns that do not seem personal.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from data_platform.contracts.model import (
    Column,
    Contract,
    DatasetName,
    FileFormat,
    FileKind,
    Materialization,
    Owner,
    SchemaChange,
)
from data_platform.contracts.types import ColumnType
from data_platform.errors import ConfigurationError
from data_platform.formats.draft_dialect import format_of, header_of
from data_platform.formats.draft_fields import TOO_DEEP, LeftOut, column_name_fault, is_too_deep
from data_platform.formats.draft_json import columns_of_lines
from data_platform.formats.draft_parquet import parquet_relation, schema_of
from data_platform.formats.draft_profile import ColumnProfile, profile
from data_platform.formats.draft_text import Draft, DraftColumn, draft_text
from data_platform.formats.draft_types import STRING, TextTypes, type_of_arrow
from data_platform.formats.reading import open_reader
from data_platform.formats.rejected import FileRejected

_MEMORY = "500MB"
_DAMAGE = (duckdb.InvalidInputException, duckdb.IOException, duckdb.DataError)


@dataclass(slots=True)
class _Found:
    """What is known of a source before its values are profiled; `source` says which it is."""

    source: str
    file_format: FileFormat | None
    types: dict[str, ColumnType] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    left_out: list[LeftOut] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)


def draft_from_file(path: Path, *, name: DatasetName) -> str:
    """The draft for a CSV, NDJSON or Parquet file.

    Raises:
        ConfigurationError: the file cannot be read, or holds no columns.
    """
    file_format = format_of(path)
    with tempfile.TemporaryDirectory(prefix="draft-") as folder, _connection(folder) as con:
        staged = Path(folder) / "staged.parquet"
        try:
            match file_format.kind:
                case FileKind.CSV:
                    found = _of_csv(path, file_format, name, staged)
                case FileKind.NDJSON:
                    found = _of_lines(path, file_format, name, staged)
                case FileKind.PARQUET:
                    found, staged = _of_schema(schema_of(path), file_format, str(path)), path
        except FileRejected as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from error
        return _text(con, parquet_relation([staged]), found, name)


def draft_from_relation(
    con: duckdb.DuckDBPyConnection, relation: str, *, name: DatasetName, file_format: FileFormat | None
) -> str:
    """The draft for what a connection can read, as for a table of the store; columns of the platform are left out.

    Args:
        con: the connection.
        relation: SQL that can stand in a FROM clause.
        name: the dataset that the draft is for.
        file_format: of a raw dataset that is to be read from such files.
    """
    with _readable(str(name)):
        schema = con.sql(f"SELECT * FROM {relation} LIMIT 0").to_arrow_table().schema
    found = _of_schema(schema, file_format, str(name))
    return _text(con, relation, found, name)


def _text(con: duckdb.DuckDBPyConnection, relation: str, found: _Found, name: DatasetName) -> str:
    _require_columns(found)
    with _readable(found.source):
        profiles = profile(con, relation, list(found.types.items()))
    columns = [
        DraftColumn(column, of, profiles.get(column), is_required=_is_required(column, found, profiles))
        for column, of in found.types.items()
    ]
    draft = Draft(
        name=name,
        file_format=found.file_format,
        columns=tuple(columns),
        left_out=tuple(found.left_out),
        rejected=found.rejected,
    )
    return draft_text(draft)


def _require_columns(found: _Found) -> None:
    if not found.types:
        reasons = "".join(f"\n    {one.name!r}: {one.why}" for one in found.left_out)
        raise ConfigurationError(
            f"{found.source}: no column can be drafted from what is there{reasons or '; it has no fields'}\n"
            "    fix: have the source write fields with a name and one type each, or name other data"
        )


@contextmanager
def _readable(source: str) -> Iterator[None]:
    """What DuckDB says of damaged data is the source's fault."""
    try:
        yield
    except duckdb.Error as error:
        # What its Parquet decoder stumbles over is of no class of its own.
        if type(error) is not duckdb.Error and not isinstance(error, _DAMAGE):
            raise
        first_line = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"{source} cannot be read: {first_line}. Have it written anew, or name other data"
        ) from error


def _is_required(column: str, found: _Found, profiles: Mapping[str, ColumnProfile]) -> bool:
    known = profiles.get(column)
    return known.nulls == 0 and known.rows > 0 if known is not None else column in found.required


def _of_csv(path: Path, file_format: FileFormat, name: DatasetName, staged: Path) -> _Found:
    found = _Found(str(path), file_format)
    texts: dict[str, TextTypes] = {}
    for column in header_of(path, file_format):
        if fault := column_name_fault(column, {*map(str.lower, texts)}):
            found.left_out.append(LeftOut(column, fault))
        else:
            texts[column] = TextTypes()
    found.types = dict.fromkeys(texts, STRING)
    _require_columns(found)
    for batch in _staged(path, found, name, staged):
        for column, types in texts.items():
            types.take(batch.column(column))
    found.types = {column: types.type for column, types in texts.items()}
    return found


def _of_lines(path: Path, file_format: FileFormat, name: DatasetName, staged: Path) -> _Found:
    seen = columns_of_lines(path, file_format)
    if not seen.records:
        raise ConfigurationError(
            f"{path}: none of its {seen.refused} lines is a JSON object, and each would be rejected. "
            "Have the source write one whole object a line"
        )
    found = _Found(str(path), file_format, seen.types, seen.required, [*seen.left_out])
    _require_columns(found)
    for _ in _staged(path, found, name, staged):
        pass
    return found


def _staged(path: Path, found: _Found, name: DatasetName, staged: Path) -> Iterator[pa.RecordBatch]:
    """The records as the contract would read them, batch by batch on their way into a Parquet file."""
    if found.file_format is None:
        raise ValueError("only files are staged")
    contract = _contract(name, found.file_format, found.types)
    writer = None
    for chunk in open_reader(contract).read(path, name=path.name):
        found.rejected.update(chunk.rejected.column("reason").to_pylist())
        batch = chunk.records.select(list(found.types))
        writer = writer or pq.ParquetWriter(staged, batch.schema)
        writer.write_batch(batch)
        yield batch
    if writer is None:
        raise ConfigurationError(f"{path} has no records, so no type can be told: name a file with data")
    writer.close()


def _of_schema(schema: pa.Schema, file_format: FileFormat | None, source: str) -> _Found:
    found = _Found(source, file_format)
    for column in schema:
        of = type_of_arrow(column.type)
        fault = column_name_fault(column.name, {*map(str.lower, found.types)})
        if of is None:
            fault = fault or f"no column type holds {column.type}"
        elif is_too_deep(of):
            fault = fault or TOO_DEEP
        if of is not None and fault is None:
            found.types[column.name] = of
        elif fault is not None and (file_format is not None or not column.name.startswith("_")):
            found.left_out.append(LeftOut(column.name, fault))
    return found


def _contract(name: DatasetName, file_format: FileFormat, types: Mapping[str, ColumnType]) -> Contract:
    """A contract that only reads: unknown fields are passed over."""
    return Contract(
        name=name,
        version="0.0.0",
        status="draft",
        path="draft",
        sha256="",
        columns=tuple(Column(name=column, type=of) for column, of in types.items()),
        owner=Owner(team="nobody"),
        materialization=Materialization.INGEST,
        format=replace(file_format),
        schema_change=SchemaChange.IGNORE,
    )


def _connection(folder: str) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(":memory:", config={"memory_limit": _MEMORY, "temp_directory": folder, "threads": 2})
    con.execute("SET TimeZone = 'UTC'")
    return con
