"""The content hash of rows: the same for the same rows, whatever their order and files (ARCHITECTURE, content hash).

A row is the sequence of its columns by name. Each part is length-prefixed, so no two rows share an encoding:
`<name bytes>:<name>` and then `-` for NULL or `+<value bytes>:<value>`. Values: integers, dates and decimals (at their
scale) as text, timestamps as microseconds since 1970 in UTC, doubles as the integer of their 64 bits (one zero, one
NaN). A struct or list is `+` and the md5, in hexadecimal, of its fields encoded like a row, or of
`<length>[<items>]`. The hash of a table sums the two halves of each row's md5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from duckdb import DuckDBPyConnection

from data_platform.contracts.types import quote_identifier, quote_text
from data_platform.errors import ConfigurationError

_PLAIN = (pa.types.is_integer, pa.types.is_decimal, pa.types.is_date, pa.types.is_boolean)


@dataclass(frozen=True, slots=True)
class ContentHash:
    """Row count and the sums of the upper and lower 64 bits of each row's md5."""

    rows: int
    high: int
    low: int

    def __str__(self) -> str:
        return f"{self.rows}:{self.high:x}:{self.low:x}"


def content_hash(con: DuckDBPyConnection, relation: str, columns: Sequence[str] | None = None) -> ContentHash:
    """The hash of the rows of `relation`, a SELECT: of all columns not beginning with `_`, or of `columns`."""
    schema = con.sql(f"SELECT * FROM ({relation}) LIMIT 0").to_arrow_table().schema
    wanted = [name for name in schema.names if not name.startswith("_")] if columns is None else list(columns)
    row = _row({name: quote_identifier(name) for name in wanted}, {name: schema.field(name).type for name in wanted}, 0)
    rows, high, low = con.execute(
        "SELECT count(*), CAST(coalesce(sum(CAST(concat('0x', digest[1:16]) AS UBIGINT)), 0) AS HUGEINT), "
        "CAST(coalesce(sum(CAST(concat('0x', digest[17:32]) AS UBIGINT)), 0) AS HUGEINT) "
        f"FROM (SELECT md5({row}) AS digest FROM ({relation}))"
    ).fetchall()[0]
    return ContentHash(rows, high, low)


def row_digest(values: dict[str, str], types: dict[str, pa.DataType]) -> str:
    """SQL giving the md5 of one row's canonical encoding, as text. `values` are SQL expressions by column name."""
    return f"md5({_row(values, types, 0)})"


def _row(values: dict[str, str], types: dict[str, pa.DataType], depth: int) -> str:
    parts = [_named(name, _optional(values[name], types[name], depth)) for name in sorted(values)]
    return f"concat({', '.join(parts)})" if parts else "''"


def _named(name: str, value: str) -> str:
    label = f"{len(name.encode('utf-8'))}:{name}".replace("'", "''")
    return f"'{label}', {value}"


def _optional(value: str, arrow: pa.DataType, depth: int) -> str:
    text = _text(value, arrow, depth)
    if pa.types.is_nested(arrow):
        return f"CASE WHEN {value} IS NULL THEN '-' ELSE concat('+', md5({text})) END"
    return f"CASE WHEN {value} IS NULL THEN '-' ELSE concat('+', strlen({text}), ':', {text}) END"


def _text(value: str, arrow: pa.DataType, depth: int) -> str:
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return value
    if pa.types.is_timestamp(arrow):
        return f"CAST(epoch_us({value}) AS VARCHAR)"
    if pa.types.is_floating(arrow):
        whole = f"CASE WHEN isnan({value}) THEN CAST('nan' AS DOUBLE) WHEN {value} = 0 THEN 0.0 ELSE {value} END"
        return f"CAST(CAST(CAST(CAST({whole} AS DOUBLE) AS BIT) AS UBIGINT) AS VARCHAR)"
    if pa.types.is_binary(arrow):
        return f"hex({value})"
    if pa.types.is_struct(arrow):
        fields = {field.name: f"({value})[{quote_text(field.name)}]" for field in arrow}
        return _row(fields, {field.name: field.type for field in arrow}, depth)
    if pa.types.is_list(arrow) or pa.types.is_large_list(arrow):
        item = f"item_{depth}"
        items = f"list_transform({value}, lambda {item}: {_optional(item, arrow.value_type, depth + 1)})"
        return f"concat(len({value}), '[', array_to_string({items}, ''), ']')"
    if any(is_kind(arrow) for is_kind in _PLAIN):
        return f"CAST({value} AS VARCHAR)"
    raise ConfigurationError(f"a value of type {arrow} has no canonical form: use a type that contracts can name")
