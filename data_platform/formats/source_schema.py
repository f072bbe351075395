"""What fields a landed file has, and how they differ from the contract's: a cheap look before the file is read whole.

CSV: the header. Parquet: the footer, with types. NDJSON: the fields of the first lines, in envelopes those of the
record inside. Nothing is accepted or rejected here; that is decided by reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa

from data_platform.contracts.envelope_columns import envelope_columns
from data_platform.contracts.model import Column, Contract, FileFormat, FileKind
from data_platform.contracts.types import TypeKind
from data_platform.formats.compression import read_blocks
from data_platform.formats.csv_file import CsvReader
from data_platform.formats.encodings import strip_mark
from data_platform.formats.envelopes import open_envelope
from data_platform.formats.json_exact import Refused
from data_platform.formats.parquet import check_magic
from data_platform.formats.parquet_batches import open_parquet
from data_platform.formats.parquet_schema import compare_schema
from data_platform.formats.reading import Source
from data_platform.formats.rejected import FileRejected
from data_platform.formats.seeking import seekable

_LINES = 1_000
_WITHOUT_ROW = ("d", "m", "t")  # changes whose record is filled up with NULLs, or is nothing else
_FITTING: dict[TypeKind, tuple[type, ...]] = {
    TypeKind.STRING: (str,),
    TypeKind.DATE: (str,),
    TypeKind.TIMESTAMP: (str,),
    TypeKind.INTEGER: (int,),
    TypeKind.DECIMAL: (int, float),
    TypeKind.DOUBLE: (int, float),
    TypeKind.BOOLEAN: (bool,),
    TypeKind.OBJECT: (dict,),
    TypeKind.ARRAY: (list,),
}
_COERCED = (TypeKind.STRING, TypeKind.INTEGER, TypeKind.DECIMAL, TypeKind.DOUBLE, TypeKind.BOOLEAN)
_WRITTEN = {str: "text", int: "an integer", float: "a number", bool: "a boolean", dict: "an object", list: "an array"}


@dataclass(frozen=True, slots=True)
class SourceSchema:
    """A file's fields against a contract.

    Attributes:
        fields: in the file's order; in Parquet each with its type, as `name: type`.
        added: fields that the contract does not name.
        removed: columns that the file lacks; in NDJSON required ones that none of the first lines has.
        reordered: the columns stand in another order than in the contract. Means nothing in NDJSON.
        types_changed: as `column is type, not type`; in NDJSON where no value of the first lines fits, in CSV never.
    """

    fields: tuple[str, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    reordered: bool = False
    types_changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether the file differs from the contract."""
        return bool(self.added or self.removed or self.reordered or self.types_changed)


def source_schema(source: Source, contract: Contract) -> SourceSchema | None:
    """The schema of a file; None where it cannot be told: no format, no header, or a damaged file.

    A stream is left where the look ended.

    Raises:
        OSError: the source did not answer.
    """
    file_format = contract.format
    if file_format is None:
        return None
    try:
        match file_format.kind:
            case FileKind.CSV:
                return _of_csv(source, contract)
            case FileKind.PARQUET:
                return _of_parquet(source, contract)
            case FileKind.NDJSON:
                return _of_lines(source, contract, file_format)
    except (FileRejected, pa.ArrowException, ValueError):
        return None
    except OSError as error:
        if error.errno is None:  # the decoder's
            return None
        raise


def _of_csv(source: Source, contract: Contract) -> SourceSchema | None:
    names = CsvReader(contract).header(source)
    if names is None:
        return None
    column_of = {alias: column.name for column in contract.columns for alias in (column.name, *column.aliases)}
    found = [column_of[name] for name in names if name in column_of]
    return SourceSchema(
        fields=names,
        added=tuple(sorted(name for name in names if name not in column_of)),
        removed=tuple(sorted(column.name for column in contract.columns if column.name not in found)),
        reordered=_is_reordered(found, contract),
    )


def _of_parquet(source: Source, contract: Contract) -> SourceSchema:
    with seekable(source) as stream:
        check_magic(stream)
        schema = open_parquet(stream).schema_arrow
        stream.seek(0)
    found = compare_schema(schema, contract)
    # sources follow the contract's order: they are reordered where the file's order is another
    order = [name for name in schema.names if name in found.sources]
    return SourceSchema(
        fields=tuple(f"{field.name}: {field.type}" for field in schema),
        added=tuple(sorted(found.added)),
        removed=tuple(sorted(found.removed)),
        reordered=order != found.sources,
        types_changed=tuple(sorted([*found.retyped, *found.widened])),
    )


def _of_lines(source: Source, contract: Contract, file_format: FileFormat) -> SourceSchema:
    seen: dict[str, set[type]] = {}
    for record in _records(source, contract, file_format):
        for name, value in record.items():
            seen.setdefault(name, set()).add(type(value))
    own = {column.name for column in envelope_columns(contract)}
    columns = [column for column in contract.columns if column.name not in own]
    names_of = {column.name: [n for n in (column.name, *column.aliases) if n in seen] for column in columns}
    known = {name for names in names_of.values() for name in names}
    changed = (_changed(column, names_of[column.name], seen, file_format) for column in columns)
    return SourceSchema(
        fields=tuple(name for name in seen if name not in own),
        added=tuple(sorted(name for name in seen if name not in known and name not in own)),
        removed=tuple(sorted(c.name for c in columns if seen and c.required and not names_of[c.name])),
        types_changed=tuple(sorted(text for text in changed if text)),
    )


def _changed(column: Column, names: list[str], seen: dict[str, set[type]], file_format: FileFormat) -> str | None:
    kinds = {kind for name in names for kind in seen[name]} - {type(None)}
    fitting = _FITTING[column.type.kind]
    is_coerced = file_format.coerce and not kinds & {dict, list} and column.type.kind in _COERCED
    if not kinds or is_coerced or kinds & set(fitting):
        return None
    return f"{column.name} is {' or '.join(sorted(_WRITTEN[kind] for kind in kinds))}, not {column.type}"


def _records(source: Source, contract: Contract, file_format: FileFormat) -> Iterator[dict[str, Any]]:
    """The objects among the first lines."""
    unwrapper = open_envelope(contract, file_format) if file_format.envelope is not None else None
    for line in islice(_lines(source, file_format), _LINES):
        try:
            record = orjson.loads(line if unwrapper is None else unwrapper.unwrap(line, is_torn=False))
        except (Refused, orjson.JSONDecodeError):
            continue
        if isinstance(record, dict) and (unwrapper is None or record.get("cdc_op") not in _WITHOUT_ROW):
            yield record


def _lines(source: Source, file_format: FileFormat) -> Iterator[bytes]:
    """Complete lines that are not blank, of the first block and of those behind it as far as they are asked for."""
    rest = b""
    for block in strip_mark(read_blocks(source, file_format)).blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from (line for line in lines if line.strip())
        if len(rest) > file_format.max_record_bytes:
            return
    if rest.strip():
        yield rest


def _is_reordered(found: list[str], contract: Contract) -> bool:
    return found != [column.name for column in contract.columns if column.name in found]
