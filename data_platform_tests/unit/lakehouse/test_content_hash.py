"""The oracle encodes rows from the text of ARCHITECTURE and the module's docstring, with hashlib and struct only."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_platform.errors import ConfigurationError
from data_platform.lakehouse.content_hash import content_hash

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("z", pa.int64()), ("text", pa.string()), ("amount", pa.decimal128(18, 4)), ("at", pa.timestamp("us", tz="UTC")),
        ("ratio", pa.float64()), ("day", pa.date32()), ("flag", pa.bool_()),
        ("nested", pa.struct([("b", pa.string()), ("a'1", pa.list_(pa.list_(pa.int32())))])), ("_at", pa.int64()),
    ]
)  # fmt: skip


def encoded(value: object, arrow: pa.DataType) -> bytes:
    if value is None:
        return b"-"
    if isinstance(value, bool):
        text = b"true" if value else b"false"
    elif isinstance(value, float):
        canonical = math.nan if math.isnan(value) else value or 0.0
        text = str(struct.unpack(">Q", struct.pack(">d", canonical))[0]).encode()
    elif isinstance(value, datetime):
        elapsed = value - EPOCH
        text = str((elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds).encode()
    elif isinstance(value, date):
        text = value.isoformat().encode()
    elif isinstance(value, Decimal):
        text = format(value.quantize(Decimal(1).scaleb(-arrow.scale)), "f").encode()
    elif isinstance(value, dict):
        return b"+" + hashlib.md5(row(value, {field.name: field.type for field in arrow})).hexdigest().encode()
    elif isinstance(value, list):
        items = b"%d[" % len(value) + b"".join(encoded(item, arrow.value_type) for item in value) + b"]"
        return b"+" + hashlib.md5(items).hexdigest().encode()
    else:
        text = str(value).encode()
    return b"+%d:" % len(text) + text


def row(values: dict[str, object], types: dict[str, pa.DataType]) -> bytes:
    parts = []
    for name in sorted(types):
        label = name.encode()
        parts.append(b"%d:" % len(label) + label + encoded(values[name], types[name]))
    return b"".join(parts)


def expected(rows: list[dict[str, object]]) -> tuple[int, int, int]:
    types = {field.name: field.type for field in SCHEMA if not field.name.startswith("_")}
    digests = [hashlib.md5(row(values, types)).digest() for values in rows]
    high = sum(int.from_bytes(digest[:8], "big") for digest in digests)
    low = sum(int.from_bytes(digest[8:], "big") for digest in digests)
    return len(rows), high, low


@pytest.fixture(scope="module")
def con() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def hashed(con: DuckDBPyConnection, rows: list[dict[str, object]]) -> tuple[int, int, int]:
    con.register("given_rows", pa.Table.from_pylist(rows, schema=SCHEMA))
    found = content_hash(con, "SELECT * FROM given_rows")
    return found.rows, found.high, found.low


def or_none(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


ROWS = st.fixed_dictionaries(
    {
        "z": or_none(st.integers(-(2**63), 2**63 - 1)),
        "text": or_none(st.text(st.characters(exclude_categories=["Cs"]), max_size=6)),
        "amount": or_none(st.decimals(Decimal(-(10**13)), Decimal(10**13), places=4)),
        "at": or_none(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))),
        "ratio": or_none(st.floats()),
        "day": or_none(st.dates()),
        "flag": or_none(st.booleans()),
        "nested": or_none(
            st.fixed_dictionaries(
                {
                    "b": or_none(st.text(st.characters(exclude_categories=["Cs"]), max_size=3)),
                    "a'1": or_none(st.lists(or_none(st.lists(or_none(st.integers(-9, 9)), max_size=2)), max_size=2)),
                }
            )
        ),
        "_at": or_none(st.integers(0, 9)),
    }
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rows=st.lists(ROWS, max_size=8))
def test_it_equals_an_independent_computation(con: DuckDBPyConnection, rows: list[dict[str, object]]) -> None:
    assert hashed(con, rows) == expected(rows)


def test_it_ignores_order_and_underscore_columns_but_counts_repeats(con: DuckDBPyConnection) -> None:
    one = "SELECT 1 AS a, 'x' AS b, 7 AS _c UNION ALL SELECT 2, 'y', 8"
    other = "SELECT 'y' AS b, 9 AS _d, 2 AS a UNION ALL SELECT 'x', 9, 1"
    assert content_hash(con, one) == content_hash(con, other)
    twice = content_hash(con, f"({one}) UNION ALL ({one})")
    assert twice.rows == 4
    assert twice != content_hash(con, one)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("SELECT NULL::VARCHAR AS a", "SELECT '' AS a"),
        ("SELECT '-' AS a", "SELECT NULL::VARCHAR AS a"),
        ("SELECT 'ab' AS a, 'c' AS b", "SELECT 'a' AS a, 'bc' AS b"),
        ("SELECT 'x' AS a, NULL::VARCHAR AS b", "SELECT NULL::VARCHAR AS a, 'x' AS b"),
        ("SELECT 1 AS a", "SELECT 1 AS b"),
        ("SELECT [1, NULL] AS a", "SELECT [NULL, 1] AS a"),
        ("SELECT []::INT[] AS a", "SELECT NULL::INT[] AS a"),
        ("SELECT {'x': NULL::INT} AS a", "SELECT NULL::STRUCT(x INT) AS a"),
        ("SELECT 1.5::DECIMAL(4, 1) AS a", "SELECT 1.5::DECIMAL(4, 2) AS a"),
        ("SELECT 0.1::DOUBLE + 0.2::DOUBLE AS a", "SELECT 0.3::DOUBLE AS a"),
    ],
)
def test_rows_that_differ_hash_differently(con: DuckDBPyConnection, left: str, right: str) -> None:
    assert content_hash(con, left) != content_hash(con, right)


def test_both_zeros_and_every_nan_are_one_value(con: DuckDBPyConnection) -> None:
    assert content_hash(con, "SELECT -0.0::DOUBLE AS a") == content_hash(con, "SELECT 0.0::DOUBLE AS a")
    assert content_hash(con, "SELECT 'nan'::DOUBLE AS a") == content_hash(con, "SELECT -('nan'::DOUBLE) AS a")


def test_no_rows_have_a_hash_and_odd_types_are_refused(con: DuckDBPyConnection) -> None:
    assert str(content_hash(con, "SELECT 1 AS a WHERE false")) == "0:0:0"
    with pytest.raises(ConfigurationError, match="canonical form"):
        content_hash(con, "SELECT INTERVAL 1 DAY AS a")
