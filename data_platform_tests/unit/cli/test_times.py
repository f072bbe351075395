"""Moments, lengths of time and typed spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from data_platform.cli.times import length, moment, typed_span


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=119.9), "119 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(minutes=119, seconds=59), "119 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=47, minutes=59), "47 h"),
        (timedelta(days=2), "2 d"),
    ],
)
def test_a_length_of_time_is_told_in_the_largest_unit_of_which_there_are_two(span: timedelta, text: str) -> None:
    assert length(span) == text


def test_a_moment_is_told_to_the_second() -> None:
    assert moment(datetime(2026, 3, 20, 9, 5, 7, 900_000, tzinfo=UTC)) == "2026-03-20 09:05:07"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        (" 30 m ", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("soon", None),
        ("1h30m", None),
        ("-5m", None),
        ("9999999d", None),  # no calendar reaches that far
        ("", None),
    ],
)
def test_a_typed_span_is_read_or_is_none(text: str, span: timedelta | None) -> None:
    assert typed_span(text) == span
