"""When windows begin: rolling, and aligned to a calendar in its own zone. Expected moments are written out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.windows import DAY, HOUR, Window


def window(duration: str, start: str | None = None, zone: str = "UTC") -> Window:
    parsed = Duration.parse(duration)
    assert parsed is not None
    return Window(parsed, datetime.fromisoformat(start) if start else None, zone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "now", "start"),
    [
        (window("5m"), "2026-03-20 12:07:31", "2026-03-20 12:00:00"),
        (window("6h"), "2026-03-20 12:07:31", "2026-03-20 06:05:00"),
        (window("7d"), "2026-03-20 12:07:31", "2026-03-13 12:00:00"),
        (window("30d"), "2026-03-20 12:07:31", "2026-02-18 00:00:00"),
        (window("1M", "2020-01-01 00:00"), "2026-03-20 12:00:00", "2026-03-01 00:00:00"),
        (window("1M", "2020-01-31 00:00"), "2026-03-15 12:00:00", "2026-02-28 00:00:00"),
        (window("1Q", "2020-01-01 00:00"), "2026-06-30 23:59:59", "2026-04-01 00:00:00"),
        (window("1Y", "2020-07-01 00:00"), "2026-03-20 12:00:00", "2025-07-01 00:00:00"),
        (window("2w", "2026-03-02 00:00"), "2026-03-20 12:00:00", "2026-03-16 00:00:00"),
        # New York is 5 hours behind, from 8 March on 4
        (window("1M", "2020-01-01 00:00", "America/New_York"), "2026-03-20 12:00:00", "2026-03-01 05:00:00"),
        (window("1M", "2020-01-01 00:00", "America/New_York"), "2026-04-01 03:59:00", "2026-03-01 05:00:00"),
        (window("1M", "2020-01-01 00:00", "America/New_York"), "2026-04-01 04:00:00", "2026-04-01 04:00:00"),
        # a start that lies ahead still says where the windows before it begin
        (window("1M", "2027-01-01 00:00"), "2026-03-20 12:00:00", "2026-03-01 00:00:00"),
    ],
)
def test_a_window_begins_where_it_should(given: Window, now: str, start: str) -> None:
    assert given.start(utc(now)) == utc(start)


def test_days_are_those_of_the_windows_own_calendar() -> None:
    berlin = window("1M", "2020-01-01 06:00", "Europe/Berlin")
    assert berlin.bucket(DAY, utc("2026-03-29 03:30")) == utc("2026-03-28 05:00")  # before 06:00 on the clock there
    assert berlin.bucket(DAY, utc("2026-03-29 04:00")) == utc("2026-03-29 04:00")
    assert berlin.bucket(HOUR, utc("2026-03-29 04:59")) == utc("2026-03-29 04:00")


@pytest.mark.parametrize(
    ("at", "day"),
    [
        # clocks go from 02:00 to 03:00 at 01:00 UTC: that day's 02:30 is where 03:30 is
        ("2026-03-29 01:15", "2026-03-28 01:30"),
        ("2026-03-29 01:30", "2026-03-29 01:30"),
        ("2026-03-30 00:30", "2026-03-30 00:30"),
        # and back from 03:00 to 02:00 at 01:00 UTC: the first of two 02:30 begins the day, the second is within it
        ("2026-10-25 00:29", "2026-10-24 00:30"),
        ("2026-10-25 00:30", "2026-10-25 00:30"),
        ("2026-10-25 01:10", "2026-10-25 00:30"),
        ("2026-10-25 01:40", "2026-10-25 00:30"),
        ("2026-10-26 01:30", "2026-10-26 01:30"),
        # the end of a month and of a year
        ("2026-12-31 23:59", "2026-12-31 01:30"),
        ("2027-01-01 01:30", "2027-01-01 01:30"),
    ],
)
def test_a_day_begins_once_where_clocks_are_set(at: str, day: str) -> None:
    berlin = window("30d", "2026-01-01 02:30", "Europe/Berlin")
    assert berlin.bucket(DAY, utc(at)) == utc(day)
    assert window("1d", "2026-01-01 02:30", "Europe/Berlin")._start(utc(at)) == utc(day)


@pytest.mark.parametrize("text", ["", "5", "5s", "0d", "-1d", "1.5h", " 1d", "1D", "m", None, 5])
def test_what_is_no_duration_is_none(text: object) -> None:
    assert Duration.parse(text) is None
