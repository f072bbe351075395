from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_platform.connectors.pull.cursors import CursorKind, CursorRule, Overlap, overlap_fault
from data_platform.errors import ConfigurationError

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def moments(overlap: timedelta | None = MINUTE) -> CursorRule:
    return CursorRule(kind=CursorKind.TIMESTAMP, overlap=overlap)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("2026-03-01T00:00:00Z", "2026-02-28T23:59:00Z"),
        ("2026-03-01T00:00:00.5Z", "2026-02-28T23:59:00.500000Z"),
        ("2026-03-01T00:00:00.123456789Z", "2026-02-28T23:59:00.123456Z"),  # earlier, never later
        ("2026-03-01T02:00:00+02:00", "2026-03-01T01:59:00+02:00"),
        ("2026-03-01T00:00:00+00:00", "2026-02-28T23:59:00+00:00"),
        ("2026-03-01 00:00:00", "2026-02-28 23:59:00"),
        ("2026-03-01", "2026-02-28"),
        ("20260301T000000Z", "2026-02-28T23:59:00Z"),
    ],
)
def test_the_overlap_is_taken_in_the_way_the_source_writes(text: str, before: str) -> None:
    rule = moments()
    assert rule.before(rule.parse(text)).text == before


def test_moments_are_compared_whatever_their_offset() -> None:
    rule = moments()
    first, second = rule.parse("2026-03-01T01:30:00+02:00"), rule.parse("2026-03-01T00:00:00Z")
    assert first < second
    assert rule.read(datetime(2026, 3, 1, tzinfo=UTC)) == rule.read(date(2026, 3, 1)) == second


@pytest.mark.parametrize("value", [None, "", "soon", 5, True, [], {"a": 1}, "2026-13-01"])
def test_what_is_no_moment_is_no_cursor(value: object) -> None:
    assert moments().read(value) is None
    assert CursorRule(kind=CursorKind.TEXT).read(None) is None
    with pytest.raises(ConfigurationError, match="no cursor of the kind timestamp"):
        moments().parse("soon")


def test_numbers_stay_exact() -> None:
    rule = CursorRule(kind=CursorKind.NUMBER, overlap=Decimal("0.1"))
    big = rule.read(9223372036854775807)
    assert big is not None
    assert rule.before(big).text == "9223372036854775806.9"
    assert rule.read(True) is None
    assert rule.read(float("nan")) is None
    assert rule.read("12") == rule.read(12) == rule.read(Decimal("12.0"))


def test_a_position_does_not_pass_now() -> None:
    rule = moments()
    assert rule.up_to(rule.parse("2099-01-01T00:00:00+02:00"), NOW).text == "2026-03-20T14:00:00+02:00"
    assert rule.up_to(rule.parse("2099-01-01"), NOW).text == "2026-03-20"
    early = rule.parse("2026-03-20T11:59:59Z")
    assert rule.up_to(early, NOW) is early
    number = CursorRule(kind=CursorKind.NUMBER)
    assert number.up_to(number.parse("99"), NOW).text == "99"


@settings(deadline=None)
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.sampled_from(["", "Z", ".5Z", ".25Z"]),
)
def test_as_text_everything_within_the_overlap_stands_behind_its_start(
    moment: datetime, back: timedelta, overlap: timedelta, suffix: str
) -> None:
    rule = CursorRule(kind=CursorKind.TEXT, overlap=overlap)
    moment = moment.replace(microsecond=0)
    start = rule.before(rule.parse(moment.isoformat() + "Z"))
    if back <= overlap:
        assert start.text <= (moment - back).isoformat(timespec="seconds") + suffix


@pytest.mark.parametrize(
    ("kind", "overlap", "is_wrong"),
    [
        (CursorKind.TIMESTAMP, MINUTE, False),
        (CursorKind.TIMESTAMP, None, False),
        (CursorKind.TIMESTAMP, 5, True),
        (CursorKind.TIMESTAMP, -MINUTE, True),
        (CursorKind.NUMBER, Decimal(5), False),
        (CursorKind.NUMBER, MINUTE, True),
        (CursorKind.NUMBER, -1, True),
    ],
)
def test_overlaps_fit_their_kind(kind: CursorKind, overlap: Overlap | None, is_wrong: bool) -> None:
    assert (overlap_fault(kind, overlap) is not None) == is_wrong
