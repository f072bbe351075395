"""Drafts a raw contract from a file, or a contract from a relation: the text of an ODCS file for a person to finish.

Types are the narrowest that read every value exactly, so that the same file gives no rejected record. Of the values
nothing goes into the draft but the lists of short, often repeated words in columns that do not seem personal.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
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
from data_platform.formats.draft_json import shape_of_lines
from data_platform.formats.draft_profile import ColumnProfile, profile
from data_platform.formats.draft_text import Draft, DraftColumn, draft_text
from data_platform.formats.draft_types import STRING, TextTypes, type_of_arrow
from data_platform.formats.reading import open_reader
from data_platform.formats.rejected import FileRejected

_MEMORY = "500MB"


@dataclass(slots=True)
class _Found:
    """What is known of a file before its values are profiled."""

    file_format: FileFormat | None
    types: dict[str, ColumnType]
    required: frozenset[str] = frozenset()
    left_out: list[str] = field(default_factory=list)
    rejected: int = 0


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
                    found, staged = _of_parquet(path, file_format), path
        except FileRejected as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from error
        relation = f"read_parquet({_literal(staged)})"
        return _text(con, relation, found, name)


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
    reader = con.sql(f"SELECT * FROM {relation} LIMIT 0").to_arrow_table()
    found = _of_schema(reader.schema, file_format)
    return _text(con, relation, found, name)


def _text(con: duckdb.DuckDBPyConnection, relation: str, found: _Found, name: DatasetName) -> str:
    if not found.types:
        raise ConfigurationError(f"{name}: no column can be drafted from what is there")
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


def _is_required(column: str, found: _Found, profiles: Mapping[str, ColumnProfile]) -> bool:
    known = profiles.get(column)
    return known.nulls == 0 and known.rows > 0 if known is not None else column in found.required


def _of_csv(path: Path, file_format: FileFormat, name: DatasetName, staged: Path) -> _Found:
    names = header_of(path, file_format)
    texts = {column: TextTypes() for column in names}
    found = _Found(file_format, {})
    contract = _contract(name, file_format, dict.fromkeys(names, STRING))
    writer = None
    for chunk in open_reader(contract).read(path, name=path.name):
        found.rejected += chunk.rejected.num_rows
        batch = chunk.records.select(list(names))
        for column in names:
            texts[column].take(batch.column(column))
        writer = writer or pq.ParquetWriter(staged, batch.schema)
        writer.write_batch(batch)
    if writer is None:
        raise ConfigurationError(f"{path} has no records: name a file with data")
    writer.close()
    found.types = {column: types.type for column, types in texts.items()}
    return found


def _of_lines(path: Path, file_format: FileFormat, name: DatasetName, staged: Path) -> _Found:
    shape = shape_of_lines(path, file_format)
    found = _Found(file_format, {})
    for column, inner in shape.fields.items():
        of = inner.type
        if of is None:
            found.left_out.append(column)
        else:
            found.types[column] = of
    found.required = frozenset(n for n, inner in shape.fields.items() if inner.present == shape.records)
    writer = None
    contract = _contract(name, file_format, found.types)
    for chunk in open_reader(contract).read(path, name=path.name):
        found.rejected += chunk.rejected.num_rows
        batch = chunk.records.select(list(found.types))
        writer = writer or pq.ParquetWriter(staged, batch.schema)
        writer.write_batch(batch)
    if writer is None:
        raise ConfigurationError(f"{path} has no records: name a file with data")
    writer.close()
    return found


def _of_parquet(path: Path, file_format: FileFormat) -> _Found:
    try:
        return _of_schema(pq.read_schema(path), file_format)
    except (OSError, pa.ArrowException) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def _of_schema(schema: pa.Schema, file_format: FileFormat | None) -> _Found:
    found = _Found(file_format, {})
    for column in schema:
        of = type_of_arrow(column.type)
        if column.name.startswith("_") or of is None:
            found.left_out.append(column.name)
        else:
            found.types[column.name] = of
    if file_format is None:
        found.left_out = [name for name in found.left_out if not name.startswith("_")]
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


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def names_of(files: Sequence[Path]) -> str:
    """The relation of several Parquet files of one schema."""
    return f"read_parquet([{', '.join(map(_literal, files))}])"
