"""A Parquet schema against the contract: by name, widening only; what lies in the values is in `parquet_columns`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
from pyarrow.lib import (
    Type_BOOL,
    Type_DATE32,
    Type_DATE64,
    Type_DECIMAL32,
    Type_DECIMAL64,
    Type_DECIMAL128,
    Type_DECIMAL256,
    Type_DOUBLE,
    Type_FIXED_SIZE_LIST,
    Type_FLOAT,
    Type_HALF_FLOAT,
    Type_INT8,
    Type_INT16,
    Type_INT32,
    Type_INT64,
    Type_LARGE_LIST,
    Type_LARGE_STRING,
    Type_LIST,
    Type_STRING,
    Type_STRING_VIEW,
    Type_TIMESTAMP,
    Type_UINT8,
    Type_UINT16,
    Type_UINT32,
    Type_UINT64,
)

from data_platform.contracts.model import Contract, SchemaChange
from data_platform.contracts.types import ColumnType, StructField, TypeKind
from data_platform.formats.reading import Drift, keeps_extra
from data_platform.formats.rejected import FileRejected, Reason

_STRINGS = frozenset({Type_STRING, Type_LARGE_STRING, Type_STRING_VIEW})
_DECIMALS = frozenset({Type_DECIMAL32, Type_DECIMAL64, Type_DECIMAL128, Type_DECIMAL256})
_FLOATS = frozenset({Type_HALF_FLOAT, Type_FLOAT, Type_DOUBLE})
_LISTS = frozenset({Type_LIST, Type_LARGE_LIST, Type_FIXED_SIZE_LIST})
_NUMBERS = frozenset({TypeKind.INTEGER, TypeKind.DECIMAL, TypeKind.DOUBLE})
_INTEGER_BITS = {
    Type_INT8: 8,
    Type_INT16: 16,
    Type_INT32: 32,
    Type_INT64: 64,
    Type_UINT8: 16,
    Type_UINT16: 32,
    Type_UINT32: 64,
    Type_UINT64: 128,
}


@dataclass(frozen=True, slots=True)
class ParquetLayout:
    """Where things stand in a file.

    Attributes:
        sources: for each contract column the name of the file's column.
        extra: the file's columns that the contract does not name; nested ones are in `drift` only.
        read_columns: the columns to decode.
    """

    sources: tuple[str, ...]
    extra: tuple[str, ...]
    read_columns: list[str]
    drift: Drift


@dataclass(frozen=True, slots=True)
class Differences:
    """How a schema differs: fields by dotted path, types with both sides.

    Attributes:
        sources: for each contract column that the file has, the name it has there.
        retyped: types that do not widen exactly to the contract's.
        widened: types that do, and are another number type.
    """

    sources: list[str]
    added: list[str]
    removed: list[str]
    retyped: list[str]
    widened: list[str]


def match_schema(schema: pa.Schema, contract: Contract) -> ParquetLayout:
    """Maps the file's columns to the contract's, by name or alias.

    Raises:
        FileRejected: DUPLICATE_COLUMN, SCHEMA_REMOVED, SCHEMA_TYPE or SCHEMA_ADDED.
    """
    found = compare_schema(schema, contract)
    extra = tuple(name for name in schema.names if name not in found.sources)
    drift = Drift(added=tuple(sorted(found.added)))
    _check(found, drift, contract)
    read_columns = schema.names if keeps_extra(contract) else found.sources
    return ParquetLayout(tuple(found.sources), extra, read_columns, drift)


def compare_schema(schema: pa.Schema, contract: Contract) -> Differences:
    """The file's schema against the contract's.

    Raises:
        FileRejected: DUPLICATE_COLUMN.
    """
    repeated = sorted(name for name, count in Counter(map(str.casefold, schema.names)).items() if count > 1)
    if repeated:
        raise FileRejected(Reason.DUPLICATE_COLUMN, f"named twice but for case: {', '.join(repeated)}")
    found = Differences([], [], [], [], [])
    for column in contract.columns:
        names = [name for name in (column.name, *column.aliases) if name in schema.names]
        if len(names) > 1:
            raise FileRejected(Reason.DUPLICATE_COLUMN, f"column {column.name} is there twice, once by an alias")
        found.sources.extend(names)
        if names:
            _compare(schema.field(names[0]).type, column.type, column.name, found)
        else:
            found.removed.append(column.name)
    found.added.extend(name for name in schema.names if name not in found.sources)
    return found


def _check(found: Differences, drift: Drift, contract: Contract) -> None:
    added = ", ".join(drift.added)
    if found.removed:
        gained = f"; added: {added} ({Reason.SCHEMA_ADDED})" if added else ""
        raise FileRejected(Reason.SCHEMA_REMOVED, f"removed: {', '.join(found.removed)}{gained}")
    if found.retyped:
        raise FileRejected(Reason.SCHEMA_TYPE, "; ".join(found.retyped))
    if added and contract.schema_change is SchemaChange.FREEZE:
        raise FileRejected(Reason.SCHEMA_ADDED, f"added: {added}")


def _compare(source: pa.DataType, target: ColumnType, path: str, found: Differences) -> None:
    if pa.types.is_dictionary(source):
        source = source.value_type
    if pa.types.is_null(source):
        return
    if target.kind is TypeKind.OBJECT and pa.types.is_struct(source):
        _compare_fields(source, target.fields, path, found)
    elif target.kind is TypeKind.ARRAY and target.item is not None and source.id in _LISTS:
        _compare(source.value_type, target.item, f"{path}[]", found)
    elif not _widens(source, target):
        found.retyped.append(f"{path} is {source}, not {target}")
    elif target.kind in _NUMBERS and source != target.arrow():
        found.widened.append(f"{path} is {source}, not {target}")


def _compare_fields(source: pa.StructType, fields: tuple[StructField, ...], path: str, found: Differences) -> None:
    names = [source.field(place).name for place in range(source.num_fields)]
    for part in fields:
        if part.name in names:
            _compare(source.field(part.name).type, part.type, f"{path}.{part.name}", found)
        else:
            found.removed.append(f"{path}.{part.name}")
    known = {part.name for part in fields}
    found.added.extend(f"{path}.{name}" for name in names if name not in known)


def _widens(source: pa.DataType, target: ColumnType) -> bool:
    """Whether every value of `source` has one exact meaning in `target`, though it may lie out of range."""
    match target.kind:
        case TypeKind.STRING:
            return source.id in _STRINGS
        case TypeKind.INTEGER:
            return _integer_bits(source) <= target.bits
        case TypeKind.DECIMAL:
            return source.id in _DECIMALS or _integer_bits(source) <= 64
        case TypeKind.DOUBLE:
            return source.id in _FLOATS or _integer_bits(source) <= 32
        case TypeKind.BOOLEAN:
            return source.id in (Type_BOOL,)
        case TypeKind.DATE:
            return source.id in (Type_DATE32, Type_DATE64)
        case TypeKind.TIMESTAMP:
            return source.id in (Type_TIMESTAMP,)
        case _:
            return False


def _integer_bits(source: pa.DataType) -> int:
    """Bits of the narrowest signed integer that holds every value; beyond 64 for what is no integer."""
    return _INTEGER_BITS.get(source.id, 1_000)
