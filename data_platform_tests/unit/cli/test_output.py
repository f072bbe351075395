"""What is printed: exact values in JSON, defused cells in CSV."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from data_platform.cli.output import counted, plain
from data_platform.cli.query import defused


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("0.10"), "0.10"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00+00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (timedelta(days=1), "1 day, 0:00:00"),
        (b"\x00\xff", "AP8="),
        (float("nan"), "nan"),
        ({"a": (1, None)}, {"a": [1, None]}),
    ],
)
def test_values_keep_their_exact_text_in_json(value: object, expected: object) -> None:
    assert plain(value) == expected


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "@SUM(A1)", "-2", "\tx", "\r=1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize(("value", "cell"), [(-2, -2), (Decimal("-2.50"), "-2.50"), ("a=1", "a=1"), (None, "")])
def test_numbers_and_plain_text_stay_as_they_are(value: object, cell: object) -> None:
    assert defused(value) == cell


def test_counts_agree_with_their_noun() -> None:
    assert [counted(n, "row") for n in (0, 1, 1000)] == ["0 rows", "1 row", "1,000 rows"]
