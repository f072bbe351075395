from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from data_platform.lakehouse.file_stats import FileStats, StatValue, from_duckdb, to_delta


def bounds(arrow: pa.DataType, low: str, high: str, **more: str) -> tuple[StatValue | None, StatValue | None]:
    stats = {"min": low, "max": high, "null_count": "0", "min_is_exact": "true", "max_is_exact": "true"} | more
    found = from_duckdb(pa.schema([("c", arrow)]), {'"c"': stats})
    return found.minimum.get("c"), found.maximum.get("c")


@pytest.mark.parametrize(
    ("arrow", "low", "high", "expected"),
    [
        (pa.int32(), "-5", "7", (-5, 7)),
        (pa.decimal128(38, 4), "-0.0001", "9999999999999999999999999999999999.9999",
         (Decimal("-0.0001"), Decimal("9999999999999999999999999999999999.9999"))),
        (pa.date32(), "0001-01-01", "9999-12-31", (date(1, 1, 1), date(9999, 12, 31))),
        (pa.date32(), "0044-03-15 (BC)", "2024-01-01", (None, None)),
        (pa.timestamp("us", tz="UTC"), "2024-01-01 00:00:00.000999+00", "2024-01-01 00:00:00.999001+00",
         (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 0, 0, 1, tzinfo=UTC))),
        (pa.timestamp("us", tz="UTC"), "2024-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", (None, None)),
        (pa.timestamp("us", tz="UTC"), "2024-01-01 00:00:00+00", "infinity", (None, None)),
        (pa.string(), "a" * 40, "b" * 40, ("a" * 32, "b" * 32 + "\U0010ffff")),
        (pa.string(), "a" * 32, "b" * 32, ("a" * 32, "b" * 32)),
        (pa.float64(), "-1.5", "1e+300", (-1.5, 1e300)),
        (pa.float64(), "-1.5", "inf", (None, None)),
        (pa.bool_(), "0", "1", (None, None)),
    ],
)  # fmt: skip
def test_bounds_are_typed_and_never_narrower(arrow: pa.DataType, low: str, high: str, expected: object) -> None:
    assert bounds(arrow, low, high) == expected


@pytest.mark.parametrize("flaw", [{"max_is_exact": "false"}, {"min_is_exact": "false"}, {"has_nan": "true"}])
def test_bounds_that_do_not_hold_every_value_are_dropped(flaw: dict[str, str]) -> None:
    assert bounds(pa.float64(), "1", "2", **flaw) == (None, None)


def test_a_column_of_nulls_has_a_null_count_only() -> None:
    found = from_duckdb(pa.schema([("c", pa.int64())]), {'"c"': {"null_count": "3", "num_values": "3"}})
    assert found == FileStats({}, {}, {"c": 3})


def test_the_json_holds_exact_numbers_and_plain_characters() -> None:
    stats = FileStats(
        {"d": Decimal("1E+2"), "t": datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC), 'q"': "\U0010ffff\n"},
        {"day": date(2024, 1, 2), "big": Decimal("12345678901234567890123456789.123456789")},
        {"d": 0},
    )
    text = to_delta(7, stats)
    assert json.loads(text, parse_float=Decimal) == {
        "numRecords": 7,
        "minValues": {"d": 100, "t": "2024-01-02T03:04:05.678Z", 'q"': "\U0010ffff\n"},
        "maxValues": {"day": "2024-01-02", "big": Decimal("12345678901234567890123456789.123456789")},
        "nullCount": {"d": 0},
    }
    assert "\\ud" not in text
