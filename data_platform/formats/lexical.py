"""One text to one value, exactly: the lexical form of each type, its range, and the fault if it has neither.

This is the slow, plain statement of what is accepted. `text_casts` does the same for whole columns.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.formats.rejected import Reason

Value: TypeAlias = str | int | float | bool | Decimal | date | datetime

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_DOUBLE = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6})0*)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_INTEGER_DIGITS_LIMIT = 20  # more digits than any 64-bit integer has; int() of a long text is quadratic
_DECIMAL_DIGITS_LIMIT = 76  # more digits than any decimal column holds on both sides of its point


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text is not a value of its type. `detail` holds no data."""

    reason: Reason
    detail: str


def parse_text(text: str, column_type: ColumnType) -> Value | Fault:
    """The exact value of `text`, or the fault. Accepted forms:

    integer: digits with an optional minus, no leading zeros, no minus zero. decimal: the same with an optional
    fraction, whose digits beyond the scale are zeros. double: a JSON number. boolean: true, false. date: YYYY-MM-DD.
    timestamp: date, `T` or space, HH:MM:SS, at most six significant fraction digits, `Z` or ±HH:MM, which may be
    missing where the type names a zone (then the local time must exist exactly once).
    """
    return _PARSERS[column_type.kind](text, column_type)


def _parse_string(text: str, _type: ColumnType) -> Value | Fault:
    return text


def _parse_integer(text: str, column_type: ColumnType) -> Value | Fault:
    if not _INTEGER.fullmatch(text):
        return Fault(Reason.TYPE_INTEGER, "not a whole number in plain digits")
    limit = 1 << (column_type.bits - 1)
    if len(text) > _INTEGER_DIGITS_LIMIT or not -limit <= int(text) < limit:
        return Fault(Reason.OUT_OF_RANGE, f"does not fit into {column_type.bits} bits")
    return int(text)


def _parse_decimal(text: str, column_type: ColumnType) -> Value | Fault:
    match = _DECIMAL.fullmatch(text)
    if not match:
        return Fault(Reason.TYPE_DECIMAL, "not a decimal number in plain digits")
    sign, whole, fraction = match.group(1), match.group(2), (match.group(3) or "").rstrip("0")
    if sign and whole == "0" and not fraction:
        return Fault(Reason.TYPE_DECIMAL, "minus zero")
    return exact_decimal(sign, whole, fraction, column_type)


def exact_decimal(sign: str, whole: str, fraction: str, column_type: ColumnType) -> Decimal | Fault:
    """The decimal from its parts; `whole` without leading and `fraction` without trailing zeros."""
    whole_limit = column_type.precision - column_type.scale
    if len(whole) + len(fraction) > _DECIMAL_DIGITS_LIMIT or (whole != "0" and len(whole) > whole_limit):
        return Fault(Reason.OUT_OF_RANGE, f"does not fit into {column_type}")
    if len(fraction) > column_type.scale:
        return Fault(Reason.TYPE_DECIMAL, f"more than {column_type.scale} decimal places")
    with localcontext(prec=_DECIMAL_DIGITS_LIMIT):
        return Decimal(f"{sign}{whole}.{fraction or '0'}").quantize(Decimal(1).scaleb(-column_type.scale))


def _parse_double(text: str, _type: ColumnType) -> Value | Fault:
    if not _DOUBLE.fullmatch(text):
        return Fault(Reason.TYPE_DOUBLE, "not a number")
    value = float(text)
    return value if math.isfinite(value) else Fault(Reason.OUT_OF_RANGE, "larger than any double")


def _parse_boolean(text: str, _type: ColumnType) -> Value | Fault:
    if text not in ("true", "false"):
        return Fault(Reason.TYPE_BOOLEAN, "neither true nor false")
    return text == "true"


def _parse_date(text: str, _type: ColumnType) -> Value | Fault:
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            return Fault(Reason.TYPE_DATE, "not a day of the calendar")
    return Fault(Reason.TYPE_DATE, "not a date of the form YYYY-MM-DD")


def _parse_timestamp(text: str, column_type: ColumnType) -> Value | Fault:
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        return Fault(Reason.TYPE_TIMESTAMP, "not a timestamp of the form YYYY-MM-DDTHH:MM:SS[.ffffff](Z|±HH:MM)")
    day, clock, fraction, offset = match.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '').ljust(6, '0')}")
    except ValueError:
        return Fault(Reason.TYPE_TIMESTAMP, "not a moment of the calendar")
    if offset:
        return _shift(local, offset)
    if column_type.timezone is None:
        return Fault(Reason.TYPE_TIMESTAMP, "no offset, and the contract names no time zone")
    return place_local(local, column_type.timezone)


def _shift(local: datetime, offset: str) -> Value | Fault:
    if offset == "Z":
        return local.replace(tzinfo=UTC)
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 23 or minutes > 59:
        return Fault(Reason.TYPE_TIMESTAMP, "offset is not a time of day")
    distance = timedelta(hours=hours, minutes=minutes)
    try:
        return (local + distance if offset[0] == "-" else local - distance).replace(tzinfo=UTC)
    except OverflowError:
        return Fault(Reason.OUT_OF_RANGE, "before year 1 or after year 9999 in UTC")


def place_local(local: datetime, timezone: str) -> datetime | Fault:
    """The one moment at which clocks in `timezone` show `local`, or the fault of a gap or an overlap."""
    zone = _zone(timezone)
    try:
        early = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
        late = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    except OverflowError:
        return Fault(Reason.OUT_OF_RANGE, "before year 1 or after year 9999 in UTC")
    if early != late:
        kind = "never shown" if early > late else "shown twice"
        return Fault(Reason.TYPE_TIMESTAMP, f"local time {kind} by clocks in {timezone}")
    return early


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


_PARSERS: dict[TypeKind, Callable[[str, ColumnType], Value | Fault]] = {
    TypeKind.STRING: _parse_string,
    TypeKind.INTEGER: _parse_integer,
    TypeKind.DECIMAL: _parse_decimal,
    TypeKind.DOUBLE: _parse_double,
    TypeKind.BOOLEAN: _parse_boolean,
    TypeKind.DATE: _parse_date,
    TypeKind.TIMESTAMP: _parse_timestamp,
}
