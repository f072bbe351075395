"""Runs are due on a grid of UTC: where clocks are set, and at the ends of months and years, nothing is due twice or never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from data_platform.observability.slis.due import days_due, slots
from data_platform_tests.unit.observability.slis.ledger import CURATED, DAY, HOUR, contract

MOST = 100


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-03-29", "2026-03-30"),  # clocks of Europe go forward
        ("2026-10-25", "2026-10-26"),  # and back
        ("2026-03-08", "2026-03-09"),  # those of America
        ("2028-02-28", "2028-03-01"),  # a leap day
        ("2026-12-31", "2027-01-01"),
    ],
)
def test_an_hourly_run_is_due_once_in_every_hour_of_a_day(first: str, last: str) -> None:
    hourly = contract(CURATED, every=HOUR)
    begin, end = at(first), at(last)
    found, older = slots(hourly, after=begin, upto=end, most=MOST)
    hours = int((end - begin) / HOUR)
    assert ([slot.due_at for slot in found], older) == ([begin + n * HOUR for n in range(1, hours + 1)], 0)
    assert all(slot.begins_at == slot.due_at - HOUR for slot in found)


@pytest.mark.parametrize(
    ("day", "due_at"),
    [
        ("2026-03-29", "2026-03-30 06:00"),
        ("2026-10-25", "2026-10-26 06:00"),
        ("2026-12-31", "2027-01-01 06:00"),
        ("2028-02-29", "2028-03-01 06:00"),
    ],
)
def test_a_day_is_due_once_when_its_latency_is_over(day: str, due_at: str) -> None:
    daily = contract(CURATED, every=DAY, latency=timedelta(hours=6), by_day=True)
    (slot,), _ = slots(daily, after=at(due_at) - HOUR, upto=at(due_at) + HOUR, most=MOST)
    assert (slot.due_at, [str(one) for one in slot.days]) == (at(due_at), [day])
    assert days_due(daily, at(due_at)) == (day,)


def test_what_promises_no_frequency_or_has_no_days_has_none_due() -> None:
    assert days_due(contract(CURATED, by_day=True), at("2026-03-20")) == ()
    assert days_due(contract(CURATED, every=DAY), at("2026-03-20")) == ()
