"""What an Arrow type is in DuckDB, for tables whose contract is no longer at hand."""

from __future__ import annotations

import pyarrow as pa

from data_platform.contracts.types import quote_identifier
from data_platform.errors import ConfigurationError

_PLAIN = {
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}


def duckdb_type(arrow: pa.DataType) -> str:
    """The DuckDB type, as SQL text.

    Raises:
        ConfigurationError: tables do not hold that type.
    """
    if arrow in _PLAIN:
        return _PLAIN[arrow]
    if pa.types.is_decimal128(arrow):
        return f"DECIMAL({arrow.precision},{arrow.scale})"
    if pa.types.is_list(arrow) or pa.types.is_large_list(arrow):
        return f"{duckdb_type(arrow.value_type)}[]"
    if pa.types.is_struct(arrow):
        return f"STRUCT({', '.join(f'{quote_identifier(f.name)} {duckdb_type(f.type)}' for f in arrow)})"
    raise ConfigurationError(f"type {arrow} has no place in a table: use a type that contracts can name")
