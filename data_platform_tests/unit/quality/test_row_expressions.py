"""Row expressions mean the same in Polars as in DuckDB, or are left to DuckDB."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product

import polars as pl
import pyarrow as pa
import pytest

from data_platform.contracts.rules import RuleKind
from data_platform.quality.predicates import parse_row_expression
from data_platform.quality.row_expressions import to_polars
from data_platform_tests.unit.quality.engines import in_pandera, in_sql
from data_platform_tests.unit.quality.rule_makers import rule

SCHEMA = pa.schema(
    [
        ("a", pa.int64()),
        ("b", pa.int32()),
        ("m", pa.decimal128(18, 2)),
        ("d", pa.float64()),
        ("t", pa.string()),
        ("f", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", tz="UTC")),
    ]
)
ROWS = [
    dict(zip(SCHEMA.names, (*numbers, *others), strict=True))
    for numbers, others in product(
        product([None, -1, 2, 2**62], [None, 2, -3], [None, Decimal("2.00")], [None, 2.5, math.nan, -math.inf]),
        [
            (None, None, None, None),
            ("é", True, date(2021, 6, 1), datetime(2021, 6, 1, tzinfo=UTC)),
            ("abc", False, date(2020, 2, 29), datetime(2021, 5, 31, 23, 59, 59, 999_999, UTC)),
        ],
    )
]
TABLE = pa.Table.from_pylist(ROWS, SCHEMA)
DTYPES = dict(pl.from_arrow(TABLE).schema)  # type: ignore[union-attr]

TRANSLATED = [
    "a > 1 AND b < 2 OR f",
    "NOT (a = b) OR TRUE = f",
    "a = b",
    "a <> b",
    "a <> 2",
    "2 = a",
    "1.5 < a",
    "-1 >= a",
    "-2.5 < d",
    "a BETWEEN -1 AND 2.5",
    "a NOT BETWEEN b AND 3",
    "m IN (2, 3.005)",
    "t NOT IN ('abc', 'x')",
    "m >= 1.999 AND m < 2.001",
    "d = d",
    "d > 1e10",
    "d * 2 - 1 >= d + 0.5",
    "(d) IS NULL",
    "d IS NOT NULL",
    "length(t) > 1",
    "length(t) = b",
    "t >= 'b'",
    "t = 'é'",
    "f",
    "f = FALSE",
    "f IS NULL OR NOT f",
    "day >= DATE '2021-01-01'",
    "day = '2020-02-29'",
    "FALSE OR a IS NULL",
]
LEFT_TO_DUCKDB = [
    "a + b > 1",
    "a * 3 > 0",
    "m * 2 > 1",
    "a / 2 > 0.5",
    "a = m",
    "a > d",
    "t LIKE 'a%'",
    "lower(t) = 'abc'",
    "length(t) + 1 > 2",
    "at >= TIMESTAMPTZ '2021-06-01 00:00:00+00'",
    "day = 'yesterday'",
    "a = '2'",
    "coalesce(a, 0) > 0",
    "a IS NOT DISTINCT FROM b",
    "f IS TRUE",
    "-(a) > 0",
    "d + 'x' > 0",
]


@pytest.mark.parametrize("query", TRANSLATED)
def test_what_is_translated_means_the_same(query: str) -> None:
    each = rule(RuleKind.ROW_SQL, query=query)
    assert to_polars(parse_row_expression(each), DTYPES) is not None
    assert in_pandera(each, TABLE) == in_sql(each, TABLE)


@pytest.mark.parametrize("query", LEFT_TO_DUCKDB)
def test_what_may_differ_is_left_to_duckdb(query: str) -> None:
    each = rule(RuleKind.ROW_SQL, query=query)
    assert to_polars(parse_row_expression(each), DTYPES) is None
