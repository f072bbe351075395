"""Column types: what a contract's logical type is in Arrow and in DuckDB. Parsing text into them is in `formats`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa


class TypeKind(StrEnum):
    """The logical types of ODCS; numbers are split into exact and binary."""

    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    OBJECT = "object"
    ARRAY = "array"


@dataclass(frozen=True, slots=True)
class StructField:
    """One field of an object type."""

    name: str
    type: ColumnType
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """A column's type.

    Attributes:
        bits: width of an integer: 32 or 64.
        precision, scale: of a decimal; precision at most 38.
        timezone: IANA name of the zone in which a source writes timestamps without offset; None if the source must
            write an offset. Stored timestamps are always UTC microseconds.
        fields: of an object. item: of an array.
    """

    kind: TypeKind
    bits: int = 64
    precision: int = 38
    scale: int = 0
    timezone: str | None = None
    fields: tuple[StructField, ...] = ()
    item: ColumnType | None = None

    def arrow(self) -> pa.DataType:
        """The Arrow type in which values are stored."""
        match self.kind:
            case TypeKind.INTEGER:
                return pa.int32() if self.bits == 32 else pa.int64()
            case TypeKind.DECIMAL:
                return pa.decimal128(self.precision, self.scale)
            case TypeKind.OBJECT:
                return pa.struct([pa.field(f.name, f.type.arrow()) for f in self.fields])
            case TypeKind.ARRAY:
                assert self.item is not None
                return pa.list_(self.item.arrow())
            case _:
                return _ARROW[self.kind]

    def duckdb(self) -> str:
        """The DuckDB type, as SQL text."""
        match self.kind:
            case TypeKind.INTEGER:
                return "INTEGER" if self.bits == 32 else "BIGINT"
            case TypeKind.DECIMAL:
                return f"DECIMAL({self.precision}, {self.scale})"
            case TypeKind.OBJECT:
                inner = ", ".join(f"{quote_identifier(f.name)} {f.type.duckdb()}" for f in self.fields)
                return f"STRUCT({inner})"
            case TypeKind.ARRAY:
                assert self.item is not None
                return f"{self.item.duckdb()}[]"
            case _:
                return _DUCKDB[self.kind]

    def __str__(self) -> str:
        match self.kind:
            case TypeKind.DECIMAL:
                return f"decimal({self.precision},{self.scale})"
            case TypeKind.INTEGER:
                return "integer" if self.bits == 64 else "integer(i32)"
            case _:
                return self.kind.value


def quote_identifier(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """`text` as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


_ARROW = {
    TypeKind.STRING: pa.string(),
    TypeKind.DOUBLE: pa.float64(),
    TypeKind.BOOLEAN: pa.bool_(),
    TypeKind.DATE: pa.date32(),
    TypeKind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}
_DUCKDB = {
    TypeKind.STRING: "VARCHAR",
    TypeKind.DOUBLE: "DOUBLE",
    TypeKind.BOOLEAN: "BOOLEAN",
    TypeKind.DATE: "DATE",
    TypeKind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
}
