"""Small things that contracts write as text: durations, dates, moments, expressions. Numbers are exact in `places`."""

from __future__ import annotations

import functools
import re
import warnings
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

_DURATION = re.compile(r"P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(Z|[-+]\d{2}:\d{2})?", re.ASCII)
_UNITS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), timedelta(seconds=1)),
    **dict.fromkeys(("m", "min", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("w", "week", "weeks"), timedelta(weeks=1)),
    **dict.fromkeys(("mo", "month", "months"), timedelta(days=30)),
    **dict.fromkeys(("y", "yr", "year", "years"), timedelta(days=365)),
}
UNIT_NAMES = tuple(_UNITS)


def duration(text: str) -> timedelta | None:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds; None if the text is none.

    Months and years have no fixed length and are no durations here.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text == "P" or text.endswith("T"):
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def span(count: Decimal, unit: str) -> timedelta | None:
    """`count` units of ODCS's service levels (a month is 30 days, a year 365); None if it is no length of time."""
    if unit not in _UNITS or count < 0:
        return None
    try:
        return timedelta(microseconds=int(count * (_UNITS[unit] // timedelta(microseconds=1))))
    except OverflowError:
        return None


def calendar_date(text: str) -> date | None:
    """A date written YYYY-MM-DD; None if the text is none."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def moment(text: str, *, timezone: str | None = None) -> datetime | None:
    """A moment in UTC; without an offset it is a local time of `timezone`. None if the text is no such moment."""
    match = _MOMENT.fullmatch(text)
    if match is None or (match[1] is None and timezone is None):
        return None
    try:
        read = datetime.fromisoformat(text)
        if read.tzinfo is None:
            read = read.replace(tzinfo=ZoneInfo(timezone or "UTC"))
        return read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@functools.cache
def is_timezone(name: str) -> bool:
    """Whether `name` is a zone of the IANA database."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@functools.lru_cache(maxsize=4096)
def expression_fault(pattern: str) -> str | None:
    """Why a regular expression cannot be used; None if both engines (RE2 in DuckDB, Python's re) compile it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError, Warning) as error:
            return f"Python's re: {error}"
    try:
        _duckdb().cursor().execute("SELECT regexp_full_match('', ?)", [pattern]).fetchall()
    except duckdb.Error as error:
        return f"RE2: {str(error).removeprefix('Invalid Input Error: ')}"
    return None


def date_group_fault(pattern: str) -> str | None:
    """Why a regular expression over file names gives no delivery date; None if it has a group `date`."""
    fault = expression_fault(pattern)
    if fault is None and "date" not in re.compile(pattern).groupindex:
        return "it has no group named date"
    return fault


@functools.cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": False})
