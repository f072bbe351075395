"""Whole columns are cast as single texts are: the same values, the same faults, nothing bent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.formats.lexical import Fault, parse_text
from data_platform.formats.text_casts import cast_text
from data_platform_tests.unit.formats.makers import BERLIN, BOOLEAN, DATE, DOUBLE, INT32, INTEGER, MOMENT, MONEY

FRACTION = ColumnType(kind=TypeKind.DECIMAL, precision=5, scale=5)
WIDE = ColumnType(kind=TypeKind.DECIMAL, precision=38, scale=10)
WHOLE = ColumnType(kind=TypeKind.DECIMAL, precision=10, scale=0)
LORD_HOWE = ColumnType(kind=TypeKind.TIMESTAMP, timezone="Australia/Lord_Howe")
TYPES = [INTEGER, INT32, MONEY, FRACTION, WIDE, WHOLE, DOUBLE, BOOLEAN, DATE, MOMENT, BERLIN, LORD_HOWE]

near_numbers = st.from_regex(r"[-+]?0{0,2}[0-9]{0,42}(\.[0-9]{0,12})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)
near_moments = st.from_regex(
    r"(19|20|00|99)[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,7})?(Z|[+-][0-2][0-9]:[0-6][0-9])?)?",
    fullmatch=True,
)
oddities = st.sampled_from(
    [
        "",
        " ",
        "true",
        "false",
        "True",
        "1",
        "NaN",
        "inf",
        "-inf",
        "0x1F",
        "1_0",
        "-0",
        "-0.0",
        "-0.5",
        "٣",
        "1\n",
        "\n",
        "null",
        "2026-03-29T02:30:00",
        "2026-10-25T02:30:00",
    ]
)
texts = st.lists(st.none() | near_numbers | near_moments | oddities | st.text(max_size=5), max_size=40)


def one_by_one(values: list[str | None], column_type: ColumnType) -> list[Any]:
    return [None if text is None else parse_text(text, column_type) for text in values]


@settings(max_examples=150, deadline=None)
@given(texts, st.sampled_from(TYPES))
def test_a_column_is_cast_as_its_texts_are(values: list[str | None], column_type: ColumnType) -> None:
    cast = cast_text(pa.array(values, pa.string()), column_type)
    expected = one_by_one(values, column_type)
    assert cast.values.type == column_type.arrow()
    assert cast.values.to_pylist() == [None if isinstance(value, Fault) else value for value in expected]
    assert cast.faults == {row: value for row, value in enumerate(expected) if isinstance(value, Fault)}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=2)),
)
def test_numbers_come_back_as_they_were_written(integers: list[int], amounts: list[Decimal]) -> None:
    assert cast_text(pa.array(map(str, integers), pa.string()), INTEGER).values.to_pylist() == integers
    written = [f"{amount if amount else abs(amount):f}" for amount in amounts]
    assert cast_text(pa.array(written, pa.string()), MONEY).values.to_pylist() == amounts


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)), max_size=20),
    st.integers(-1439, 1439),
)
def test_moments_come_back_at_any_offset(moments: list[datetime], minutes: int) -> None:
    sign, distance = "-" if minutes < 0 else "+", timedelta(minutes=minutes)
    offset = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    written = [f"{moment.isoformat()}{offset}" for moment in moments]
    expected = [(moment - distance).replace(tzinfo=UTC) for moment in moments]
    assert cast_text(pa.array(written, pa.string()), MOMENT).values.to_pylist() == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20))
def test_doubles_come_back_bit_by_bit(values: list[float]) -> None:
    back = cast_text(pa.array([repr(value) for value in values], pa.string()), DOUBLE).values.to_pylist()
    assert [value.hex() for value in back] == [value.hex() for value in values]


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "UTC"]
)
def test_local_times_around_every_change_of_the_clocks_are_placed_exactly_once(zone: str) -> None:
    rules = ZoneInfo(zone)
    half_hours = [datetime(2010, 1, 1) + timedelta(minutes=30 * step) for step in range(0, 48 * 366 * 20, 7)]
    column_type = ColumnType(kind=TypeKind.TIMESTAMP, timezone=zone)
    cast = cast_text(pa.array([moment.isoformat(" ") for moment in half_hours], pa.string()), column_type)
    for row, (local, placed) in enumerate(zip(half_hours, cast.values.to_pylist(), strict=True)):
        shown = {  # every moment near by at which clocks in the zone show this local time
            (local - timedelta(minutes=shift)).replace(tzinfo=UTC)
            for shift in {rules.utcoffset(local.replace(fold=fold)).total_seconds() / 60 for fold in (0, 1)}
        }
        fitting = {m for m in shown if m.astimezone(rules).replace(tzinfo=None) == local}
        assert (row in cast.faults) == (len(fitting) != 1)
        assert placed == (fitting.pop() if len(fitting) == 1 else None)


@pytest.mark.parametrize(
    ("text", "column_type", "value"),
    [
        ("-0.01", MONEY, Decimal("-0.01")),
        ("1.2300", MONEY, Decimal("1.23")),
        ("0", MONEY, Decimal("0.00")),
        ("9999999999999999.99", MONEY, Decimal("9999999999999999.99")),
        ("0.00001", FRACTION, Decimal("0.00001")),
        ("-9223372036854775808", INTEGER, -(2**63)),
        ("2024-02-29", DATE, datetime(2024, 2, 29).date()),
        ("2026-01-01 00:00:00.5-00:30", MOMENT, datetime(2026, 1, 1, 0, 30, 0, 500_000, UTC)),
        ("2026-01-01T00:00:00.1234560Z", MOMENT, datetime(2026, 1, 1, 0, 0, 0, 123_456, UTC)),
        ("2026-07-01T00:00:00", BERLIN, datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2060-07-01T00:00:00", BERLIN, datetime(2060, 6, 30, 22, tzinfo=UTC)),
    ],
)
def test_these_forms_are_accepted(text: str, column_type: ColumnType, value: Any) -> None:
    assert cast_text(pa.array([text]), column_type).values.to_pylist() == [value]
    assert parse_text(text, column_type) == value
